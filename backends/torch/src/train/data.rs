//! Reads the records that a training learns from.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use harness::training::TrainingSettings;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The records of a JSON Lines file of the settings.
///
/// # Errors
/// No such file in the settings, unreadable, empty, or a line that is no such record.
pub(super) fn required<T: DeserializeOwned>(
    settings: &TrainingSettings,
    key: &str,
    file: Option<&PathBuf>,
) -> Result<Vec<T>> {
    let Some(file) = file else {
        return Err(Error::request(format!(
            "the settings name no file `data.{key}`, which this stage learns from"
        )));
    };
    let path = settings.out.join(file);
    let records = read(&path)?;
    if records.is_empty() {
        return Err(Error::malformed(&path, "it holds no records"));
    }
    Ok(records)
}

/// As [`required`], and nothing where the settings name no file.
pub(super) fn optional<T: DeserializeOwned>(
    settings: &TrainingSettings,
    file: Option<&PathBuf>,
) -> Result<Vec<T>> {
    match file {
        Some(file) => read(&settings.out.join(file)),
        None => Ok(Vec::new()),
    }
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).map_err(Error::read(path))?;
    let mut records = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(Error::read(path))?;
        if line.trim().is_empty() {
            continue;
        }
        let record = serde_json::from_str(&line)
            .map_err(|error| Error::malformed(path, format!("line {}: {error}", index + 1)))?;
        records.push(record);
    }
    Ok(records)
}
