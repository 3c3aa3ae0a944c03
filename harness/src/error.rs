//! What can go wrong in this package, for no fault of a candidate.

use std::io;
use std::path::PathBuf;

use crate::candidate::CandidateId;
use crate::contract::PluginError;
use crate::problem::ProblemId;

/// An error and its sources on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Trouble with files, settings or plug-ins.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "run directory `{}` is in use by another process; wait until that ends, or choose \
         another directory with `--out`",
        path.display()
    )]
    Locked { path: PathBuf },
    #[error(
        "another process is making the audit `{}`; wait until that ends, or choose another file \
         with `--out`",
        path.display()
    )]
    AuditLocked { path: PathBuf },
    #[error(
        "no audit in `{}`; make one with `coderl audit DATASET`, and let it come to its end",
        path.display()
    )]
    NoAudit { path: PathBuf },
    #[error("no run in `{}`: it has no `manifest.json`", path.display())]
    NoRun { path: PathBuf },
    #[error(
        "`{}` is not empty and holds no training: it has no `settings.json`; choose another \
         directory with `--out`",
        path.display()
    )]
    NoTraining { path: PathBuf },
    #[error(
        "`{}` holds records of a run but no `manifest.json`; choose another directory with \
         `--out`, or discard the records with `--fresh`",
        path.display()
    )]
    OrphanRecords { path: PathBuf },
    #[error("`{}`, line {line}: {detail}", path.display())]
    CorruptRecord {
        path: PathBuf,
        line: usize,
        detail: String,
    },
    #[error("`{}`: {detail}", path.display())]
    CorruptFile { path: PathBuf, detail: String },
    #[error(
        "`{}` is written in format {found} and this version reads format {supported}; use the \
         version that wrote it, or start over with `--fresh`",
        path.display()
    )]
    FormatVersion {
        path: PathBuf,
        found: u64,
        supported: u32,
    },
    #[error(
        "`{}` was begun with something else:{}\nchoose another directory with \
         `--out`, or discard its records with `--fresh`",
        path.display(),
        list(differences)
    )]
    OtherRun {
        path: PathBuf,
        differences: Vec<Difference>,
    },
    #[error(
        "`{}` already holds candidate {id} with another program; choose another directory with \
         `--out`, or discard its records with `--fresh`",
        path.display()
    )]
    OtherCandidate { path: PathBuf, id: CandidateId },

    #[error("verdict cache `{}`", path.display())]
    Cache {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },

    #[error("candidate {id} belongs to no problem of the selection")]
    NoProblem { id: CandidateId },
    #[error("candidate {id} occurs twice")]
    RepeatedCandidate { id: CandidateId },
    #[error("generating candidates for problem `{problem}`")]
    Generate {
        problem: ProblemId,
        #[source]
        source: PluginError,
    },
    #[error("generating candidates")]
    Generator {
        #[source]
        source: PluginError,
    },
    #[error("cannot start {workers} worker threads")]
    Workers {
        workers: usize,
        #[source]
        source: rayon::ThreadPoolBuildError,
    },

    #[error("{origin}: not TOML: {detail}")]
    Syntax { origin: String, detail: String },
    #[error(
        "{origin}: unknown key `{key}`{}; the keys are {allowed}",
        did_you_mean(nearest)
    )]
    UnknownKey {
        origin: String,
        key: String,
        nearest: Option<String>,
        allowed: String,
    },
    #[error("{origin}: `{key}`: {detail}")]
    BadValue {
        origin: String,
        key: String,
        detail: String,
    },
    #[error("no problem `{id}` in dataset `{dataset}`{}", did_you_mean(nearest))]
    UnknownProblem {
        dataset: String,
        id: String,
        nearest: Option<String>,
    },
}

/// Whose move it is, for exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Arguments or settings are wrong.
    Usage,
    /// A file holds what it should not.
    Data,
    /// The machine or a plug-in failed.
    Environment,
}

impl Error {
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::BadValue { .. }
            | Self::UnknownProblem { .. }
            | Self::NoRun { .. }
            | Self::NoAudit { .. }
            | Self::NoTraining { .. }
            | Self::OtherRun { .. }
            | Self::OrphanRecords { .. } => ErrorClass::Usage,
            Self::CorruptRecord { .. }
            | Self::CorruptFile { .. }
            | Self::FormatVersion { .. }
            | Self::OtherCandidate { .. }
            | Self::NoProblem { .. }
            | Self::RepeatedCandidate { .. }
            | Self::Generate { .. } => ErrorClass::Data,
            Self::Io { .. }
            | Self::Locked { .. }
            | Self::AuditLocked { .. }
            | Self::Cache { .. }
            | Self::Generator { .. }
            | Self::Workers { .. } => ErrorClass::Environment,
        }
    }

    /// For `map_err`: what was being done to which file.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// One value in which a stored run and the one asked for differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Dotted path into the manifest.
    pub key: String,
    pub stored: String,
    pub requested: String,
}

fn list(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(|difference| {
            let Difference {
                key,
                stored,
                requested,
            } = difference;
            format!("\n  {key}: {stored} in the directory, {requested} asked for")
        })
        .collect()
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
}

/// The name most like `wrong`, if any is like it at all.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.to_owned())
}
