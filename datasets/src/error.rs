use std::io;
use std::path::PathBuf;

/// Why a dataset could not be read at all. Single bad rows are not errors: they are listed
/// in [`harness::problem::Dataset::skipped`].
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
    #[error("cannot start threads: {detail}")]
    Threads { detail: String },
    #[error("`{file}` is not readable as Parquet: {detail}")]
    Parquet { file: String, detail: String },
    #[error("`{file}`, row {row}: {detail}; expected {expected}")]
    NotTheFormat {
        file: String,
        /// From 1.
        row: usize,
        detail: String,
        expected: &'static str,
    },
    #[error("`{file}` has no rows")]
    NoRows { file: String },
    #[error("`{}` holds no problems: {detail}", path.display())]
    NotADataset { path: PathBuf, detail: String },
    #[error(
        "`{}` holds several datasets; name one of them: {}",
        path.display(), readable.join(", ")
    )]
    SeveralDatasets {
        path: PathBuf,
        /// Path and size of each.
        readable: Vec<String>,
    },
    #[error(
        "no dataset `{name}`: it is neither a path nor one of {known}",
        known = crate::catalog::known_names(|_| true)
    )]
    UnknownName { name: String },
    #[error(
        "dataset `{name}` is not on this machine (looked for {looked_for}); \
         run `coderl datasets fetch {name}`, or give the path of its files"
    )]
    NotAtHand { name: String, looked_for: String },
    #[error("dataset `{name}` is part of this program and needs no download")]
    NothingToFetch { name: String },
    #[error("`HF_HUB_OFFLINE` is set and dataset `{name}` is not at hand: no {missing}")]
    Offline { name: String, missing: String },
    #[error("cannot fetch {what} from dataset repository `{repository}`{hint}")]
    Hub {
        repository: String,
        what: String,
        /// Empty, or a fragment that starts with a semicolon.
        hint: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "dataset repository `{repository}` has {n_files} files `{folder}/*{suffix}`, expected \
         {expected}; download its files by hand and give their path"
    )]
    HubChanged {
        repository: String,
        n_files: usize,
        expected: usize,
        folder: &'static str,
        suffix: &'static str,
    },
    #[error("no problem `{id}` in dataset `{dataset}`{hint}")]
    NoSuchProblem {
        id: String,
        dataset: String,
        /// Empty, or a fragment that starts with a semicolon.
        hint: String,
    },
}
