//! What a sandbox is asked to do and what it reports: facts, no judgement.
//!
//! A *session* is one fresh guest. It performs a few *steps* in order, each under a fresh
//! budget, and is then thrown away. Whether the facts mean that a program is right is
//! decided in [`crate::judge`].

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Guest work that stands for one second of native CPython 3.11 on the reference machine.
///
/// wasmtime counts one unit of fuel for most instructions. Fuel does not depend on load or
/// on the speed of the host, so a time limit given in reference seconds means the same
/// everywhere. `docs/reference-second.md` tells how the number was measured.
pub const FUEL_PER_REFERENCE_SECOND: u64 = 25_000_000_000;

/// Bounds on one step of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Decides time-outs. Given anew to each step.
    pub fuel: u64,
    /// Bytes of guest memory beyond which allocation fails.
    pub memory_bytes: u64,
    /// Bytes of standard output, and of an encoded result. Standard error is cut at the
    /// same length without ending the step.
    pub output_bytes: u64,
    /// Backstop in processor time for one step: a machine with much else to do takes longer and
    /// comes to the same end. Never part of a verdict, nor of the key under which verdicts are
    /// cached.
    #[serde(skip, default = "default_processor_time")]
    pub processor_time: Duration,
}

fn default_processor_time() -> Duration {
    Limits::default().processor_time
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 4 * FUEL_PER_REFERENCE_SECOND,
            memory_bytes: 512 << 20,
            output_bytes: 16 << 20,
            processor_time: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// The same limits with a time limit of `seconds` reference seconds.
    ///
    /// # Panics
    /// If `seconds` is not finite and positive.
    #[must_use]
    pub fn with_reference_seconds(self, seconds: f64) -> Self {
        assert!(seconds.is_finite() && seconds > 0.0, "time limit {seconds}");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a float saturates on conversion, and fuel needs no exactness"
        )]
        let fuel = (seconds * FUEL_PER_REFERENCE_SECOND as f64) as u64;
        Self { fuel, ..self }
    }

    /// The time limit in reference seconds.
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    pub fn reference_seconds(&self) -> f64 {
        self.fuel as f64 / FUEL_PER_REFERENCE_SECOND as f64
    }
}

/// What a guest may reach beside its standard streams. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// A fresh empty directory, writable, at this path in the guest; removed afterwards.
    pub scratch: Option<String>,
    /// Host directories, readable at the given paths in the guest.
    pub read_only: Vec<(PathBuf, String)>,
}

/// One thing to do in a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// Compiles `source` and runs it as `__main__` with `stdin` on WASI standard input.
    RunScript { source: &'a str, stdin: &'a [u8] },
    /// Compiles and executes `prelude` and then `source`, each by itself, as one module
    /// called `name`; its namespace stays. Line numbers count from the top of `source`.
    Load {
        prelude: &'a str,
        source: &'a str,
        name: &'a str,
        /// Class of which an instance is made at once, to receive later calls.
        instantiate: Option<&'a str>,
    },
    /// Compiles and executes `source` in the namespace of the loaded module.
    Execute { source: &'a str },
    /// The same for the code of a test. The value is `secret` if the end of the source was
    /// reached: a program that ends the step otherwise does not know it.
    ExecuteToEnd { source: &'a str, secret: &'a [u8] },
    /// Calls `function` of the loaded module, or of the instance made while loading.
    Call {
        function: &'a str,
        arguments: &'a [Value],
    },
    /// Evaluates an expression in the namespace of the loaded module. Its value is a result
    /// as that of [`Step::Call`] is.
    Evaluate { expression: &'a str },
    /// Calls a function of the loaded module as a tester asks. The result is a tuple of what
    /// the function returned, and of the list of its positional arguments as they are after
    /// the call if it changed them, else `None`.
    Answer { question: &'a Question },
    /// Executes test code in a fresh module, first `prelude` and then `source`. In `source`
    /// the names of `functions` are stand-ins: calling one asks a [`Question`].
    Test {
        prelude: &'a str,
        source: &'a str,
        functions: &'a [String],
    },
    /// Calls `function` without arguments the way the APPS grader of 2021 does: `sys.stdin`
    /// is a text buffer, `open` returns the input whatever the name, `sys.stdout` is
    /// captured, and streams that the module bound while loading are the old ones.
    CallWithText { function: &'a str, input: &'a str },
}

/// A call of a program's function that a tester wants to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub function: String,
    pub arguments: Vec<Value>,
    pub keywords: Vec<(String, Value)>,
}

impl Question {
    /// Type name under which objects of the program that a tester holds (results that are no
    /// plain data) come back as arguments.
    pub const OBJECT_OF_THE_PROGRAM: &str = "ObjectOfTheProgram";
}

/// What came of a [`Question`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reply {
    Returned {
        value: Value,
        /// The positional arguments after the call, if it changed them.
        arguments: Option<Vec<Value>>,
    },
    /// The tester raises an exception of the same name, derived from the nearest built-in
    /// class.
    Raised {
        exception: Exception,
    },
    Missing {
        name: String,
    },
    /// There will be no answer: the tester is ended at once, as [`Ending::Aborted`].
    Stop,
}

/// Facts about one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub ending: Ending,
    /// Standard output of this step; for [`Step::CallWithText`] what was captured.
    pub stdout: Vec<u8>,
    /// Standard error of this step, possibly cut.
    pub stderr: Vec<u8>,
    /// Result of a [`Step::Call`], [`Step::Evaluate`], [`Step::Answer`] or
    /// [`Step::ExecuteToEnd`] that completed.
    pub value: Option<Value>,
    /// Fuel used by this step.
    pub fuel: u64,
    /// Things the program asked for that this guest does not have, in order of first use:
    /// `module numpy`, `module socket`, `threads`, …
    pub unsupported: Vec<String>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Ending {
    Completed,
    /// The source did not compile.
    NotCompiled {
        exception: Exception,
    },
    /// An exception reached the top.
    Raised {
        exception: Exception,
    },
    /// `SystemExit` reached the top: `sys.exit()` and friends.
    Exited {
        status: i32,
    },
    /// The function or class to call does not exist.
    Missing {
        name: String,
    },
    /// A limit ended the step.
    LimitHit {
        limit: Limit,
    },
    /// The guest itself ended: `os._exit`, a WebAssembly trap.
    Aborted {
        reason: String,
    },
}

/// Which limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The fuel of the step: the reproducible form of a time-out.
    Fuel,
    Memory,
    Output,
    /// The WebAssembly stack: endless recursion in Python or in C code.
    Stack,
}

/// A Python exception, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Class name without module: `ValueError`.
    pub class: String,
    /// `str(exception)`, cut to 1,000 characters.
    pub message: String,
    /// Innermost line on the traceback that belongs to the program (the `source` of
    /// [`Step::RunScript`] or [`Step::Load`]), from 1. `None` where the exception was raised
    /// by code behind it: a failed `assert` of the tests has no line of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Names of the class and its bases up to `BaseException`, most derived first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
}
