//! One directory a run.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::problem_text::PROBLEM_TEXTS;
use super::record::{GenerationEvent, InfrastructureEvent, ProblemSummary, Record};
use super::record_log::{RecordLog, read_records};
use crate::candidate::Candidate;
use crate::error::{Difference, Error};
use crate::problem::{SkippedProblem, WhichTests};
use crate::strategy::StrategyRecord;
use crate::verdict::Verdict;

pub(super) const MANIFEST: &str = "manifest.json";
const LOCK: &str = "run.lock";
pub(super) const PROBLEMS: &str = "problems";
const SKIPPED: &str = "skipped";
pub(super) const CANDIDATES: &str = "candidates";
const EVENTS: &str = "events";
const GENERATION_EVENTS: &str = "generation-events";
const REQUESTS: &str = "requests";
const STRATEGY: &str = "strategy";
/// What a critic says of the candidates, where one was asked.
pub const CRITIC_SCORES: &str = "critic_scores.jsonl";

pub(super) fn verdicts(tests: WhichTests) -> &'static str {
    match tests {
        WhichTests::Hidden => "verdicts",
        WhichTests::Example => "example-verdicts",
    }
}

/// Names of all record files.
fn record_names() -> [&'static str; 9] {
    [
        PROBLEMS,
        SKIPPED,
        CANDIDATES,
        verdicts(WhichTests::Hidden),
        verdicts(WhichTests::Example),
        EVENTS,
        GENERATION_EVENTS,
        REQUESTS,
        STRATEGY,
    ]
}

/// A run directory opened for writing, by one process at a time.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    manifest: Manifest,
    /// Held until drop, and released by the system when the process dies.
    _lock: File,
}

impl RunDirectory {
    /// Begins a run in `path`, or resumes the one that is there if it was begun with the
    /// same things. A manifest may add a generation or a judging part to the stored one.
    ///
    /// # Errors
    /// [`Error::OtherRun`] names each difference; [`Error::Locked`] if another process is at
    /// work; otherwise what failed on which file.
    pub fn create_or_resume(path: impl Into<PathBuf>, manifest: Manifest) -> Result<Self, Error> {
        let path = path.into();
        let lock = lock(&path, true)?;
        let stored = Manifest::read(&path.join(MANIFEST))?;
        Self::resume(path, lock, stored, manifest)
    }

    /// Discards what a run left in `path` and begins anew. Files of other kinds stay.
    ///
    /// # Errors
    /// As for [`RunDirectory::create_or_resume`].
    pub fn start_over(path: impl Into<PathBuf>, manifest: Manifest) -> Result<Self, Error> {
        let path = path.into();
        let lock = lock(&path, true)?;
        // The manifest last: until then the directory is a run that can be discarded.
        let last = [CRITIC_SCORES, PROBLEM_TEXTS, MANIFEST].map(|name| path.join(name));
        for name in record_files(&path).chain(last) {
            match fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", name)(error));
                }
                _ => {}
            }
        }
        Self::resume(path, lock, None, manifest)
    }

    /// Opens a run that exists.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is none; otherwise as for [`RunDirectory::create_or_resume`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        if !path.join(MANIFEST).exists() {
            return Err(Error::NoRun { path });
        }
        let lock = lock(&path, false)?;
        let manifest = Manifest::read(&path.join(MANIFEST))?
            .ok_or_else(|| Error::NoRun { path: path.clone() })?;
        Ok(Self {
            path,
            manifest,
            _lock: lock,
        })
    }

    fn resume(
        path: PathBuf,
        lock: File,
        stored: Option<Manifest>,
        requested: Manifest,
    ) -> Result<Self, Error> {
        let manifest = match stored {
            None if record_files(&path).any(|file| file.exists()) => {
                return Err(Error::OrphanRecords { path });
            }
            None => {
                requested.write(&path.join(MANIFEST))?;
                requested
            }
            Some(stored) => {
                let differences = stored.differences(&requested);
                if !differences.is_empty() {
                    return Err(Error::OtherRun { path, differences });
                }
                let merged = stored.clone().merged(requested);
                if merged != stored {
                    merged.write(&path.join(MANIFEST))?;
                }
                merged
            }
        };
        Ok(Self {
            path,
            manifest,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// # Errors
    /// When the file cannot be read or written, or is corrupt. The same holds for the others.
    pub fn problems(&self) -> Result<RecordLog<ProblemSummary>, Error> {
        RecordLog::open(&self.path, PROBLEMS)
    }

    /// Rows of the dataset that did not become problems.
    ///
    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn skipped(&self) -> Result<RecordLog<SkippedProblem>, Error> {
        RecordLog::open(&self.path, SKIPPED)
    }

    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn candidates(&self) -> Result<RecordLog<Candidate>, Error> {
        RecordLog::open(&self.path, CANDIDATES)
    }

    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn verdicts(&self, tests: WhichTests) -> Result<RecordLog<Verdict>, Error> {
        RecordLog::open(&self.path, verdicts(tests))
    }

    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn events(&self) -> Result<RecordLog<InfrastructureEvent>, Error> {
        RecordLog::open(&self.path, EVENTS)
    }

    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn generation_events(&self) -> Result<RecordLog<GenerationEvent>, Error> {
        RecordLog::open(&self.path, GENERATION_EVENTS)
    }

    /// What a backend asked of a server, and what that answered: records of the backend's own.
    ///
    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn requests<R: Record>(&self) -> Result<RecordLog<R>, Error> {
        RecordLog::open(&self.path, REQUESTS)
    }

    /// What a strategy did for each problem.
    ///
    /// # Errors
    /// As for [`RunDirectory::problems`].
    pub fn strategy(&self) -> Result<RecordLog<StrategyRecord>, Error> {
        RecordLog::open(&self.path, STRATEGY)
    }

    /// Notes what a backend found its model to be.
    ///
    /// # Errors
    /// [`Error::OtherRun`] when earlier candidates are of another model; otherwise what failed
    /// on which file.
    pub fn note_model_sha256(&mut self, sha256: &str) -> Result<(), Error> {
        let generation = self.manifest.generation.as_mut();
        match generation.and_then(|generation| generation.model.as_mut()) {
            Some(model) => note(&self.path, "model", &mut model.sha256, sha256)?,
            None => return Ok(()),
        }
        self.manifest.write(&self.path.join(MANIFEST))
    }

    /// The same for another model that the run's strategy uses.
    ///
    /// # Errors
    /// As for [`RunDirectory::note_model_sha256`].
    pub fn note_helper_sha256(&mut self, helper: Helper, sha256: &str) -> Result<(), Error> {
        let generation = self.manifest.generation.as_mut();
        let Some(strategy) = generation.and_then(|generation| generation.strategy.as_mut()) else {
            return Ok(());
        };
        let (key, model) = match helper {
            Helper::Critic => ("strategy.critic", &mut strategy.critic),
            Helper::RepairModel => ("strategy.repair_model", &mut strategy.repair_model),
        };
        match model {
            Some(model) => note(&self.path, key, &mut model.sha256, sha256)?,
            None => return Ok(()),
        }
        self.manifest.write(&self.path.join(MANIFEST))
    }

    /// Candidates stored so far, in order of id.
    ///
    /// # Errors
    /// When the file cannot be read, or is corrupt.
    pub fn read_candidates(&self) -> Result<Vec<Candidate>, Error> {
        read_records(&self.path, CANDIDATES)
    }

    /// Checks that `candidates` say the same as those stored under the same ids.
    ///
    /// # Errors
    /// [`Error::OtherCandidate`] for the first that does not.
    pub fn check_candidates(&self, candidates: &[Candidate]) -> Result<(), Error> {
        let stored = self.read_candidates()?;
        for candidate in candidates {
            if let Ok(at) = stored.binary_search_by(|stored| stored.id.cmp(&candidate.id))
                && stored[at].code != candidate.code
            {
                return Err(Error::OtherCandidate {
                    path: self.path.clone(),
                    id: candidate.id.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A model that a strategy uses beside the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    Critic,
    RepairModel,
}

/// Puts `sha256` in its place, unless another is there.
fn note(path: &Path, key: &str, place: &mut Option<String>, sha256: &str) -> Result<(), Error> {
    match place {
        Some(stored) if stored != sha256 => Err(Error::OtherRun {
            path: path.to_owned(),
            differences: vec![Difference {
                key: format!("generation.{key}.sha256"),
                stored: format!("`{stored}`"),
                requested: format!("`{sha256}`"),
            }],
        }),
        _ => {
            *place = Some(sha256.to_owned());
            Ok(())
        }
    }
}

/// What a run directory holds, read without locking it: a run may be at work on it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub manifest: Manifest,
    /// In order of id, as are the others.
    pub problems: Vec<ProblemSummary>,
    pub skipped: Vec<SkippedProblem>,
    pub candidates: Vec<Candidate>,
    pub verdicts: Vec<Verdict>,
    pub example_verdicts: Vec<Verdict>,
    pub events: Vec<InfrastructureEvent>,
    /// What a strategy did for each problem; empty without one.
    pub strategy: Vec<StrategyRecord>,
    /// Whether judging by the hidden tests came to its end.
    pub is_finished: bool,
}

impl StoredRun {
    /// Reads the run in `path`.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is none; otherwise what is wrong with which file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(&path.join(MANIFEST))?.ok_or_else(|| Error::NoRun {
            path: path.to_owned(),
        })?;
        let hidden = verdicts(WhichTests::Hidden);
        // Looked at first: a run that ends meanwhile is then called unfinished.
        let is_finished = path.join(format!("{hidden}.jsonl")).exists();
        Ok(Self {
            manifest,
            problems: read_records(path, PROBLEMS)?,
            skipped: read_records(path, SKIPPED)?,
            candidates: read_records(path, CANDIDATES)?,
            verdicts: read_records(path, hidden)?,
            example_verdicts: read_records(path, verdicts(WhichTests::Example))?,
            events: read_records(path, EVENTS)?,
            strategy: read_records(path, STRATEGY)?,
            is_finished,
        })
    }
}

/// Where the records of a stage may lie: finished, and not.
pub(super) fn stage_files(path: &Path, name: &str) -> [PathBuf; 2] {
    [
        path.join(format!("{name}.jsonl")),
        path.join(format!("{name}.partial.jsonl")),
    ]
}

fn record_files(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let path = path.to_owned();
    record_names()
        .into_iter()
        .flat_map(move |name| stage_files(&path, name))
}

pub(super) fn lock(directory: &Path, create: bool) -> Result<File, Error> {
    if create {
        fs::create_dir_all(directory).map_err(Error::io("create directory", directory))?;
    }
    lock_file(&directory.join(LOCK))?.ok_or_else(|| Error::Locked {
        path: directory.to_owned(),
    })
}

/// The file, locked for as long as it is open; `None` while another process holds it.
pub(super) fn lock_file(path: &Path) -> Result<Option<File>, Error> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}
