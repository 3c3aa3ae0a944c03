//! The file of an audit: JSON Lines, a record a problem.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::record_file::scan;
use super::record_log::RecordLog;
use super::run_directory::lock_file;
use crate::audit::AuditRecord;
use crate::error::Error;

/// An audit that is being made; no other process makes the same one meanwhile.
#[derive(Debug)]
pub struct AuditFile {
    pub log: RecordLog<AuditRecord>,
    _lock: File,
}

impl AuditFile {
    /// Opens or starts the audit that is to become `path`, whose name ends in `.jsonl`. While
    /// it is being made it is called `NAME.partial.jsonl`, and `.NAME.lock` is locked.
    ///
    /// # Errors
    /// When files cannot be read or written, or hold something else; [`Error::AuditLocked`] if
    /// another process is making it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&directory).map_err(Error::io("create directory", &directory))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let lock = lock_file(&directory.join(format!(".{name}.lock")))?;
        let lock = lock.ok_or_else(|| Error::AuditLocked {
            path: path.to_owned(),
        })?;
        Ok(Self {
            log: RecordLog::open(&directory, &name)?,
            _lock: lock,
        })
    }
}

/// The records of a finished audit.
///
/// # Errors
/// When there is no such file, or it holds something else.
pub fn read_audit(path: &Path) -> Result<Vec<AuditRecord>, Error> {
    let mut records = Vec::new();
    let found = scan(path, |record: AuditRecord, _| records.push(record))?;
    match found {
        Some(_) => Ok(records),
        None => Err(Error::NoAudit {
            path: path.to_owned(),
        }),
    }
}
