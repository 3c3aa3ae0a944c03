//! From folders to texts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use harness::overlap;
use harness::store::sha256_hex;
use harness::training::CorpusText;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::files::{self, Found};
use super::license::Family;
use super::near;
use super::provenance::{Licenses, Statement, in_header};
use super::quality::{Bounds, Reason};
use super::record::{Counted, Lengths, Source, Stats};
use crate::error::Error;

/// What a corpus is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CorpusSettings {
    /// Licences that are kept; `None` keeps every file, also without any.
    pub licenses: Option<Vec<Family>>,
    pub bounds: Bounds,
    /// Texts that share this much of their shingles with one before them are dropped; `None` for
    /// exact copies only.
    pub similarity: Option<f64>,
}

impl Default for CorpusSettings {
    fn default() -> Self {
        Self {
            licenses: Some(Family::PAPER.to_vec()),
            bounds: Bounds::default(),
            similarity: Some(0.85),
        }
    }
}

/// Texts, where they come from, and what became of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// By id.
    pub texts: Vec<CorpusText>,
    pub sources: Vec<Source>,
    pub stats: Stats,
}

/// A file that is fine by itself.
struct Fine {
    id: String,
    text: String,
    source: Source,
    /// Of the text without blank lines and trailing white space.
    normal: [u8; 32],
    signature: near::Signature,
}

/// What became of a file.
enum Looked {
    Fine(Box<Fine>),
    Dropped(Reason),
    /// Dropped for its licence, which is this.
    Other(String),
}

/// The parser makes room for itself as deep as a program goes, but what it made is dropped on the
/// stack of the thread. These are only addresses until they are used.
const STACK_BYTES: usize = 512 << 20;

/// Makes a corpus of the Python files below `folders`. `on_file` is called with the number of
/// files, once they are found and again after each that was looked at.
///
/// # Errors
/// A folder that cannot be read, or threads that cannot be started.
pub fn build(
    folders: &[PathBuf],
    settings: &CorpusSettings,
    n_threads: usize,
    on_file: &(dyn Fn(usize) + Sync),
) -> Result<Corpus, Error> {
    let found = files::list(folders)?;
    on_file(found.len());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::Threads {
            detail: error.to_string(),
        })?;
    let looked: Vec<(u64, Looked)> = pool.install(|| {
        let licenses = Licenses::read(&found, folders);
        let look = |file: &Found| {
            let bytes = fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
            let looked = look(file, bytes, &folders[file.folder], &licenses, settings);
            on_file(found.len());
            (bytes, looked)
        };
        found.par_iter().map(look).collect()
    });
    Ok(pool.install(|| gather(folders, settings, looked)))
}

fn look(
    file: &Found,
    bytes: u64,
    folder: &Path,
    licenses: &Licenses,
    settings: &CorpusSettings,
) -> Looked {
    if let Some(reason) = settings.bounds.of_size(bytes) {
        return Looked::Dropped(reason);
    }
    let Ok(content) = fs::read(&file.path) else {
        return Looked::Dropped(Reason::Unreadable);
    };
    let Ok(text) = String::from_utf8(content) else {
        return Looked::Dropped(Reason::NotUtf8);
    };
    // As Python reads it.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let own = in_header(&text).map(|terms| Statement {
        terms,
        from: file.path.clone(),
    });
    let statement = own.as_ref().or_else(|| licenses.of(&file.path));
    if let Some(allowed) = &settings.licenses {
        match statement {
            None => return Looked::Dropped(Reason::NoLicense),
            Some(statement) if !statement.terms.allowed(allowed) => {
                return Looked::Other(statement.terms.to_string());
            }
            Some(_) => {}
        }
    }
    if let Some(reason) = settings.bounds.of_text(&file.id, &text) {
        return Looked::Dropped(reason);
    }
    let (license, license_from) = match statement {
        Some(Statement { terms, from }) => {
            let below = from.strip_prefix(folder).unwrap_or(from);
            (terms.to_string(), below.to_string_lossy().into_owned())
        }
        None => Default::default(),
    };
    Looked::Fine(Box::new(Fine {
        id: file.id.clone(),
        source: Source {
            id: file.id.clone(),
            license,
            license_from,
            sha256: sha256_hex(text.as_bytes()),
            bytes: text.len() as u64,
            lines: text.lines().count() as u64,
            tokens: overlap::tokens(&text).count() as u64,
        },
        normal: normal_digest(&text),
        signature: near::signature(&near::shingles(&text)),
        text,
    }))
}

/// Trailing white space and blank lines do not make another file.
fn normal_digest(text: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        digest.update(line.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().into()
}

/// Drops copies, in the order of ids, and counts.
fn gather(folders: &[PathBuf], settings: &CorpusSettings, looked: Vec<(u64, Looked)>) -> Corpus {
    let mut found = Counted::default();
    let mut dropped: BTreeMap<Reason, Counted> = BTreeMap::new();
    let mut other_licenses: HashMap<String, Counted> = HashMap::new();
    let mut seen = HashSet::new();
    let mut kept: Vec<Fine> = Vec::new();
    let mut index = near::Index::default();
    for (bytes, looked) in looked {
        found.add(bytes);
        let reason = match looked {
            Looked::Dropped(reason) => reason,
            Looked::Other(license) => {
                other_licenses.entry(license).or_default().add(bytes);
                Reason::OtherLicense
            }
            Looked::Fine(fine) if !seen.insert(fine.normal) => {
                drop(fine);
                Reason::Copy
            }
            Looked::Fine(fine) => match settings.similarity {
                Some(least) if is_near_copy(&fine, &kept, &index, least) => Reason::NearCopy,
                _ => {
                    index.add(&fine.signature, kept.len());
                    kept.push(*fine);
                    continue;
                }
            },
        };
        dropped.entry(reason).or_default().add(bytes);
    }
    let mut licenses: BTreeMap<String, Counted> = BTreeMap::new();
    let mut total = Counted::default();
    for fine in &kept {
        let license = licenses.entry(fine.source.license.clone()).or_default();
        license.add(fine.source.bytes);
        total.add(fine.source.bytes);
    }
    let lengths = |of: fn(&Source) -> u64| Lengths::of(kept.iter().map(|it| of(&it.source)));
    let stats = Stats {
        folders: folders
            .iter()
            .map(|folder| files::name_of(folder))
            .collect(),
        settings: settings.clone(),
        found,
        kept: total,
        dropped: dropped.into_iter().collect(),
        licenses: licenses.into_iter().collect(),
        other_licenses: by_files(other_licenses),
        bytes: lengths(|source| source.bytes),
        lines: lengths(|source| source.lines),
        tokens: lengths(|source| source.tokens),
    };
    let (texts, sources) = kept
        .into_iter()
        .map(
            |Fine {
                 id, text, source, ..
             }| (CorpusText { id, text }, source),
        )
        .unzip();
    Corpus {
        texts,
        sources,
        stats,
    }
}

fn is_near_copy(fine: &Fine, kept: &[Fine], index: &near::Index, least: f64) -> bool {
    let candidates = index.candidates(&fine.signature);
    if candidates.is_empty() {
        return false;
    }
    let shingles = near::shingles(&fine.text);
    candidates
        .into_par_iter()
        .any(|other| overlap::similarity(&shingles, &near::shingles(&kept[other].text)) >= least)
}

fn by_files(counts: HashMap<String, Counted>) -> Vec<(String, Counted)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, n), (b, m)| m.files.cmp(&n.files).then_with(|| a.cmp(b)));
    counts
}
