//! The forms of rows that are recognized, and which reader takes which.

use harness::problem::{Problem, Split};

use crate::reading::Skip;
use crate::rows::Row;
use crate::{apps, evalplus, human_eval, mbpp, own};

/// What a row does not say itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// From the name of the file or of the folder around it.
    pub(crate) split: Option<Split>,
    /// Put before numbers instead of the names of benchmark and split.
    pub(crate) id_prefix: Option<String>,
}

/// A form of rows, told by its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    EvalPlus,
    HumanEval,
    Mbpp,
    AppsSelected,
    Apps,
    Own,
}

/// Named in errors.
pub(crate) const RECOGNIZED: &str = "one of these forms: \
     APPS (`problem_id`, `question`, `input_output`, …), \
     CodeTree's APPS selection (`name`, `description`, `public_tests`, `private_tests`), \
     MBPP (`task_id`, `text` or `prompt`, `test_list`, …), \
     HumanEval (`task_id`, `prompt`, `entry_point`, `test`), \
     EvalPlus (`task_id`, `canonical_solution`, `base_input`, `plus_input`, …), \
     your own (`id`, `statement`, `tests` or `asserts` or `check`; see docs/problem-format.md)";

impl Form {
    pub(crate) fn of(row: &Row) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().all(|key| row.has(key));
        if has(&["task_id", "canonical_solution", "base_input", "plus_input"]) {
            Some(Self::EvalPlus)
        } else if has(&["task_id", "prompt", "entry_point", "test"]) {
            Some(Self::HumanEval)
        } else if has(&["task_id", "test_list"]) {
            Some(Self::Mbpp)
        } else if has(&["name", "description", "public_tests", "private_tests"]) {
            Some(Self::AppsSelected)
        } else if has(&["question", "input_output"]) || has(&["question", "solutions"]) {
            Some(Self::Apps)
        } else if has(&["id", "statement"]) {
            Some(Self::Own)
        } else {
            None
        }
    }

    /// Name of a dataset whose first row is `row`.
    pub(crate) fn dataset_name(self, row: &Row) -> &'static str {
        match self {
            Self::EvalPlus => evalplus::dataset_name(row),
            Self::HumanEval => human_eval::dataset_name(row),
            Self::Mbpp => mbpp::dataset_name(row),
            Self::AppsSelected => "apps-selected",
            Self::Apps => "apps",
            Self::Own => "own",
        }
    }

    pub(crate) fn problem(self, row: &Row, context: &Context) -> Result<Problem, Skip> {
        match self {
            Self::EvalPlus => evalplus::problem(row),
            Self::HumanEval => human_eval::problem(row),
            Self::Mbpp => mbpp::problem(row, context),
            Self::AppsSelected => apps::selected_problem(row, context),
            Self::Apps => apps::problem(row, context),
            Self::Own => own::problem(row),
        }
    }
}
