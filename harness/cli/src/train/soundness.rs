//! What other programs may have done to the files of a run: cut them off, or mixed them with those of
//! another run. Nothing is learnt from such files; the file and the line are named.
//!
//! A run that is interrupted leaves a torn last line, and goes on without it. In a run that is
//! judged to its end, files are written as a whole, and a torn line is damage.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Result;
use harness::candidate::CandidateId;
use harness::problem::ProblemId;
use harness::store::StoredRun;
use harness::training::CriticScore;
use serde_json::Value;

use crate::exit::data;

const CANDIDATES: &str = "candidates.jsonl";
const VERDICTS: &str = "verdicts.jsonl";

/// Whether the candidates and verdicts of a run that is judged belong together.
pub(super) fn check_run(run: &StoredRun, path: &Path) -> Result<()> {
    // First: what a file lacks at its end looks like strays of the other.
    for name in [CANDIDATES, VERDICTS] {
        check_end(&path.join(name))?;
    }
    let problems: BTreeSet<&ProblemId> = run.problems.iter().map(|problem| &problem.id).collect();
    let stray = run.candidates.iter().map(|candidate| &candidate.id);
    for id in stray.filter(|id| !problems.contains(&id.problem)) {
        let detail = "is of a problem that the run does not have";
        return Err(refuse(&path.join(CANDIDATES), "id", id, detail));
    }
    let ids: BTreeSet<&CandidateId> = run.candidates.iter().map(|it| &it.id).collect();
    let stray = run.verdicts.iter().map(|verdict| &verdict.candidate);
    for id in stray.filter(|id| !ids.contains(id)) {
        let detail = "is judged, and there is no such candidate";
        return Err(refuse(&path.join(VERDICTS), "candidate", id, detail));
    }
    Ok(())
}

/// Whether scores are of candidates of the run that they lie in, and are numbers.
pub(super) fn check_scores(scores: &[CriticScore], path: &Path) -> Result<()> {
    for score in scores {
        let detail = match score.logits.iter().position(|it| !is_sound(it)) {
            _ if score.logits.len() != score.token_ids.len() => format!(
                "has logits of {} tokens, and {} tokens",
                score.logits.len(),
                score.token_ids.len()
            ),
            Some(place) => format!(
                "has logits {:?} of token {}, and there are two or four finite ones",
                score.logits[place],
                place + 1
            ),
            None => continue,
        };
        return Err(refuse(path, "id", &score.id, &detail));
    }
    check_end(path)
}

fn is_sound(logits: &[f32]) -> bool {
    matches!(logits.len(), 2 | 4) && logits.iter().all(|logit| logit.is_finite())
}

/// An error about the record of `path` that has `id` as its `key`.
fn refuse(path: &Path, key: &str, id: &CandidateId, detail: &str) -> anyhow::Error {
    let wanted = serde_json::to_value(id).ok();
    let place = line_of(path, |record| wanted.as_ref() == record.get(key));
    let line = place.map_or_else(String::new, |line| format!(", line {line}"));
    data(format!("`{}`{line}: `{id}` {detail}", path.display()))
}

/// The first line that is a record which `is_it`, from 1.
fn line_of(path: &Path, is_it: impl Fn(&Value) -> bool) -> Option<usize> {
    let lines = BufReader::new(std::fs::File::open(path).ok()?).lines();
    let found = lines.map_while(Result::ok).position(|line| {
        let record = serde_json::from_str::<Value>(&line);
        record.is_ok_and(|record| is_it(&record))
    });
    Some(found? + 1)
}

/// Whether the last line of a file is there as a whole.
fn check_end(path: &Path) -> Result<()> {
    let cannot_read = |error| data(format!("cannot read `{}`: {error}", path.display()));
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(cannot_read)?);
    let (mut line, mut n_lines) = (Vec::new(), 0);
    loop {
        let mut next = Vec::new();
        if reader.read_until(b'\n', &mut next).map_err(cannot_read)? == 0 {
            break;
        }
        n_lines += 1;
        line = next;
    }
    let is_whole = line.ends_with(b"\n") && serde_json::from_slice::<Value>(&line).is_ok();
    if n_lines == 0 || is_whole {
        return Ok(());
    }
    Err(data(format!(
        "`{}`, line {n_lines}: the last line is cut off, and what came behind it is missing; make \
         the file again",
        path.display()
    )))
}
