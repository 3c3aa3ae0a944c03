//! Which programs need numpy or another package that only the second guest has.
//!
//! Decided from text alone, so that the same program always goes to the same guest. Looking
//! for import statements errs towards the second guest where a comment or a string looks like
//! one, which costs time and changes no result.

use crate::problem::{Problem, UnitTests};
use crate::verdict::Grader;

/// Packages of the second guest that programs import.
const PACKAGES: &[&str] = &[
    "numpy",
    "scipy",
    "pandas",
    "sympy",
    "networkx",
    "more_itertools",
    "mpmath",
    "sklearn",
    "statsmodels",
];

/// What the tests of a problem contribute to the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TestCode {
    /// Code behind the program imports a package.
    imports_package: bool,
    /// The tests are data: the grader of 2021 puts its prelude before the program.
    is_data: bool,
}

impl TestCode {
    pub(crate) fn of(problem: &Problem) -> Self {
        let imports_package = match &problem.tests {
            UnitTests::StandardInput { .. } | UnitTests::CallBased { .. } => false,
            UnitTests::Asserts {
                setup,
                tests,
                challenge,
            } => {
                let tests = tests.example.iter().chain(&tests.hidden);
                std::iter::once(setup)
                    .chain(tests)
                    .chain(challenge)
                    .any(|code| imports_package(code))
            }
            UnitTests::CheckFunction { source, .. } => imports_package(source),
            // The reference runs in a session of its own.
            UnitTests::Differential { .. } => false,
        };
        Self {
            imports_package,
            is_data: matches!(
                problem.tests,
                UnitTests::StandardInput { .. } | UnitTests::CallBased { .. }
            ),
        }
    }

    /// Whether `program` is to be judged in the second guest, where there is one.
    pub(crate) fn needs_packages(self, program: &str, grader: Grader) -> bool {
        self.imports_package
            || imports_package(program)
            // The prelude of the grader of 2021 imports numpy under this name.
            || (self.is_data && grader == Grader::Apps2021 && uses_attribute_of(program, "np"))
    }
}

/// Whether `source` imports one of the packages anywhere.
pub(crate) fn imports_package(source: &str) -> bool {
    PACKAGES
        .iter()
        .any(|package| words(source, package).any(|(before, _)| is_import(before)))
}

fn uses_attribute_of(source: &str, name: &str) -> bool {
    words(source, name)
        .any(|(before, after)| !before.ends_with('.') && after.trim_start().starts_with('.'))
}

/// Where `word` stands alone in `source`: what comes before and after it.
fn words<'a>(source: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let in_name = |c: char| c == '_' || c.is_alphanumeric();
    source.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&source[..at], &source[at + word.len()..]);
        (!before.ends_with(in_name) && !after.starts_with(in_name)).then_some((before, after))
    })
}

/// Whether a name after `before` is imported: `import a, `, `from `, `__import__("`.
fn is_import(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or(before);
    let is_statement = line.split([';', ':']).next_back().is_some_and(|statement| {
        let mut words = statement.split_whitespace();
        matches!(words.next(), Some("import" | "from"))
    });
    let is_call = line.strip_suffix(['"', '\'']).is_some_and(|line| {
        ["__import__(", "import_module("]
            .iter()
            .any(|call| line.ends_with(call))
    });
    is_statement || is_call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_wherever_they_stand() {
        let check = |source: &str, expected: bool| {
            assert_eq!(imports_package(source), expected, "{source:?}");
        };
        check("import numpy", true);
        check("import os, numpy as np", true);
        check("import numpy.linalg", true);
        check("x = 1\ndef f():\n    from numpy import *", true);
        check("if x: import pandas", true);
        check("x = 1; from scipy.special import comb", true);
        check("np = __import__('numpy')", true);
        check("importlib.import_module(\"numpy\")", true);
        check("import numpylike", false);
        check("import my_numpy", false);
        check("numpy = 3", false);
        check("print('import')\nnumpy", false);
        check("# needs import numpy", false);
        check("", false);
    }

    #[test]
    fn the_prelude_of_2021_has_numpy() {
        let tests = TestCode {
            imports_package: false,
            is_data: true,
        };
        let check = |program: &str, expected: bool| {
            assert!(!tests.needs_packages(program, Grader::Strict));
            assert_eq!(
                tests.needs_packages(program, Grader::Apps2021),
                expected,
                "{program:?}"
            );
        };
        check("print(np.array([1]).sum())", true);
        check("np = 3\nprint(np)", false);
        check("inp.read()", false);
        check("a.np.b", false);
    }
}
