//! Machine code of the second guest. It is too large to be read as a whole whenever coderl
//! starts: it is mapped into memory, and its digest lies in a file beside it.

use std::fs;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use crate::error::SandboxError;
use crate::{cache, precompiled};

/// The compiled module `guest`, from the cache if possible. `name` stands for its content;
/// `on_compile` is called before a compilation, which takes a minute or two.
pub(crate) fn module(
    engine: &Engine,
    guest: &Path,
    name: &str,
    directory: &Path,
    on_compile: &dyn Fn(),
) -> Result<Module, SandboxError> {
    let file = directory.join(format!(
        "guest-{}.cwasm",
        cache::key(engine, name.as_bytes())
    ));
    let digest_file = file.with_extension("sha256");
    let compile_error = |source| SandboxError::Compile {
        path: guest.to_owned(),
        source,
    };
    let cache_error = |source| SandboxError::Cache {
        path: directory.to_owned(),
        source,
    };
    let is_whole = || Some(digest_of(&file).ok()? == fs::read(&digest_file).ok()?);
    if is_whole() == Some(true)
        && let Ok(module) = precompiled::map(engine, &file)
    {
        return Ok(module);
    }
    on_compile();
    let wasm = fs::read(guest).map_err(|source| SandboxError::Guest {
        path: guest.to_owned(),
        source,
    })?;
    let code = engine.precompile_module(&wasm).map_err(compile_error)?;
    drop(wasm);
    cache::replace(&file, &[&code]).map_err(cache_error)?;
    cache::replace(&digest_file, &[&Sha256::digest(&code)]).map_err(cache_error)?;
    drop(code);
    precompiled::map(engine, &file).map_err(compile_error)
}

fn digest_of(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = fs::File::open(file)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(digest.finalize().to_vec()),
            n => digest.update(&block[..n]),
        }
    }
}
