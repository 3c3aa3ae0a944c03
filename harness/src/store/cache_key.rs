//! What a verdict depends on, as one hash.

use std::fmt;

use serde::Serialize;

use super::digest::{digest_of_json, hex};
use crate::execution::Limits;
use crate::judge::{JudgeOptions, TestCode};
use crate::problem::{CallTest, Problem, ProblemId, StdinTest, UnitTests, WhichTests};
use crate::value::Value;
use crate::verdict::Grader;

/// Changes with the sources of the judge, so that a cached verdict is never that of another
/// version.
pub const JUDGE_FINGERPRINT: &str = env!("JUDGE_FINGERPRINT");

/// Format of what is hashed and of what is stored under it.
const FORMAT_VERSION: u32 = 1;

/// Under which a verdict is cached: equal keys, equal verdicts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(pub(super) [u8; 32]);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What is the same for all candidates of a run.
#[derive(Clone, Debug)]
pub struct KeyContext {
    pub options: JudgeOptions,
    pub limits: Limits,
    /// [`crate::contract::Executor::fingerprint`].
    pub guest: String,
    /// The same of [`crate::contract::Executor::with_packages`], where there is one: it stands
    /// in the keys of programs that go there.
    pub guest_with_packages: Option<String>,
}

impl KeyContext {
    /// Key of judging `program` by the tests of one problem.
    pub fn key(&self, tests: &TestsDigest, program: &str, grader: Grader) -> CacheKey {
        #[derive(Serialize)]
        struct Key<'a> {
            format_version: u32,
            judge: &'a str,
            guest: &'a str,
            limits: &'a Limits,
            options: &'a JudgeOptions,
            grader: Grader,
            tests: String,
            program: &'a str,
        }
        CacheKey(digest_of_json(&Key {
            format_version: FORMAT_VERSION,
            judge: JUDGE_FINGERPRINT,
            guest: match &self.guest_with_packages {
                Some(guest) if tests.code.needs_packages(program, grader) => guest,
                _ => &self.guest,
            },
            limits: &self.limits,
            options: &self.options,
            grader,
            tests: hex(&tests.digest),
            program,
        }))
    }
}

/// Digest of the tests of a problem, made once for all its candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestsDigest {
    digest: [u8; 32],
    code: TestCode,
}

impl fmt::Display for TestsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(&self.digest))
    }
}

impl TestsDigest {
    /// Digest of those tests of `problem` that `which` names, with all that they run with.
    ///
    /// The rest of the problem (statement, the other tests, mostly the id) has no part in it:
    /// the same tests in two editions of a dataset share their verdicts.
    pub fn new(problem: &Problem, which: WhichTests) -> Self {
        Self {
            digest: digest_of_json(&(which, Graded::new(problem, which))),
            code: TestCode::of(problem),
        }
    }
}

/// The part of [`UnitTests`] that a verdict depends on.
#[derive(Serialize)]
#[serde(tag = "style", rename_all = "kebab-case")]
enum Graded<'a> {
    StandardInput {
        tests: &'a [StdinTest],
    },
    CallBased {
        function: &'a str,
        tests: &'a [CallTest],
    },
    Asserts {
        setup: &'a str,
        tests: &'a [String],
        challenge: &'a [String],
    },
    CheckFunction {
        entry_point: &'a str,
        source: &'a str,
    },
    Differential {
        /// The judge looks up the comparison rules of a few EvalPlus problems.
        problem: &'a ProblemId,
        entry_point: &'a str,
        reference: &'a str,
        base: &'a [Vec<Value>],
        plus: &'a [Vec<Value>],
        absolute_tolerance: f64,
    },
}

impl<'a> Graded<'a> {
    // Every field is named, so that a new one has to be thought of here.
    fn new(problem: &'a Problem, which: WhichTests) -> Self {
        match &problem.tests {
            UnitTests::StandardInput { tests } => Self::StandardInput {
                tests: tests.of(which),
            },
            UnitTests::CallBased { function, tests } => Self::CallBased {
                function,
                tests: tests.of(which),
            },
            UnitTests::Asserts {
                setup,
                tests,
                challenge,
            } => Self::Asserts {
                setup,
                tests: tests.of(which),
                challenge,
            },
            UnitTests::CheckFunction {
                entry_point,
                source,
            } => Self::CheckFunction {
                entry_point,
                source,
            },
            UnitTests::Differential {
                entry_point,
                reference,
                base,
                plus,
                absolute_tolerance,
            } => Self::Differential {
                problem: &problem.id,
                entry_point,
                reference,
                base,
                plus,
                absolute_tolerance: *absolute_tolerance,
            },
        }
    }
}
