//! Subjects: the parts of an assert that the program computes.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Arguments, Expr, ExprName};
use ruff_text_size::{Ranged, TextRange};

use crate::judge::apart::constant::constant;
use crate::judge::apart::names::Names;
use crate::judge::apart::script::Scope;

/// What may stand around the call of a subject (see the head of `apart`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Nothing: a condition looks at it that the program could meet by lying.
    Bare,
    /// Conversions: its value is compared with one that the program does not know.
    Converted,
}

/// The text to evaluate in the program's guest, if `expression` is a subject.
pub(super) fn subject(
    expression: &Expr,
    wrapping: Wrapping,
    scope: &Scope<'_>,
    source: &str,
) -> Option<String> {
    let allowed = match wrapping {
        Wrapping::Bare => is_bare(expression, scope),
        Wrapping::Converted => is_converted(expression, scope),
    };
    (allowed && names_are_the_programs(expression, scope)).then(|| text(expression, scope, source))
}

/// A call of the program's function, or what the program's own objects give.
fn is_bare(expression: &Expr, scope: &Scope<'_>) -> bool {
    match expression {
        Expr::Name(name) => scope.program_name(name.id.as_str()).is_some(),
        Expr::Call(call) => is_bare(&call.func, scope) && are_plain_arguments(&call.arguments),
        // `Stack().size`, but not `f(x).startswith`, which is Python's for an honest result.
        Expr::Attribute(attribute) => {
            is_bare(&attribute.value, scope)
                && !attribute.value.is_name_expr()
                && !attribute.attr.starts_with('_')
                && !is_plain_method(&attribute.attr)
        }
        _ => false,
    }
}

fn are_plain_arguments(arguments: &Arguments) -> bool {
    let positional = arguments.args.iter();
    let keywords = arguments.keywords.iter().map(|keyword| &keyword.value);
    positional.chain(keywords).all(|argument| {
        let mut search = Suspension(false);
        search.visit_expr(argument);
        !search.0
    })
}

/// Looks for what means something else elsewhere: `await`, `yield`, `:=`.
struct Suspension(bool);

impl<'a> Visitor<'a> for Suspension {
    fn visit_expr(&mut self, expression: &'a Expr) {
        self.0 |= matches!(
            expression,
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Named(_)
        );
        visitor::walk_expr(self, expression);
    }
}

/// A bare subject in conversions whose other arguments are constants.
fn is_converted(expression: &Expr, scope: &Scope<'_>) -> bool {
    if is_bare(expression, scope) {
        return true;
    }
    match expression {
        Expr::Call(call) => {
            let arguments = &call.arguments;
            if let Expr::Attribute(method) = &*call.func {
                return is_plain_method(&method.attr)
                    && is_converted(&method.value, scope)
                    && are_constants(&arguments.args, arguments, scope);
            }
            let Some(function) = scope.builtin(&call.func) else {
                return false;
            };
            let Some((first, rest)) = arguments.args.split_first() else {
                return false;
            };
            let n_more = usize::from(function == "round");
            CONVERSIONS.contains(&function)
                && rest.len() <= n_more
                && is_converted(first, scope)
                && are_constants(rest, arguments, scope)
        }
        Expr::Subscript(subscript) => {
            is_converted(&subscript.value, scope) && is_constant_index(&subscript.slice, scope)
        }
        _ => false,
    }
}

fn are_constants(positional: &[Expr], arguments: &Arguments, scope: &Scope<'_>) -> bool {
    let keywords = arguments.keywords.iter().map(|keyword| &keyword.value);
    positional
        .iter()
        .chain(keywords)
        .all(|argument| constant(argument, scope).is_some())
}

fn is_constant_index(index: &Expr, scope: &Scope<'_>) -> bool {
    match index {
        Expr::Slice(slice) => [&slice.lower, &slice.upper, &slice.step]
            .into_iter()
            .flatten()
            .all(|bound| constant(bound, scope).is_some()),
        index => constant(index, scope).is_some(),
    }
}

const CONVERSIONS: [&str; 13] = [
    "abs",
    "dict",
    "float",
    "frozenset",
    "int",
    "len",
    "list",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
];

/// Whether plain data has a method of this name.
pub(super) fn is_plain_method(name: &str) -> bool {
    PLAIN_METHODS.binary_search(&name).is_ok()
}

/// Public attributes of the types of plain data, sorted.
const PLAIN_METHODS: [&str; 90] = [
    "add",
    "append",
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "capitalize",
    "casefold",
    "center",
    "clear",
    "conjugate",
    "copy",
    "count",
    "decode",
    "denominator",
    "difference",
    "difference_update",
    "discard",
    "encode",
    "endswith",
    "expandtabs",
    "extend",
    "find",
    "format",
    "format_map",
    "from_bytes",
    "fromhex",
    "fromkeys",
    "get",
    "hex",
    "imag",
    "index",
    "insert",
    "intersection",
    "intersection_update",
    "is_integer",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isdisjoint",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "issubset",
    "issuperset",
    "istitle",
    "isupper",
    "items",
    "join",
    "keys",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "numerator",
    "partition",
    "pop",
    "popitem",
    "real",
    "remove",
    "removeprefix",
    "removesuffix",
    "replace",
    "reverse",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "setdefault",
    "sort",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "symmetric_difference",
    "symmetric_difference_update",
    "title",
    "to_bytes",
    "translate",
    "union",
    "update",
    "upper",
    "values",
    "zfill",
];

/// Whether no name in `expression` means something that the test code binds outside of it.
fn names_are_the_programs(expression: &Expr, scope: &Scope<'_>) -> bool {
    let names = Names::of_expression(expression);
    let alias = scope.alias.map(|(parameter, _)| parameter);
    let clashes = |own: &BTreeSet<String>| {
        own.iter()
            .any(|name| scope.bound.contains(name) || Some(name.as_str()) == alias)
    };
    // Names that the expression binds itself are those of lambdas and comprehensions.
    !clashes(&names.bound)
        && names
            .read
            .iter()
            .all(|name| Some(name.as_str()) == alias || !scope.bound.contains(name))
}

/// The source of `expression`, with the function under test in the place of its alias.
fn text(expression: &Expr, scope: &Scope<'_>, source: &str) -> String {
    let range = expression.range();
    let mut aliases = Aliases {
        alias: scope.alias.map(|(parameter, _)| parameter),
        found: Vec::new(),
    };
    aliases.visit_expr(expression);
    let mut text = String::with_capacity(range.len().to_usize());
    let mut at = range.start();
    aliases.found.sort_by_key(|found| found.start());
    for found in aliases.found {
        text.push_str(&source[TextRange::new(at, found.start())]);
        text.push_str(scope.alias.map_or("", |(_, function)| function));
        at = found.end();
    }
    text.push_str(&source[TextRange::new(at, range.end())]);
    text
}

struct Aliases<'a> {
    alias: Option<&'a str>,
    found: Vec<TextRange>,
}

impl<'a> Visitor<'a> for Aliases<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(ExprName { id, range, .. }) = expression
            && Some(id.as_str()) == self.alias
        {
            self.found.push(*range);
        }
        visitor::walk_expr(self, expression);
    }
}
