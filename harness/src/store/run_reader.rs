//! A run read a problem at a time, for what would not fit into memory at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::problem_text::{PROBLEM_TEXTS, ProblemText};
use super::record::{ProblemSummary, Record};
use super::record_file::{Span, scan};
use super::record_log::read_records;
use super::run_directory::{CANDIDATES, MANIFEST, PROBLEMS, stage_files, verdicts};
use crate::candidate::Candidate;
use crate::error::Error;
use crate::problem::{ProblemId, WhichTests};
use crate::training::CriticScore;
use crate::verdict::Verdict;

/// The records of one file by problem. Where they lie is held in memory, they are not.
#[derive(Debug)]
pub struct RecordsByProblem<R> {
    path: PathBuf,
    /// Kept open, so that the records stay where they are when the file is replaced.
    file: Option<File>,
    spans: BTreeMap<ProblemId, Vec<Span>>,
    records: std::marker::PhantomData<fn() -> R>,
}

impl<R: Record> RecordsByProblem<R> {
    /// Looks through the first of `paths` that is there; without any there are no records.
    fn open(paths: &[PathBuf], problem: impl Fn(&R) -> &ProblemId) -> Result<Self, Error> {
        for path in paths {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("open", path)(error)),
            };
            let mut spans: BTreeMap<ProblemId, Vec<Span>> = BTreeMap::new();
            scan(path, |record: R, span| {
                // Most follow others of the same problem.
                if let Some(of_problem) = spans.get_mut(problem(&record)) {
                    of_problem.push(span);
                } else {
                    spans.insert(problem(&record).clone(), vec![span]);
                }
            })?;
            return Ok(Self {
                path: path.clone(),
                file: Some(file),
                spans,
                records: std::marker::PhantomData,
            });
        }
        Ok(Self {
            path: paths.first().cloned().unwrap_or_default(),
            file: None,
            spans: BTreeMap::new(),
            records: std::marker::PhantomData,
        })
    }

    /// The records of one problem, in order of id.
    ///
    /// # Errors
    /// When the file cannot be read, or was changed meanwhile.
    pub fn of(&mut self, problem: &ProblemId) -> Result<Vec<R>, Error> {
        let (Some(file), Some(spans)) = (&mut self.file, self.spans.get(problem)) else {
            return Ok(Vec::new());
        };
        let mut records = Vec::with_capacity(spans.len());
        let mut line = Vec::new();
        for span in spans {
            line.resize(span.len, 0);
            file.seek(SeekFrom::Start(span.offset))
                .and_then(|_| file.read_exact(&mut line))
                .map_err(Error::io("read", &self.path))?;
            let record = serde_json::from_slice(&line).map_err(|error| Error::CorruptFile {
                path: self.path.clone(),
                detail: error.to_string(),
            })?;
            records.push(record);
        }
        records.sort_by_cached_key(R::id);
        Ok(records)
    }

    /// Whether there is anything.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// A run directory opened for reading, a problem at a time. It may be written to meanwhile;
/// what comes later is not seen.
#[derive(Debug)]
pub struct RunReader {
    pub manifest: Manifest,
    /// In order of id.
    pub problems: Vec<ProblemSummary>,
    pub candidates: RecordsByProblem<Candidate>,
    pub verdicts: RecordsByProblem<Verdict>,
    pub example_verdicts: RecordsByProblem<Verdict>,
    /// Statements and tests; empty for runs from before they were kept.
    pub texts: RecordsByProblem<ProblemText>,
    pub critic_scores: RecordsByProblem<CriticScore>,
}

impl RunReader {
    /// Opens the run in `path`, with what a critic made of its programs where `critic_scores`
    /// names a file.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is none; otherwise what is wrong with which file.
    pub fn open(path: &Path, critic_scores: Option<&Path>) -> Result<Self, Error> {
        let scores: Vec<PathBuf> = critic_scores.map(Path::to_owned).into_iter().collect();
        Ok(Self {
            manifest: Manifest::read(&path.join(MANIFEST))?.ok_or_else(|| Error::NoRun {
                path: path.to_owned(),
            })?,
            problems: read_records(path, PROBLEMS)?,
            candidates: RecordsByProblem::open(
                &stage_files(path, CANDIDATES),
                |it: &Candidate| &it.id.problem,
            )?,
            verdicts: RecordsByProblem::open(
                &stage_files(path, verdicts(WhichTests::Hidden)),
                |it: &Verdict| &it.candidate.problem,
            )?,
            example_verdicts: RecordsByProblem::open(
                &stage_files(path, verdicts(WhichTests::Example)),
                |it: &Verdict| &it.candidate.problem,
            )?,
            texts: RecordsByProblem::open(&[path.join(PROBLEM_TEXTS)], |it: &ProblemText| &it.id)?,
            critic_scores: RecordsByProblem::open(&scores, |it: &CriticScore| &it.id.problem)?,
        })
    }
}
