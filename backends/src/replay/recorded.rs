//! What the readers of formats produce: programs that still bear the names of their files.

use std::fmt;

use harness::candidate::{Code, Provenance};
use harness::store::sha256_hex;

use crate::replay::format::Format;

/// How a file says to which problem a program belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// An id in somebody's spelling.
    Id { text: String, under: IdKey },
    /// Place among the problems of the dataset, from 0.
    Position(usize),
    /// A number that is the id or the position, depending on the file.
    Number(u64),
}

/// Under which key an id stood: decides what a bare number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IdKey {
    /// `task_id`: MBPP, HumanEval and their kin.
    Task,
    /// `problem_id`, or a directory: APPS.
    Problem,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { text, .. } => write!(f, "`{text}`"),
            Self::Position(position) => write!(f, "position {position}"),
            Self::Number(number) => write!(f, "`{number}`"),
        }
    }
}

/// One program of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) key: Key,
    pub(crate) code: Code,
    /// Where the file tells how the program was made.
    pub(crate) provenance: Option<Provenance>,
    /// Where in the file, for people: `row 3`.
    pub(crate) place: String,
}

/// The programs of one file, or of one folder that is a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    /// As the user named it.
    pub(crate) file: String,
    pub(crate) format: Format,
    /// Files that were read, with the SHA-256 of their bytes as they are on disk.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) programs: Vec<Recorded>,
    /// Number of problems that a file without ids speaks of, programs or not.
    pub(crate) n_positions: usize,
    /// Records that were there twice, word for word, although they have ids.
    pub(crate) n_duplicates: usize,
    /// Texts that were not Unicode; what could not be read became U+FFFD.
    pub(crate) n_repaired: usize,
    /// Files of a folder that are no candidates.
    pub(crate) ignored: Vec<String>,
}

impl Batch {
    pub(crate) fn new(file: &str, format: Format) -> Self {
        Self {
            file: file.to_owned(),
            format,
            files: Vec::new(),
            programs: Vec::new(),
            n_positions: 0,
            n_duplicates: 0,
            n_repaired: 0,
            ignored: Vec::new(),
        }
    }

    /// SHA-256 of the file, or over names and hashes of the files of a folder.
    pub(crate) fn sha256(&self) -> String {
        match &self.files[..] {
            [(_, sha256)] => sha256.clone(),
            files => {
                let lines: String = files
                    .iter()
                    .map(|(name, sha256)| format!("{sha256}  {name}\n"))
                    .collect();
                sha256_hex(lines.as_bytes())
            }
        }
    }
}
