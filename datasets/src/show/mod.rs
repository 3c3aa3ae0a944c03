//! Datasets and problems as text for people.

mod find;
mod layout;
mod problem;
mod summary;

pub use find::find_problem;
pub use problem::problem;
pub use summary::summary;

use harness::problem::UnitTests;

/// How wide the text may be, and how many skipped rows are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShowOptions {
    pub width: usize,
    pub max_skipped: usize,
}

impl Default for ShowOptions {
    fn default() -> Self {
        Self {
            width: 96,
            max_skipped: 20,
        }
    }
}

fn style_name(tests: &UnitTests) -> &'static str {
    match tests {
        UnitTests::StandardInput { .. } => "standard input",
        UnitTests::CallBased { .. } => "calls",
        UnitTests::Asserts { .. } => "asserts",
        UnitTests::CheckFunction { .. } => "check function",
        UnitTests::Differential { .. } => "reference results",
    }
}
