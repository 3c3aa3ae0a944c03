//! Reads the records that a training learns from.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::PathBuf;

use harness::training::TrainingSettings;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The records of a file, which know where they come from.
pub(super) struct Records<T> {
    records: Vec<T>,
    path: PathBuf,
    /// Of each, from 1.
    lines: Vec<usize>,
}

impl<T> Records<T> {
    /// Says what is wrong with a record, and where it stands.
    pub(super) fn refuse(&self, index: usize, detail: impl std::fmt::Display) -> Error {
        Error::malformed(&self.path, format!("line {}: {detail}", self.lines[index]))
    }
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            path: PathBuf::new(),
            lines: Vec::new(),
        }
    }
}

impl<T> Deref for Records<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.records
    }
}

/// The records of a JSON Lines file of the settings.
///
/// # Errors
/// No such file in the settings, unreadable, empty, or a line that is no such record.
pub(super) fn required<T: DeserializeOwned>(
    settings: &TrainingSettings,
    key: &str,
    file: Option<&PathBuf>,
) -> Result<Records<T>> {
    let Some(file) = file else {
        return Err(Error::request(format!(
            "the settings name no file `data.{key}`, which this stage learns from"
        )));
    };
    let path = settings.out.join(file);
    let records = read(path)?;
    if records.is_empty() {
        return Err(Error::malformed(&records.path, "it holds no records"));
    }
    Ok(records)
}

/// As [`required`], and nothing where the settings name no file.
pub(super) fn optional<T: DeserializeOwned>(
    settings: &TrainingSettings,
    file: Option<&PathBuf>,
) -> Result<Records<T>> {
    match file {
        Some(file) => read(settings.out.join(file)),
        None => Ok(Records::default()),
    }
}

fn read<T: DeserializeOwned>(path: PathBuf) -> Result<Records<T>> {
    let file = File::open(&path).map_err(Error::read(&path))?;
    let mut found = Records {
        path: path.clone(),
        ..Records::default()
    };
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(Error::read(&path))?;
        if line.trim().is_empty() {
            continue;
        }
        let record = serde_json::from_str(&line)
            .map_err(|error| Error::malformed(&path, format!("line {}: {error}", index + 1)))?;
        found.records.push(record);
        found.lines.push(index + 1);
    }
    Ok(found)
}
