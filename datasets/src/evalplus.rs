//! HumanEval+ and MBPP+ (Liu et al., 2023): many inputs, and a reference program whose
//! results are the expected ones.

use harness::problem::{Problem, ProblemId, Split, UnitTests};
use harness::value::Value;

use crate::mbpp;
use crate::mbpp_inputs;
use crate::reading::Skip;
use crate::rows::{Row, type_name};

pub(crate) fn dataset_name(row: &Row) -> &'static str {
    match row.text("task_id").map(mbpp_task) {
        Ok(Some(_)) => "mbpp-plus",
        _ => "humaneval-plus",
    }
}

pub(crate) fn problem(row: &Row) -> Result<Problem, Skip> {
    let id = ProblemId::new(row.name("task_id")?);
    read(row, &id).map_err(Skip::of(&id))
}

fn read(row: &Row, id: &ProblemId) -> Result<Problem, String> {
    let prompt = row.text("prompt")?;
    let task = mbpp_task(id.as_str());
    // A HumanEval solution continues its prompt. An MBPP one is whole, and its prompt is a
    // docstring, which does no harm in front of it.
    let reference = format!("{prompt}{}", row.text("canonical_solution")?);
    let inputs = |key: &str| -> Result<Vec<Vec<Value>>, String> {
        row.list(key)?
            .iter()
            .enumerate()
            .map(|(index, arguments)| {
                let Value::List(arguments) = arguments else {
                    return Err(format!(
                        "entry {index} of `{key}` is {}, expected a list of arguments",
                        type_name(arguments)
                    ));
                };
                match task {
                    Some(task) => mbpp_inputs::restored(task, arguments.clone())
                        .map_err(|detail| format!("entry {index} of `{key}`: {detail}")),
                    None => Ok(arguments.clone()),
                }
            })
            .collect()
    };
    // A task without additional inputs (793) stores an empty object instead of a list.
    let plus = match row.get("plus_input") {
        Some(Value::Dict(pairs)) if pairs.is_empty() => Vec::new(),
        _ => inputs("plus_input")?,
    };
    Ok(Problem {
        id: id.clone(),
        split: match task {
            Some(task) => mbpp::split(task),
            None => Some(Split::Test),
        },
        difficulty: None,
        statement: prompt.to_owned(),
        starter_code: None,
        completion_prefix: Some(prompt.to_owned()),
        reference_solutions: vec![reference.clone()],
        tests: UnitTests::Differential {
            entry_point: row.text("entry_point")?.to_owned(),
            reference,
            base: inputs("base_input")?,
            plus,
            absolute_tolerance: tolerance(row)?,
        },
        url: None,
    })
}

fn tolerance(row: &Row) -> Result<f64, String> {
    match row.get("atol") {
        None => Ok(0.0),
        Some(Value::Int(number)) if *number == 0.into() => Ok(0.0),
        Some(Value::Float(number)) if *number >= 0.0 => Ok(*number),
        Some(other) => Err(format!("key `atol` holds {other}, expected a small number")),
    }
}

/// The number in `Mbpp/2`.
fn mbpp_task(id: &str) -> Option<u32> {
    id.strip_prefix("Mbpp/")?.parse().ok()
}
