//! Files and folders: what a path holds, decompressed.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use harness::store::sha256_hex;

use crate::error::Error;
use crate::replay::format;
use crate::replay::recorded::Batch;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The records file of a run directory.
const RUN_CANDIDATES: &str = "candidates.jsonl";

/// One entry of a folder.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
}

/// Reads whatever `path` is.
pub(crate) fn open(path: &Path) -> Result<Vec<Batch>, Error> {
    if path.is_dir() {
        open_folder(path)
    } else {
        let contents = read(path)?;
        let name = path.display().to_string();
        Ok(vec![format::read_file(&name, &folder_of(path), &contents)?])
    }
}

fn open_folder(path: &Path) -> Result<Vec<Batch>, Error> {
    let root = path.display().to_string();
    let entries = entries(path)?;
    let has = |name: &str, is_dir: bool| {
        entries
            .iter()
            .any(|entry| entry.name == name && entry.is_dir == is_dir)
    };
    if has(RUN_CANDIDATES, false) {
        return open(&path.join(RUN_CANDIDATES));
    }
    let (folders, files): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.is_dir);
    // What is not among `used` is reported.
    let others = |used: &dyn Fn(&Entry) -> bool| -> Vec<String> {
        let unused = entries.iter().filter(|entry| !used(entry));
        unused.map(|entry| entry.name.clone()).collect()
    };

    let problems: Vec<String> = folders
        .iter()
        .filter(|entry| format::is_problem_folder(&entry.name))
        .map(|entry| entry.name.clone())
        .collect();
    if !problems.is_empty() {
        let mut batch = format::read_evalplus_folder(path, &problems)?;
        let is_used = |entry: &Entry| entry.is_dir && problems.contains(&entry.name);
        batch.ignored.extend(others(&is_used));
        return Ok(vec![batch]);
    }

    let mut numbered: Vec<(u64, PathBuf)> = files
        .iter()
        .filter_map(|entry| Some((number_of_json(&entry.name)?, path.join(&entry.name))))
        .collect();
    numbered.sort();
    if !numbered.is_empty() {
        let paths: Vec<PathBuf> = numbered.into_iter().map(|(_, path)| path).collect();
        let mut batch = format::read_codes_folder(&root, &paths)?;
        let is_used = |entry: &Entry| !entry.is_dir && number_of_json(&entry.name).is_some();
        batch.ignored.extend(others(&is_used));
        return Ok(vec![batch]);
    }

    let trees = gen_solutions_in(path, &folders)?;
    if !trees.is_empty() {
        return Ok(vec![format::read_gen_solutions_tree(&root, &trees)?]);
    }

    let rows: Vec<&&Entry> = files.iter().filter(|entry| is_rows(&entry.name)).collect();
    if !rows.is_empty() {
        let mut batches = Vec::new();
        for entry in rows {
            batches.extend(open(&path.join(&entry.name))?);
        }
        if let Some(batch) = batches.first_mut() {
            batch
                .ignored
                .extend(others(&|entry| !entry.is_dir && is_rows(&entry.name)));
        }
        return Ok(batches);
    }

    if has("codes", true) {
        return open_folder(&path.join("codes"));
    }
    Err(Error::NotRecognized {
        file: root,
        detail: "nothing in this folder has the name of a file of candidates".to_owned(),
    })
}

/// `gen_solutions.json` files in problem folders, directly or below `train` and `test`.
fn gen_solutions_in(path: &Path, folders: &[&Entry]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for folder in folders {
        let folder_path = path.join(&folder.name);
        if folder.name == "train" || folder.name == "test" {
            let inner = entries(&folder_path)?;
            let inner: Vec<&Entry> = inner.iter().filter(|entry| entry.is_dir).collect();
            files.extend(gen_solutions_in(&folder_path, &inner)?);
        } else {
            let file = folder_path.join(format::GEN_SOLUTIONS);
            if file.is_file() {
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn number_of_json(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    stem.strip_suffix(".json")?.parse().ok()
}

fn is_rows(name: &str) -> bool {
    name.strip_suffix(".gz").unwrap_or(name).ends_with(".jsonl")
}

/// The entries of a folder by name.
pub(crate) fn entries(path: &Path) -> Result<Vec<Entry>, Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            // Follows links.
            is_dir: entry.path().is_dir(),
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Absolute path of the folder in which a file lies, so that `./gen_solutions.json` has one.
pub(crate) fn folder_of(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.parent()
        .map(|parent| parent.display().to_string())
        .unwrap_or_default()
}

/// A file, decompressed if it is gzip, whatever its name.
pub(crate) struct Contents {
    pub(crate) bytes: Vec<u8>,
    /// Of the bytes as they were.
    pub(crate) sha256: String,
}

impl Contents {
    pub(crate) fn of(raw: Vec<u8>) -> io::Result<Self> {
        let sha256 = sha256_hex(&raw);
        let bytes = if raw.starts_with(&GZIP_MAGIC) {
            let mut bytes = Vec::new();
            MultiGzDecoder::new(&raw[..]).read_to_end(&mut bytes)?;
            bytes
        } else {
            raw
        };
        Ok(Self { bytes, sha256 })
    }
}

pub(crate) fn read(path: &Path) -> Result<Contents, Error> {
    fs::read(path)
        .and_then(Contents::of)
        .map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })
}
