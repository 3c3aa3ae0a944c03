//! What a run was asked for and with what it was made.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::atomic_file::write_bytes_atomically;
use crate::config::Selection;
use crate::decoding::Decoding;
use crate::error::{Difference, Error};
use crate::execution::Limits;
use crate::judge::JudgeOptions;
use crate::strategy::StrategySettings;
use crate::verdict::Grader;

/// Format of the manifest and of all records beside it.
const FORMAT_VERSION: u32 = 1;

/// `manifest.json`.
///
/// Everything that results depend on is compared when a run is resumed; the time, the paths
/// and the settings (which also hold what only reports depend on) are not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format_version: u32,
    pub coderl_version: String,
    /// When the run was begun, RFC 3339, UTC.
    pub created: String,
    /// All settings as last resolved, by key.
    pub settings: BTreeMap<String, SettingRecord>,
    pub dataset: DatasetRecord,
    /// Present once candidates are made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationRecord>,
    /// Present once candidates are judged here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judging: Option<JudgingRecord>,
}

/// One resolved setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingRecord {
    /// `None` where nothing is set and nothing is the default.
    pub value: Option<Value>,
    /// `default`, `command line`, or the name of a file.
    pub origin: String,
}

/// Which problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    pub name: String,
    /// Where it was read, as the user named it. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub sha256: String,
    /// Rows that became problems.
    pub n_problems: usize,
    /// Rows that did not.
    pub n_skipped: usize,
    /// Problems left by the selection and by [`DatasetRecord::excluded`].
    pub n_selected: usize,
    pub selection: Selection,
    /// Problems left out of the selection because an audit found them broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<ExclusionRecord>,
}

/// By which audit problems were left out, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionRecord {
    /// The audit file as the user named it. Not compared.
    pub path: String,
    pub sha256: String,
    pub n_excluded: usize,
}

/// Where candidates come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationRecord {
    pub backend: String,
    /// Files the backend reads.
    pub sources: Vec<SourceRecord>,
    /// `None` asks for all that the backend has.
    pub n_samples: Option<u32>,
    pub seed: u64,
    /// Absent for backends that do not sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Absent for backends without a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    /// Absent where candidates are sampled one by one and left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyManifest>,
}

/// A strategy of decoding, and what it uses beside the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyManifest {
    #[serde(flatten)]
    pub settings: StrategySettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<HelperRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_model: Option<HelperRecord>,
    /// `strategy.jsonl` of the run whose tokens are the budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_of: Option<SourceRecord>,
}

/// A critic or a repair model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperRecord {
    /// As the user named it.
    pub name: String,
    /// As [`ModelRecord::sha256`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Longest prompt and program in tokens, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<(u32, u32)>,
}

/// The model behind a backend, and how it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// As the user named it.
    pub name: String,
    /// Address of the server, or the command of the child process. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Of weights, configuration and tokenizer, once the backend has told. Compared when it
    /// tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Name of the prompt template.
    pub template: String,
    /// Of the file, for templates from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_sha256: Option<String>,
    pub decoding: Decoding,
    /// What else a server is asked: its interface, choices for each request, further fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
}

/// One file that a backend reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// As the user named it. Not compared.
    pub path: String,
    pub sha256: String,
}

/// How candidates are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgingRecord {
    pub graders: Vec<Grader>,
    pub limits: Limits,
    pub options: JudgeOptions,
    /// [`crate::contract::Executor::fingerprint`].
    pub guest: String,
    /// The same of the guest for programs that import numpy and the like, if it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_with_packages: Option<String>,
    /// [`super::JUDGE_FINGERPRINT`].
    pub judge: String,
}

impl GenerationRecord {
    /// This record, knowing of its models what `stored` knows.
    fn with_model_of(mut self, stored: &Self) -> Self {
        if let (Some(model), Some(stored)) = (&mut self.model, &stored.model) {
            model.sha256 = model.sha256.take().or_else(|| stored.sha256.clone());
        }
        if let (Some(strategy), Some(stored)) = (&mut self.strategy, &stored.strategy) {
            for (helper, stored) in [
                (&mut strategy.critic, &stored.critic),
                (&mut strategy.repair_model, &stored.repair_model),
            ] {
                if let (Some(helper), Some(stored)) = (helper, stored) {
                    helper.sha256 = helper.sha256.take().or_else(|| stored.sha256.clone());
                }
            }
        }
        self
    }
}

impl Manifest {
    /// A manifest of a run begun now.
    pub fn new(
        coderl_version: &str,
        settings: BTreeMap<String, SettingRecord>,
        dataset: DatasetRecord,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            coderl_version: coderl_version.to_owned(),
            created: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            settings,
            dataset,
            generation: None,
            judging: None,
        }
    }

    /// Reads `path`; `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let json = match std::fs::read(path) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let corrupt = |error: serde_json::Error| Error::CorruptFile {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let value: Value = serde_json::from_slice(&json).map_err(corrupt)?;
        // First the version: other formats need not be readable otherwise.
        if let Some(found) = value.get("format_version").and_then(Value::as_u64)
            && found != u64::from(FORMAT_VERSION)
        {
            return Err(Error::FormatVersion {
                path: path.to_owned(),
                found,
                supported: FORMAT_VERSION,
            });
        }
        serde_json::from_value(value).map(Some).map_err(corrupt)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let mut json = serde_json::to_vec_pretty(self).expect("a manifest is serialisable");
        json.push(b'\n');
        write_bytes_atomically(path, &json)
    }

    /// What results depend on and differs. Parts that only one of the two has do not count.
    pub fn differences(&self, requested: &Self) -> Vec<Difference> {
        let mut stored = self.identity();
        let mut requested = requested.identity();
        for part in ["generation", "judging"] {
            if stored.get(part).is_none() || requested.get(part).is_none() {
                for identity in [&mut stored, &mut requested] {
                    remove(identity, part);
                }
            }
        }
        let mut differences = Vec::new();
        compare("", Some(&stored), Some(&requested), &mut differences);
        differences
    }

    /// The stored manifest with what `requested` adds to it.
    pub(super) fn merged(self, requested: Self) -> Self {
        Self {
            created: self.created,
            generation: match (requested.generation, self.generation) {
                (Some(requested), Some(stored)) => Some(requested.with_model_of(&stored)),
                (requested, stored) => requested.or(stored),
            },
            judging: requested.judging.or(self.judging),
            ..requested
        }
    }

    fn identity(&self) -> Value {
        let mut value = serde_json::to_value(self).expect("a manifest is serialisable");
        remove(&mut value, "created");
        remove(&mut value, "settings");
        remove(&mut value["dataset"], "path");
        if let Some(excluded) = value.pointer_mut("/dataset/excluded") {
            remove(excluded, "path");
        }
        if let Some(model) = value.pointer_mut("/generation/model") {
            remove(model, "place");
            remove(model, "sha256");
        }
        for helper in ["critic", "repair_model"] {
            if let Some(helper) = value.pointer_mut(&format!("/generation/strategy/{helper}")) {
                remove(helper, "sha256");
            }
        }
        if let Some(budget) = value.pointer_mut("/generation/strategy/budget_of") {
            *budget = budget["sha256"].take();
        }
        if let Some(sources) = value
            .pointer_mut("/generation/sources")
            .and_then(Value::as_array_mut)
        {
            for source in sources {
                *source = source["sha256"].take();
            }
        }
        value
    }
}

fn remove(object: &mut Value, key: &str) {
    if let Some(object) = object.as_object_mut() {
        object.remove(key);
    }
}

pub(super) fn compare(
    key: &str,
    stored: Option<&Value>,
    requested: Option<&Value>,
    differences: &mut Vec<Difference>,
) {
    // Fields may be left out or say that they hold nothing.
    let stored = stored.filter(|value| !value.is_null());
    let requested = requested.filter(|value| !value.is_null());
    if stored == requested {
        return;
    }
    if let (Some(Value::Object(stored)), Some(Value::Object(requested))) = (stored, requested) {
        let mut keys: Vec<&String> = stored.keys().chain(requested.keys()).collect();
        keys.sort();
        keys.dedup();
        for name in keys {
            let key = if key.is_empty() {
                name.clone()
            } else {
                format!("{key}.{name}")
            };
            compare(&key, stored.get(name), requested.get(name), differences);
        }
        return;
    }
    let show = |value: Option<&Value>| match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
    };
    differences.push(Difference {
        key: key.to_owned(),
        stored: show(stored),
        requested: show(requested),
    });
}
