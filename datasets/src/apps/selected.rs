//! The selection of APPS test problems that CodeTree published (`apps_selected.json`):
//! `name` is the number in APPS, `private_tests` the benchmark's whole list of tests,
//! `public_tests` examples taken from the statement. All standard input.

use harness::problem::{Problem, StdinTest, TestSet, UnitTests};
use harness::value::Value;

use crate::apps::row::{difficulty, problem_id};
use crate::form::Context;
use crate::reading::Skip;
use crate::rows::{Row, type_name};

pub(crate) fn selected_problem(row: &Row, context: &Context) -> Result<Problem, Skip> {
    let id = problem_id(
        context.id_prefix.as_deref(),
        context.split,
        &row.name("name")?,
    );
    let read = || -> Result<Problem, String> {
        Ok(Problem {
            id: id.clone(),
            split: context.split,
            difficulty: difficulty(row.optional_text("difficulty")?)?,
            statement: row.text("description")?.to_owned(),
            starter_code: None,
            completion_prefix: None,
            reference_solutions: Vec::new(),
            tests: UnitTests::StandardInput {
                tests: TestSet {
                    example: tests(row, "public_tests")?,
                    hidden: tests(row, "private_tests")?,
                },
            },
            url: None,
        })
    };
    read().map_err(Skip::of(&id))
}

fn tests(row: &Row, key: &str) -> Result<Vec<StdinTest>, String> {
    let value = row
        .get(key)
        .ok_or_else(|| format!("key `{key}` is missing"))?;
    let Value::Dict(pairs) = value else {
        return Err(format!(
            "key `{key}` holds {}, expected an object",
            type_name(value)
        ));
    };
    let texts = |name: &str| {
        let list = pairs.iter().find(|(key, _)| *key == Value::from(name));
        let Some((_, Value::List(items))) = list else {
            return Err(format!("key `{key}` has no list `{name}`"));
        };
        items
            .iter()
            .map(|item| match item {
                Value::Str(text) => Ok(text.clone()),
                other => Err(format!(
                    "key `{key}`: `{name}` holds {}, expected strings",
                    type_name(other)
                )),
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let (inputs, outputs) = (texts("input")?, texts("output")?);
    if inputs.len() != outputs.len() {
        return Err(format!(
            "key `{key}` has {} inputs and {} outputs",
            inputs.len(),
            outputs.len()
        ));
    }
    Ok(inputs
        .into_iter()
        .zip(outputs)
        .map(|(input, expected)| StdinTest { input, expected })
        .collect())
}
