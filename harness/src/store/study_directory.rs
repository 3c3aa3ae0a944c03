//! One directory a study: the records of its stages, and their logs.
//!
//! What the stages make lies in directories of their own beside these, which belong to the commands
//! that make them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::atomic_file::write_bytes_atomically;
use super::run_directory::lock;
use crate::error::Error;
use crate::study::StageRecord;

const STAGES: &str = "stages";
const LOGS: &str = "logs";
const STALE: &str = "stale";

/// A study's directory. Reading needs no lock; one process at a time works on it.
#[derive(Clone, Debug)]
pub struct StudyDirectory {
    path: PathBuf,
}

impl StudyDirectory {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory, and keeps other processes from working on it until the file is closed.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process is at work.
    pub fn lock(&self) -> Result<File, Error> {
        lock(&self.path, true)
    }

    /// Whether a process is at work on it.
    pub fn is_at_work(&self) -> bool {
        self.path.exists() && matches!(lock(&self.path, false), Err(Error::Locked { .. }))
    }

    /// All records, by name of the stage.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn records(&self) -> Result<BTreeMap<String, StageRecord>, Error> {
        let folder = self.path.join(STAGES);
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(Error::io("list", &folder)(error)),
        };
        let mut records = BTreeMap::new();
        for file in files {
            let path = file.map_err(Error::io("list", &folder))?.path();
            if path.extension().is_none_or(|it| it != "json") {
                continue;
            }
            let json = fs::read(&path).map_err(Error::io("read", &path))?;
            let record: StageRecord =
                serde_json::from_slice(&json).map_err(|error| Error::CorruptFile {
                    path: path.clone(),
                    detail: error.to_string(),
                })?;
            records.insert(record.name.clone(), record);
        }
        Ok(records)
    }

    /// Stores a record in place of an earlier one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, record: &StageRecord) -> Result<(), Error> {
        let folder = self.path.join(STAGES);
        fs::create_dir_all(&folder).map_err(Error::io("create directory", &folder))?;
        let mut json = serde_json::to_vec_pretty(record).expect("our records are serialisable");
        json.push(b'\n');
        write_bytes_atomically(&folder.join(file_name(&record.name, "json")), &json)
    }

    /// The file to which goes what a stage says.
    pub fn log(&self, stage: &str) -> PathBuf {
        self.path.join(LOGS).join(file_name(stage, "log"))
    }

    /// The same, or a file with another extension beside it, opened so that what is there stays.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open_log(&self, stage: &str, extension: &str) -> Result<File, Error> {
        let path = self.log(stage).with_extension(extension);
        let folder = self.path.join(LOGS);
        fs::create_dir_all(&folder).map_err(Error::io("create directory", &folder))?;
        let file = File::options().create(true).append(true).open(&path);
        file.map_err(Error::io("open", path))
    }

    /// Moves what lies in `relative` out of the way; `None` if nothing is there. Nothing that took
    /// hours is removed because a file was edited.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn set_aside(&self, relative: &Path) -> Result<Option<PathBuf>, Error> {
        let path = self.path.join(relative);
        if !path.exists() {
            return Ok(None);
        }
        let free = (1_u32..)
            .map(|n| {
                let name = format!("{}.{n}", relative.display());
                self.path.join(STALE).join(name)
            })
            .find(|path| !path.exists())
            .expect("there is always another number");
        let parent = free.parent().expect("a path in a folder");
        fs::create_dir_all(parent).map_err(Error::io("create directory", parent))?;
        fs::rename(&path, &free).map_err(Error::io("move", &path))?;
        Ok(Some(free))
    }
}

/// Names of stages have slashes where files lie in folders.
fn file_name(stage: &str, extension: &str) -> String {
    format!("{}.{extension}", stage.replace('/', "~"))
}
