//! CodeRL's `gen_solutions.json` in the folder of an APPS problem: an array of objects with
//! `code`, and with `result` and `error_type`, which are its authors' verdicts and not read.

use std::path::{Path, PathBuf};

use harness::candidate::Code;
use harness::value::Value;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::json;
use crate::replay::recorded::{Batch, IdKey, Key, Recorded};
use crate::replay::source;

pub(crate) const FILE_NAME: &str = "gen_solutions.json";

pub(super) fn is_form(items: &[Value]) -> bool {
    items.first().is_some_and(|item| {
        json::get(item, "code").is_some_and(|code| json::text(code).is_some())
            && json::get(item, "result").is_some()
    })
}

/// `folder` is the path of the problem's directory: its name is the id.
pub(super) fn read(file: &str, folder: &str, items: &[Value]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::GenSolutions);
    let key = Key::Id {
        text: problem_of(Path::new(folder)),
        under: IdKey::Problem,
    };
    for (index, item) in items.iter().enumerate() {
        let place = format!("element {index}");
        let code = json::get(item, "code")
            .and_then(json::text)
            .ok_or_else(|| Error::Malformed {
                file: file.to_owned(),
                place: place.clone(),
                detail: "key `code` is missing or not a string".to_owned(),
            })?;
        batch.programs.push(Recorded {
            key: key.clone(),
            code: Code::Program(code.to_owned()),
            provenance: None,
            place,
        });
    }
    Ok(batch)
}

/// `apps/train/0001`, or `apps/0001` where the folder above is no split.
fn problem_of(folder: &Path) -> String {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let number = name(folder).unwrap_or_default();
    match folder.parent().and_then(name) {
        Some(split) if split == "train" || split == "test" => format!("apps/{split}/{number}"),
        _ => format!("apps/{number}"),
    }
}

/// Reads the files of a tree, in the order given, as one batch.
pub(crate) fn read_tree(root: &str, files: &[PathBuf]) -> Result<Batch, Error> {
    let mut batch = Batch::new(root, Format::GenSolutions);
    for path in files {
        let name = path.display().to_string();
        let contents = source::read(path)?;
        let (document, repaired) =
            json::parse(&contents.bytes).map_err(|detail| Error::NotRecognized {
                file: name.clone(),
                detail: format!("it is not JSON: {detail}"),
            })?;
        let items = json::array(&document).ok_or_else(|| Error::NotRecognized {
            file: name.clone(),
            detail: format!(
                "it is {}, expected an array of objects with `code`",
                json::kind(&document)
            ),
        })?;
        let folder = source::folder_of(path);
        batch.programs.extend(read(&name, &folder, items)?.programs);
        batch.n_repaired += usize::from(repaired);
        batch.files.push((name, contents.sha256));
    }
    Ok(batch)
}
