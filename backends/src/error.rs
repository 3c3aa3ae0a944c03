use std::io;
use std::path::PathBuf;

use harness::candidate::CandidateId;

/// Why recorded candidates could not be read, or results not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write results")]
    Write {
        #[source]
        source: io::Error,
    },
    #[error(
        "`{file}` holds no recorded candidates: {detail}; expected {expected}",
        expected = crate::replay::RECOGNIZED
    )]
    NotRecognized { file: String, detail: String },
    /// A part of a file that is not what the rest of it promises.
    #[error("`{file}`, {place}: {detail}")]
    Malformed {
        file: String,
        /// `row 3`, `key `12`, program 0`, …
        place: String,
        detail: String,
    },
    #[error(
        "`{file}` lists programs for {found} problems by position, and the dataset has \
         {problems}; score it with the dataset, in the order, for which it was made"
    )]
    TooManyPositions {
        file: String,
        found: usize,
        problems: usize,
    },
    #[error(
        "none of the {n_programs} programs in {files} belongs to a problem of the dataset: \
         they name {recorded}, the dataset has {problems}; is it the right dataset?"
    )]
    NothingMatched {
        n_programs: usize,
        files: String,
        /// The first few names, quoted.
        recorded: String,
        /// The first few ids, quoted.
        problems: String,
    },
    #[error("candidate {candidate} belongs to none of the problems")]
    UnknownProblem { candidate: CandidateId },
}
