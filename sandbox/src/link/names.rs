//! Who provides what: names of core instances, resolved to the module that defines the thing.

use std::collections::HashMap;

use wasm_encoder::ExportKind;
use wasmparser::{ExternalKind, TypeRef};

use super::{Result, unexpected};

/// The index spaces that a guest uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Function,
    Table,
    Memory,
    Global,
}

impl TryFrom<ExternalKind> for Kind {
    type Error = super::LinkError;

    fn try_from(kind: ExternalKind) -> Result<Self> {
        Ok(match kind {
            ExternalKind::Func => Self::Function,
            ExternalKind::Table => Self::Table,
            ExternalKind::Memory => Self::Memory,
            ExternalKind::Global => Self::Global,
            other => return unexpected(format!("a {other:?}")),
        })
    }
}

impl TryFrom<TypeRef> for Kind {
    type Error = super::LinkError;

    fn try_from(ty: TypeRef) -> Result<Self> {
        Ok(match ty {
            TypeRef::Func(_) => Self::Function,
            TypeRef::Table(_) => Self::Table,
            TypeRef::Memory(_) => Self::Memory,
            TypeRef::Global(_) => Self::Global,
            other => return unexpected(format!("an import {other:?}")),
        })
    }
}

impl From<Kind> for ExportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Function => Self::Func,
            Kind::Table => Self::Table,
            Kind::Memory => Self::Memory,
            Kind::Global => Self::Global,
        }
    }
}

/// An instance of a core module, or a bag of things under new names.
pub(super) enum CoreInstance<'a> {
    Module {
        module: u32,
        /// Instance for each module name of its imports.
        arguments: HashMap<&'a str, u32>,
    },
    Exports(HashMap<&'a str, Item<'a>>),
}

/// Something that a component's core index spaces name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item<'a> {
    /// Export of a core instance.
    Export {
        instance: u32,
        kind: Kind,
        name: &'a str,
    },
    /// The function that the canonical definition of this number makes.
    Canonical(u32),
}

/// An item without detours through bags of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin<'a> {
    /// Export of the instance of a module; `instance` is that instance.
    Module {
        instance: u32,
        module: u32,
        kind: Kind,
        name: &'a str,
    },
    Canonical(u32),
}

/// Follows bags of exports to where an item comes from.
pub(super) fn origin<'a>(instances: &[CoreInstance<'a>], mut item: Item<'a>) -> Result<Origin<'a>> {
    loop {
        match item {
            Item::Canonical(number) => return Ok(Origin::Canonical(number)),
            Item::Export {
                instance,
                kind,
                name,
            } => match &instances[instance as usize] {
                CoreInstance::Module { module, .. } => {
                    return Ok(Origin::Module {
                        instance,
                        module: *module,
                        kind,
                        name,
                    });
                }
                CoreInstance::Exports(exports) => match exports.get(name) {
                    Some(next) => item = *next,
                    None => return unexpected(format!("a missing export `{name}`")),
                },
            },
        }
    }
}
