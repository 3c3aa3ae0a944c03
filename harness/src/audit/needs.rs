//! What a program needs beside plain Python, from its text and from what happened.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::recorder::Observed;
use crate::execution::Exception;
use crate::problem::display_as_serialized;

/// Something that a sandbox, or a version of Python, may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    Numpy,
    /// Threads or processes, also where they only serve to get a larger stack.
    Threads,
    /// A recursion limit raised by the program, or recursion that ended it.
    DeepRecursion,
    /// Something that an older Python had and this one has not.
    RemovedPython,
}

display_as_serialized! {
    Need {
        Numpy => "numpy",
        Threads => "threads",
        DeepRecursion => "deep-recursion",
        RemovedPython => "removed-python",
    }
}

impl Need {
    pub const ALL: [Self; 4] = [
        Self::Numpy,
        Self::Threads,
        Self::DeepRecursion,
        Self::RemovedPython,
    ];
}

pub(super) fn needs(program: &str, observed: &Observed) -> BTreeSet<Need> {
    let asked_for = |what: &str| observed.unsupported.iter().any(|feature| feature == what);
    let raised = |what: fn(&Exception) -> bool| observed.exceptions.iter().any(what);
    let imports_any = |modules: &[&str]| modules.iter().any(|module| imports(program, module));
    let found = [
        (
            Need::Numpy,
            asked_for("module numpy") || imports_any(&["numpy", "scipy", "pandas"]),
        ),
        (
            Need::Threads,
            asked_for("threads")
                || imports_any(&["threading", "_thread", "multiprocessing", "concurrent"]),
        ),
        (
            Need::DeepRecursion,
            observed.hit_stack_limit
                || program.contains("setrecursionlimit")
                || raised(|exception| exception.class == "RecursionError"),
        ),
        (Need::RemovedPython, raised(is_about_something_removed)),
    ];
    found
        .into_iter()
        .filter_map(|(need, found)| found.then_some(need))
        .collect()
}

/// Whether a statement of `program` imports `module` or something in it.
fn imports(program: &str, module: &str) -> bool {
    let is_module = |name: &str| {
        let name = name.split_whitespace().next().unwrap_or_default();
        name.split('.').next() == Some(module)
    };
    program
        .lines()
        .flat_map(|line| line.split(';'))
        .any(|part| {
            let part = part.trim();
            if let Some(names) = part.strip_prefix("import ") {
                names.split(',').any(is_module)
            } else {
                part.strip_prefix("from ").is_some_and(is_module)
            }
        })
}

/// Modules that were part of Python 3 once and are gone by 3.14, and some of Python 2.
const REMOVED_MODULES: [&str; 14] = [
    "asynchat",
    "asyncore",
    "cStringIO",
    "cgi",
    "distutils",
    "imp",
    "itertools.izip",
    "parser",
    "Queue",
    "sets",
    "smtpd",
    "StringIO",
    "symbol",
    "urllib2",
];

/// Names that were removed from modules and classes, as messages of `AttributeError` and
/// `ImportError` quote them.
const REMOVED_NAMES: [&str; 22] = [
    "'Callable'",
    "'Counter' from 'typing'",
    "'Hashable'",
    "'Iterable'",
    "'Mapping'",
    "'MutableMapping'",
    "'MutableSet'",
    "'Sequence'",
    "'clock'",
    "'fromstring'",
    "'gcd' from 'fractions'",
    "'getchildren'",
    "'has_key'",
    "'ifilter'",
    "'imap'",
    "'iteritems'",
    "'iterkeys'",
    "'itervalues'",
    "'izip'",
    "'maketrans'",
    "'tostring'",
    "'letters'",
];

/// Built-in functions of Python 2.
const REMOVED_BUILTINS: [&str; 8] = [
    "'cmp'",
    "'file'",
    "'long'",
    "'raw_input'",
    "'reduce'",
    "'unichr'",
    "'unicode'",
    "'xrange'",
];

fn is_about_something_removed(exception: &Exception) -> bool {
    let message = exception.message.as_str();
    let quotes = |names: &[&str]| names.iter().any(|name| message.contains(name));
    match exception.class.as_str() {
        "ModuleNotFoundError" => REMOVED_MODULES
            .iter()
            .any(|module| message == format!("No module named '{module}'")),
        "ImportError" => {
            message.starts_with("cannot import name")
                && (quotes(&REMOVED_NAMES) || message.contains("'gcd' from 'fractions'"))
        }
        "AttributeError" => {
            quotes(&REMOVED_NAMES) || message.contains("'fractions' has no attribute 'gcd'")
        }
        "NameError" => quotes(&REMOVED_BUILTINS),
        "SyntaxError" => {
            message.starts_with("Missing parentheses in call to")
                || message.starts_with("multiple exception types must be parenthesized")
                || message.starts_with("leading zeros in decimal integer literals")
        }
        // Tabs and blanks mixed: Python 2 took a tab for eight blanks.
        "TabError" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_seen_however_they_are_written() {
        let check = |program: &str, expected: bool| {
            assert_eq!(imports(program, "numpy"), expected, "{program:?}");
        };
        check("import numpy", true);
        check("import sys, numpy as np", true);
        check("x = 1; from numpy.linalg import det", true);
        check("def f():\n\timport numpy.random", true);
        check("import numpydoc", false);
        check("s = 'import numpy'", false);
        check("from sys import numpy", false);
    }

    #[test]
    fn what_old_programs_stumble_over_is_told_from_mistakes() {
        let check = |class: &str, message: &str, expected: bool| {
            let exception = Exception {
                class: class.to_owned(),
                message: message.to_owned(),
                line: None,
                bases: Vec::new(),
            };
            assert_eq!(
                is_about_something_removed(&exception),
                expected,
                "{class}: {message}"
            );
        };
        let gcd = "cannot import name 'gcd' from 'fractions' (/lib/fractions.py)";
        check("ImportError", gcd, true);
        check("ImportError", "cannot import name 'gcd' from 'math'", false);
        let clock = "module 'time' has no attribute 'clock'";
        check("AttributeError", clock, true);
        check(
            "AttributeError",
            "'list' object has no attribute 'add'",
            false,
        );
        check("ModuleNotFoundError", "No module named 'imp'", true);
        check("ModuleNotFoundError", "No module named 'numpy'", false);
        check("NameError", "name 'xrange' is not defined", true);
        check("NameError", "name 'x' is not defined", false);
        let print = "Missing parentheses in call to 'print'. Did you mean print(...)?";
        check("SyntaxError", print, true);
        check("SyntaxError", "invalid syntax", false);
    }
}
