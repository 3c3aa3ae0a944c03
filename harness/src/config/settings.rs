//! Settings as code reads them: complete and checked.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::options::{Api, BackendChoice, Options};
use super::selection::Selection;
use crate::decoding::{Decoding, Method};
use crate::execution::Limits;
use crate::judge::JudgeOptions;
use crate::metric::{Bootstrap, NAtK, UnjudgedPolicy};
use crate::problem::ProblemId;
use crate::prompt::TemplateChoice;
use crate::training::{Device, Precision};
use crate::verdict::Grader;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name or path. `None` is for the caller to complain about where one is needed.
    pub dataset: Option<String>,
    pub selection: Selection,
    pub sampling: SamplingSettings,
    pub model: ModelSettings,
    pub judging: JudgingSettings,
    pub metrics: MetricSettings,
    pub running: RunningSettings,
}

/// How candidates are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingSettings {
    /// `None` asks for all that a source has.
    pub n_samples: Option<u32>,
    /// 0 is greedy.
    pub temperature: f64,
    pub top_p: f64,
    pub top_k: Option<u32>,
    /// Beam search instead of sampling.
    pub beams: Option<u32>,
    pub length_penalty: f64,
    pub max_new_tokens: u32,
    pub max_prompt_tokens: Option<u32>,
    pub seed: u64,
}

impl SamplingSettings {
    /// The same for a backend. Stop texts come with the prompts.
    pub fn decoding(&self) -> Decoding {
        let method = match self.beams {
            Some(n_beams) => Method::Beam {
                n_beams,
                length_penalty: self.length_penalty,
            },
            None => Method::sample_or_greedy(self.temperature, self.top_p, self.top_k),
        };
        Decoding {
            method,
            max_new_tokens: self.max_new_tokens,
            min_new_tokens: 0,
            stop: Vec::new(),
            max_prompt_tokens: self.max_prompt_tokens,
        }
    }
}

/// Where candidates come from, and how that is reached. What a backend needs and is not set is
/// for the caller to complain about.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    pub backend: Option<BackendChoice>,
    pub model: Option<String>,
    /// Where our own engine decodes, and in what.
    pub device: Device,
    pub precision: Precision,
    pub template: TemplateChoice,
    pub base_url: Option<String>,
    pub api: Api,
    pub choices_per_request: u32,
    /// Further fields of each request.
    pub request_extra: BTreeMap<String, serde_json::Value>,
    pub request_timeout: Duration,
    pub max_retries: u32,
    /// Program and arguments.
    pub command: Option<String>,
    pub start_timeout: Duration,
    pub idle_timeout: Duration,
    pub max_in_flight: usize,
}

/// How candidates are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgingSettings {
    pub graders: Vec<Grader>,
    pub timeout: Timeout,
    pub memory_bytes: u64,
    pub output_bytes: u64,
    pub options: JudgeOptions,
}

impl JudgingSettings {
    /// Limits for problems of the dataset called `dataset`.
    pub fn limits(&self, dataset: &str) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes,
            ..Limits::default()
        }
        .with_reference_seconds(self.timeout.reference_seconds(dataset))
    }
}

/// Time limit of one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Timeout {
    /// The same for all, in reference seconds.
    Fixed(f64),
    /// By name of dataset.
    ByDataset {
        listed: BTreeMap<String, f64>,
        other: f64,
    },
}

impl Timeout {
    pub fn reference_seconds(&self, dataset: &str) -> f64 {
        match self {
            Self::Fixed(seconds) => *seconds,
            Self::ByDataset { listed, other } => *listed.get(dataset).unwrap_or(other),
        }
    }
}

/// What is computed from verdicts.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSettings {
    /// Ascending, without repetitions, not empty.
    pub k: Vec<u32>,
    pub n_at_k: Vec<NAtK>,
    pub unjudged: UnjudgedPolicy,
    pub bootstrap: Bootstrap,
}

/// What results do not depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningSettings {
    pub workers: NonZeroUsize,
    pub use_cache: bool,
}

/// A value that is not allowed: its key, and why.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    pub(super) key: &'static str,
    pub(super) detail: String,
}

const MAX_TIMEOUT: f64 = 86_400.0;
const MAX_TOKENS: u32 = 1_000_000;

impl Settings {
    /// `options` holds all defaults.
    pub(super) fn new(options: Options) -> Result<Self, Refused> {
        let mut k: Vec<u32> = defaulted(options.k, "k")?
            .into_iter()
            .map(|k| k.get())
            .collect();
        k.sort_unstable();
        k.dedup();
        if k.is_empty() {
            return Err(refused("k", "is empty; name at least one k, such as 1"));
        }
        let mut n_at_k = defaulted(options.n_at_k, "n-at-k")?;
        n_at_k.sort_unstable();
        n_at_k.dedup();
        let n_samples = options.n_samples.map(|n| n.get());
        let seed = defaulted(options.seed, "seed")?;

        Ok(Self {
            dataset: options.dataset,
            selection: Selection {
                split: options.split,
                difficulty: sorted(defaulted(options.difficulty, "difficulty")?),
                ids: sorted(
                    defaulted(options.ids, "ids")?
                        .into_iter()
                        .map(ProblemId::new)
                        .collect(),
                ),
                limit: options.limit,
            },
            sampling: SamplingSettings {
                n_samples,
                temperature: check(
                    "temperature",
                    defaulted(options.temperature, "temperature")?,
                    |t| (0.0..=10.0).contains(&t),
                    "from 0 (greedy) to 10",
                )?,
                top_p: check(
                    "top-p",
                    defaulted(options.top_p, "top-p")?,
                    |p| p > 0.0 && p <= 1.0,
                    "above 0 and up to 1",
                )?,
                top_k: match options.top_k {
                    Some(k) => Some(check("top-k", k, |k| k > 0, "1 or more")?),
                    None => None,
                },
                beams: match options.beams {
                    Some(n) => Some(check("beams", n, within(1, 1000), "from 1 to 1000")?),
                    None => None,
                },
                length_penalty: check(
                    "length-penalty",
                    defaulted(options.length_penalty, "length-penalty")?,
                    |penalty| (-10.0..=10.0).contains(&penalty),
                    "from -10 to 10",
                )?,
                max_new_tokens: check(
                    "max-new-tokens",
                    defaulted(options.max_new_tokens, "max-new-tokens")?,
                    within(1, MAX_TOKENS),
                    "from 1 to 1000000",
                )?,
                max_prompt_tokens: match options.max_prompt_tokens {
                    Some(n) => Some(check(
                        "max-prompt-tokens",
                        n,
                        within(1, MAX_TOKENS),
                        "from 1 to 1000000",
                    )?),
                    None => None,
                },
                seed,
            },
            model: ModelSettings {
                backend: options.backend,
                model: options.model,
                device: defaulted(options.device, "device")?,
                precision: defaulted(options.precision, "precision")?,
                template: defaulted(options.template, "template")?
                    .parse()
                    .map_err(|error: String| refused("template", error))?,
                base_url: options.base_url,
                api: defaulted(options.api, "api")?,
                choices_per_request: check(
                    "choices-per-request",
                    defaulted(options.choices_per_request, "choices-per-request")?,
                    within(1, 128),
                    "from 1 to 128",
                )?,
                request_extra: options.request_extra.unwrap_or_default(),
                request_timeout: seconds("request-timeout", options.request_timeout)?,
                max_retries: check(
                    "max-retries",
                    defaulted(options.max_retries, "max-retries")?,
                    within(0, 20),
                    "from 0 to 20",
                )?,
                command: options.command,
                start_timeout: seconds("start-timeout", options.start_timeout)?,
                idle_timeout: seconds("idle-timeout", options.idle_timeout)?,
                max_in_flight: check(
                    "max-in-flight",
                    defaulted(options.max_in_flight, "max-in-flight")?,
                    within(1, 1024),
                    "from 1 to 1024",
                )? as usize,
            },
            judging: JudgingSettings {
                graders: defaulted(options.judge, "judge")?.graders(),
                timeout: timeout(options.timeout, options.timeout_by_dataset)?,
                memory_bytes: mib("memory-mib", options.memory_mib, 64, 4096)?,
                output_bytes: mib("output-mib", options.output_mib, 1, 1024)?,
                options: JudgeOptions {
                    early_stop: defaulted(options.early_stop, "early-stop")?,
                    challenge_tests: defaulted(options.challenge_tests, "challenge-tests")?,
                },
            },
            metrics: MetricSettings {
                k,
                n_at_k,
                unjudged: defaulted(options.unjudged, "unjudged")?,
                bootstrap: Bootstrap {
                    seed,
                    n_resamples: check(
                        "bootstrap-resamples",
                        defaulted(options.bootstrap_resamples, "bootstrap-resamples")?,
                        |n| (100..=1_000_000).contains(&n),
                        "from 100 to 1000000",
                    )?,
                    confidence: check(
                        "confidence-level",
                        defaulted(options.confidence_level, "confidence-level")?,
                        |level| level > 0.0 && level < 1.0,
                        "above 0 and below 1, such as 0.95",
                    )?,
                },
            },
            running: RunningSettings {
                workers: match options.workers {
                    Some(workers) => check(
                        "workers",
                        workers,
                        |workers| workers.get() <= 1024,
                        "from 1 to 1024",
                    )?,
                    None => thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
                },
                use_cache: defaulted(options.use_cache, "use-cache")?,
            },
        })
    }
}

fn timeout(
    fixed: Option<f64>,
    by_dataset: Option<BTreeMap<String, f64>>,
) -> Result<Timeout, Refused> {
    let in_range = |seconds: f64| seconds > 0.0 && seconds <= MAX_TIMEOUT;
    let range = "reference seconds above 0 and up to 86400";
    if let Some(seconds) = fixed {
        return check("timeout", seconds, in_range, range).map(Timeout::Fixed);
    }
    let mut listed = defaulted(by_dataset, "timeout-by-dataset")?;
    for (dataset, &seconds) in &listed {
        check("timeout-by-dataset", seconds, in_range, range)
            .map_err(|error| refused(error.key, format!("`{dataset}` {}", error.detail)))?;
    }
    let other = listed
        .remove("other")
        .ok_or_else(|| refused("timeout-by-dataset", "lacks `other`"))?;
    Ok(Timeout::ByDataset { listed, other })
}

fn within(min: u32, max: u32) -> impl Fn(u32) -> bool {
    move |value| (min..=max).contains(&value)
}

fn seconds(key: &'static str, value: Option<f64>) -> Result<Duration, Refused> {
    check(
        key,
        defaulted(value, key)?,
        |seconds| seconds > 0.0 && seconds <= MAX_TIMEOUT,
        "seconds above 0 and up to 86400",
    )
    .map(Duration::from_secs_f64)
}

fn mib(key: &'static str, value: Option<u64>, min: u64, max: u64) -> Result<u64, Refused> {
    let range = format!("from {min} to {max}");
    check(
        key,
        defaulted(value, key)?,
        |mib| (min..=max).contains(&mib),
        &range,
    )
    .map(|mib| mib << 20)
}

fn check<T: Copy + std::fmt::Display>(
    key: &'static str,
    value: T,
    allowed: impl Fn(T) -> bool,
    range: &str,
) -> Result<T, Refused> {
    if allowed(value) {
        Ok(value)
    } else {
        Err(refused(key, format!("is {value}; allowed is {range}")))
    }
}

fn defaulted<T>(value: Option<T>, key: &'static str) -> Result<T, Refused> {
    value.ok_or_else(|| refused(key, "is not set"))
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

fn refused(key: &'static str, detail: impl Into<String>) -> Refused {
    Refused {
        key,
        detail: detail.into(),
    }
}
