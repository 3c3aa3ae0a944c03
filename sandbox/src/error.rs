//! What can go wrong that is no fault of a program.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

pub use crate::link::LinkError;

/// Trouble of the sandbox itself.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    #[error("cannot read the guest {path}: {source}; `make guest` builds it")]
    Guest {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot configure the WebAssembly engine: {0:#}")]
    Engine(wasmtime::Error),
    #[error("cannot link the guest {path}: {source}; `make guest` builds it anew")]
    Link { path: PathBuf, source: LinkError },
    #[error("cannot compile the guest {path}: {source:#}; `make guest` builds it anew")]
    Compile {
        path: PathBuf,
        source: wasmtime::Error,
    },
    #[error("the guest {path} does not fit this version: {source:#}; `make guest` builds it anew")]
    Mismatch {
        path: PathBuf,
        source: wasmtime::Error,
    },
    #[error("cannot use the cache directory {path}: {source}; choose another one")]
    Cache {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot start a guest: {0:#}")]
    Start(wasmtime::Error),
    #[error(
        "a memory limit of {limit} bytes is too small for an idle guest; allow 128 MiB or more"
    )]
    MemoryLimit { limit: u64 },
    #[error("cannot grant {path}: {source:#}")]
    Grant {
        path: PathBuf,
        source: wasmtime::Error,
    },
    #[error("the guest with numpy cannot be granted files")]
    NoGrants,
    #[error("cannot make a scratch directory: {source}; is there room for temporary files?")]
    Scratch { source: std::io::Error },
    #[error("cannot start a worker process: {source}")]
    WorkerStart { source: std::io::Error },
    /// What a worker that lives on says about a session that it could not start.
    #[error("{0}")]
    InWorker(String),
    /// Nobody knows why: the program that it ran, the machine, or we. Worth another try.
    #[error("a worker process is gone: {how}{}{words}", if words.is_empty() { "" } else { "; its last words: " })]
    WorkerDied { how: String, words: String },
    /// The backstop: says that this machine is too slow, nothing about the program. Worth
    /// another try.
    #[error(
        "no result after {0:?} of processor time: the machine is too slow, or that limit too \
         small, for the fuel limit"
    )]
    ProcessorTime(Duration),
}

impl SandboxError {
    /// Whether the same step may succeed on a fresh session.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::ProcessorTime(_)
                | Self::Start(_)
                | Self::WorkerStart { .. }
                | Self::WorkerDied { .. }
        )
    }
}
