//! bigcode-evaluation-harness `generations_*.json`: an array over the problems, in the order
//! of the dataset, of arrays of whole programs.

use harness::candidate::Code;
use harness::value::Value;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::json;
use crate::replay::recorded::{Batch, Key, Recorded};

pub(super) fn is_form(items: &[Value]) -> bool {
    items
        .first()
        .is_some_and(|item| json::array(item).is_some())
}

pub(super) fn read(file: &str, items: &[Value]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::Generations);
    batch.n_positions = items.len();
    for (position, item) in items.iter().enumerate() {
        let place = format!("element {position}");
        programs(
            file,
            &place,
            item,
            &Key::Position(position),
            &mut batch.programs,
        )?;
    }
    Ok(batch)
}

/// Reads an array of programs that belong to `key`.
pub(super) fn programs(
    file: &str,
    place: &str,
    item: &Value,
    key: &Key,
    out: &mut Vec<Recorded>,
) -> Result<(), Error> {
    let malformed = |place: String, detail: String| Error::Malformed {
        file: file.to_owned(),
        place,
        detail,
    };
    let programs = json::array(item).ok_or_else(|| {
        malformed(
            place.to_owned(),
            format!("{}, expected an array of programs", json::kind(item)),
        )
    })?;
    for (index, program) in programs.iter().enumerate() {
        let place = format!("{place}, program {index}");
        let Some(text) = json::text(program) else {
            return Err(malformed(
                place,
                format!("{}, expected a string", json::kind(program)),
            ));
        };
        out.push(Recorded {
            key: key.clone(),
            code: Code::Program(text.to_owned()),
            provenance: None,
            place,
        });
    }
    Ok(())
}
