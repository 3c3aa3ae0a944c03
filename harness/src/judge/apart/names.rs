//! Which names test code binds, and which it leaves to others.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprContext, Parameter, Pattern, Stmt,
};
use ruff_python_parser::parse_module;

/// Names that a piece of code binds anywhere, and names that it reads.
#[derive(Debug, Default)]
pub(in crate::judge) struct Names {
    pub(in crate::judge) bound: BTreeSet<String>,
    pub(in crate::judge) read: BTreeSet<String>,
}

impl Names {
    pub(in crate::judge) fn of_body(body: &[Stmt]) -> Self {
        let mut names = Self::default();
        names.visit_body(body);
        names
    }

    pub(in crate::judge) fn of_expression(expression: &Expr) -> Self {
        let mut names = Self::default();
        names.visit_expr(expression);
        names
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bound.insert(function.name.to_string());
            }
            Stmt::ClassDef(class) => {
                self.bound.insert(class.name.to_string());
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            let names = match name.ctx {
                ExprContext::Load => &mut self.read,
                _ => &mut self.bound,
            };
            names.insert(name.id.to_string());
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bound.insert(parameter.name.to_string());
        visitor::walk_parameter(self, parameter);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        self.bound.insert(local_name(alias).to_owned());
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        self.bound.extend(name_of(handler));
        visitor::walk_except_handler(self, handler);
    }
}

/// Names that module code reads and nothing in it binds, by Python's rules of scope: what a function
/// binds is its own, so that a reference solution in the test may have a variable that is called
/// like the function under test.
pub(in crate::judge) fn free(body: &[Stmt]) -> BTreeSet<String> {
    let mut module = Bindings::default();
    module.visit_body(body);
    let mut bound = module.bound;
    bound.extend(module.global_anywhere);
    let mut free = Free {
        scopes: vec![Scope {
            bound,
            is_class: false,
        }],
        free: BTreeSet::new(),
    };
    free.visit_body(body);
    free.free
}

/// What one scope binds: nothing of functions and comprehensions in it but their names.
#[derive(Default)]
struct Bindings {
    bound: BTreeSet<String>,
    global: BTreeSet<String>,
    /// Named by `global` in a function further in.
    global_anywhere: BTreeSet<String>,
}

impl<'a> Visitor<'a> for Bindings {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bound.insert(function.name.to_string());
                let mut inner = Self::default();
                inner.visit_body(&function.body);
                self.global_anywhere.extend(inner.global);
                self.global_anywhere.extend(inner.global_anywhere);
            }
            Stmt::ClassDef(class) => {
                self.bound.insert(class.name.to_string());
                let mut inner = Self::default();
                inner.visit_body(&class.body);
                self.global_anywhere.extend(inner.global_anywhere);
            }
            Stmt::Global(global) => {
                self.global
                    .extend(global.names.iter().map(ToString::to_string));
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.bound.insert(name.id.to_string());
            }
            Expr::Lambda(_) => {}
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                // `:=` in it binds here.
                let mut walrus = Walrus::default();
                walrus.visit_expr(expression);
                self.bound.extend(walrus.0);
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        self.bound.insert(local_name(alias).to_owned());
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        self.bound.extend(name_of(handler));
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(inner) => inner.name.as_ref(),
            Pattern::MatchStar(inner) => inner.name.as_ref(),
            Pattern::MatchMapping(inner) => inner.rest.as_ref(),
            _ => None,
        };
        self.bound.extend(name.map(ToString::to_string));
        visitor::walk_pattern(self, pattern);
    }
}

/// Names that `:=` binds.
#[derive(Default)]
struct Walrus(BTreeSet<String>);

impl<'a> Visitor<'a> for Walrus {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Named(named) = expression
            && let Expr::Name(name) = &*named.target
        {
            self.0.insert(name.id.to_string());
        }
        if !matches!(expression, Expr::Lambda(_)) {
            visitor::walk_expr(self, expression);
        }
    }
}

struct Scope {
    bound: BTreeSet<String>,
    /// Functions in a class do not see what the class binds.
    is_class: bool,
}

/// Reads names in the scopes around them.
struct Free {
    scopes: Vec<Scope>,
    free: BTreeSet<String>,
}

impl Free {
    fn read(&mut self, name: &str) {
        let innermost = self.scopes.len() - 1;
        let is_bound =
            self.scopes.iter().enumerate().any(|(at, scope)| {
                (at == innermost || !scope.is_class) && scope.bound.contains(name)
            });
        if !is_bound {
            self.free.insert(name.to_owned());
        }
    }

    fn within(&mut self, bound: BTreeSet<String>, is_class: bool, visit: impl FnOnce(&mut Self)) {
        self.scopes.push(Scope { bound, is_class });
        visit(self);
        self.scopes.pop();
    }
}

impl<'a> Visitor<'a> for Free {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                let decorators = function.decorator_list.iter();
                decorators.for_each(|decorator| self.visit_decorator(decorator));
                // Defaults and annotations belong to the scope around.
                self.visit_parameters(&function.parameters);
                function.returns.iter().for_each(|it| self.visit_expr(it));
                let mut own = Bindings::default();
                own.visit_body(&function.body);
                let Bindings {
                    mut bound, global, ..
                } = own;
                let parameters = function.parameters.iter();
                bound.extend(parameters.map(|parameter| parameter.name().to_string()));
                bound.retain(|name| !global.contains(name));
                self.within(bound, false, |free| free.visit_body(&function.body));
            }
            Stmt::ClassDef(class) => {
                let decorators = class.decorator_list.iter();
                decorators.for_each(|decorator| self.visit_decorator(decorator));
                class
                    .arguments
                    .iter()
                    .for_each(|it| self.visit_arguments(it));
                let mut own = Bindings::default();
                own.visit_body(&class.body);
                self.within(own.bound, true, |free| free.visit_body(&class.body));
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                if name.ctx == ExprContext::Load {
                    self.read(&name.id);
                }
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.as_deref();
                parameters.iter().for_each(|it| self.visit_parameters(it));
                let names = parameters.into_iter().flat_map(|it| it.iter());
                let bound = names.map(|it| it.name().to_string()).collect();
                self.within(bound, false, |free| free.visit_expr(&lambda.body));
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut targets = Targets::default();
                visitor::walk_expr(&mut targets, expression);
                self.within(targets.0, false, |free| {
                    visitor::walk_expr(free, expression);
                });
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}

/// Names that the loops of one comprehension bind.
#[derive(Default)]
struct Targets(BTreeSet<String>);

impl<'a> Visitor<'a> for Targets {
    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        let mut target = Bindings::default();
        target.visit_expr(&comprehension.target);
        self.0.extend(target.bound);
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// The name that `except … as` binds.
fn name_of(handler: &ExceptHandler) -> Option<String> {
    let ExceptHandler::ExceptHandler(handler) = handler;
    handler.name.as_ref().map(ToString::to_string)
}

/// The name that an import binds: `a` for `import a.b`.
pub(in crate::judge) fn local_name(alias: &Alias) -> &str {
    match &alias.asname {
        Some(name) => name.as_str(),
        None => first_part(alias.name.as_str()),
    }
}

fn first_part(dotted: &str) -> &str {
    dotted.split('.').next().unwrap_or(dotted)
}

/// Functions and classes that a program defines at its top level. Empty if it does not parse.
pub(in crate::judge) fn definitions(program: &str) -> Definitions {
    let mut definitions = Definitions::default();
    if let Ok(parsed) = parse_module(program) {
        for statement in &parsed.syntax().body {
            match statement {
                Stmt::FunctionDef(function) => {
                    definitions.functions.insert(function.name.to_string());
                }
                Stmt::ClassDef(class) => {
                    definitions.classes.insert(class.name.to_string());
                }
                _ => {}
            }
        }
    }
    definitions
}

#[derive(Debug, Default)]
pub(in crate::judge) struct Definitions {
    pub(in crate::judge) functions: BTreeSet<String>,
    pub(in crate::judge) classes: BTreeSet<String>,
}

/// Whether Python itself defines `name`.
pub(in crate::judge) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// Names of `builtins` and those of every module, sorted.
const BUILTINS: [&str; 160] = [
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Ellipsis",
    "EncodingWarning",
    "EnvironmentError",
    "Exception",
    "ExceptionGroup",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotADirectoryError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "PythonFinalizationError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "True",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "__build_class__",
    "__builtins__",
    "__debug__",
    "__doc__",
    "__file__",
    "__import__",
    "__loader__",
    "__name__",
    "__package__",
    "__spec__",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "license",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &[&str]) {
        let parsed = parse_module(code).unwrap();
        let found = free(&parsed.syntax().body);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn a_function_keeps_what_it_binds() {
        check(
            "def r(x):\n  f = g(x)\n  return f\nassert f(1) == r(1)",
            &["f", "g"],
        );
        check("def r(x, *, f=f):\n  return f(x)\nr(1)", &["f"]);
        check("def r():\n  global f\n  f = 1\nr(); f", &[]);
        check("def r():\n  def f(): return f\n  return f\nf", &["f"]);
        check("def r():\n  import f\nf", &["f"]);
        check("x = 1\ndef r(): return x + y\ny = 2", &[]);
        check("@d\ndef r(a: t) -> u: pass", &["d", "t", "u"]);
        check("for i in (1, 2):\n  k = i\nk + i", &[]);
    }

    #[test]
    fn so_do_lambdas_comprehensions_and_classes() {
        check("[f(x) for x in y if x]; x", &["f", "x", "y"]);
        check(
            "[[a + b for b in a] for a in c]; (b for b in d)",
            &["c", "d"],
        );
        check("[(z := f(x)) for x in y]; z", &["f", "y"]);
        check("(lambda f, k=v: f(k))(g); f", &["f", "g", "v"]);
        check(
            "class C(B):\n  f = 1\n  g = f\n  def m(self): return f\nC",
            &["B", "f"],
        );
        check(
            "match s:\n  case [a, *b]: a, b\n  case {'k': c, **d}: c, d",
            &["s"],
        );
        check("try: f()\nexcept E as e: e", &["E", "f"]);
        check("with o() as h: h\nh", &["o"]);
    }
}
