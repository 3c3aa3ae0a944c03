//! Options as a person writes them, in a file or as arguments.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use serde::de::value::Error as FieldError;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

use crate::metric::{NAtK, UnjudgedPolicy};
use crate::problem::{Difficulty, Split, display_as_serialized};
use crate::training::{Device, Precision};
use crate::verdict::Grader;

/// Every key is optional here. `default.toml` says what each means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Vec<Difficulty>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_samples: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beams: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices_per_request: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_extra: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_by_dataset: Option<BTreeMap<String, f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_mib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_tests: Option<bool>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<Vec<NonZeroU32>>,
    #[serde(with = "pairs", skip_serializing_if = "Option::is_none")]
    pub n_at_k: Option<Vec<NAtK>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<UnjudgedPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_level: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_resamples: Option<u32>,

    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_cache: Option<bool>,
}

impl Options {
    /// All keys as written in a file, in the order of the fields.
    pub fn keys() -> &'static [&'static str] {
        let mut keys: &[&str] = &[];
        // Stops as soon as the names are known.
        let _ = Self::deserialize(KeyCollector(&mut keys));
        keys
    }
}

/// Where candidates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendChoice {
    /// Recorded candidates.
    Replay,
    /// The dataset's own solutions.
    Reference,
    /// A model behind an OpenAI-compatible server.
    Http,
    /// A model in a child process.
    Process,
    /// A checkpoint in our own engine, which is a child process too.
    Torch,
}

/// Which interface of an OpenAI-compatible server is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// `/v1/completions`: the prompt is a text, which is continued.
    Completions,
    /// `/v1/chat/completions`: the prompt is a conversation, which is answered.
    Chat,
}

display_as_serialized! {
    BackendChoice {
        Replay => "replay",
        Reference => "reference",
        Http => "http",
        Process => "process",
        Torch => "torch",
    }
    Api { Completions => "completions", Chat => "chat" }
}

/// Which graders to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeChoice {
    Strict,
    #[serde(rename = "apps-2021")]
    Apps2021,
    Both,
}

display_as_serialized! {
    JudgeChoice { Strict => "strict", Apps2021 => "apps-2021", Both => "both" }
}

impl JudgeChoice {
    pub fn graders(self) -> Vec<Grader> {
        match self {
            Self::Strict => vec![Grader::Strict],
            Self::Apps2021 => vec![Grader::Apps2021],
            Self::Both => vec![Grader::Strict, Grader::Apps2021],
        }
    }
}

/// n@k as people write it: `1@1000`.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::metric::NAtK;

    pub(super) fn serialize<S: Serializer>(
        pairs: &Option<Vec<NAtK>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Option<Vec<String>> = pairs
            .as_ref()
            .map(|pairs| pairs.iter().map(NAtK::to_string).collect());
        texts.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<NAtK>>, D::Error> {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?;
        let pairs = texts.map(|texts| texts.iter().map(|text| text.parse()).collect());
        pairs.transpose().map_err(de::Error::custom)
    }
}

/// Asks a type for the names of its fields instead of giving it values.
struct KeyCollector<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for KeyCollector<'_> {
    type Error = FieldError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, FieldError> {
        *self.0 = fields;
        Err(FieldError::custom("only the names are wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, FieldError> {
        Err(FieldError::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}
