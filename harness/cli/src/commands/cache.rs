//! `coderl cache`: how large the caches are, and making them smaller.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use harness::store::VerdictCache;
use indicatif::HumanBytes;
use sandbox::{Installation, compiled_guests};

use crate::arguments;
use crate::console::counted;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn cache(context: &Context, command: &arguments::Cache) -> Result<Exit> {
    let path = &context.places.cache;
    if path.is_dir() {
        match command {
            arguments::Cache::Show => {}
            arguments::Cache::Prune { older_than } => prune(path, before(*older_than))?,
            arguments::Cache::Clear => {
                // Verdicts of this second too.
                prune(path, SystemTime::now() + Duration::from_secs(2))?;
                remove_set_aside(path)?;
            }
        }
    }
    show(path)
}

fn before(age: Duration) -> SystemTime {
    SystemTime::now()
        .checked_sub(age)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn prune(path: &Path, before: SystemTime) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut n_guests = 0;
    for guest in guests(path)? {
        if guest.compiled < before {
            remove(&guest.path)?;
            n_guests += 1;
        }
    }
    // Of no use to this version, whatever their age.
    let outdated = outdated_numpy_guests(path)?;
    for folder in &outdated {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    let n_verdicts = match open(path)? {
        Some(cache) => cache.forget_before(before)?,
        None => 0,
    };
    writeln!(
        out,
        "removed {}, {}, {}",
        counted(n_guests, "compiled guest"),
        counted(outdated.len(), "outdated numpy guest"),
        counted(n_verdicts, "verdict")
    )?;
    Ok(())
}

/// Databases that were corrupt once and kept for people to look at.
fn remove_set_aside(path: &Path) -> Result<()> {
    let entries =
        fs::read_dir(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .to_string_lossy()
            .starts_with("verdicts.sqlite.corrupt-")
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn show(path: &Path) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    let guests = guests(path)?;
    let guest_bytes: u64 = guests.iter().map(|guest| guest.bytes).sum();
    let (n_verdicts, verdict_bytes) = match open(path)? {
        Some(cache) => cache.size()?,
        None => (0, 0),
    };
    writeln!(out, "{}", path.display())?;
    let mut line = |what: &str, n: u64, bytes: u64| {
        writeln!(out, "{what:<16} {n:>10}   {}", HumanBytes(bytes))
    };
    line("compiled guests", guests.len() as u64, guest_bytes)?;
    let mut numpy: Vec<PathBuf> = outdated_numpy_guests(path)?;
    let installation = Installation::new(path);
    if installation.is_installed() {
        numpy.push(installation.directory().to_owned());
    }
    let mut numpy_bytes = 0;
    for folder in &numpy {
        numpy_bytes += size(folder)?;
    }
    line("numpy guests", numpy.len() as u64, numpy_bytes)?;
    line("verdicts", n_verdicts, verdict_bytes)?;
    Ok(Exit::Done)
}

fn guests(path: &Path) -> Result<Vec<sandbox::CompiledGuest>> {
    compiled_guests(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Installed by other versions of coderl. The one in use is no cache: it was asked for.
fn outdated_numpy_guests(path: &Path) -> Result<Vec<PathBuf>> {
    let others = Installation::new(path).others();
    others.with_context(|| format!("cannot read `{}`", path.display()))
}

/// Bytes of the files in `folder` and in its folders.
fn size(folder: &Path) -> Result<u64> {
    let unreadable = || format!("cannot read `{}`", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let metadata = entry.metadata().with_context(unreadable)?;
        bytes += match metadata.is_dir() {
            true => size(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(bytes)
}

/// The cache of verdicts, if there is one: looking does not make one.
fn open(path: &Path) -> Result<Option<VerdictCache>> {
    if !path.join("verdicts.sqlite").is_file() {
        return Ok(None);
    }
    Ok(Some(VerdictCache::open(path)?.0))
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove `{}`", path.display()))
}
