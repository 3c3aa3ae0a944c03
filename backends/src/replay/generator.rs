//! The `replay` backend.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use harness::candidate::{Candidate, CandidateId, Code, Provenance};
use harness::contract::{Generator, PluginError};
use harness::problem::{Problem, ProblemId};
use harness::store::SourceRecord;

use crate::error::Error;
use crate::replay::format;
use crate::replay::matching::{Matcher, NoMatch, Numbers};
use crate::replay::recorded::{Batch, Key};
use crate::replay::report::{N_NAMED, ReplayReport, ReplaySource};
use crate::replay::source::{self, Contents};

const NAME: &str = "replay";

/// Lies beside the problems that it belongs to; no code of the other package is used.
const BUILT_IN: [(&str, &[u8]); 2] = [
    (
        "builtin/candidates/apps.jsonl",
        include_bytes!("../../../datasets/builtin/candidates/apps.jsonl"),
    ),
    (
        "builtin/candidates/mbpp.jsonl",
        include_bytes!("../../../datasets/builtin/candidates/mbpp.jsonl"),
    ),
];

/// Offers recorded candidates.
///
/// Everything is read and matched when it is made, so that what does not fit is known
/// before the first program runs.
#[derive(Clone, Debug)]
pub struct Replay {
    candidates: HashMap<ProblemId, Vec<Candidate>>,
    report: ReplayReport,
    source: Option<String>,
}

impl Replay {
    /// Reads a file or a folder.
    ///
    /// `problems` must be the whole dataset in its order: some forms name problems by position.
    ///
    /// # Errors
    /// Unreadable or malformed files, naming file, row and key; and if nothing at all belongs
    /// to `problems`. Single programs of unknown problems are no error: see [`Self::report`].
    pub fn open(path: &Path, problems: &[Problem]) -> Result<Self, Error> {
        Self::open_all(&[path], problems)
    }

    /// Reads several files or folders; where more than one speaks of a problem, the programs
    /// of later ones follow those of earlier ones.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_all<P: AsRef<Path>>(paths: &[P], problems: &[Problem]) -> Result<Self, Error> {
        let mut batches = Vec::new();
        for path in paths {
            batches.extend(source::open(path.as_ref())?);
        }
        Self::new(batches, problems)
    }

    /// The same for contents at hand: pairs of a name for messages and the bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(files: &[(&str, &[u8])], problems: &[Problem]) -> Result<Self, Error> {
        let mut batches = Vec::new();
        for (name, bytes) in files {
            let contents = Contents::of(bytes.to_vec()).map_err(|source| Error::Read {
                path: name.into(),
                source,
            })?;
            let folder = Path::new(name).parent().unwrap_or(Path::new(""));
            batches.push(format::read_file(
                name,
                &folder.to_string_lossy(),
                &contents,
            )?);
        }
        Self::new(batches, problems)
    }

    /// The recorded candidates of the built-in suite, `problems` being that suite.
    ///
    /// # Errors
    /// As [`Self::open`]; not on the suite itself.
    pub fn built_in(problems: &[Problem]) -> Result<Self, Error> {
        Self::from_bytes(&BUILT_IN, problems)
    }

    fn new(batches: Vec<Batch>, problems: &[Problem]) -> Result<Self, Error> {
        let matcher = Matcher::new(problems);
        let mut report = ReplayReport::default();
        let mut by_problem: Vec<Vec<(Code, Provenance)>> = vec![Vec::new(); problems.len()];
        let mut first_keys: Vec<String> = Vec::new();
        for batch in batches {
            if batch.n_positions > problems.len() {
                return Err(Error::TooManyPositions {
                    file: batch.file,
                    found: batch.n_positions,
                    problems: problems.len(),
                });
            }
            let numbers = matcher.numbers_of(&batch);
            report.sources.push(ReplaySource {
                file: batch.file.clone(),
                format: batch.format,
                sha256: batch.sha256(),
                n_programs: batch.programs.len(),
                numbering: numbering(&batch, numbers),
            });
            report.n_programs += batch.programs.len();
            report.n_duplicates += batch.n_duplicates;
            report.n_repaired += batch.n_repaired;
            report.ignored.extend(batch.ignored);
            for program in batch.programs {
                match matcher.find(&program.key, numbers) {
                    Ok(index) => {
                        let provenance = program.provenance.unwrap_or_else(|| Provenance {
                            backend: NAME.to_owned(),
                            source: Some(batch.file.clone()),
                            ..Provenance::default()
                        });
                        by_problem[index].push((program.code, provenance));
                        report.n_matched += 1;
                    }
                    Err(no_match) => {
                        report.unmatched.count += 1;
                        if report.unmatched.first.len() < N_NAMED {
                            let why = match no_match {
                                NoMatch::Unknown => "no such problem".to_owned(),
                                NoMatch::Ambiguous(ids) => {
                                    format!("may be any of {}", quoted(&ids))
                                }
                            };
                            report.unmatched.first.push(format!(
                                "`{}`, {}: {}: {why}",
                                batch.file, program.place, program.key
                            ));
                        }
                        let key = program.key.to_string();
                        if first_keys.len() < 3 && !first_keys.contains(&key) {
                            first_keys.push(key);
                        }
                    }
                }
            }
        }
        if report.n_matched == 0 && report.n_programs > 0 {
            let ids: Vec<&ProblemId> = problems.iter().map(|problem| &problem.id).collect();
            return Err(Error::NothingMatched {
                n_programs: report.n_programs,
                files: quoted(report.sources.iter().map(|source| &source.file)),
                recorded: first_keys.join(", "),
                problems: match ids.len() {
                    0 => "no problems".to_owned(),
                    n => quoted(ids.iter().take(3)) + if n > 3 { ", …" } else { "" },
                },
            });
        }
        let source = match &report.sources[..] {
            [source] => Some(source.file.clone()),
            _ => None,
        };
        let mut candidates = HashMap::new();
        for (problem, programs) in problems.iter().zip(by_problem) {
            let n = programs.len();
            if n == 0 {
                report.without_candidates.push(problem.id.clone());
                continue;
            }
            let (fewest, most) = report.candidates_per_problem.unwrap_or((n, n));
            report.candidates_per_problem = Some((fewest.min(n), most.max(n)));
            let distinct: HashSet<&str> = programs
                .iter()
                .map(|(code, _)| match code {
                    Code::Program(text) | Code::Completion(text) => text.as_str(),
                })
                .collect();
            report.n_repeated += n - distinct.len();
            candidates.insert(problem.id.clone(), numbered(&problem.id, programs));
        }
        Ok(Self {
            candidates,
            report,
            source,
        })
    }

    /// What was read, what fits, and what does not.
    pub fn report(&self) -> &ReplayReport {
        &self.report
    }
}

/// What a manifest records of the files behind `path`: one record for each file or folder
/// that is a unit.
///
/// # Errors
/// As [`Replay::open`].
pub fn source_records(path: &Path) -> Result<Vec<SourceRecord>, Error> {
    let batches = source::open(path)?;
    Ok(batches
        .iter()
        .map(|batch| SourceRecord {
            path: batch.file.clone(),
            sha256: batch.sha256(),
        })
        .collect())
}

fn numbered(problem: &ProblemId, programs: Vec<(Code, Provenance)>) -> Vec<Candidate> {
    (0..)
        .zip(programs)
        .map(|(index, (code, provenance))| Candidate {
            id: CandidateId {
                problem: problem.clone(),
                index,
            },
            code,
            provenance,
        })
        .collect()
}

fn numbering(batch: &Batch, numbers: Numbers) -> Option<&'static str> {
    let has_numbers = batch
        .programs
        .iter()
        .any(|program| matches!(program.key, Key::Number(_) | Key::Position(_)));
    has_numbers.then_some(match numbers {
        Numbers::Ids => "numbers are ids of problems",
        Numbers::Positions => "numbers are positions in the dataset",
        Numbers::TestPositions => "numbers are positions in the test split",
    })
}

fn quoted<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    items.join(", ")
}

impl Generator for Replay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        let recorded = self.candidates.get(&problem.id);
        Ok(recorded.map_or_else(Vec::new, |recorded| {
            recorded.iter().take(n).cloned().collect()
        }))
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            backend: NAME.to_owned(),
            source: self.source.clone(),
            ..Provenance::default()
        }
    }
}
