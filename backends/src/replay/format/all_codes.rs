//! `all_codes.json` of the APPS repository: one object from the number of a problem to its
//! programs, or to a single one. The number is the place in the sorted list of problem folders, which for the
//! complete benchmark is also the id.

use harness::value::Value;

use crate::error::Error;
use crate::replay::format::{Format, generations};
use crate::replay::json;
use crate::replay::recorded::{Batch, Key};

pub(super) fn is_form(pairs: &[(Value, Value)]) -> bool {
    pairs.first().is_some_and(|(key, value)| {
        number(key).is_some() && (json::array(value).is_some() || json::text(value).is_some())
    })
}

pub(super) fn number(key: &Value) -> Option<u64> {
    json::text(key)?.parse().ok()
}

pub(super) fn read(file: &str, pairs: &[(Value, Value)]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::AllCodes);
    for (key, item) in pairs {
        let number = numbered(file, key)?;
        let place = format!("key `{number}`");
        let one;
        let programs = if json::text(item).is_some() {
            one = Value::List(vec![item.clone()]);
            &one
        } else {
            item
        };
        generations::programs(
            file,
            &place,
            programs,
            &Key::Number(number),
            &mut batch.programs,
        )?;
    }
    Ok(batch)
}

/// The number that `key` is.
pub(super) fn numbered(file: &str, key: &Value) -> Result<u64, Error> {
    number(key).ok_or_else(|| Error::Malformed {
        file: file.to_owned(),
        place: format!("key `{}`", json::text(key).unwrap_or_default()),
        detail: "expected the number of a problem".to_owned(),
    })
}
