//! One directory a training: what it was asked for, what it learns from, and what the trainer
//! leaves there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::atomic_file::{write_atomically, write_bytes_atomically};
use super::digest::sha256_of_file;
use super::manifest::compare;
use super::record::Record;
use super::record_file::scan;
use super::run_directory::lock;
use crate::error::{Difference, Error};
use crate::training::TrainingSettings;

const SETTINGS: &str = "settings.json";
const MANIFEST: &str = "training.json";
const LOCK: &str = "run.lock";
const FORMAT_VERSION: u32 = 1;

/// `training.json`: where the files of a training come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingManifest {
    pub format_version: u32,
    pub coderl_version: String,
    /// When the training was begun, RFC 3339, UTC.
    pub created: String,
    pub stage: String,
    /// What the files were made from, for people: dataset, runs, template.
    pub sources: BTreeMap<String, String>,
    /// The files, by name.
    pub files: BTreeMap<String, DataFile>,
}

/// A file that a trainer reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    pub n_records: usize,
    pub sha256: String,
}

impl TrainingManifest {
    /// The manifest of a training begun now.
    pub fn new(coderl_version: &str, stage: &str) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            coderl_version: coderl_version.to_owned(),
            created: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            stage: stage.to_owned(),
            sources: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }
}

/// A training directory opened for writing, by one process at a time.
#[derive(Debug)]
pub struct TrainingDirectory {
    path: PathBuf,
    _lock: File,
}

impl TrainingDirectory {
    /// Makes the directory, or opens the one that is there.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process is at work there; [`Error::NoTraining`] if it holds
    /// something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let is_other = path.exists()
            && !path.join(SETTINGS).exists()
            && entries(path)?.iter().any(|name| name != LOCK);
        if is_other {
            return Err(Error::NoTraining {
                path: path.to_owned(),
            });
        }
        let lock = lock(path, true)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Discards everything that the training left.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn discard(&self) -> Result<(), Error> {
        // The settings last: until then this is a training that can be discarded.
        let mut names = entries(&self.path)?;
        names.retain(|name| name != LOCK);
        names.sort_by_key(|name| name == SETTINGS);
        for name in names {
            let path = self.path.join(name);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn settings_file(&self) -> PathBuf {
        self.path.join(SETTINGS)
    }

    /// Whether a training was begun here.
    pub fn is_begun(&self) -> bool {
        self.settings_file().exists()
    }

    /// Writes what a trainer reads, or finds that it is there already.
    ///
    /// # Errors
    /// [`Error::OtherRun`] names each setting and each file that differs from those that the
    /// training was begun with.
    pub fn begin_or_resume(
        &self,
        settings: &TrainingSettings,
        manifest: &TrainingManifest,
    ) -> Result<(), Error> {
        let path = self.path.join(MANIFEST);
        if !self.is_begun() {
            write_json(&path, manifest)?;
            // Last, since it says that the rest is there.
            return write_json(&self.settings_file(), settings);
        }
        let stored: Value = read_json(&self.settings_file())?;
        let requested = serde_json::to_value(settings).expect("settings are serialisable");
        let mut differences = Vec::new();
        compare("", Some(&stored), Some(&requested), &mut differences);
        // The directory may have been moved, or be named in another way.
        differences.retain(|difference| difference.key != "out");
        let stored: TrainingManifest = read_json(&path)?;
        for (name, file) in &manifest.files {
            match stored.files.get(name) {
                Some(stored) if stored == file => {}
                stored => differences.push(Difference {
                    key: format!("files.{name}"),
                    stored: describe(stored),
                    requested: describe(Some(file)),
                }),
            }
        }
        for (name, file) in &stored.files {
            if !manifest.files.contains_key(name) {
                differences.push(Difference {
                    key: format!("files.{name}"),
                    stored: describe(Some(file)),
                    requested: "nothing".to_owned(),
                });
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::OtherRun {
            path: self.path.clone(),
            differences,
        })
    }

    /// Writes `records` in order of id, unless a file of that name is there with the same
    /// content; a training that was begun keeps its own files.
    ///
    /// # Errors
    /// When the file cannot be written, or an id occurs twice.
    pub fn write_data<R: Record>(&self, name: &str, records: Vec<R>) -> Result<DataFile, Error> {
        let path = self.path.join(name);
        let n_records = records.len();
        let beside = self.path.join(format!(".{name}.new"));
        write_records(&beside, records)?;
        let sha256 = sha256_of_file(&beside)?;
        if self.is_begun() {
            fs::remove_file(&beside).map_err(Error::io("remove", &beside))?;
        } else {
            fs::rename(&beside, &path).map_err(Error::io("replace", &path))?;
        }
        Ok(DataFile { n_records, sha256 })
    }
}

fn describe(file: Option<&DataFile>) -> String {
    match file {
        None => "nothing".to_owned(),
        Some(file) => format!(
            "{} records with SHA-256 {}…",
            file.n_records,
            file.sha256.get(..12).unwrap_or(&file.sha256)
        ),
    }
}

fn entries(path: &Path) -> Result<Vec<String>, Error> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    read().map_err(Error::io("list", path))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut json = serde_json::to_vec_pretty(value).expect("our records are serialisable");
    json.push(b'\n');
    write_bytes_atomically(path, &json)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let json = fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&json).map_err(|error| Error::CorruptFile {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

/// Writes a file of records, in order of id, whole or not at all.
///
/// # Errors
/// When it cannot be written, or an id occurs twice.
pub fn write_records<R: Record>(path: &Path, mut records: Vec<R>) -> Result<(), Error> {
    records.sort_by_cached_key(Record::id);
    if records.windows(2).any(|pair| pair[0].id() == pair[1].id()) {
        return Err(Error::CorruptFile {
            path: path.to_owned(),
            detail: "two records to be written have the same id".to_owned(),
        });
    }
    write_atomically(path, |writer| {
        for record in &records {
            serde_json::to_writer(&mut *writer, record)
                .map_err(std::io::Error::from)
                .and_then(|()| std::io::Write::write_all(writer, b"\n"))
                .map_err(Error::io("write", path))?;
        }
        Ok(())
    })
}

/// Reads a file of records, in the order of the file. `None` if there is no such file.
///
/// # Errors
/// When it cannot be read, naming the line that is no record.
pub fn read_record_file<R: Record>(path: &Path) -> Result<Option<Vec<R>>, Error> {
    let mut records = Vec::new();
    let found = scan(path, |record, _| records.push(record))?;
    Ok(found.map(|_| records))
}
