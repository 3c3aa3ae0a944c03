//! `*_eval_results.json` as EvalPlus writes it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;

use harness::problem::UnitTests;
use harness::value::Value;
use harness::verdict::{Cause, Judgement, Outcome};

use crate::error::Error;
use crate::export::scored::Scored;
use crate::export::value_json::{quoted, to_json};

/// What a result file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalPlusHeader {
    /// `2024-09-24 21:14` in EvalPlus's own files.
    pub date: String,
    /// Hash of the dataset. EvalPlus puts an MD5 of its own making here and uses it to find
    /// its cached reference results; ours is the dataset's SHA-256.
    pub hash: String,
}

/// Writes the results by problem, problems in the order of their first candidate.
///
/// `base_status` and `plus_status` are `pass`, `fail` or `timeout`, or null where that half
/// was not judged: the problem has no such tests, judging stopped before they came, or the
/// candidate could not be judged. Problems that EvalPlus does not know have base tests alone.
/// `base_fail_tests` and `plus_fail_tests` list the inputs that were seen to fail.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_evalplus_results(
    out: &mut dyn Write,
    header: &EvalPlusHeader,
    scored: &[Scored<'_>],
) -> Result<(), Error> {
    write(out, header, scored).map_err(|source| Error::Write { source })
}

fn write(out: &mut dyn Write, header: &EvalPlusHeader, scored: &[Scored<'_>]) -> io::Result<()> {
    let mut position: HashMap<&str, usize> = HashMap::new();
    let mut tasks: Vec<(&str, Vec<&Scored<'_>>)> = Vec::new();
    for one in scored {
        let id = one.problem.id.as_str();
        let index = *position.entry(id).or_insert_with(|| {
            tasks.push((id, Vec::new()));
            tasks.len() - 1
        });
        tasks[index].1.push(one);
    }
    write!(
        out,
        "{{\"date\": {}, \"hash\": {}, \"eval\": {{",
        quoted(&header.date),
        quoted(&header.hash)
    )?;
    for (index, (task, results)) in tasks.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(out, "{comma}{}: [", quoted(task))?;
        for (index, one) in results.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let (base, plus) = halves(&one.problem.tests);
            write!(
                out,
                "{comma}{{\"task_id\": {}, \"solution\": {}, \"base_status\": {}, \
                 \"plus_status\": {}, \"base_fail_tests\": {}, \"plus_fail_tests\": {}}}",
                quoted(task),
                quoted(&one.candidate.program(one.problem)),
                status(one.judgement, &base),
                status(one.judgement, &plus),
                failing_inputs(one, base),
                failing_inputs(one, plus),
            )?;
        }
        write!(out, "]")?;
    }
    writeln!(out, "}}}}")
}

/// Which of the tests are those of the original benchmark, and which EvalPlus added.
fn halves(tests: &UnitTests) -> (Range<usize>, Range<usize>) {
    match tests {
        UnitTests::Differential { base, plus, .. } => {
            (0..base.len(), base.len()..base.len() + plus.len())
        }
        // Challenge tests, where they were asked for, come behind the others.
        _ => (0..usize::MAX, 0..0),
    }
}

/// JSON of a status.
fn status(judgement: Option<&Judgement>, half: &Range<usize>) -> &'static str {
    const NOT_JUDGED: &str = "null";
    let Some(Judgement::Judged {
        outcome,
        tests,
        n_tests,
        ..
    }) = judgement
    else {
        return NOT_JUDGED;
    };
    let end = half.end.min(*n_tests as usize);
    if half.start >= end {
        return NOT_JUDGED;
    }
    let seen = tests.get(half.start..end.min(tests.len())).unwrap_or(&[]);
    let failure = seen.iter().find_map(|test| test.cause.as_ref());
    match failure {
        Some(Cause::TimeLimit) => "\"timeout\"",
        Some(_) => "\"fail\"",
        None if seen.len() == end - half.start => "\"pass\"",
        // Nothing can pass if nothing compiles.
        None if *outcome == Outcome::CompileError => "\"fail\"",
        None => NOT_JUDGED,
    }
}

fn failing_inputs(one: &Scored<'_>, half: Range<usize>) -> String {
    let (UnitTests::Differential { base, plus, .. }, Some(Judgement::Judged { tests, .. })) =
        (&one.problem.tests, one.judgement)
    else {
        return "[]".to_owned();
    };
    let failing: Vec<String> = base
        .iter()
        .chain(plus)
        .zip(tests)
        .enumerate()
        .filter(|(index, (_, test))| half.contains(index) && test.cause.is_some())
        .map(|(_, (arguments, _))| to_json(&Value::List(arguments.clone())))
        .collect();
    format!("[{}]", failing.join(", "))
}
