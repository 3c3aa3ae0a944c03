//! What a program has to do: a statement with the unit tests that decide it.
//!
//! Dataset readers make these; everything else only reads them. The wire formats of the
//! benchmarks stay in the `datasets` package.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Name of a problem, unique within a dataset, in the dataset's own spelling
/// (`HumanEval/0`, `mbpp/11`, `apps/train/0001`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProblemId(String);

impl ProblemId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProblemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Part of a dataset, as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Reserved for few-shot examples (MBPP 1–10).
    Prompt,
    Train,
    Validation,
    Test,
}

/// Difficulty levels of APPS, easiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difficulty {
    Introductory,
    Interview,
    Competition,
}

impl Difficulty {
    pub const ALL: [Self; 3] = [Self::Introductory, Self::Interview, Self::Competition];
}

macro_rules! display_as_serialized {
    ($($type:ty { $($variant:ident => $name:literal),+ $(,)? })+) => {$(
        impl $type {
            /// The name used in files and on screen.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is not one of {}", [$(concat!("`", $name, "`")),+].join(", "))),
                }
            }
        }
    )+};
}
pub(crate) use display_as_serialized;

display_as_serialized! {
    Split { Prompt => "prompt", Train => "train", Validation => "validation", Test => "test" }
    Difficulty { Introductory => "introductory", Interview => "interview", Competition => "competition" }
}

/// One problem, complete enough to prompt for it and to judge programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub id: ProblemId,
    pub split: Option<Split>,
    pub difficulty: Option<Difficulty>,
    /// Task description as published, without any prompt template around it.
    pub statement: String,
    /// APPS `starter_code.py`: a header that the program must define.
    pub starter_code: Option<String>,
    /// Text that a *completion* continues (HumanEval `prompt`): program = prefix + completion.
    /// Complete programs ignore it.
    pub completion_prefix: Option<String>,
    /// Complete programs shipped with the dataset; often absent in APPS test.
    pub reference_solutions: Vec<String>,
    pub tests: UnitTests,
    pub url: Option<String>,
}

impl Problem {
    /// A problem that is nothing but its tests, for programs that come from elsewhere.
    pub fn with_tests(id: ProblemId, tests: UnitTests) -> Self {
        Self {
            id,
            split: None,
            difficulty: None,
            statement: String::new(),
            starter_code: None,
            completion_prefix: None,
            reference_solutions: Vec::new(),
            tests,
            url: None,
        }
    }

    /// The program that a completion of this problem's prompt stands for.
    pub fn program_from_completion(&self, completion: &str) -> String {
        match &self.completion_prefix {
            Some(prefix) => format!("{prefix}{completion}"),
            None => completion.to_owned(),
        }
    }
}

/// Tests shown in the statement and tests that grade.
///
/// Benchmarks usually repeat the examples among the hidden tests. Grading reads `hidden`
/// alone; `example` may be used at inference (CodeRL §3.3.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSet<T> {
    pub example: Vec<T>,
    pub hidden: Vec<T>,
}

impl<T> TestSet<T> {
    pub fn of(&self, which: WhichTests) -> &[T] {
        match which {
            WhichTests::Hidden => &self.hidden,
            WhichTests::Example => &self.example,
        }
    }
}

impl<T> Default for TestSet<T> {
    fn default() -> Self {
        Self {
            example: Vec::new(),
            hidden: Vec::new(),
        }
    }
}

/// How programs of a problem are fed, and what must come out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case")]
pub enum UnitTests {
    /// The program reads standard input and writes standard output (APPS).
    StandardInput { tests: TestSet<StdinTest> },
    /// A function, or a method of `class Solution`, is called (APPS with `fn_name`).
    CallBased {
        function: String,
        tests: TestSet<CallTest>,
    },
    /// Python `assert` statements run behind the program (MBPP).
    Asserts {
        /// Runs behind the program and before the asserts: `test_imports`, `test_setup_code`.
        setup: String,
        tests: TestSet<String>,
        /// MBPP `challenge_test_list`; graded only on request.
        challenge: Vec<String>,
    },
    /// Python source that defines `check(candidate)` (HumanEval); one test.
    CheckFunction { entry_point: String, source: String },
    /// Inputs whose expected results are what a reference program returns (EvalPlus).
    Differential {
        entry_point: String,
        /// Complete reference program.
        reference: String,
        /// Argument lists; `base` are the original benchmark's, `plus` the added ones.
        base: Vec<Vec<Value>>,
        plus: Vec<Vec<Value>>,
        /// Absolute tolerance for floats; 0 asks for equality, but see the judge for how
        /// EvalPlus treats results that are floats.
        absolute_tolerance: f64,
    },
}

impl UnitTests {
    /// Number of tests that grade.
    pub fn n_hidden(&self) -> usize {
        match self {
            Self::StandardInput { tests } => tests.hidden.len(),
            Self::CallBased { tests, .. } => tests.hidden.len(),
            Self::Asserts { tests, .. } => tests.hidden.len(),
            Self::CheckFunction { .. } => 1,
            Self::Differential { base, plus, .. } => base.len() + plus.len(),
        }
    }

    /// Number of tests shown in the statement.
    pub fn n_example(&self) -> usize {
        match self {
            Self::StandardInput { tests } => tests.example.len(),
            Self::CallBased { tests, .. } => tests.example.len(),
            Self::Asserts { tests, .. } => tests.example.len(),
            Self::CheckFunction { .. } | Self::Differential { .. } => 0,
        }
    }
}

/// Which tests a program is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhichTests {
    /// Those that grade.
    Hidden,
    /// Those shown in the statement.
    Example,
}

display_as_serialized! {
    WhichTests { Hidden => "hidden", Example => "example" }
}

/// Text for standard input and the text expected on standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StdinTest {
    pub input: String,
    pub expected: String,
}

/// Arguments of one call and the value expected back, both as read from JSON.
///
/// APPS often wraps the expected value in a one-element list; the graders deal with that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallTest {
    pub arguments: Vec<Value>,
    pub expected: Value,
}

/// A row of a dataset that could not become a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedProblem {
    /// Id where one could be read, otherwise file and row.
    pub id: String,
    /// Why, as a lowercase fragment naming file and key.
    pub reason: String,
}

/// What a reader makes of a dataset: `problems.len() + skipped.len()` is the number of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Short name: `apps`, `mbpp`, `mbpp-sanitized`, `humaneval`, `humaneval-plus`, …
    pub name: String,
    pub problems: Vec<Problem>,
    pub skipped: Vec<SkippedProblem>,
    /// SHA-256 over the files read, hex.
    pub sha256: String,
}
