//! Many modules, one module.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use wasm_encoder as encoder;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{ElementItems, ElementKind, Operator};

use super::module::Module;
use super::names::{CoreInstance, Item, Kind, Origin, origin};
use super::{Result, unexpected};

/// The modules to merge, by the number of their instance, in order of instantiation.
pub(super) struct Parts<'a, 'm> {
    pub(super) instances: &'m [CoreInstance<'a>],
    pub(super) members: Vec<(u32, &'m Module<'a>)>,
}

/// The merged module and what the component has to give to it.
pub(super) struct Merged<'a> {
    pub(super) bytes: Vec<u8>,
    /// Functions to import, in order; the import at `i` is called `i` in the module `""`.
    pub(super) imports: Vec<Origin<'a>>,
}

/// A definition: which member, and which of its own things of that kind.
type Definition = (usize, u32);

/// Where something that a member calls by an index comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source<'a> {
    Defined(Definition),
    Outside(Origin<'a>),
}

/// Name under which the merged module exports what instance `instance` exports as `name`.
pub(super) fn export_name(instance: u32, name: &str) -> String {
    format!("{instance}:{name}")
}

impl<'a> Parts<'a, '_> {
    fn member_of(&self, instance: u32) -> Option<usize> {
        self.members.iter().position(|(i, _)| *i == instance)
    }

    /// Follows imports of members to the definition.
    fn source(&self, member: usize, kind: Kind, index: u32) -> Result<Source<'a>> {
        let (instance, module) = self.members[member];
        let Some(import) = module.imports_of(kind).nth(index as usize) else {
            let n_imports = module.imports_of(kind).count();
            return Ok(Source::Defined((member, index - n_imports as u32)));
        };
        let CoreInstance::Module { arguments, .. } = &self.instances[instance as usize] else {
            return unexpected("a member that is no module");
        };
        let Some(&from) = arguments.get(import.module) else {
            return unexpected(format!("an import from nowhere, `{}`", import.module));
        };
        let item = Item::Export {
            instance: from,
            kind,
            name: import.name,
        };
        match origin(self.instances, item)? {
            Origin::Module {
                instance,
                kind,
                name,
                ..
            } if self.member_of(instance).is_some() => {
                let member = self.member_of(instance).unwrap_or_default();
                match self.members[member].1.exports.get(name) {
                    Some(&(found, index)) if found == kind => self.source(member, kind, index),
                    _ => unexpected(format!("a missing export `{name}`")),
                }
            }
            outside => Ok(Source::Outside(outside)),
        }
    }

    /// The merged module, exporting everything that members export.
    pub(super) fn merge(&self) -> Result<Merged<'a>> {
        let mut spaces = Spaces::new(self)?;
        spaces.find_constants(self)?;
        spaces.skip_trampolines(self)?;
        let bytes = spaces.encode(self)?;
        Ok(Merged {
            bytes,
            imports: spaces.imports,
        })
    }
}

/// Index spaces of the merged module.
struct Spaces<'a> {
    /// Functions from outside, and the type that the first member importing them gives.
    imports: Vec<Origin<'a>>,
    import_types: Vec<u32>,
    /// For each member, for each of its indices, the index in the merged module.
    functions: Vec<Vec<u32>>,
    globals: Vec<Vec<u32>>,
    tables: Vec<Vec<u32>>,
    memories: Vec<Vec<u32>>,
    /// What is added to a member's own numbers.
    first_type: Vec<u32>,
    first_data: Vec<u32>,
    first_element: Vec<u32>,
    /// Values of merged globals that never change.
    constants: HashMap<u32, i32>,
}

impl<'a> Spaces<'a> {
    fn new(parts: &Parts<'a, '_>) -> Result<Self> {
        let running = |count: &dyn Fn(&Module<'a>) -> usize| {
            let mut next = 0;
            parts
                .members
                .iter()
                .map(|(_, module)| {
                    let first = next;
                    next += count(module) as u32;
                    first
                })
                .collect::<Vec<u32>>()
        };
        let mut spaces = Self {
            imports: Vec::new(),
            import_types: Vec::new(),
            functions: Vec::new(),
            globals: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            first_type: running(&|module| module.types.len()),
            first_data: running(&|module| module.data.len()),
            first_element: running(&|module| module.elements.len()),
            constants: HashMap::new(),
        };
        let mut known = HashMap::new();
        for (member, (_, module)) in parts.members.iter().enumerate() {
            for (index, import) in module.imports_of(Kind::Function).enumerate() {
                let wasmparser::TypeRef::Func(ty) = import.ty else {
                    return unexpected("a function of an exact type");
                };
                if let Source::Outside(outside) =
                    parts.source(member, Kind::Function, index as u32)?
                {
                    known.entry(outside).or_insert_with(|| {
                        spaces.imports.push(outside);
                        spaces.import_types.push(spaces.first_type[member] + ty);
                        spaces.imports.len() as u32 - 1
                    });
                }
            }
        }
        let n_imports = spaces.imports.len() as u32;
        spaces.functions = spaces.indices(
            parts,
            Kind::Function,
            &running(&|module| module.functions.len()),
            n_imports,
            &known,
        )?;
        let none = HashMap::new();
        for (kind, first) in [
            (Kind::Global, running(&|module| module.globals.len())),
            (Kind::Table, running(&|module| module.tables.len())),
            (Kind::Memory, running(&|module| module.memories.len())),
        ] {
            let indices = spaces.indices(parts, kind, &first, 0, &none)?;
            match kind {
                Kind::Global => spaces.globals = indices,
                Kind::Table => spaces.tables = indices,
                _ => spaces.memories = indices,
            }
        }
        Ok(spaces)
    }

    fn indices(
        &self,
        parts: &Parts<'a, '_>,
        kind: Kind,
        first: &[u32],
        n_imports: u32,
        imports: &HashMap<Origin<'a>, u32>,
    ) -> Result<Vec<Vec<u32>>> {
        let count = |module: &Module<'a>| match kind {
            Kind::Function => module.functions.len(),
            Kind::Global => module.globals.len(),
            Kind::Table => module.tables.len(),
            _ => module.memories.len(),
        };
        let mut all = Vec::new();
        for (member, (_, module)) in parts.members.iter().enumerate() {
            let n = module.imports_of(kind).count() + count(module);
            let indices = (0..n as u32)
                .map(|index| match parts.source(member, kind, index)? {
                    Source::Defined((member, own)) => Ok(n_imports + first[member] + own),
                    Source::Outside(outside) => match imports.get(&outside) {
                        Some(index) => Ok(*index),
                        None => unexpected(format!("an import of a {kind:?} from outside")),
                    },
                })
                .collect::<Result<_>>()?;
            all.push(indices);
        }
        Ok(all)
    }

    /// Globals that start as a constant and that no code writes.
    fn find_constants(&mut self, parts: &Parts<'a, '_>) -> Result<()> {
        let mut written = HashSet::new();
        for (member, (_, module)) in parts.members.iter().enumerate() {
            for body in &module.bodies {
                let mut reader = body.get_operators_reader()?;
                while !reader.eof() {
                    if let Operator::GlobalSet { global_index } = reader.read()? {
                        written.insert(self.globals[member][global_index as usize]);
                    }
                }
            }
        }
        for (member, (_, module)) in parts.members.iter().enumerate() {
            let n_imports = module.imports_of(Kind::Global).count();
            for (own, global) in module.globals.iter().enumerate() {
                let merged = self.globals[member][n_imports + own];
                let mut reader = global.init_expr.get_operators_reader();
                if let (Operator::I32Const { value }, Operator::End) =
                    (reader.read()?, reader.read()?)
                    && !written.contains(&merged)
                {
                    self.constants.insert(merged, value);
                }
            }
        }
        Ok(())
    }

    /// Lets callers of a trampoline call its target.
    fn skip_trampolines(&mut self, parts: &Parts<'a, '_>) -> Result<()> {
        let mut slots = HashMap::new();
        for (member, (_, module)) in parts.members.iter().enumerate() {
            for element in &module.elements {
                let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(functions)) =
                    (&element.kind, &element.items)
                else {
                    continue;
                };
                let mut reader = offset_expr.get_operators_reader();
                let offset = match reader.read()? {
                    Operator::I32Const { value } => value,
                    Operator::GlobalGet { global_index } => {
                        match self
                            .constants
                            .get(&self.globals[member][global_index as usize])
                        {
                            Some(value) => *value,
                            None => return unexpected("a segment at a variable offset"),
                        }
                    }
                    _ => return unexpected("a segment at a computed offset"),
                };
                for (slot, function) in (offset.cast_unsigned()..).zip(functions.clone()) {
                    slots.insert(slot, self.functions[member][function? as usize]);
                }
            }
        }
        let mut targets = HashMap::new();
        for (member, (_, module)) in parts.members.iter().enumerate() {
            // Others may write to the table: only the module that holds it has trampolines.
            if module.tables.is_empty() {
                continue;
            }
            let n_imports = module.imports_of(Kind::Function).count();
            for own in 0..module.functions.len() {
                if let Some(slot) = module.trampoline_slot(own)?
                    && let Some(target) = slots.get(&slot)
                {
                    targets.insert(self.functions[member][n_imports + own], *target);
                }
            }
        }
        for index in self.functions.iter_mut().flatten() {
            // A chain of trampolines ends where one leads back.
            for _ in 0..targets.len() {
                match targets.get(index) {
                    Some(target) if target != index => *index = *target,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn encode(&self, parts: &Parts<'a, '_>) -> Result<Vec<u8>> {
        let mut types = encoder::TypeSection::new();
        let mut functions = encoder::FunctionSection::new();
        let mut tables = encoder::TableSection::new();
        let mut memories = encoder::MemorySection::new();
        let mut globals = encoder::GlobalSection::new();
        let mut exports = encoder::ExportSection::new();
        let mut elements = encoder::ElementSection::new();
        let mut code = encoder::CodeSection::new();
        let mut data = encoder::DataSection::new();
        let mut n_data = 0;
        for (member, (instance, module)) in parts.members.iter().enumerate() {
            let mut renumber = Renumber {
                spaces: self,
                member,
            };
            for ty in &module.types {
                types.ty().func_type(&renumber.func_type(ty.clone())?);
            }
            for ty in &module.functions {
                functions.function(renumber.type_index(*ty)?);
            }
            for table in &module.tables {
                tables.table(renumber.table_type(*table)?);
            }
            for memory in &module.memories {
                memories.memory(renumber.memory_type(*memory)?);
            }
            for global in &module.globals {
                renumber.parse_global(&mut globals, global.clone())?;
            }
            let mut sorted: Vec<_> = module.exports.iter().collect();
            sorted.sort();
            for (name, (kind, index)) in sorted {
                let merged = match kind {
                    Kind::Function => renumber.function_index(*index),
                    Kind::Table => renumber.table_index(*index),
                    Kind::Memory => renumber.memory_index(*index),
                    Kind::Global => renumber.global_index(*index),
                }?;
                exports.export(&export_name(*instance, name), (*kind).into(), merged);
            }
            for element in &module.elements {
                renumber.parse_element(&mut elements, element.clone())?;
            }
            for body in &module.bodies {
                renumber.parse_function_body(&mut code, body.clone())?;
            }
            for segment in &module.data {
                renumber.parse_data(&mut data, segment.clone())?;
                n_data += 1;
            }
        }
        let mut imports = encoder::ImportSection::new();
        for (index, ty) in self.import_types.iter().enumerate() {
            imports.import("", &index.to_string(), encoder::EntityType::Function(*ty));
        }
        let mut merged = encoder::Module::new();
        merged
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&tables)
            .section(&memories)
            .section(&globals)
            .section(&exports)
            .section(&elements)
            .section(&encoder::DataCountSection { count: n_data })
            .section(&code)
            .section(&data);
        Ok(merged.finish())
    }
}

/// Translates a member's indices.
struct Renumber<'s, 'a> {
    spaces: &'s Spaces<'a>,
    member: usize,
}

/// What the methods of [`Reencode`] return.
type Renumbered<T> = std::result::Result<T, reencode::Error>;

impl Reencode for Renumber<'_, '_> {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.functions[self.member][index as usize])
    }

    fn global_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.globals[self.member][index as usize])
    }

    fn table_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.tables[self.member][index as usize])
    }

    fn memory_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.memories[self.member][index as usize])
    }

    fn type_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.first_type[self.member] + index)
    }

    fn data_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.first_data[self.member] + index)
    }

    fn element_index(&mut self, index: u32) -> Renumbered<u32> {
        Ok(self.spaces.first_element[self.member] + index)
    }

    fn instruction<'b>(&mut self, operator: Operator<'b>) -> Renumbered<encoder::Instruction<'b>> {
        if let Operator::GlobalGet { global_index } = operator {
            let merged = self.global_index(global_index)?;
            if let Some(value) = self.spaces.constants.get(&merged) {
                return Ok(encoder::Instruction::I32Const(*value));
            }
        }
        reencode::utils::instruction(self, operator)
    }
}
