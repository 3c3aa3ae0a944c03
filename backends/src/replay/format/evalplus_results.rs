//! EvalPlus `*_eval_results.json`, read for its programs: `{"eval": {task_id: [{"solution": …,
//! "base_status": …}]}}`.

use harness::candidate::Code;
use harness::value::Value;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::json;
use crate::replay::recorded::{Batch, IdKey, Key, Recorded};

pub(super) fn is_form(document: &Value) -> bool {
    json::get(document, "eval").is_some_and(|eval| json::object(eval).is_some())
}

pub(super) fn read(file: &str, document: &Value) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::EvalPlusResults);
    let tasks = json::get(document, "eval")
        .and_then(json::object)
        .unwrap_or_default();
    for (task, results) in tasks {
        let task = json::text(task).unwrap_or_default();
        let malformed = |place: String, detail: String| Error::Malformed {
            file: file.to_owned(),
            place,
            detail,
        };
        let place = format!("key `eval`, `{task}`");
        let results = json::array(results).ok_or_else(|| {
            malformed(
                place.clone(),
                format!("{}, expected an array of results", json::kind(results)),
            )
        })?;
        for (index, result) in results.iter().enumerate() {
            let place = format!("{place}, result {index}");
            let solution = json::get(result, "solution")
                .and_then(json::text)
                .ok_or_else(|| {
                    malformed(
                        place.clone(),
                        "key `solution` is missing or not a string".to_owned(),
                    )
                })?;
            batch.programs.push(Recorded {
                key: Key::Id {
                    text: task.to_owned(),
                    under: IdKey::Task,
                },
                code: Code::Program(solution.to_owned()),
                provenance: None,
                place,
            });
        }
    }
    Ok(batch)
}
