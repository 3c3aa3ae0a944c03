//! What CodeRL's `generate.py` writes: `codes/0.json` with `{"0": {"code": [program, …],
//! "prompt": …}}`, a file a problem. The number is the place in the sorted list of problem
//! folders, which for the complete benchmark is also the id.

use std::path::PathBuf;

use harness::value::Value;

use crate::error::Error;
use crate::replay::format::{Format, all_codes, generations};
use crate::replay::json;
use crate::replay::recorded::{Batch, Key};
use crate::replay::source;

pub(super) fn is_form(pairs: &[(Value, Value)]) -> bool {
    pairs.first().is_some_and(|(key, value)| {
        all_codes::number(key).is_some() && json::get(value, "code").is_some()
    })
}

pub(super) fn read(file: &str, pairs: &[(Value, Value)]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::CodeRlCodes);
    for (key, value) in pairs {
        let number = all_codes::numbered(file, key)?;
        let place = format!("key `{number}`");
        let code = json::get(value, "code").ok_or_else(|| Error::Malformed {
            file: file.to_owned(),
            place: place.clone(),
            detail: "key `code` is missing, expected an array of programs".to_owned(),
        })?;
        let place = format!("{place}, key `code`");
        generations::programs(
            file,
            &place,
            code,
            &Key::Number(number),
            &mut batch.programs,
        )?;
    }
    Ok(batch)
}

/// Reads the files of a folder, in the order of their numbers, as one batch.
pub(crate) fn read_folder(folder: &str, files: &[PathBuf]) -> Result<Batch, Error> {
    let mut batch = Batch::new(folder, Format::CodeRlCodes);
    for path in files {
        let name = path.display().to_string();
        let contents = source::read(path)?;
        let (document, repaired) =
            json::parse(&contents.bytes).map_err(|detail| Error::NotRecognized {
                file: name.clone(),
                detail: format!("it is not JSON: {detail}"),
            })?;
        let pairs = json::object(&document)
            .filter(|pairs| is_form(pairs))
            .ok_or_else(|| Error::NotRecognized {
                file: name.clone(),
                detail: "it is not `{number: {\"code\": [program, …]}}`, as its name promises"
                    .to_owned(),
            })?;
        batch.programs.extend(read(&name, pairs)?.programs);
        batch.n_repaired += usize::from(repaired);
        batch.files.push((name, contents.sha256));
    }
    Ok(batch)
}
