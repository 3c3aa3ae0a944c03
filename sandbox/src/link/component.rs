//! The component around the modules: parsed into a list of parts, written again with the merged
//! module in the place of its members.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use wasm_encoder as encoder;
use wasm_encoder::{
    Alias, CanonicalFunctionSection, ComponentAliasSection, InstanceSection, RawSection,
};
use wasmparser::{CanonicalFunction, CanonicalOption, ComponentAlias, Instance, Parser, Payload};

use super::merge::{Parts, export_name};
use super::module::Module;
use super::names::{CoreInstance, Item, Kind, Origin, origin};
use super::{Result, unexpected};

/// Export by which the module of indirections for imported functions is known; another module
/// fills it, and these two stay apart because lowered functions need the merged memory.
const SHIM_TABLE: &str = "$imports";

/// A part of the component, in order.
enum Part<'a> {
    /// A section without core things.
    Raw {
        id: u8,
        data: &'a [u8],
    },
    ComponentAlias(ComponentAlias<'a>),
    /// The canonical definition of this number.
    Canonical(u32),
    /// The core instance of this number.
    Instance(u32),
}

#[derive(Default)]
pub(super) struct Component<'a> {
    parts: Vec<Part<'a>>,
    modules: Vec<Module<'a>>,
    instances: Vec<CoreInstance<'a>>,
    canonicals: Vec<CanonicalFunction>,
    /// Core index spaces.
    functions: Vec<Item<'a>>,
    memories: Vec<Item<'a>>,
    tables: Vec<Item<'a>>,
    globals: Vec<Item<'a>>,
}

impl<'a> Component<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut component = Self::default();
        // Modules and components inside are taken whole.
        let mut skip_to = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match payload {
                Payload::ModuleSection {
                    ref unchecked_range,
                    ..
                } if unchecked_range.start >= skip_to => {
                    skip_to = unchecked_range.end;
                    let module = Module::parse(slice(bytes, unchecked_range))?;
                    component.modules.push(module);
                }
                Payload::ComponentSection {
                    ref unchecked_range,
                    ..
                } if unchecked_range.start >= skip_to => {
                    skip_to = unchecked_range.end;
                    component.parts.push(Part::Raw {
                        id: encoder::ComponentSectionId::Component.into(),
                        data: slice(bytes, unchecked_range),
                    });
                }
                Payload::Version { .. } | Payload::End(_) => {}
                ref other => {
                    if let Some((id, range)) = other.as_section()
                        && range.start >= skip_to
                    {
                        component.section(payload, id, slice(bytes, &range))?;
                    }
                }
            }
        }
        Ok(component)
    }

    fn section(&mut self, payload: Payload<'a>, id: u8, data: &'a [u8]) -> Result<()> {
        match payload {
            Payload::ComponentTypeSection(_)
            | Payload::ComponentImportSection(_)
            | Payload::ComponentExportSection(_)
            | Payload::ComponentInstanceSection(_) => self.parts.push(Part::Raw { id, data }),
            Payload::CustomSection(_) => {}
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for canonical in section {
                    let number = self.canonicals.len() as u32;
                    let canonical = canonical?;
                    if !matches!(canonical, CanonicalFunction::Lift { .. }) {
                        self.functions.push(Item::Canonical(number));
                    }
                    self.canonicals.push(canonical);
                    self.parts.push(Part::Canonical(number));
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = self.instance(instance?)?;
                    self.parts.push(Part::Instance(self.instances.len() as u32));
                    self.instances.push(instance);
                }
            }
            other => return unexpected(format!("a section {other:?} of a component")),
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<()> {
        let ComponentAlias::CoreInstanceExport {
            kind,
            instance_index,
            name,
        } = alias
        else {
            self.parts.push(Part::ComponentAlias(alias));
            return Ok(());
        };
        let kind = kind.try_into()?;
        let item = Item::Export {
            instance: instance_index,
            kind,
            name,
        };
        match kind {
            Kind::Function => self.functions.push(item),
            Kind::Memory => self.memories.push(item),
            Kind::Table => self.tables.push(item),
            Kind::Global => self.globals.push(item),
        }
        Ok(())
    }

    fn instance(&self, instance: Instance<'a>) -> Result<CoreInstance<'a>> {
        Ok(match instance {
            Instance::Instantiate { module_index, args } => CoreInstance::Module {
                module: module_index,
                arguments: args.iter().map(|arg| (arg.name, arg.index)).collect(),
            },
            Instance::FromExports(exports) => {
                let mut items = HashMap::new();
                for export in &exports {
                    let space = match export.kind.try_into()? {
                        Kind::Function => &self.functions,
                        Kind::Memory => &self.memories,
                        Kind::Table => &self.tables,
                        Kind::Global => &self.globals,
                    };
                    items.insert(export.name, space[export.index as usize]);
                }
                CoreInstance::Exports(items)
            }
        })
    }

    /// Whether a module takes part in the indirection of imported functions.
    fn stays_apart(&self, module: u32) -> bool {
        let module = &self.modules[module as usize];
        module.exports.contains_key(SHIM_TABLE)
            || module
                .imports
                .iter()
                .any(|(_, import)| import.name == SHIM_TABLE)
    }

    pub(super) fn linked(&self) -> Result<Vec<u8>> {
        let members = self
            .instances
            .iter()
            .enumerate()
            .filter_map(|(instance, what)| match what {
                CoreInstance::Module { module, .. } if !self.stays_apart(*module) => {
                    Some((instance as u32, &self.modules[*module as usize]))
                }
                _ => None,
            })
            .collect();
        let merge = Parts {
            instances: &self.instances,
            members,
        };
        let mut instances = HashSet::new();
        if !merge
            .members
            .iter()
            .all(|(_, module)| instances.insert(module.bytes.as_ptr()))
        {
            return unexpected("a module with two instances");
        }
        let mut writer = Writer {
            component: self,
            merge,
            out: encoder::Component::new(),
            merged: None,
            n_modules: 0,
            n_instances: 0,
            n_functions: 0,
            n_other: HashMap::new(),
            known: HashMap::new(),
            instances: HashMap::new(),
        };
        for part in &self.parts {
            writer.part(part)?;
        }
        Ok(writer.out.finish())
    }
}

fn slice<'a>(bytes: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    &bytes[range.start as usize..range.end as usize]
}

/// Writes the new component and keeps count of its index spaces.
struct Writer<'a, 'c> {
    component: &'c Component<'a>,
    merge: Parts<'a, 'c>,
    out: encoder::Component,
    /// Instance of the merged module, once it is needed.
    merged: Option<u32>,
    n_modules: u32,
    n_instances: u32,
    n_functions: u32,
    /// Aliases of memories, tables and globals.
    n_other: HashMap<Kind, u32>,
    /// New indices.
    known: HashMap<Origin<'a>, u32>,
    instances: HashMap<u32, u32>,
}

impl<'a> Writer<'a, '_> {
    fn part(&mut self, part: &Part<'a>) -> Result<()> {
        match part {
            Part::Raw { id, data } => {
                self.out.section(&RawSection { id: *id, data });
            }
            Part::ComponentAlias(alias) => {
                let mut section = ComponentAliasSection::new();
                section.alias(match *alias {
                    ComponentAlias::InstanceExport {
                        kind,
                        instance_index,
                        name,
                    } => Alias::InstanceExport {
                        instance: instance_index,
                        kind: kind.into(),
                        name,
                    },
                    ComponentAlias::Outer { kind, count, index } => Alias::Outer {
                        kind: kind.into(),
                        count,
                        index,
                    },
                    ComponentAlias::CoreInstanceExport { .. } => {
                        return unexpected("an alias in the wrong place");
                    }
                });
                self.out.section(&section);
            }
            Part::Canonical(number) => self.canonical(*number)?,
            Part::Instance(number) => self.instance(*number)?,
        }
        Ok(())
    }

    fn canonical(&mut self, number: u32) -> Result<()> {
        let component = self.component;
        let mut section = CanonicalFunctionSection::new();
        match &component.canonicals[number as usize] {
            CanonicalFunction::Lift {
                core_func_index,
                type_index,
                options,
            } => {
                let function = self.item(component.functions[*core_func_index as usize])?;
                let options = self.options(options)?;
                section.lift(function, *type_index, options);
                self.out.section(&section);
                return Ok(());
            }
            CanonicalFunction::Lower {
                func_index,
                options,
            } => {
                let options = self.options(options)?;
                section.lower(*func_index, options);
            }
            CanonicalFunction::ResourceDrop { resource, .. } => {
                section.resource_drop(*resource);
            }
            CanonicalFunction::ResourceNew { resource } => {
                section.resource_new(*resource);
            }
            CanonicalFunction::ResourceRep { resource } => {
                section.resource_rep(*resource);
            }
            other => return unexpected(format!("a canonical definition {other:?}")),
        }
        self.out.section(&section);
        self.known
            .insert(Origin::Canonical(number), self.n_functions);
        self.n_functions += 1;
        Ok(())
    }

    fn options(&mut self, options: &[CanonicalOption]) -> Result<Vec<encoder::CanonicalOption>> {
        let component = self.component;
        options
            .iter()
            .map(|option| {
                Ok(match *option {
                    CanonicalOption::UTF8 => encoder::CanonicalOption::UTF8,
                    CanonicalOption::Memory(index) => encoder::CanonicalOption::Memory(
                        self.item(component.memories[index as usize])?,
                    ),
                    CanonicalOption::Realloc(index) => encoder::CanonicalOption::Realloc(
                        self.item(component.functions[index as usize])?,
                    ),
                    CanonicalOption::PostReturn(index) => encoder::CanonicalOption::PostReturn(
                        self.item(component.functions[index as usize])?,
                    ),
                    other => return unexpected(format!("an option {other:?}")),
                })
            })
            .collect()
    }

    /// Writes an instance unless it is a member, or a bag that is looked through.
    fn instance(&mut self, number: u32) -> Result<()> {
        let component = self.component;
        let CoreInstance::Module { module, arguments } = &component.instances[number as usize]
        else {
            return Ok(());
        };
        if !component.stays_apart(*module) {
            return Ok(());
        }
        let mut given: Vec<(&str, u32)> = Vec::new();
        let mut names: Vec<_> = arguments.iter().collect();
        names.sort();
        for (name, from) in names {
            let CoreInstance::Exports(items) = &component.instances[*from as usize] else {
                return unexpected("an argument that is no list of exports");
            };
            let mut sorted: Vec<_> = items.iter().collect();
            sorted.sort_by_key(|(name, _)| **name);
            let mut exports = Vec::new();
            for (name, item) in sorted {
                let kind = match item {
                    Item::Export { kind, .. } => *kind,
                    Item::Canonical(_) => Kind::Function,
                };
                exports.push((*name, kind.into(), self.item(*item)?));
            }
            given.push((name, self.bag(exports)));
        }
        let bytes = component.modules[*module as usize].bytes;
        let instance = self.instantiate(bytes, given);
        self.instances.insert(number, instance);
        Ok(())
    }

    /// An instance made of exports.
    fn bag(&mut self, exports: Vec<(&str, encoder::ExportKind, u32)>) -> u32 {
        let mut section = InstanceSection::new();
        section.export_items(exports);
        self.out.section(&section);
        self.n_instances += 1;
        self.n_instances - 1
    }

    fn instantiate(&mut self, module: &[u8], arguments: Vec<(&str, u32)>) -> u32 {
        self.out.section(&RawSection {
            id: encoder::ComponentSectionId::CoreModule.into(),
            data: module,
        });
        let mut section = InstanceSection::new();
        section.instantiate(
            self.n_modules,
            arguments
                .into_iter()
                .map(|(name, instance)| (name, encoder::ModuleArg::Instance(instance))),
        );
        self.out.section(&section);
        self.n_modules += 1;
        self.n_instances += 1;
        self.n_instances - 1
    }

    /// Index of a core thing in the new component, written first where necessary.
    fn item(&mut self, item: Item<'a>) -> Result<u32> {
        let origin = origin(&self.component.instances, item)?;
        self.origin(origin)
    }

    fn origin(&mut self, origin: Origin<'a>) -> Result<u32> {
        if let Some(index) = self.known.get(&origin) {
            return Ok(*index);
        }
        let Origin::Module {
            instance,
            module,
            kind,
            name,
        } = origin
        else {
            return unexpected("a function that is used before it is defined");
        };
        let (instance, name) = if self.component.stays_apart(module) {
            match self.instances.get(&instance) {
                Some(instance) => (*instance, name.to_owned()),
                None => return unexpected("an instance that is used before it is made"),
            }
        } else {
            (self.merged()?, export_name(instance, name))
        };
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport {
            instance,
            kind: kind.into(),
            name: &name,
        });
        self.out.section(&section);
        let count = match kind {
            Kind::Function => &mut self.n_functions,
            _ => self.n_other.entry(kind).or_default(),
        };
        let index = *count;
        *count += 1;
        self.known.insert(origin, index);
        Ok(index)
    }

    fn merged(&mut self) -> Result<u32> {
        if let Some(instance) = self.merged {
            return Ok(instance);
        }
        let merged = self.merge.merge()?;
        let mut exports = Vec::new();
        let names: Vec<String> = (0..merged.imports.len()).map(|i| i.to_string()).collect();
        for (name, import) in names.iter().zip(merged.imports) {
            exports.push((
                name.as_str(),
                encoder::ExportKind::Func,
                self.origin(import)?,
            ));
        }
        let bag = self.bag(exports);
        let instance = self.instantiate(&merged.bytes, vec![("", bag)]);
        self.merged = Some(instance);
        Ok(instance)
    }
}
