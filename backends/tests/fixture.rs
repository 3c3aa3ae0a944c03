//! Small problems and folders.

use std::fs;
use std::path::Path;

use backends::{Error, Replay};
use harness::candidate::{Candidate, Code};
use harness::contract::Generator;
use harness::problem::{Problem, ProblemId, Split, UnitTests};
use tempfile::TempDir;

pub(crate) fn problem(id: &str) -> Problem {
    Problem {
        id: ProblemId::new(id),
        split: None,
        difficulty: None,
        statement: format!("statement of {id}"),
        starter_code: None,
        completion_prefix: Some("def f():\n".to_owned()),
        reference_solutions: Vec::new(),
        tests: UnitTests::CheckFunction {
            entry_point: "f".to_owned(),
            source: "def check(candidate): pass".to_owned(),
        },
        url: None,
    }
}

pub(crate) fn problems(ids: &[&str]) -> Vec<Problem> {
    ids.iter().map(|id| problem(id)).collect()
}

pub(crate) fn in_split(mut problem: Problem, split: Split) -> Problem {
    problem.split = Some(split);
    problem
}

/// A folder with these files; names may have folders.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a temporary directory");
    for (name, content) in files {
        write(folder.path(), name, content.as_bytes());
    }
    folder
}

pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a name below a folder")).expect("folders");
    fs::write(path, content).expect("a file");
}

/// What the generator has for a problem.
pub(crate) fn all(generator: &mut dyn Generator, problem: &Problem) -> Vec<Candidate> {
    generator
        .generate(problem, usize::MAX)
        .expect("recorded candidates need no luck")
}

/// `id#index text` for every candidate, completions marked with a plus sign.
pub(crate) fn listing(replay: &mut Replay, problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .flat_map(|problem| all(replay, problem))
        .map(|candidate| match candidate.code {
            Code::Program(text) => format!("{} {text}", candidate.id),
            Code::Completion(text) => format!("{} +{text}", candidate.id),
        })
        .collect()
}

pub(crate) fn replay_text(text: &str, ids: &[&str]) -> Result<Replay, Error> {
    Replay::from_bytes(&[("samples", text.as_bytes())], &problems(ids))
}
