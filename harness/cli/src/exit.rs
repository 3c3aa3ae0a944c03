//! Exit codes: the documented meaning of how the program ends.

use std::process::ExitCode;

use backends::http::HttpError;
use backends::process::ProcessError;
use harness::ErrorClass;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Something unexpected: the machine, a plug-in, a bug.
    Unexpected = 1,
    /// Wrong arguments or settings.
    Usage = 2,
    /// Bad data: unreadable files, skipped problems that were asked for, rows without a
    /// problem.
    Data = 3,
    /// A threshold was missed, or verdicts reached twice differ.
    Threshold = 4,
    /// Interrupted; the same command goes on from there.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code for an error: what the innermost error of ours says, else unexpected.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            if let Some(exit) = cause.downcast_ref::<Marked>() {
                return exit.0;
            }
            if let Some(harness::Error::Generator { .. }) = cause.downcast_ref() {
                // The backend's own error says more.
                continue;
            }
            if let Some(error) = cause.downcast_ref::<HttpError>() {
                return match error {
                    HttpError::BadUrl { .. }
                    | HttpError::NeedsChat { .. }
                    | HttpError::Unsupported { .. } => Self::Usage,
                    _ => Self::Unexpected,
                };
            }
            if let Some(error) = cause.downcast_ref::<ProcessError>() {
                return match error {
                    ProcessError::Cannot { .. } => Self::Usage,
                    _ => Self::Unexpected,
                };
            }
            if let Some(error) = cause.downcast_ref::<harness::Error>() {
                return match error.class() {
                    ErrorClass::Usage => Self::Usage,
                    ErrorClass::Data => Self::Data,
                    ErrorClass::Environment => Self::Unexpected,
                };
            }
            if let Some(error) = cause.downcast_ref::<datasets::Error>() {
                return match error {
                    datasets::Error::Hub { .. } | datasets::Error::Write { .. } => Self::Unexpected,
                    datasets::Error::UnknownName { .. }
                    | datasets::Error::NothingToFetch { .. }
                    | datasets::Error::NoSuchProblem { .. } => Self::Usage,
                    _ => Self::Data,
                };
            }
            if let Some(error) = cause.downcast_ref::<backends::Error>() {
                return match error {
                    backends::Error::Write { .. } => Self::Unexpected,
                    _ => Self::Data,
                };
            }
        }
        Self::Unexpected
    }
}

/// An error message with its exit code.
#[derive(Debug)]
pub(crate) struct Marked(Exit, String);

impl std::fmt::Display for Marked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

impl std::error::Error for Marked {}

/// An error that ends the program with code 2.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Marked(Exit::Usage, message.into()).into()
}

/// An error that ends the program with code 3.
pub(crate) fn data(message: impl Into<String>) -> anyhow::Error {
    Marked(Exit::Data, message.into()).into()
}
