//! HumanEval (Chen et al., 2021), and HumanEval+ in the same layout.
//!
//! In that layout of HumanEval+ (`HumanEvalPlus-OriginFmt`, and the Hub's) the script of
//! task 32 is broken as published: it spreads a float into arguments, so no program passes
//! it. The other layout, with inputs and a reference program, has no such fault.

use harness::problem::{Problem, ProblemId, Split, UnitTests};

use crate::numpy_shim;
use crate::reading::Skip;
use crate::rows::Row;

pub(crate) fn dataset_name(row: &Row) -> &'static str {
    match row.text("test") {
        Ok(test) if numpy_shim::is_wanted(test) => "humaneval-plus",
        _ => "humaneval",
    }
}

pub(crate) fn problem(row: &Row) -> Result<Problem, Skip> {
    let id = ProblemId::new(row.name("task_id")?);
    let read = || -> Result<Problem, String> {
        let prompt = row.text("prompt")?;
        Ok(Problem {
            id: id.clone(),
            split: Some(Split::Test),
            difficulty: None,
            statement: prompt.to_owned(),
            starter_code: None,
            completion_prefix: Some(prompt.to_owned()),
            reference_solutions: row
                .get("canonical_solution")
                .map(|_| row.text("canonical_solution"))
                .transpose()?
                .map(|completion| format!("{prompt}{completion}"))
                .into_iter()
                .collect(),
            tests: UnitTests::CheckFunction {
                entry_point: row.text("entry_point")?.to_owned(),
                source: numpy_shim::applied(row.text("test")?),
            },
            url: None,
        })
    };
    read().map_err(Skip::of(&id))
}
