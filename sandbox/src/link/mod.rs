//! Links the core modules of a guest into one.
//!
//! `componentize-py` makes a component of about a dozen position-independent modules (libc,
//! libpython, its own runtime, …) that are linked to each other whenever an instance is made:
//! thousands of imports are looked up, thousands of table entries are written, and code of the
//! guest reaches its own data through imported globals. The snapshot of the interpreter has
//! fixed all addresses by then, so all of that can be done once:
//!
//! - the modules become one module, whose functions call each other directly;
//! - trampolines (functions that call through a table slot that never changes) are skipped;
//! - globals that nothing writes become constants, in code and in the offsets of segments, so
//!   that the compiler folds addresses and the table is a part of the compiled image.
//!
//! What a component has beside its modules (types, imports, lifted and lowered functions) stays
//! as it is. [`link`] fails on a shape that it does not know; nothing is guessed.

mod component;
mod merge;
mod module;
mod names;

use thiserror::Error;

/// Changes whenever linked guests differ from what an earlier revision made of the same
/// component, which changes how much fuel they use.
pub(crate) const REVISION: u32 = 1;

/// Why a component could not be linked.
#[derive(Debug, Error)]
pub enum LinkError {
    #[error("it is no valid component: {0}")]
    Parse(#[from] wasmparser::BinaryReaderError),
    /// A part that the linker has no rule for.
    #[error("there is no rule for {0}")]
    Unexpected(String),
}

impl From<wasm_encoder::reencode::Error> for LinkError {
    fn from(error: wasm_encoder::reencode::Error) -> Self {
        Self::Unexpected(error.to_string())
    }
}

type Result<T> = std::result::Result<T, LinkError>;

fn unexpected<T>(what: impl Into<String>) -> Result<T> {
    Err(LinkError::Unexpected(what.into()))
}

/// The component `bytes` with its modules linked into one.
///
/// # Errors
/// On a component that `componentize-py` would not make.
pub(crate) fn link(bytes: &[u8]) -> Result<Vec<u8>> {
    let component = component::Component::parse(bytes)?;
    component.linked()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_guest_becomes_three_modules() {
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guest/coderl-guest.wasm");
        let guest = std::fs::read(guest).expect("`make guest` builds the guest");
        let linked = link(&guest).unwrap();
        wasmparser::Validator::new().validate_all(&linked).unwrap();
        let modules = |bytes: &[u8]| {
            wasmparser::Parser::new(0)
                .parse_all(bytes)
                .filter(|payload| matches!(payload, Ok(wasmparser::Payload::ModuleSection { .. })))
                .count()
        };
        assert!(modules(&guest) > 10);
        // The merged one, and the two for indirections of imported functions.
        assert_eq!(modules(&linked), 3);
        assert_eq!(link(&guest).unwrap(), linked, "linking is deterministic");
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert!(matches!(link(b"junk"), Err(LinkError::Parse(_))));
    }
}
