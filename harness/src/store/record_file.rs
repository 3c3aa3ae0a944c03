//! Reading JSON Lines, with a last line that may be torn.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use serde_json::error::Category;

use super::record::Record;
use crate::error::Error;

/// Where a line lies in its file, line end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: usize,
}

/// Length of a file up to the end of its last whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) whole: u64,
    /// Bytes of a torn last line behind it.
    pub(super) torn: u64,
}

/// Calls `visit` with every record of `path`, in file order. `None` if there is no file.
///
/// A process that was killed, or a machine that lost power, leaves at most one torn line
/// and that is the last. So a last line that does not end, or is not JSON, is left out;
/// anything else that cannot be read is an error.
pub(super) fn scan<R: Record>(
    path: &Path,
    mut visit: impl FnMut(R, Span),
) -> Result<Option<Extent>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    let mut extent = Extent { whole: 0, torn: 0 };
    for number in 1.. {
        line.clear();
        let len = reader
            .read_until(b'\n', &mut line)
            .map_err(Error::io("read", path))?;
        if len == 0 {
            break;
        }
        let ended = line.last() == Some(&b'\n');
        let parsed = if ended {
            serde_json::from_slice::<R>(&line)
        } else {
            Err(serde::de::Error::custom("the line does not end"))
        };
        match parsed {
            Ok(record) => {
                let offset = extent.whole;
                visit(record, Span { offset, len });
                extent.whole += len as u64;
            }
            Err(error) => {
                let is_last = reader
                    .fill_buf()
                    .map_err(Error::io("read", path))?
                    .is_empty();
                let is_json = ended && error.classify() == Category::Data;
                if is_last && !is_json {
                    extent.torn = len as u64;
                    break;
                }
                return Err(Error::CorruptRecord {
                    path: path.to_owned(),
                    line: number,
                    detail: error.to_string(),
                });
            }
        }
    }
    Ok(Some(extent))
}
