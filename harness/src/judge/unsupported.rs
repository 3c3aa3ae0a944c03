//! Whether a failure is for want of something that the guest does not have.
//!
//! The guest notes what a program asks for in vain. A note alone says little: a program could
//! have one made on purpose, to be unjudged instead of wrong, by importing an absent module in
//! a `try`, by `hasattr(os, "fork")`, or by calling the host's function itself. And a program
//! that goes on without what it missed has said that it can: it is judged by what it does then,
//! as it would be on any machine that lacks the thing.
//!
//! So a candidate is unjudged only where its first failing test *died* of what is missing: the
//! step ended by the exception that the missing thing raises, or a thread was given up that
//! waited for another one, whose exception no program sees. What remains is that a program may
//! openly import a module and die; nobody can tell what it would have done with it.

use crate::execution::{Ending, Exception};

/// Threads run one after the other: this is noted where one that waited was given up, and its
/// exception shown on standard error alone.
const THREAD_GIVEN_UP: &str = "threads that wait for each other";

/// Those of the `noted` features of which a step of `program` died that ended so.
pub(super) fn died_of(noted: &[String], program: &str, ending: &Ending) -> Vec<String> {
    let Ending::Raised { exception } = ending else {
        return Vec::new();
    };
    let noted = noted.iter();
    noted
        .filter(|feature| is_raised_for(feature, program, exception))
        .cloned()
        .collect()
}

/// Those of the `noted` features that spoil whatever a step of `program` did.
pub(super) fn spoiled_by(noted: &[String], program: &str) -> Vec<String> {
    let uses_threads = || {
        ["_thread", "threading", "concurrent", "asyncio"]
            .iter()
            .any(|module| imports_module(program, module))
    };
    let noted = noted.iter();
    noted
        .filter(|feature| *feature == THREAD_GIVEN_UP && uses_threads())
        .cloned()
        .collect()
}

fn is_raised_for(feature: &str, program: &str, exception: &Exception) -> bool {
    let is_a = |class: &str| exception.bases.iter().any(|base| base == class);
    let names = |name: &str| exception.message.contains(&format!("'{name}'"));
    match feature.strip_prefix("module ") {
        Some(module) => {
            // `from urllib import request` names both parts.
            let in_two = || {
                let parts = module.rsplit_once('.');
                parts.is_some_and(|(package, name)| names(package) && names(name))
            };
            let missing = is_a("ImportError") && (names(module) || in_two());
            // The guest with packages has some modules that can be imported and not be used.
            let useless = || {
                ["ImportError", "OSError", "NotImplementedError"]
                    .into_iter()
                    .any(is_a)
                    && !is_a("ModuleNotFoundError")
                    && imports_module(program, module)
            };
            missing || useless()
        }
        None if feature == "threads" => {
            is_a("RuntimeError") && exception.message.starts_with("this would wait forever")
        }
        // `os.fork`: an attribute, or imported by name.
        None => {
            let name = feature.rsplit('.').next().unwrap_or(feature);
            (is_a("AttributeError") || is_a("ImportError")) && names(name)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(class: &str, base: &str, message: &str) -> Ending {
        Ending::Raised {
            exception: Exception {
                class: class.to_owned(),
                message: message.to_owned(),
                line: None,
                bases: vec![class.to_owned(), base.to_owned()],
            },
        }
    }

    fn check(feature: &str, program: &str, ending: &Ending, counts: bool) {
        let died_of = died_of(&[feature.to_owned()], program, ending);
        assert_eq!(!died_of.is_empty(), counts, "{feature} and {ending:?}");
    }

    #[test]
    fn notes_count_where_the_program_died_of_them() {
        let missing = |name: &str| {
            let message = format!("No module named '{name}'");
            raised("ModuleNotFoundError", "ImportError", &message)
        };
        let numpy = "module numpy";
        check(numpy, "import numpy", &missing("numpy"), true);
        check(numpy, "__import__('num' + 'py')", &missing("numpy"), true);
        check(numpy, "import numpy", &missing("mine"), false);
        check(numpy, "import numpy", &missing("numpyish"), false);
        check(numpy, "import numpy", &Ending::Completed, false);
        check(numpy, "import numpy", &Ending::Exited { status: 1 }, false);
        let other = raised("ValueError", "Exception", "'numpy'");
        check(numpy, "import numpy", &other, false);
        let from = raised(
            "ImportError",
            "Exception",
            "cannot import name 'request' from 'urllib' (unknown location)",
        );
        check("module urllib.request", "", &from, true);
        check("module urllib.error", "", &from, false);

        let fork = "module 'os' has no attribute 'fork'";
        let fork = raised("AttributeError", "Exception", fork);
        check("os.fork", "", &fork, true);
        check("os.pipe", "", &fork, false);

        let waits = "this would wait forever: threads run one after the other";
        let waits = raised("RuntimeError", "Exception", waits);
        check("threads", "", &waits, true);
        check("os.fork", "", &waits, false);
    }

    #[test]
    fn modules_that_are_of_no_use_count_where_they_are_imported() {
        let refused = raised("OSError", "Exception", "[Errno 58] Not supported");
        let socket = "module socket";
        check(socket, "import socket", &refused, true);
        check(socket, "import time, socket as s", &refused, true);
        check(socket, "def f():\n    from socket import *", &refused, true);
        check(socket, "try: import socket\nexcept: 0", &refused, true);
        check(socket, "import math; import socket", &refused, true);
        check(socket, "from mine import socket", &refused, false);
        check(socket, "# import socket", &refused, false);
        check(socket, "import sockets", &refused, false);
    }

    #[test]
    fn threads_that_were_given_up_count_where_threads_are_used() {
        let check = |feature: &str, program: &str, counts: bool| {
            let spoiled = spoiled_by(&[feature.to_owned()], program);
            assert_eq!(!spoiled.is_empty(), counts, "{feature} in {program:?}");
        };
        check(THREAD_GIVEN_UP, "import threading", true);
        check(THREAD_GIVEN_UP, "from concurrent.futures import *", true);
        check(THREAD_GIVEN_UP, "print('threading')", false);
        check("threads", "import threading", false);
        check("module numpy", "import threading, numpy", false);
    }
}
