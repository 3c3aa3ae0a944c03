//! Whether a failure is for want of something that the guest does not have.
//!
//! The guest notes what a program asks for in vain. A program could have things noted on
//! purpose, to be unjudged instead of wrong: it could call the host's function itself, or
//! import an absent module in a `try` and then fail. So a note counts only if the program
//! asks for the thing openly, in its own source, or if a test failed by the very exception
//! that the missing thing raises. What remains is that a program may openly import numpy and
//! fail; nobody can tell what it would have done with it, and metrics count it as unjudged.

use crate::execution::Exception;
use crate::verdict::{Cause, TestResult};

/// Those of the noted `features` that count.
pub(super) fn needed(features: Vec<String>, program: &str, results: &[TestResult]) -> Vec<String> {
    features
        .into_iter()
        .filter(|feature| {
            is_in_source(feature, program)
                || results
                    .iter()
                    .filter_map(|result| match &result.cause {
                        Some(Cause::Exception { exception }) => Some(exception),
                        _ => None,
                    })
                    .any(|exception| is_raised_for(feature, exception))
        })
        .collect()
}

fn is_in_source(feature: &str, program: &str) -> bool {
    match feature.strip_prefix("module ") {
        Some(module) => imports_module(program, module),
        None if feature == "threads" => ["thread", "asyncio", "concurrent"]
            .iter()
            .any(|module| program.contains(module)),
        // `os.fork`: it may also be called through another name, but not without its own.
        None => program.contains(last_part(feature)),
    }
}

/// Whether a line of `program` begins with an import of the module `name` or of one inside
/// it. Programs are not parsed for this: one made for it could nest deep enough to use up the
/// parser's stack.
fn imports_module(program: &str, name: &str) -> bool {
    let top = |dotted: &str| dotted.split('.').next().map(str::to_owned);
    let lines = program.lines().flat_map(|line| line.split(';'));
    lines
        .flat_map(|line| line.split(": "))
        .filter_map(|line| {
            let line = line.trim_start();
            match line.strip_prefix("from ") {
                Some(rest) => rest.split_once(" import").map(|(module, _)| module),
                None => line.strip_prefix("import "),
            }
        })
        .any(|modules| {
            modules
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
                .any(|word| !word.is_empty() && top(word) == top(name))
        })
}

fn is_raised_for(feature: &str, exception: &Exception) -> bool {
    let is_a = |class: &str| exception.bases.iter().any(|base| base == class);
    let named = |name: &str| exception.message.contains(name);
    match feature.strip_prefix("module ") {
        Some(module) => is_a("ImportError") && named(module),
        None => is_a("AttributeError") && named(last_part(feature)),
    }
}

fn last_part(feature: &str) -> &str {
    feature.rsplit(['.', ' ']).next().unwrap_or(feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(feature: &str, program: &str, exception: Option<(&str, &str)>, counts: bool) {
        let result = TestResult {
            cause: exception.map(|(class, message)| Cause::Exception {
                exception: Exception {
                    class: class.to_owned(),
                    message: message.to_owned(),
                    line: None,
                    bases: vec![class.to_owned(), "ImportError".to_owned()],
                },
            }),
            ..TestResult::default()
        };
        let needed = needed(vec![feature.to_owned()], program, &[result]);
        assert_eq!(!needed.is_empty(), counts, "{feature} in {program:?}");
    }

    #[test]
    fn notes_count_where_the_source_asks_openly() {
        check("module numpy", "import numpy as np", None, true);
        check(
            "module numpy",
            "def f():\n    from numpy.linalg import det",
            None,
            true,
        );
        check("module numpy", "import math, numpy", None, true);
        check("module numpy", "print 1\nimport numpy", None, true);
        check(
            "module numpy",
            "try: import numpy\nexcept: pass",
            None,
            true,
        );
        check("module numpy", "import math; import numpy", None, true);
        check("module numpy", "from mine import numpy", None, false);
        check("module numpy", "# import numpy", None, false);
        check("module numpy", "import math", None, false);
        check("module numpy", "import numpyish", None, false);
        check("os.fork", "import os\nos.fork()", None, true);
        check("os.fork", "import os", None, false);
    }

    #[test]
    fn notes_count_where_they_explain_the_failure() {
        let missing = ("ModuleNotFoundError", "No module named 'numpy'");
        check(
            "module numpy",
            "__import__('num' + 'py')",
            Some(missing),
            true,
        );
        let other = ("ModuleNotFoundError", "No module named 'mine'");
        check(
            "module numpy",
            "__import__('num' + 'py')",
            Some(other),
            false,
        );
        check("module numpy", "__import__('num' + 'py')", None, false);
    }
}
