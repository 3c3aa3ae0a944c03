//! Our own records: `candidates.jsonl` of a run directory.

use std::collections::BTreeMap;

use harness::candidate::{Candidate, CandidateId};
use harness::value::Value;

use crate::error::Error;
use crate::replay::format::Format;
use crate::replay::json;
use crate::replay::recorded::{Batch, IdKey, Key, Recorded};

pub(super) fn is_record(value: &Value) -> bool {
    ["id", "code", "provenance"]
        .iter()
        .all(|key| json::get(value, key).is_some_and(|value| json::object(value).is_some()))
}

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Batch, Error> {
    let mut batch = Batch::new(file, Format::Candidates);
    let mut records: BTreeMap<CandidateId, (usize, Candidate)> = BTreeMap::new();
    for (row, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let malformed = |detail: String| Error::Malformed {
            file: file.to_owned(),
            place: format!("row {row}"),
            detail,
        };
        let candidate: Candidate = serde_json::from_slice(line)
            .map_err(|error| malformed(format!("not a candidate: {error}")))?;
        match records.get(&candidate.id) {
            None => {
                records.insert(candidate.id.clone(), (row, candidate));
            }
            Some((_, same)) if *same == candidate => batch.n_duplicates += 1,
            Some((before, _)) => {
                return Err(malformed(format!(
                    "candidate {} again, other than in row {before}",
                    candidate.id
                )));
            }
        }
    }
    batch.programs = records
        .into_values()
        .map(|(row, candidate)| Recorded {
            key: Key::Id {
                text: candidate.id.problem.to_string(),
                under: IdKey::Task,
            },
            code: candidate.code,
            provenance: Some(candidate.provenance),
            place: format!("row {row}"),
        })
        .collect();
    Ok(batch)
}
