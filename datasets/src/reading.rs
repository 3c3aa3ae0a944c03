//! What every reader shares: turning rows into a [`Dataset`] whose counts add up.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use harness::problem::{Dataset, Problem, ProblemId, SkippedProblem, Split};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Why a row did not become a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skip {
    /// Where one could be read.
    pub(crate) id: Option<ProblemId>,
    pub(crate) reason: String,
}

impl Skip {
    /// For `map_err`: the row is known by `id`, and `reason` says what is wrong.
    pub(crate) fn of(id: &ProblemId) -> impl Fn(String) -> Self {
        move |reason| Self {
            id: Some(id.clone()),
            reason,
        }
    }
}

impl From<String> for Skip {
    fn from(reason: String) -> Self {
        Self { id: None, reason }
    }
}

/// Gathers problems and skipped rows.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    problems: Vec<Problem>,
    skipped: Vec<SkippedProblem>,
    ids: HashSet<ProblemId>,
    digests: Vec<(String, String)>,
}

impl Reading {
    /// Adds one row; `place` names it where it has no id.
    pub(crate) fn add(&mut self, place: &str, row: Result<Problem, Skip>) {
        match row {
            Ok(problem) if self.ids.insert(problem.id.clone()) => self.problems.push(problem),
            Ok(problem) => self.skipped.push(SkippedProblem {
                reason: format!("{place}: the id occurs before"),
                id: problem.id.to_string(),
            }),
            Err(Skip { id, reason }) => self.skipped.push(match id {
                Some(id) => SkippedProblem {
                    id: id.to_string(),
                    reason: format!("{place}: {reason}"),
                },
                None => SkippedProblem {
                    id: place.to_owned(),
                    reason,
                },
            }),
        }
    }

    /// Notes a file that was read; `name` is relative to what the user named.
    pub(crate) fn add_digest(&mut self, name: impl Into<String>, digest: String) {
        self.digests.push((name.into(), digest));
    }

    pub(crate) fn finish(self, name: impl Into<String>) -> Dataset {
        Dataset {
            name: name.into(),
            problems: self.problems,
            skipped: self.skipped,
            sha256: combined(self.digests),
        }
    }
}

/// The digest of a single file as it is (what `sha256sum` prints), or that of the sorted
/// list of names and digests.
fn combined(mut digests: Vec<(String, String)>) -> String {
    if let [(_, only)] = digests.as_slice() {
        return only.clone();
    }
    digests.sort();
    let mut hasher = Sha256::new();
    for (name, digest) in &digests {
        hasher.update(format!("{digest}  {name}\n"));
    }
    hex(&hasher.finalize())
}

pub(crate) fn sha256_of_file(path: &Path) -> Result<String, Error> {
    let read_error = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(read_error)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(read_error)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

pub(crate) fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The split that a file or folder name speaks of: `train`, `validation` or `test` as a word of its own
/// (`train.jsonl`, `coderl_train`, `test-00000-of-00001.parquet`), as the Hub infers it.
pub(crate) fn split_in_name(name: &str) -> Option<Split> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(|word| match word {
            "train" => Some(Split::Train),
            "validation" => Some(Split::Validation),
            "test" => Some(Split::Test),
            _ => None,
        })
}

/// [`split_in_name`] of the file, otherwise of the folder around it.
pub(crate) fn split_of_path(path: &Path) -> Option<Split> {
    let name_of = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    name_of(path)
        .and_then(|name| split_in_name(&name))
        .or_else(|| split_in_name(&name_of(path.parent()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_read_off_names() {
        let check = |path: &str, expected| {
            assert_eq!(split_of_path(Path::new(path)), expected, "{path}");
        };
        check("data/train.jsonl.gz", Some(Split::Train));
        check("APPS/test/0001", Some(Split::Test));
        check("coderl_train/0001", Some(Split::Train));
        check("apps/validation.jsonl", Some(Split::Validation));
        check("x/test-00000-of-00001.parquet", Some(Split::Test));
        check("test/sub/problems.jsonl", None);
        check("latest/problems.jsonl", None);
        check("/", None);
    }

    #[test]
    fn the_digest_of_one_file_is_its_own() {
        let digests = |names: &[&str]| {
            combined(
                names
                    .iter()
                    .map(|name| ((*name).to_owned(), format!("digest of {name}")))
                    .collect(),
            )
        };
        assert_eq!(digests(&["a"]), "digest of a");
        assert_eq!(digests(&["a", "b"]), digests(&["b", "a"]));
        assert_ne!(digests(&["a", "b"]), digests(&["a", "c"]));
    }
}
