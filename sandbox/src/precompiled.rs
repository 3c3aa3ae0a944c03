//! The only unsafe code of this package but for what `worker/confine.rs` asks of the kernel.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Result};

/// Makes a component of a file with machine code that [`Engine::precompile_component`] made.
///
/// The caller has checked that the file is what its name says. wasmtime itself checks that
/// version and settings fit.
pub(crate) fn component(engine: &Engine, file: &Path) -> Result<Component> {
    #[expect(
        unsafe_code,
        reason = "machine code from a file is run as it is; the caller checks its digest; \
                  files are replaced, never changed, while they are mapped; and whoever can \
                  write to the user's cache directory can run code as the user anyway"
    )]
    unsafe {
        Component::deserialize_file(engine, file)
    }
}

/// The same for [`Engine::precompile_module`].
pub(crate) fn module(engine: &Engine, file: &Path) -> Result<Module> {
    #[expect(unsafe_code, reason = "as for a component")]
    unsafe {
        Module::deserialize_file(engine, file)
    }
}
