//! Test scripts for a clean guest in which the program's functions are stand-ins.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_text_size::Ranged;

use crate::judge::apart::names::{Definitions, Names, definitions, free, is_builtin, local_name};
use crate::judge::apart::plan::Surroundings;
use crate::judge::apart::subject::is_plain_method;

/// A script for the tester.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TesterScript {
    /// Runs in front, before the functions of the program are put in: imports of the setup,
    /// modules that the script takes from the program, helpers that the statement gives.
    pub(crate) prelude: String,
    pub(crate) source: String,
    /// Functions of the program that the script may call.
    pub(crate) functions: Vec<String>,
    /// Names that the program has to define although the tester has them from elsewhere.
    pub(crate) required: Vec<String>,
}

/// Modules that a script may use without importing them, because programs mostly do.
const MODULES: [&str; 17] = [
    "bisect",
    "cmath",
    "collections",
    "copy",
    "functools",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "os",
    "random",
    "re",
    "statistics",
    "string",
    "sys",
    "time",
];

/// Modules whose objects are no plain data but equal each other. A test that works with them
/// would not know one that came from the program's guest.
const MODULES_OF_OBJECTS: [&str; 10] = [
    "array",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "ipaddress",
    "numpy",
    "pathlib",
    "uuid",
];

/// The script for `source`, unless it uses the program's functions as something other than
/// functions of plain data.
pub(super) fn tester_script(
    source: &str,
    module: &ModModule,
    surroundings: &Surroundings<'_>,
    setup: &[Stmt],
    references: &Definitions,
    not_builtin: &BTreeSet<String>,
) -> Option<TesterScript> {
    let names = Names::of_body(&module.body);
    if works_with_objects(module, setup, &names) {
        return None;
    }
    let mut prelude = String::new();
    let mut from_setup = BTreeSet::new();
    for statement in setup {
        let names = Names::of_body(std::slice::from_ref(statement));
        if matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_)) {
            prelude.push_str(&surroundings.setup[statement.range()]);
            prelude.push('\n');
            from_setup.extend(names.bound);
        } else if names.bound.iter().any(|name| uses(&module.body, name)) {
            // The setup made it from the program's own objects.
            return None;
        }
    }
    let free = free(&module.body);
    let free: Vec<&str> = free
        .iter()
        .map(String::as_str)
        .filter(|name| !from_setup.contains(*name))
        .filter(|name| !is_builtin(name) || not_builtin.contains(*name))
        .collect();
    // A helper that the statement gives: the tester has it from there, so that a program
    // cannot replace it by one that suits its results.
    let given = match (surroundings.completion_prefix, surroundings.entry_point) {
        (Some(prefix), Some(entry_point)) => {
            let mut given = definitions(prefix).functions;
            given.remove(entry_point);
            given
        }
        _ => BTreeSet::new(),
    };
    if let Some(prefix) = surroundings.completion_prefix
        && free.iter().any(|name| given.contains(*name))
    {
        prelude.push_str(prefix);
        prelude.push('\n');
    }
    let mut functions = Vec::new();
    let mut required = Vec::new();
    let mut objects = Objects {
        free: &free,
        found: false,
        odd_attribute: false,
    };
    objects.visit_body(&module.body);
    if objects.found {
        return None;
    }
    let odd_attribute = objects.odd_attribute;
    for name in free {
        let is_module = MODULES.contains(&name) && has_attribute(&module.body, name);
        let is_class = references.classes.contains(name)
            || (name.starts_with(char::is_uppercase)
                && odd_attribute
                && !references.functions.contains(name)
                && surroundings.entry_point != Some(name));
        if is_module {
            prelude.push_str(&format!("import {name}\n"));
            required.push(name.to_owned());
        } else if given.contains(name) {
            required.push(name.to_owned());
        } else if is_class {
            return None;
        } else {
            functions.push(name.to_owned());
        }
    }
    Some(TesterScript {
        prelude,
        source: source.to_owned(),
        functions,
        required,
    })
}

/// Looks for uses of the program's names that need the program's own objects.
struct Objects<'n> {
    free: &'n [&'n str],
    found: bool,
    /// An attribute that plain data does not have.
    odd_attribute: bool,
}

impl Objects<'_> {
    fn is_free(&self, expression: &Expr) -> bool {
        matches!(expression, Expr::Name(name) if self.free.contains(&name.id.as_str()))
    }
}

impl<'a> Visitor<'a> for Objects<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::ClassDef(class) => {
                let bases = class.arguments.as_deref();
                self.found |=
                    bases.is_some_and(|bases| bases.args.iter().any(|base| self.is_free(base)));
            }
            Stmt::Try(statement) => {
                for handler in &statement.handlers {
                    let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                    let kind = handler.type_.as_deref();
                    self.found |= kind.is_some_and(|kind| match kind {
                        Expr::Tuple(kinds) => kinds.elts.iter().any(|kind| self.is_free(kind)),
                        kind => self.is_free(kind),
                    });
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Attribute(attribute) => {
                if let Expr::Name(name) = &*attribute.value {
                    let module = MODULES.contains(&name.id.as_str());
                    self.found |= self.is_free(&attribute.value) && !module;
                }
                self.odd_attribute |=
                    !is_plain_method(&attribute.attr) && !attribute.value.is_name_expr();
                self.odd_attribute |= attribute.value.as_name_expr().is_some_and(|name| {
                    !is_plain_method(&attribute.attr) && !MODULES.contains(&name.id.as_str())
                });
            }
            Expr::Call(call) => {
                let is_type_check = matches!(&*call.func, Expr::Name(name)
                    if matches!(name.id.as_str(), "isinstance" | "issubclass"));
                if is_type_check && let Some(kind) = call.arguments.args.get(1) {
                    self.found |= match kind {
                        Expr::Tuple(kinds) => kinds.elts.iter().any(|kind| self.is_free(kind)),
                        kind => self.is_free(kind),
                    };
                }
                // A function of the test, handed to one of the program.
                let called_program = self.is_free(&call.func);
                self.found |=
                    called_program
                        && call.arguments.args.iter().any(|argument| {
                            matches!(argument, Expr::Lambda(_) | Expr::Generator(_))
                        });
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

fn works_with_objects(module: &ModModule, setup: &[Stmt], names: &Names) -> bool {
    let is_one = |name: &str| {
        let top = name.split('.').next().unwrap_or(name);
        MODULES_OF_OBJECTS.contains(&top)
    };
    let imports_one = |statement: &Stmt, read: &dyn Fn(&str) -> bool| match statement {
        Stmt::Import(import) => import
            .names
            .iter()
            .any(|alias| is_one(&alias.name) && read(local_name(alias))),
        Stmt::ImportFrom(import) => {
            import.module.as_ref().is_some_and(|name| is_one(name))
                && import.names.iter().any(|alias| read(local_name(alias)))
        }
        _ => false,
    };
    let is_read = |name: &str| name == "*" || names.read.contains(name);
    let mut all = Imports(Vec::new());
    all.visit_body(&module.body);
    all.visit_body(setup);
    all.0
        .into_iter()
        .any(|import| imports_one(import, &is_read))
        || names.read.iter().any(|name| is_one(name))
        || names.read.contains("deque")
}

/// Import statements at any depth.
struct Imports<'a>(Vec<&'a Stmt>);

impl<'a> Visitor<'a> for Imports<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_)) {
            self.0.push(statement);
        }
        visitor::walk_stmt(self, statement);
    }
}

fn uses(body: &[Stmt], name: &str) -> bool {
    Names::of_body(body).read.contains(name)
}

/// Whether `name.…` occurs.
fn has_attribute(body: &[Stmt], name: &str) -> bool {
    struct Search<'n>(&'n str, bool);
    impl<'a> Visitor<'a> for Search<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Attribute(attribute) = expression
                && let Expr::Name(name) = &*attribute.value
            {
                self.1 |= name.id.as_str() == self.0;
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut search = Search(name, false);
    search.visit_body(body);
    search.1
}
