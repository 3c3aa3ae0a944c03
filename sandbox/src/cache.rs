//! Machine code of the guest, compiled once and kept in the user's cache directory.
//!
//! The file name is a digest of everything that the code depends on: the guest, the revision of
//! the linker, the version of wasmtime, the compiler's settings and the host's processor
//! features. Files are written under a temporary name and renamed, so that readers never see
//! half a file and several processes may do the first compilation at the same time. A file that
//! does not carry its own digest is compiled anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::SandboxError;
use crate::{link, precompiled};

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

/// The component of the guest `wasm`, from the cache if possible. `on_compile` is called
/// before a compilation, which takes about ten seconds.
pub(crate) fn component(
    engine: &Engine,
    guest: &Path,
    wasm: &[u8],
    cache: &Path,
    on_compile: &mut dyn FnMut(),
) -> Result<Component, SandboxError> {
    let file = cache.join(format!("{PREFIX}{}{SUFFIX}", key(engine, wasm)));
    if let Some(component) = read(engine, &file) {
        return Ok(component);
    }
    on_compile();
    let compile_error = |source| SandboxError::Compile {
        path: guest.to_owned(),
        source,
    };
    let linked = link::link(wasm).map_err(|source| SandboxError::Link {
        path: guest.to_owned(),
        source,
    })?;
    let code = engine
        .precompile_component(&linked)
        .map_err(compile_error)?;
    write(&file, &code).map_err(|source| SandboxError::Cache {
        path: cache.to_owned(),
        source,
    })?;
    precompiled::load(engine, &code).map_err(compile_error)
}

pub(crate) fn key(engine: &Engine, wasm: &[u8]) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    hasher.write(wasm);
    hasher.write(&link::REVISION.to_le_bytes());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize()[..16])
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

/// `None` if there is no such file or it is not what was written.
fn read(engine: &Engine, file: &Path) -> Option<Component> {
    let content = fs::read(file).ok()?;
    let (digest, code) = content.split_at_checked(DIGEST_BYTES)?;
    if Sha256::digest(code)[..] != *digest {
        return None;
    }
    precompiled::load(engine, code).ok()
}

fn write(file: &Path, code: &[u8]) -> io::Result<()> {
    replace(file, &[&Sha256::digest(code), code])
}

pub(crate) fn replace(file: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let directory: PathBuf = file.parent().unwrap_or(Path::new(".")).to_owned();
    fs::create_dir_all(&directory)?;
    let mut temporary = tempfile::NamedTempFile::new_in(&directory)?;
    for part in parts {
        temporary.write_all(part)?;
    }
    temporary.persist(file)?;
    Ok(())
}
