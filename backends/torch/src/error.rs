//! What can go wrong with checkpoints, tokenizers and requests. Every message names the file
//! and the tensor or key.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this package.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a checkpoint or a request cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "`{}` is there already; name another folder, or remove it first",
        path.display()
    )]
    AlreadyThere { path: PathBuf },
    #[error("`{}` is no checkpoint: {detail}", path.display())]
    NotRecognized { path: PathBuf, detail: String },
    /// A file that ends early or contradicts itself.
    #[error("`{}`: {detail}", path.display())]
    Malformed { path: PathBuf, detail: String },
    #[error("`{}`: {what} is not supported; supported: {supported}", path.display())]
    Unsupported {
        path: PathBuf,
        what: String,
        supported: &'static str,
    },
    #[error("`{}` has no tensor `{name}`{hint}", path.display())]
    MissingTensor {
        path: PathBuf,
        name: String,
        /// Empty, or what similar names there are.
        hint: String,
    },
    #[error(
        "`{}`: tensor `{name}` has shape {found:?} and the configuration asks for {expected:?}",
        path.display()
    )]
    WrongShape {
        path: PathBuf,
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error(
        "`{}` holds tensors that the architecture has no place for: {names}; is \
         `config.json` the right one?",
        path.display()
    )]
    UnusedTensors { path: PathBuf, names: String },
    #[error("tokenizer `{}`: {detail}", path.display())]
    Tokenizer { path: PathBuf, detail: String },
    #[error(
        "`{}`: the tokenizer knows ids up to {largest_id} and the model has {vocabulary_size} \
         embeddings; the two do not belong together",
        path.display()
    )]
    VocabularyMismatch {
        path: PathBuf,
        largest_id: usize,
        vocabulary_size: usize,
    },
    #[error("cannot talk to the harness")]
    Harness(#[source] io::Error),
    #[error("stopped, as the harness asked; the same command goes on from here")]
    Stopped,
    #[error("{detail}")]
    Request { detail: String },
    /// A training whose numbers are none any more, or whose model falls apart.
    #[error("{detail}; {good_model}")]
    Diverged {
        detail: String,
        /// What to go on from.
        good_model: String,
    },
    #[error("libtorch")]
    Torch(#[from] tch::TchError),
}

impl Error {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }

    pub(crate) fn malformed(path: &Path, detail: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// Before it is known what there is to go on from.
    pub(crate) fn diverged(detail: impl Into<String>) -> Self {
        Self::Diverged {
            detail: detail.into(),
            good_model: String::new(),
        }
    }

    pub(crate) fn request(detail: impl Into<String>) -> Self {
        Self::Request {
            detail: detail.into(),
        }
    }
}
