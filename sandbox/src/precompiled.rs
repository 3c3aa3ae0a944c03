//! The only unsafe code of this package.

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

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
