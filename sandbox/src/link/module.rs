//! A core module taken into its parts.

use std::collections::HashMap;

use wasmparser::{
    Data, Element, FuncType, FunctionBody, Global, Import, MemoryType, Operator, Parser, Payload,
    TableType,
};

use super::names::Kind;
use super::{Result, unexpected};

#[derive(Default)]
pub(super) struct Module<'a> {
    /// The whole module.
    pub(super) bytes: &'a [u8],
    pub(super) types: Vec<FuncType>,
    pub(super) imports: Vec<(Kind, Import<'a>)>,
    /// Types of the functions that are defined here.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<TableType>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (Kind, u32)>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Module<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self {
            bytes,
            ..Self::default()
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        module.types.push(ty?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        module.imports.push((import.ty.try_into()?, import));
                    }
                }
                Payload::FunctionSection(section) => {
                    module.functions =
                        section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::TableSection(section) => {
                    for table in section {
                        module.tables.push(table?.ty);
                    }
                }
                Payload::MemorySection(section) => {
                    module.memories = section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    module.globals = section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        module
                            .exports
                            .insert(export.name, (export.kind.try_into()?, export.index));
                    }
                }
                Payload::ElementSection(section) => {
                    module.elements = section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::DataSection(section) => {
                    module.data = section.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => module.bodies.push(body),
                Payload::StartSection { .. } => return unexpected("a start function"),
                Payload::TagSection(_) => return unexpected("a tag"),
                Payload::Version { .. }
                | Payload::DataCountSection { .. }
                | Payload::CodeSectionStart { .. }
                | Payload::CustomSection(_)
                | Payload::End(_) => {}
                other => return unexpected(format!("a section {other:?}")),
            }
        }
        Ok(module)
    }

    /// Imports of one kind, in the order of their index space.
    pub(super) fn imports_of(&self, kind: Kind) -> impl Iterator<Item = &Import<'a>> {
        self.imports
            .iter()
            .filter(move |(of, _)| *of == kind)
            .map(|(_, import)| import)
    }

    /// The table slot through which function `defined` passes its parameters on, if that is
    /// all that it does.
    pub(super) fn trampoline_slot(&self, defined: usize) -> Result<Option<u32>> {
        let n_parameters = match self.types.get(self.functions[defined] as usize) {
            Some(ty) => ty.params().len(),
            None => return unexpected("a function without a type"),
        };
        let mut reader = self.bodies[defined].get_operators_reader()?;
        for parameter in 0..n_parameters {
            match reader.read()? {
                Operator::LocalGet { local_index } if local_index as usize == parameter => {}
                _ => return Ok(None),
            }
        }
        let Operator::I32Const { value: slot } = reader.read()? else {
            return Ok(None);
        };
        Ok(match (reader.read()?, reader.read()?) {
            (
                Operator::CallIndirect {
                    type_index,
                    table_index: 0,
                },
                Operator::End,
            ) if type_index == self.functions[defined] => u32::try_from(slot).ok(),
            _ => None,
        })
    }
}
