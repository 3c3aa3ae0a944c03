//! Rows in the form of the Hub's `codeparrot/apps`.

use harness::problem::{Difficulty, Problem, ProblemId, Split};
use harness::value::Value;

use crate::apps::tests;
use crate::example_tests;
use crate::form::Context;
use crate::reading::Skip;
use crate::rows::Row;

pub(crate) fn problem(row: &Row, context: &Context) -> Result<Problem, Skip> {
    // Some copies call it `id`.
    let key = if row.has("problem_id") || !row.has("id") {
        "problem_id"
    } else {
        "id"
    };
    let number = row.name(key)?;
    let id = problem_id(context.id_prefix.as_deref(), context.split, &number);
    read(row, context, &id).map_err(Skip::of(&id))
}

fn read(row: &Row, context: &Context, id: &ProblemId) -> Result<Problem, String> {
    let statement = row.text("question")?;
    let mut tests = match row.get("input_output") {
        None => tests::from_value(Value::None),
        Some(Value::Str(json)) => tests::parse(json),
        Some(value) => tests::from_value(value.clone()),
    }
    .map_err(|detail| format!("key `input_output`: {detail}"))?;
    example_tests::add(&mut tests, statement, None);
    Ok(Problem {
        id: id.clone(),
        split: context.split,
        difficulty: difficulty(row.optional_text("difficulty")?)?,
        statement: statement.to_owned(),
        starter_code: row.optional_text("starter_code")?.map(str::to_owned),
        completion_prefix: None,
        reference_solutions: match row.get("solutions") {
            None => Vec::new(),
            Some(Value::Str(json)) => {
                solutions(json).map_err(|detail| format!("key `solutions`: {detail}"))?
            }
            Some(_) => row.texts("solutions")?,
        },
        tests,
        url: row.optional_text("url")?.map(str::to_owned),
    })
}

/// `apps/train/0001`, or `apps/0001` where the split is not known; numbers have four
/// digits, as the directories of the original release. A prefix stands for both names.
pub(super) fn problem_id(prefix: Option<&str>, split: Option<Split>, number: &str) -> ProblemId {
    let number = if number.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{number:0>4}")
    } else {
        number.to_owned()
    };
    ProblemId::new(match (prefix, split) {
        (Some(prefix), _) => format!("{prefix}/{number}"),
        (None, Some(split)) => format!("apps/{split}/{number}"),
        (None, None) => format!("apps/{number}"),
    })
}

/// Absent is allowed, unknown is not: a table by difficulty would silently lose it.
pub(crate) fn difficulty(name: Option<&str>) -> Result<Option<Difficulty>, String> {
    name.map(str::parse)
        .transpose()
        .map_err(|detail| format!("key `difficulty`: {detail}"))
}

/// A JSON list of programs; an empty text or `null` is an empty list.
pub(super) fn solutions(json: &str) -> Result<Vec<String>, String> {
    if json.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value =
        Value::from_json(json.as_bytes()).map_err(|detail| format!("not JSON: {detail}"))?;
    match value {
        Value::None => Ok(Vec::new()),
        Value::List(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Str(program) => Ok(program),
                _ => Err("an entry that is not a string".to_owned()),
            })
            .collect(),
        _ => Err("not a list of programs".to_owned()),
    }
}
