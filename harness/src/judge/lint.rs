//! A static analyser for the reward of training: what a linter would say of a program.
//!
//! Ruff's own linter is a crate too, of a hundred others; what training punishes is here a few
//! of its rules on the same parser. Findings have no part in any verdict.

use std::collections::BTreeSet;
use std::thread;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, CmpOp, ExceptHandler, Expr, Stmt};
use ruff_python_parser::parse_module;

use super::apart::{Names, is_builtin, local_name};

/// Longer programs are left alone: the parser goes as deep as a program is nested.
const MAX_BYTES: usize = 16 << 10;

/// Enough for a program of [`MAX_BYTES`] that is nothing but brackets.
const STACK_BYTES: usize = 256 << 20;

/// The number of findings: a syntax error (which is the only one then), names that nothing
/// defines (F821), imports that nothing uses (F401), bare `except` (E722), `== None` (E711) and
/// `is` with a literal (F632). 0 for programs of more than 16 KiB.
pub fn n_lint_findings(program: &str) -> u32 {
    if program.len() > MAX_BYTES {
        return 0;
    }
    thread::scope(|scope| {
        thread::Builder::new()
            .name("lint".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || findings(program))
            .ok()
            .and_then(|lint| lint.join().ok())
            .unwrap_or_default()
    })
}

fn findings(program: &str) -> u32 {
    let Ok(parsed) = parse_module(program) else {
        return 1;
    };
    let body = &parsed.syntax().body;
    let names = Names::of_body(body);
    let mut linter = Linter::default();
    linter.visit_body(body);
    let n_undefined = match linter.has_star_import {
        true => 0,
        false => {
            let is_undefined =
                |name: &&String| !names.bound.contains(*name) && !is_builtin(name.as_str());
            names.read.iter().filter(is_undefined).count()
        }
    };
    let is_unused = |name: &&String| !names.read.contains(*name);
    let n_unused = linter.imported.iter().filter(is_unused).count();
    u32::try_from(n_undefined + n_unused + linter.n_habits).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Linter {
    /// Names that imports bind, those of `__future__` apart.
    imported: BTreeSet<String>,
    has_star_import: bool,
    n_habits: usize,
}

impl Linter {
    fn import(&mut self, alias: &Alias) {
        match alias.name.as_str() {
            "*" => self.has_star_import = true,
            _ => {
                self.imported.insert(local_name(alias).to_owned());
            }
        }
    }
}

impl<'a> Visitor<'a> for Linter {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|module| module.as_str());
                if module != Some("__future__") {
                    import.names.iter().for_each(|alias| self.import(alias));
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Compare(compare) = expression {
            for (op, right) in compare.ops.iter().zip(&compare.comparators) {
                let is_habit = match op {
                    CmpOp::Eq | CmpOp::NotEq => right.is_none_literal_expr(),
                    CmpOp::Is | CmpOp::IsNot => {
                        right.is_string_literal_expr() || right.is_number_literal_expr()
                    }
                    _ => false,
                };
                self.n_habits += usize::from(is_habit);
            }
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        self.n_habits += usize::from(inner.type_.is_none());
        visitor::walk_except_handler(self, handler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_linter_would() {
        let check = |program: &str, expected: u32| {
            assert_eq!(n_lint_findings(program), expected, "{program}");
        };
        check("n = int(input())\nprint(n * 2)\n", 0);
        check("print(1", 1);
        check("print(nope)\n", 1);
        check("import math\nprint(1)\n", 1);
        check(
            "import os.path as p\nfrom math import sqrt, floor\nprint(sqrt(2))\n",
            2,
        );
        check("from math import *\nprint(sqrt(2))\n", 0);
        check("from __future__ import annotations\n", 0);
        check("try:\n    pass\nexcept:\n    pass\n", 1);
        check("x = 1\nprint(x == None, x is 5, x is None)\n", 2);
        check(
            "def f(a, *b, c=1, **d):\n    return [a for e in b if e]\nf(1)\n",
            0,
        );
        check(
            "class A:\n    def g(self):\n        return __name__\nA()\n",
            0,
        );
    }

    #[test]
    fn deep_nesting_does_not_end_the_harness() {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("not ", ""),
            ("-", ""),
            ("lambda: ", ""),
        ] {
            let n = (MAX_BYTES - 1) / (open.len() + close.len());
            let program = format!("{}1{}", open.repeat(n), close.repeat(n));
            n_lint_findings(&program);
        }
        assert_eq!(n_lint_findings(&"(".repeat(MAX_BYTES + 1)), 0);
    }
}
