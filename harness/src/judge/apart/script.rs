//! Straight-line test scripts: asserts, and a check function that is called once.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFunctionDef, StmtImport, StmtImportFrom};

use crate::judge::apart::constant::constant;
use crate::judge::apart::names::{is_builtin, local_name};

/// What names mean where an assert stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    /// Names that the test code itself binds, so that they do not mean the program's.
    pub(super) bound: BTreeSet<String>,
    /// The parameter of a check function and the function that it stands for.
    pub(super) alias: Option<(&'a str, &'a str)>,
    /// Local names of the module `math`, and of functions imported from it.
    math: BTreeSet<String>,
    from_math: BTreeMap<String, String>,
    /// Names of functions under test that hide built-in ones.
    not_builtin: BTreeSet<String>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(not_builtin: BTreeSet<String>) -> Self {
        Self {
            not_builtin,
            ..Self::default()
        }
    }

    /// The built-in function that `expression` names.
    pub(super) fn builtin<'e>(&self, expression: &'e Expr) -> Option<&'e str> {
        let Expr::Name(name) = expression else {
            return None;
        };
        let id = name.id.as_str();
        (is_builtin(id) && !self.bound.contains(id) && !self.not_builtin.contains(id)).then_some(id)
    }

    /// The function or constant of `math` that `expression` names.
    pub(super) fn function_of_math<'e>(&'e self, expression: &'e Expr) -> Option<&'e str> {
        match expression {
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(module) if self.math.contains(module.id.as_str()) => {
                    Some(attribute.attr.as_str())
                }
                _ => None,
            },
            Expr::Name(name) => self.from_math.get(name.id.as_str()).map(String::as_str),
            _ => None,
        }
    }

    /// The name that a program has to define for `id` to mean something.
    pub(super) fn program_name<'n>(&'n self, id: &'n str) -> Option<&'n str> {
        if let Some((parameter, function)) = self.alias
            && id == parameter
        {
            return Some(function);
        }
        let is_program_name =
            !self.bound.contains(id) && (!is_builtin(id) || self.not_builtin.contains(id));
        is_program_name.then_some(id)
    }

    /// Notes imports; whether only modules are imported that are known to exist and to have
    /// no effect.
    pub(super) fn import(&mut self, import: &StmtImport) -> bool {
        import.names.iter().all(|alias| {
            if alias.name.as_str() == "math" {
                self.math.insert(local_name(alias).to_owned());
            }
            self.bound.insert(local_name(alias).to_owned());
            HARMLESS_MODULES.contains(&alias.name.as_str())
        })
    }

    pub(super) fn import_from(&mut self, import: &StmtImportFrom) -> bool {
        let module = import.module.as_ref().map_or("", |name| name.as_str());
        import.names.iter().all(|alias| {
            let name = alias.name.as_str();
            if module == "math" {
                self.from_math
                    .insert(local_name(alias).to_owned(), name.to_owned());
            }
            self.bound.insert(local_name(alias).to_owned());
            // Whether a name exists in another module is for Python to say.
            name != "*" && module == "math" && MATH.contains(&name)
        })
    }

    /// Notes what the setup of a problem imports: it runs in the program's guest, so its
    /// names may stand in subjects, but `math` is still `math`.
    pub(super) fn note_setup(&mut self, body: &[Stmt]) {
        let mut setup = Scope::default();
        for statement in body {
            match statement {
                Stmt::Import(import) => {
                    setup.import(import);
                }
                Stmt::ImportFrom(import) => {
                    setup.import_from(import);
                }
                _ => {}
            }
        }
        self.math.extend(setup.math);
        self.from_math.extend(setup.from_math);
    }
}

const HARMLESS_MODULES: [&str; 6] = ["copy", "math", "random", "string", "sys", "typing"];
const MATH: [&str; 6] = ["fabs", "inf", "isclose", "nan", "pi", "tau"];

/// The asserts of a script in the order in which they run, each with its scope. `None` if
/// the script has anything else that matters.
pub(super) fn asserts<'a>(
    body: &'a [Stmt],
    scope: Scope<'a>,
) -> Option<Vec<(&'a Expr, Scope<'a>)>> {
    let mut script = Script {
        scope,
        functions: BTreeMap::new(),
        asserts: Vec::new(),
    };
    for statement in body {
        script.top_level(statement)?;
    }
    Some(script.asserts)
}

struct Script<'a> {
    scope: Scope<'a>,
    functions: BTreeMap<&'a str, &'a StmtFunctionDef>,
    asserts: Vec<(&'a Expr, Scope<'a>)>,
}

impl<'a> Script<'a> {
    fn top_level(&mut self, statement: &'a Stmt) -> Option<()> {
        match statement {
            Stmt::FunctionDef(function) => {
                let name = function.name.as_str();
                if function.is_async
                    || !function.decorator_list.is_empty()
                    || function.parameters.len() > 1
                    || (function.parameters.len() == 1 && only_parameter(function).is_none())
                    || self.functions.insert(name, function).is_some()
                {
                    return None;
                }
                self.scope.bound.insert(name.to_owned());
                Some(())
            }
            Stmt::Expr(expression) => match &*expression.value {
                Expr::Call(call) => self.call(call),
                _ => self.simple(statement),
            },
            statement => self.simple(statement),
        }
    }

    /// The call of a check function, or of a function that calls it.
    fn call(&mut self, call: &'a ExprCall) -> Option<()> {
        let name = call.func.as_name_expr()?;
        // Removed while it runs: no function calls itself.
        let function = self.functions.remove(name.id.as_str())?;
        if !call.arguments.keywords.is_empty() {
            return None;
        }
        let outer = self.scope.clone();
        let mut body = function.body.iter();
        match (&*call.arguments.args, only_parameter(function)) {
            ([Expr::Name(argument)], Some(parameter)) => {
                let argument = argument.id.as_str();
                self.scope.program_name(argument)?;
                self.scope.alias = Some((parameter, argument));
                body.try_for_each(|statement| self.simple(statement))?;
            }
            ([], None) => body.try_for_each(|statement| {
                let inside = !statement.is_function_def_stmt();
                inside.then(|| self.top_level(statement)).flatten()
            })?,
            _ => return None,
        }
        self.scope = outer;
        self.functions.insert(function.name.as_str(), function);
        Some(())
    }

    fn simple(&mut self, statement: &'a Stmt) -> Option<()> {
        match statement {
            Stmt::Assert(assert) => {
                self.asserts.push((&assert.test, self.scope.clone()));
                Some(())
            }
            Stmt::Pass(_) => Some(()),
            Stmt::Import(import) => self.scope.import(import).then_some(()),
            Stmt::ImportFrom(import) => self.scope.import_from(import).then_some(()),
            // A docstring, or a name that is just there.
            Stmt::Expr(expression) => {
                let harmless = constant(&expression.value, &self.scope).is_some()
                    || self.scope.builtin(&expression.value).is_some();
                harmless.then_some(())
            }
            // Metadata.
            Stmt::Assign(assign) => {
                constant(&assign.value, &self.scope)?;
                let [Expr::Name(name)] = &*assign.targets else {
                    return None;
                };
                self.scope.bound.insert(name.id.to_string());
                Some(())
            }
            _ => None,
        }
    }
}

/// The name of the one parameter of a check function.
fn only_parameter(function: &StmtFunctionDef) -> Option<&str> {
    let parameters = &function.parameters;
    let [only] = &*parameters.args else {
        return None;
    };
    let plain = parameters.posonlyargs.is_empty()
        && parameters.kwonlyargs.is_empty()
        && parameters.vararg.is_none()
        && parameters.kwarg.is_none()
        && only.default.is_none()
        && only.parameter.annotation.is_none();
    plain.then_some(only.parameter.name.as_str())
}
