//! The file of an audit: JSON Lines, a record a problem.

use std::fs;
use std::path::{Path, PathBuf};

use super::record_file::scan;
use super::record_log::RecordLog;
use crate::audit::AuditRecord;
use crate::error::Error;

/// Opens or starts the audit that is to become `path`, whose name ends in `.jsonl`. While it
/// is being made it is called `NAME.partial.jsonl`.
///
/// # Errors
/// When files cannot be read or written, or hold something else.
pub fn open_audit(path: &Path) -> Result<RecordLog<AuditRecord>, Error> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&directory).map_err(Error::io("create directory", &directory))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    RecordLog::open(&directory, &name)
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
