//! The files of `tests/attacks`, one for each class of attack.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use harness::execution::Limits;
use harness::verdict::{Grader, Judgement, Outcome, Unjudged};
use serde::Deserialize;

/// A program that tries something, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attack {
    /// Class and name: `memory_bombs/large-format`.
    #[serde(skip)]
    pub(crate) id: String,
    /// Unique in its class.
    name: String,
    /// One line on what it tries.
    pub(crate) tries: String,
    /// Name of a problem of `problems.rs`.
    pub(crate) problem: String,
    expect: String,
    /// The expectation is right and not met yet. Then meeting it is an error, so that the
    /// marker goes as soon as the defence is there.
    #[serde(default)]
    pub(crate) not_yet: bool,
    /// Runs with a scratch directory at `/scratch` and a directory at `/data` to read from.
    #[serde(default)]
    pub(crate) with_files: bool,
    #[serde(default = "strict")]
    pub(crate) grader: Grader,
    /// In place of [`REFERENCE_SECONDS`].
    reference_seconds: Option<f64>,
    /// In place of [`MEMORY_MIB`].
    memory_mib: Option<u64>,
    /// In place of [`OUTPUT_MIB`].
    output_mib: Option<u64>,
    pub(crate) program: String,
}

/// A file of attacks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attack: Vec<Attack>,
}

/// What must come out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The technique is odd and honest.
    Passed,
    /// Anything but passed: what the program destroys on the way may end it in several ways.
    NotPassed,
    /// This outcome, and where a label of a cause is given, this cause.
    Failed(Outcome, Option<String>),
    /// Unjudged for want of exactly this.
    Unsupported(String),
}

/// Enough for everything that is no attack on time.
const REFERENCE_SECONDS: f64 = 0.05;
/// Enough for everything that is no attack on memory.
const MEMORY_MIB: u64 = 128;
const OUTPUT_MIB: u64 = 1;

fn strict() -> Grader {
    Grader::Strict
}

impl Attack {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory_bytes: self.memory_mib.unwrap_or(MEMORY_MIB) << 20,
            output_bytes: self.output_mib.unwrap_or(OUTPUT_MIB) << 20,
            ..Limits::default()
        }
        .with_reference_seconds(self.reference_seconds.unwrap_or(REFERENCE_SECONDS))
    }

    /// # Errors
    /// When the expectation is not written as `Expected` reads it.
    pub(crate) fn expected(&self) -> Result<Expected> {
        let (kind, detail) = match self.expect.split_once(": ") {
            Some((kind, detail)) => (kind, Some(detail.to_owned())),
            None => (self.expect.as_str(), None),
        };
        Ok(match (kind, detail) {
            ("passed-tests", None) => Expected::Passed,
            ("not-passed", None) => Expected::NotPassed,
            ("unsupported", Some(feature)) => Expected::Unsupported(feature),
            (outcome, cause) => match outcome.parse() {
                Ok(Outcome::PassedTests) | Err(_) => bail!("unknown expectation `{}`", self.expect),
                Ok(outcome) => Expected::Failed(outcome, cause),
            },
        })
    }
}

/// Bytes of JSON that a judgement may take: a program must not fill the records of a run.
const MAX_RECORD: usize = 32 << 10;
/// Characters of a cause's name, which goes into tables.
const MAX_LABEL: usize = 200;

/// Whether a judgement can be kept and shown, whatever the program made of its texts.
fn is_presentable(judgement: &Judgement) -> bool {
    let label = match judgement {
        Judgement::Judged {
            cause: Some(cause), ..
        } => cause.label(),
        _ => "",
    };
    label.chars().count() <= MAX_LABEL
        && !label.contains(char::is_control)
        && serde_json::to_vec(judgement).is_ok_and(|json| json.len() <= MAX_RECORD)
}

impl Expected {
    pub(crate) fn is_met_by(&self, judgement: &Judgement) -> bool {
        is_presentable(judgement) && self.fits(judgement)
    }

    fn fits(&self, judgement: &Judgement) -> bool {
        match (self, judgement) {
            (Self::Passed, judgement) => judgement.passed(),
            (Self::NotPassed, judgement) => !judgement.passed(),
            (Self::Failed(expected, label), Judgement::Judged { outcome, cause, .. }) => {
                outcome == expected
                    && label.as_ref().is_none_or(|label| {
                        cause.as_ref().is_some_and(|cause| cause.label() == label)
                    })
            }
            (
                Self::Unsupported(feature),
                Judgement::Unjudged {
                    reason: Unjudged::Unsupported { features },
                },
            ) => features == std::slice::from_ref(feature),
            _ => false,
        }
    }
}

/// All attacks, by class and in the order of the files.
///
/// # Errors
/// When a file cannot be read or two attacks have one name.
pub(crate) fn read(folder: &Path) -> Result<Vec<Attack>> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("reading `{}`", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let mut attacks: Vec<Attack> = Vec::new();
    for path in files {
        let context = || format!("reading `{}`", path.display());
        let text = fs::read_to_string(&path).with_context(context)?;
        let file: File = toml::from_str(&text).with_context(context)?;
        let class = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .with_context(context)?;
        for mut attack in file.attack {
            attack.id = format!("{class}/{}", attack.name);
            attack.expected().with_context(context)?;
            ensure!(
                !attacks.iter().any(|known| known.id == attack.id),
                "two attacks are called `{}`",
                attack.id
            );
            attacks.push(attack);
        }
    }
    Ok(attacks)
}
