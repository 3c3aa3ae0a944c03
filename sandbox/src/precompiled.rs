//! The only unsafe code of this package.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

/// Makes a component of machine code that [`Engine::precompile_component`] wrote.
///
/// The caller has checked that `code` carries the digest that was stored when it was
/// compiled. wasmtime itself checks that version and settings fit.
pub(crate) fn load(engine: &Engine, code: &[u8]) -> Result<Component> {
    #[expect(
        unsafe_code,
        reason = "machine code from a file is run as it is; the caller checks its digest, and \
                  whoever can write to the user's cache directory can run code as the user anyway"
    )]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Maps a file of machine code that [`Engine::precompile_module`] wrote into memory.
///
/// The caller has checked the file's digest, as for [`load`].
pub(crate) fn map(engine: &Engine, file: &Path) -> Result<Module> {
    #[expect(unsafe_code, reason = "as in `load`")]
    unsafe {
        Module::deserialize_file(engine, file)
    }
}
