use std::io;
use std::time::Duration;

use super::protocol::{Capability, PROTOCOL_VERSION};

/// What goes wrong with a child. Messages end with what it wrote to standard error last.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    #[error("cannot start `{command}`")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("the child ended ({how}){words}")]
    Ended {
        how: String,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        words: String,
    },
    #[error("the child said nothing for {} seconds{words}", limit.as_secs_f64())]
    Silent { limit: Duration, words: String },
    #[error(
        "the child wrote something to standard output that is not in the protocol ({detail}): \
         `{line}`; standard output is for the protocol alone{words}"
    )]
    Rubbish {
        detail: String,
        line: String,
        words: String,
    },
    #[error("the child answered what it was not asked: {detail}")]
    OutOfTurn { detail: String },
    #[error(
        "the child speaks version {found} of the protocol, and this is version \
         {PROTOCOL_VERSION}"
    )]
    Version { found: u32 },
    #[error("`{name}` with model `{model}` cannot {what} (it has no capability `{capability}`)")]
    Cannot {
        name: String,
        model: String,
        what: &'static str,
        capability: String,
    },
    /// The child itself says that it cannot do what was asked.
    #[error("{0}")]
    Refused(String),
}

impl ProcessError {
    pub(super) fn cannot(
        ready: &super::protocol::Ready,
        what: &'static str,
        capability: Capability,
    ) -> Self {
        let capability = serde_json::to_value(capability).expect("a capability is serialisable");
        Self::Cannot {
            name: ready.name.clone(),
            model: ready.model.clone(),
            what,
            capability: capability.as_str().unwrap_or_default().to_owned(),
        }
    }
}
