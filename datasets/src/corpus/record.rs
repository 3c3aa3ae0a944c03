//! What is written of a corpus beside its texts.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use harness::training::CorpusText;
use serde::Serialize;

use super::build::{Corpus, CorpusSettings};
use super::quality::Reason;
use crate::error::Error;

/// Where a text comes from; one for each, in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    pub id: String,
    /// As an SPDX expression.
    pub license: String,
    /// The file that says so, below the folder of the corpus.
    pub license_from: String,
    /// SHA-256 of the text.
    pub sha256: String,
    pub bytes: u64,
    pub lines: u64,
    /// Words and single signs; a model's tokenizer counts otherwise.
    pub tokens: u64,
}

/// Counts of what was found, kept and dropped; `corpus.stats.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Names of the folders, in the order in which they were given.
    pub folders: Vec<String>,
    pub settings: CorpusSettings,
    pub found: Counted,
    pub kept: Counted,
    /// By reason, in the order in which files are asked.
    pub dropped: Vec<(Reason, Counted)>,
    /// Of the texts that are kept, by licence.
    pub licenses: Vec<(String, Counted)>,
    /// Licences of files that were dropped for them, most first.
    pub other_licenses: Vec<(String, Counted)>,
    /// Of the texts that are kept.
    pub bytes: Lengths,
    pub lines: Lengths,
    pub tokens: Lengths,
}

/// Files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    pub files: u64,
    pub bytes: u64,
}

impl Counted {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// How long texts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    pub total: u64,
    pub mean: f64,
    pub median: u64,
    /// Nine texts of ten are at most this long.
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

impl Lengths {
    pub(super) fn of(lengths: impl Iterator<Item = u64>) -> Self {
        let mut lengths: Vec<u64> = lengths.collect();
        lengths.sort_unstable();
        let (Some(max), n) = (lengths.last().copied(), lengths.len()) else {
            return Self::default();
        };
        // The nearest rank.
        let at = |percent: usize| lengths[(n * percent).div_ceil(100).max(1) - 1];
        let total = lengths.iter().sum();
        Self {
            total,
            mean: total as f64 / n as f64,
            median: at(50),
            p90: at(90),
            p99: at(99),
            max,
        }
    }
}

/// Writes the texts to `out`, and beside them `*.sources.jsonl` and `*.stats.json`. The files.
///
/// # Errors
/// A disk that cannot be written.
pub fn write(corpus: &Corpus, out: &Path) -> Result<[PathBuf; 3], Error> {
    let sources = out.with_extension("sources.jsonl");
    let stats = out.with_extension("stats.json");
    make_folder_of(out)?;
    lines(&sources, &corpus.sources)?;
    whole(&stats, |writer| {
        serde_json::to_writer_pretty(&mut *writer, &corpus.stats)?;
        writer.write_all(b"\n")
    })?;
    // Last, so that a corpus that is there is complete.
    lines(out, &corpus.texts)?;
    Ok([out.to_owned(), sources, stats])
}

/// Writes texts of which nothing else is to be told.
///
/// # Errors
/// A disk that cannot be written.
pub fn write_texts(texts: &[CorpusText], out: &Path) -> Result<(), Error> {
    make_folder_of(out)?;
    lines(out, texts)
}

fn make_folder_of(out: &Path) -> Result<(), Error> {
    match out.parent().filter(|parent| *parent != Path::new("")) {
        Some(parent) => fs::create_dir_all(parent).map_err(failed(parent)),
        None => Ok(()),
    }
}

fn lines<T: Serialize>(path: &Path, records: &[T]) -> Result<(), Error> {
    whole(path, |writer| {
        for record in records {
            serde_json::to_writer(&mut *writer, record)?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// A file that is either as before or complete.
fn whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.tmp"));
    let written = File::create(&beside).and_then(|file| {
        let mut writer = BufWriter::with_capacity(1 << 18, file);
        write(&mut writer)?;
        let file = writer.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_nearest_ranks() {
        let lengths = Lengths::of((1..=200).rev());
        assert_eq!((lengths.total, lengths.mean), (20_100, 100.5));
        let ranks = (lengths.median, lengths.p90, lengths.p99, lengths.max);
        assert_eq!(ranks, (100, 180, 198, 200));
        assert_eq!(Lengths::of([7].into_iter()).p99, 7);
        assert_eq!(Lengths::of([].into_iter()), Lengths::default());
    }
}
