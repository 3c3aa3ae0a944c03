//! EvalPlus folders: a directory a problem (`HumanEval_0`, `Mbpp_2`), a file a program
//! (`0.py`, `1.py`, …).

use std::path::Path;

use harness::candidate::Code;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::recorded::{Batch, IdKey, Key, Recorded};
use crate::replay::source;

/// Whether this is the name of a problem's directory.
pub(crate) fn is_problem_folder(name: &str) -> bool {
    name.split_once('_').is_some_and(|(benchmark, number)| {
        !benchmark.is_empty()
            && benchmark.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

pub(crate) fn read_folder(root: &Path, problems: &[String]) -> Result<Batch, Error> {
    let mut batch = Batch::new(&root.display().to_string(), Format::EvalPlusFolder);
    for problem in problems {
        let folder = root.join(problem);
        let mut programs = Vec::new();
        for entry in source::entries(&folder)? {
            let number = entry
                .name
                .strip_suffix(".py")
                .and_then(|stem| stem.parse::<u64>().ok());
            match number {
                Some(number) if !entry.is_dir => programs.push((number, entry)),
                _ => batch.ignored.push(format!("{problem}/{}", entry.name)),
            }
        }
        programs.sort_by_key(|(number, _)| *number);
        for (_, entry) in programs {
            let contents = source::read(&folder.join(&entry.name))?;
            let place = format!("{problem}/{}", entry.name);
            batch.files.push((place.clone(), contents.sha256));
            let text = match String::from_utf8(contents.bytes) {
                Ok(text) => text,
                Err(error) => {
                    batch.n_repaired += 1;
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                }
            };
            batch.programs.push(Recorded {
                key: Key::Id {
                    text: problem.clone(),
                    under: IdKey::Task,
                },
                code: Code::Program(text),
                provenance: None,
                place,
            });
        }
    }
    Ok(batch)
}
