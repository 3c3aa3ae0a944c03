//! The directory tree of the original release, and the same with CodeRL's extra files:
//! one directory a problem, with `question.txt`, `input_output.json`, `solutions.json`,
//! `metadata.json` and, for call-based problems, `starter_code.py`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use harness::problem::{Dataset, Problem, ProblemId, Split};
use harness::value::Value;

use crate::apps::row::{difficulty, problem_id, solutions};
use crate::apps::tests;
use crate::error::Error;
use crate::example_tests;
use crate::reading::{Reading, Skip, sha256_of_bytes, split_in_name};
use crate::rows::Row;

const QUESTION: &str = "question.txt";

/// Directories of problems below what the user named.
pub(crate) struct Tree {
    root: PathBuf,
    problems: Vec<PathBuf>,
}

pub(crate) fn is_problem_dir(path: &Path) -> bool {
    path.join(QUESTION).is_file()
}

/// Finds the problems of a root with `train/` and `test/`, of a directory of problem
/// directories, or of a single problem directory. `None` where there is none of these.
///
/// A directory beside problem directories whose name is a number is a problem too, so that
/// one that has lost its `question.txt` is listed as skipped.
///
/// # Errors
/// Directories that cannot be read.
pub(crate) fn tree_of(root: &Path) -> Result<Option<Tree>, Error> {
    let mut problems = Vec::new();
    if is_problem_dir(root) {
        problems.push(root.to_owned());
    } else {
        let splits: Vec<PathBuf> = ["train", "test"]
            .iter()
            .map(|split| root.join(split))
            .filter(|path| path.is_dir())
            .collect();
        let groups = if splits.is_empty() {
            vec![root.to_owned()]
        } else {
            splits
        };
        for group in groups {
            let directories = subdirectories(&group)?;
            if directories.iter().any(|path| is_problem_dir(path)) {
                problems.extend(
                    directories
                        .into_iter()
                        .filter(|path| is_problem_dir(path) || has_number_for_name(path)),
                );
            }
        }
    }
    Ok((!problems.is_empty()).then(|| Tree {
        root: root.to_owned(),
        problems,
    }))
}

/// Reads every problem directory; one that cannot become a problem is skipped.
pub(crate) fn read_tree(tree: &Tree) -> Dataset {
    let mut reading = Reading::default();
    for directory in &tree.problems {
        let place = directory.display().to_string();
        let (row, digests) = ProblemDir::read(directory);
        for (name, digest) in digests {
            let path = directory.join(name);
            let relative = path.strip_prefix(&tree.root).unwrap_or(&path);
            reading.add_digest(relative.to_string_lossy(), digest);
        }
        reading.add(&place, row);
    }
    reading.finish("apps")
}

struct ProblemDir<'a> {
    path: &'a Path,
    digests: Vec<(&'static str, String)>,
}

impl<'a> ProblemDir<'a> {
    fn read(path: &'a Path) -> (Result<Problem, Skip>, Vec<(&'static str, String)>) {
        let split = split_of_path_above(path);
        let number = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let id = problem_id(None, split, &number);
        let mut directory = Self {
            path,
            digests: Vec::new(),
        };
        let problem = directory.problem(&id, split).map_err(Skip::of(&id));
        (problem, directory.digests)
    }

    fn problem(&mut self, id: &ProblemId, split: Option<Split>) -> Result<Problem, String> {
        let statement = self
            .text(QUESTION)?
            .ok_or_else(|| format!("`{QUESTION}` is missing"))?;
        let metadata = match self.text("metadata.json")? {
            Some(json) => Row::from_json(json.as_bytes())
                .map_err(|detail| format!("`metadata.json`: {detail}"))?,
            None => Row { fields: Vec::new() },
        };
        let in_metadata = |detail| format!("`metadata.json`: {detail}");
        let mut tests = match self.text("input_output.json")? {
            Some(json) => tests::parse(&json),
            None => tests::from_value(Value::None),
        }
        .map_err(|detail| format!("`input_output.json`: {detail}"))?;
        let examples = self.text("example_input_output.json")?;
        example_tests::add(&mut tests, &statement, examples.as_deref());
        let reference_solutions = solutions(&self.text("solutions.json")?.unwrap_or_default())
            .map_err(|detail| format!("`solutions.json`: {detail}"))?;
        Ok(Problem {
            id: id.clone(),
            split,
            difficulty: metadata
                .optional_text("difficulty")
                .and_then(difficulty)
                .map_err(in_metadata)?,
            statement,
            starter_code: self
                .text("starter_code.py")?
                .filter(|text| !text.is_empty()),
            completion_prefix: None,
            reference_solutions,
            tests,
            url: metadata
                .optional_text("url")
                .map_err(in_metadata)?
                .map(str::to_owned),
        })
    }

    /// The text of a file, or `None` where there is no such file.
    fn text(&mut self, name: &'static str) -> Result<Option<String>, String> {
        let bytes = match fs::read(self.path.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("`{name}` cannot be read: {error}")),
        };
        self.digests.push((name, sha256_of_bytes(&bytes)));
        String::from_utf8(bytes).map(Some).map_err(|error| {
            format!(
                "`{name}` is not UTF-8 at byte {}",
                error.utf8_error().valid_up_to()
            )
        })
    }
}

fn split_of_path_above(path: &Path) -> Option<Split> {
    // `.` and `..` have no name of their own.
    let absolute = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    split_in_name(&absolute.parent()?.file_name()?.to_string_lossy())
}

fn subdirectories(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let read_error = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut directories = Vec::new();
    for entry in fs::read_dir(path).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if path.is_dir() {
            directories.push(path);
        }
    }
    directories.sort();
    Ok(directories)
}

fn has_number_for_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        !name.is_empty()
            && name
                .to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit())
    })
}
