//! What must not change on the host.

use std::{fmt, fs};

use anyhow::{Context, Result};
use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};
use tempfile::TempDir;

use crate::problems::SECRET;

/// Memory and descriptors of this process, where the system tells.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// Resident now, in KiB.
    pub(crate) resident: u64,
    /// The most that was ever resident, in KiB.
    pub(crate) peak: u64,
    pub(crate) descriptors: usize,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} KiB resident (at most {}), {} descriptors",
            self.resident, self.peak, self.descriptors
        )
    }
}

impl Usage {
    /// `None` where there is no `/proc`.
    pub(crate) fn now() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self {
            resident: kib("VmRSS:")?,
            peak: kib("VmHWM:")?,
            descriptors: fs::read_dir("/proc/self/fd").ok()?.count(),
        })
    }
}

/// Directories of this process's sandbox that are still there.
///
/// # Errors
/// When the folder of temporary files cannot be read.
pub(crate) fn leftovers() -> Result<Vec<String>> {
    let prefix = format!("coderl-{}-", std::process::id());
    let mut names = Vec::new();
    for entry in fs::read_dir(std::env::temp_dir()).context("reading the temporary files")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Files on the host of which a guest sees a part.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    const GIVEN: &str = "given away\n";

    /// # Errors
    /// When they cannot be written.
    pub(crate) fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        fs::create_dir(path.join("given"))?;
        fs::write(path.join("given/note.txt"), Self::GIVEN)?;
        fs::write(path.join("secret.txt"), SECRET)?;
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.txt", path.join("given/up"))?;
            std::os::unix::fs::symlink(path.join("secret.txt"), path.join("given/absolute"))?;
        }
        Ok(Self { folder })
    }

    /// Whether they are as they were.
    pub(crate) fn are_intact(&self) -> bool {
        let path = self.folder.path();
        let read = |name| fs::read_to_string(path.join(name)).ok();
        let count = |name| fs::read_dir(path.join(name)).map(Iterator::count).ok();
        read("given/note.txt").as_deref() == Some(Self::GIVEN)
            && read("secret.txt").as_deref() == Some(SECRET)
            && count("") == Some(2)
            && count("given") == Some(if cfg!(unix) { 3 } else { 1 })
    }

    fn grants(&self) -> Grants {
        Grants {
            scratch: Some("/scratch".into()),
            read_only: vec![(self.folder.path().join("given"), "/data".into())],
        }
    }
}

/// Gives every guest a scratch directory and the given files.
pub(crate) struct WithFiles<'a> {
    pub(crate) executor: &'a dyn Executor,
    pub(crate) files: &'a Files,
}

impl Executor for WithFiles<'_> {
    fn fingerprint(&self) -> &str {
        self.executor.fingerprint()
    }

    fn session(
        &self,
        limits: &Limits,
        _grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
        self.executor.session(limits, &self.files.grants())
    }
}
