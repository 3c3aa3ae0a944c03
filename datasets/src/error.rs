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
        "no dataset `{name}`: it is neither a path nor one of {known}",
        known = crate::catalog::known_names()
    )]
    UnknownName { name: String },
    #[error(
        "dataset `{name}` is not on this machine (looked for {looked_for}); \
         run `coderl datasets fetch {name}`, or give the path of its files"
    )]
    NotAtHand { name: String, looked_for: String },
    #[error("dataset `{name}` is part of this program and needs no download")]
    NothingToFetch { name: String },
    #[error("no problem `{id}` in dataset `{dataset}`{hint}")]
    NoSuchProblem {
        id: String,
        dataset: String,
        /// Empty, or a fragment that starts with a semicolon.
        hint: String,
    },
}
