//! What the harness concludes about a candidate.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::execution::{Exception, Limit};
use crate::problem::display_as_serialized;

/// The four outcomes of CodeRL (§3.1, Eq. 4–7), worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    CompileError,
    RuntimeError,
    FailedTests,
    PassedTests,
}

impl Outcome {
    pub const ALL: [Self; 4] = [
        Self::CompileError,
        Self::RuntimeError,
        Self::FailedTests,
        Self::PassedTests,
    ];
}

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grader {
    /// Exact tokens line by line, documented float tolerance.
    Strict,
    /// The cascade of the original APPS grader, mistakes included.
    #[serde(rename = "apps-2021")]
    Apps2021,
}

display_as_serialized! {
    Outcome {
        CompileError => "compile-error",
        RuntimeError => "runtime-error",
        FailedTests => "failed-tests",
        PassedTests => "passed-tests",
    }
    Grader { Strict => "strict", Apps2021 => "apps-2021" }
}

/// Why a test or a candidate did not pass. [`Cause::outcome`] maps it to an [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// The source does not compile (`SyntaxError`, `IndentationError`, `TabError`, …).
    NotCompiled {
        exception: Exception,
    },
    /// `apps-2021` only: anything that goes wrong while the program is loaded counts as a
    /// compile error there.
    NotLoaded {
        detail: String,
    },
    Exception {
        exception: Exception,
    },
    /// The budget of guest work was used up.
    TimeLimit,
    MemoryLimit,
    OutputLimit,
    StackLimit,
    /// The program ended before its tests did.
    EarlyExit {
        status: i32,
    },
    /// The function under test is not defined.
    MissingFunction {
        name: String,
    },
    /// The guest crashed.
    Crash {
        reason: String,
    },
    /// Output or result differs from what the test expects.
    WrongAnswer {
        detail: Option<Box<Difference>>,
    },
    /// An `assert` of the test failed.
    FailedAssertion {
        line: Option<u32>,
        message: String,
    },
}

impl Cause {
    /// The paper's class of a cause: the only place where the two meet.
    pub fn outcome(&self) -> Outcome {
        match self {
            // Nothing could be run at all.
            Self::NotCompiled { .. } | Self::NotLoaded { .. } => Outcome::CompileError,
            // The program ran and did not come to an end of its own.
            Self::Exception { .. }
            | Self::TimeLimit
            | Self::MemoryLimit
            | Self::OutputLimit
            | Self::StackLimit
            | Self::EarlyExit { .. }
            | Self::MissingFunction { .. }
            | Self::Crash { .. } => Outcome::RuntimeError,
            // The program ended, with a wrong result.
            Self::WrongAnswer { .. } | Self::FailedAssertion { .. } => Outcome::FailedTests,
        }
    }

    /// Short name for tables: an exception's class, or the kind of cause.
    pub fn label(&self) -> &str {
        match self {
            Self::NotCompiled { exception } | Self::Exception { exception } => &exception.class,
            Self::NotLoaded { .. } => "not loaded",
            Self::TimeLimit => "time limit",
            Self::MemoryLimit => "memory limit",
            Self::OutputLimit => "output limit",
            Self::StackLimit => "stack limit",
            Self::EarlyExit { .. } => "early exit",
            Self::MissingFunction { .. } => "missing function",
            Self::Crash { .. } => "crash",
            Self::WrongAnswer { .. } => "wrong answer",
            Self::FailedAssertion { .. } => "failed assertion",
        }
    }
}

impl From<Limit> for Cause {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Fuel => Self::TimeLimit,
            Limit::Memory => Self::MemoryLimit,
            Limit::Output => Self::OutputLimit,
            Limit::Stack => Self::StackLimit,
        }
    }
}

/// Heads of what was expected and of what came, for people; at most 400 characters each,
/// starting at the line of the first difference where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub expected: String,
    pub actual: String,
    /// Line of the output where the two part, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Result of one unit test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// `None` when the test passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Name of the comparison rule that accepted the output: `lines`, `token-sets`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The test ran in the program's own interpreter and could have been forged by it: its
    /// form allows no other way. Only tests that are Python code can be of such a form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_place: bool,
}

impl TestResult {
    pub fn outcome(&self) -> Outcome {
        self.cause
            .as_ref()
            .map_or(Outcome::PassedTests, Cause::outcome)
    }
}

/// Why a candidate has no outcome. What was not judged is not wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Unjudged {
    /// The program needs something that the guest does not have, and did not pass without.
    Unsupported { features: Vec<String> },
    /// The problem has no tests to judge by.
    NoTests,
    /// The dataset's own reference program failed, so there is nothing to compare with.
    BrokenReference { detail: String },
    /// The sandbox failed repeatedly (host too slow, out of memory, …).
    Infrastructure { detail: String },
}

/// Judged, with an outcome; or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Judgement {
    Judged {
        outcome: Outcome,
        /// Why not passed: the cause of the first failing test, or with `apps-2021` of the
        /// first among the worst.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// In test order; ends at the first failure when judging stopped early.
        tests: Vec<TestResult>,
        /// Number of tests there are.
        n_tests: u32,
    },
    Unjudged {
        reason: Unjudged,
    },
}

impl Judgement {
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Judged { outcome, .. } => Some(*outcome),
            Self::Unjudged { .. } => None,
        }
    }

    pub fn passed(&self) -> bool {
        self.outcome() == Some(Outcome::PassedTests)
    }
}

/// What judging a program once gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub judgement: Judgement,
    /// Fuel used over all steps.
    pub fuel: u64,
}

/// The judgement of one grader on one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub candidate: CandidateId,
    pub grader: Grader,
    pub judgement: Judgement,
    /// Fuel used over all steps.
    pub fuel: u64,
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { features } => write!(f, "unsupported: {}", features.join(", ")),
            Self::NoTests => write!(f, "no tests"),
            Self::BrokenReference { detail } => write!(f, "broken reference: {detail}"),
            Self::Infrastructure { detail } => write!(f, "infrastructure: {detail}"),
        }
    }
}
