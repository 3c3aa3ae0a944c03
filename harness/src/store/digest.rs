//! SHA-256 of files and of serialised data.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// SHA-256 of `bytes`, as 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes).into())
}

/// SHA-256 of a file's content, as 64 hex digits.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String, Error> {
    let mut hasher = Hasher(Sha256::new());
    File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut hasher))
        .map_err(Error::io("read", path))?;
    Ok(hex(&hasher.finish()))
}

/// SHA-256 of the JSON form of `value`, as 64 hex digits.
///
/// # Panics
/// When `value` cannot be serialised.
pub fn sha256_of_json(value: &impl Serialize) -> String {
    hex(&digest_of_json(value))
}

/// SHA-256 of the JSON form of `value`.
pub(super) fn digest_of_json(value: &impl Serialize) -> [u8; 32] {
    // Serialisation makes many tiny writes.
    let mut writer = io::BufWriter::with_capacity(1 << 16, Hasher(Sha256::new()));
    serde_json::to_writer(&mut writer, value).expect("hashing does not fail, nor do our types");
    match writer.into_inner() {
        Ok(hasher) => hasher.finish(),
        Err(_) => unreachable!("hashing does not fail"),
    }
}

pub(super) fn hex(bytes: &[u8; 32]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string");
            text
        })
}

struct Hasher(Sha256);

impl Hasher {
    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sha256() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), of_abc);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_of_file(&path).unwrap(), of_abc);
        assert_eq!(hex(&digest_of_json(&"x")), sha256_hex(b"\"x\""));
    }
}
