//! Scalars as TensorBoard reads them: an event file of TFRecords.
//!
//! Of the crates that write such files, one needs `protoc` to build, one the image crates of
//! 2020, and one has no license; so the three messages are written here, with the checksum
//! from a crate. Formats: `tensorflow/core/util/event.proto` and `summary.proto`,
//! `tensorflow/core/lib/io/record_writer.cc`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::ReportError;

/// Writes one event file.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Makes the only event file of `folder`: those that are there go.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(folder: &Path) -> Result<Self, ReportError> {
        let make = || -> io::Result<(PathBuf, File)> {
            fs::create_dir_all(folder)?;
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().contains("tfevents") {
                    fs::remove_file(entry.path())?;
                }
            }
            // The number only has to grow.
            let path = folder.join(format!("events.out.tfevents.{:010}.coderl", now() as u64));
            let file = File::create(&path)?;
            Ok((path, file))
        };
        let (path, file) = make().map_err(|source| ReportError::Write {
            path: folder.to_owned(),
            source,
        })?;
        let mut this = Self {
            path,
            file: BufWriter::new(file),
        };
        let mut version = Vec::new();
        put_double(&mut version, 1, now());
        put_bytes(&mut version, 3, b"brain.Event:2");
        this.put(&version)?;
        Ok(this)
    }

    /// Adds the values of one step. Values that are not finite are left out.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn scalars<'v>(
        &mut self,
        step: u64,
        values: impl IntoIterator<Item = (&'v str, f64)>,
    ) -> Result<(), ReportError> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            if value.is_finite() {
                let mut message = Vec::new();
                put_bytes(&mut message, 1, tag.as_bytes());
                put_float(&mut message, 2, value);
                put_bytes(&mut summary, 1, &message);
            }
        }
        let mut event = Vec::new();
        put_double(&mut event, 1, now());
        put_key(&mut event, 2, 0);
        put_varint(&mut event, step);
        put_bytes(&mut event, 5, &summary);
        self.put(&event)
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> Result<(), ReportError> {
        self.file.flush().map_err(|source| self.failed(source))
    }

    fn put(&mut self, event: &[u8]) -> Result<(), ReportError> {
        let record = record(event);
        self.file
            .write_all(&record)
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ReportError {
        ReportError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

/// Length, its checksum, data, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// CRC-32C, rotated and moved so that checksums of checksums are of use.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_key(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(out, field << 3 | wire_type);
}

fn put_double(out: &mut Vec<u8>, field: u64, value: f64) {
    put_key(out, field, 1);
    out.extend(value.to_le_bytes());
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the format has single precision"
)]
fn put_float(out: &mut Vec<u8>, field: u64, value: f64) {
    put_key(out, field, 5);
    out.extend((value as f32).to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(out, field, 2);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_tensorflow() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720), masked as in TensorFlow's crc32c.h.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(
            masked(b"123456789"),
            0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record[8..12], masked(&record[..8]).to_le_bytes());
        assert_eq!(record[15..], masked(b"abc").to_le_bytes());
    }

    #[test]
    fn an_event_holds_its_step_and_its_scalars() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path()).unwrap();
        file.scalars(300, [("loss", 0.5), ("kl", f64::NAN)])
            .unwrap();
        file.flush().unwrap();
        let bytes = fs::read(&file.path).unwrap();
        let first = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert!(bytes[12..12 + first].ends_with(b"brain.Event:2"));
        let event = &bytes[12 + first + 4 + 12..bytes.len() - 4];
        // wall_time, then step 300 as a varint, then a summary of one value.
        assert_eq!(event[0], 0x09);
        assert_eq!(event[9..12], [0x10, 0xac, 0x02]);
        let value = b"\x0a\x04loss\x15\x00\x00\x00\x3f";
        let mut summary = vec![0x0a, value.len() as u8];
        summary.extend(value);
        assert_eq!(event[12..14], [0x2a, summary.len() as u8]);
        assert_eq!(&event[14..], summary);
        // Made again, it is the only one.
        EventFile::create(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
