//! Machine code of the guest, compiled once and kept in the user's cache directory.
//!
//! A file's name has two digests: one of everything that the code depends on (the guest, the
//! revision of the linker, the version of wasmtime, the compiler's settings and the host's
//! processor features), and one of the code itself; a file that is not what its name says is
//! compiled anew. Files are written under a temporary name and renamed, so that readers never
//! see half a file and several processes may do the first compilation at the same time. They are
//! mapped into memory, not read, so that workers share them.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::error::SandboxError;
use crate::form::Form;
use crate::link;

const DIGEST_BYTES: usize = 32;
const PREFIX: &str = "guest-";
const SUFFIX: &str = ".cwasm";

/// A compiled guest in a cache directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledGuest {
    pub path: PathBuf,
    pub bytes: u64,
    pub compiled: SystemTime,
}

/// The compiled guests in `cache`, by name. Removing one costs the time to compile it again.
///
/// # Errors
/// When the directory cannot be read; one that does not exist holds none.
pub fn compiled_guests(cache: &Path) -> io::Result<Vec<CompiledGuest>> {
    let entries = match fs::read_dir(cache) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut guests = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            let metadata = entry.metadata()?;
            guests.push(CompiledGuest {
                path: entry.path(),
                bytes: metadata.len(),
                compiled: metadata.modified()?,
            });
        }
    }
    guests.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(guests)
}

/// A guest's file, with what names its content.
pub(crate) struct Source<'a> {
    path: &'a Path,
    pub(crate) digest: [u8; DIGEST_BYTES],
}

impl<'a> Source<'a> {
    pub(crate) fn read(path: &'a Path) -> Result<Self, SandboxError> {
        let digest = digest(path).map_err(|source| SandboxError::Guest {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { path, digest })
    }

    /// A file whose content follows from `name`, so that nobody needs to read it.
    pub(crate) fn named(path: &'a Path, name: &str) -> Self {
        let digest = Sha256::digest(name).into();
        Self { path, digest }
    }

    fn compile(&self, engine: &Engine, form: &Form) -> Result<Vec<u8>, SandboxError> {
        let path = || self.path.to_owned();
        let wasm = fs::read(self.path).map_err(|source| SandboxError::Guest {
            path: path(),
            source,
        })?;
        let code = match form {
            Form::Component => {
                let linked = link::link(&wasm).map_err(|source| SandboxError::Link {
                    path: path(),
                    source,
                })?;
                engine.precompile_component(&linked)
            }
            Form::Numpy { .. } => engine.precompile_module(&wasm),
        };
        code.map_err(|source| SandboxError::Compile {
            path: path(),
            source,
        })
    }
}

/// Digest of a file, a piece at a time: these are large, and memory that is touched for the
/// first time costs more than reading.
fn digest(file: &Path) -> io::Result<[u8; DIGEST_BYTES]> {
    let mut file = fs::File::open(file)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            n => hasher.update(&piece[..n]),
        }
    }
}

/// The machine code of a guest: a file in the cache whose content was found to be whole.
/// `on_compile` is called before a compilation, which takes about ten seconds, for the form
/// with numpy a minute or two.
pub(crate) fn machine_code(
    engine: &Engine,
    source: &Source<'_>,
    form: &Form,
    cache: &Path,
    on_compile: &mut dyn FnMut(),
) -> Result<PathBuf, SandboxError> {
    let prefix = prefix(engine, source);
    if let Some(found) = find(cache, &prefix) {
        return Ok(found);
    }
    on_compile();
    let code = source.compile(engine, form)?;
    write(cache, &prefix, &code).map_err(|source| SandboxError::Cache {
        path: cache.to_owned(),
        source,
    })
}

/// First part of a file's name: a digest of what the code depends on.
fn prefix(engine: &Engine, source: &Source<'_>) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    hasher.write(&source.digest);
    hasher.write(&link::REVISION.to_le_bytes());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{PREFIX}{}-", hex(&hasher.0.finalize()[..16]))
}

/// Name of a file with this content: the second part is a digest of it.
fn name(prefix: &str, digest: &[u8; DIGEST_BYTES]) -> String {
    format!("{prefix}{}{SUFFIX}", hex(&digest[..16]))
}

/// Files of a guest, damaged ones included.
fn candidates(cache: &Path, prefix: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
}

fn find(cache: &Path, prefix: &str) -> Option<PathBuf> {
    candidates(cache, prefix).find(|path| {
        digest(path).is_ok_and(|digest| path.file_name() == Some(name(prefix, &digest).as_ref()))
    })
}

fn write(cache: &Path, prefix: &str, code: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(cache)?;
    let mut temporary = tempfile::NamedTempFile::new_in(cache)?;
    temporary.write_all(code)?;
    let file = cache.join(name(prefix, &Sha256::digest(code).into()));
    temporary.persist(&file)?;
    for other in candidates(cache, prefix).filter(|path| *path != file) {
        // Damaged; another process may have removed it.
        let _ = fs::remove_file(other);
    }
    Ok(file)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The standard hasher promises nothing between versions of Rust.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
    }
}
