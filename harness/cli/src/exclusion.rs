//! `--exclude-broken`: leaving out what an audit found broken, and saying so.

use std::path::Path;

use anyhow::Result;
use harness::audit::BrokenProblems;
use harness::metric::ProblemTally;
use harness::problem::Problem;
use harness::store::{ExclusionRecord, read_audit, sha256_of_file};
use harness::verdict::Grader;

use crate::console::counted;
use crate::context::Context;
use crate::exit::data;

/// Removes problems that are broken for all of `graders`, before anything is generated.
pub(crate) fn exclude(
    context: &Context,
    audit: &Path,
    problems: &mut Vec<Problem>,
    graders: &[Grader],
) -> Result<ExclusionRecord> {
    let broken = BrokenProblems::new(read_audit(audit)?);
    let n_before = problems.len();
    let summary = broken.exclude(problems, graders).map_err(|id| {
        data(format!(
            "the audit `{}` is about other tests of problem `{id}`; audit this dataset again",
            audit.display()
        ))
    })?;
    if summary.n_unknown == n_before {
        return Err(unknown_problems(audit));
    }
    context.console.note(format_args!(
        "left out {}: {} that no reference solves, {} with missing or contradictory tests{}",
        counted(summary.n_excluded(), "problem"),
        summary.n_unsolved,
        summary.n_bad_tests,
        match summary.n_unknown {
            0 => String::new(),
            n => format!("; {} not in the audit and kept", counted(n, "problem")),
        }
    ));
    Ok(ExclusionRecord {
        path: audit.display().to_string(),
        sha256: sha256_of_file(audit)?,
        n_excluded: summary.n_excluded(),
    })
}

/// Removes the tallies of broken problems from a report; their number.
pub(crate) fn exclude_tallies(
    audit: &Path,
    tallies: &mut Vec<ProblemTally>,
    graders: &[Grader],
) -> Result<usize> {
    let broken = BrokenProblems::new(read_audit(audit)?);
    let n_before = tallies.len();
    let is_known = |tally: &ProblemTally| broken.is_broken(&tally.problem, graders).is_some();
    if !tallies.iter().any(is_known) {
        return Err(unknown_problems(audit));
    }
    tallies.retain(|tally| broken.is_broken(&tally.problem, graders) != Some(true));
    Ok(n_before - tallies.len())
}

fn unknown_problems(audit: &Path) -> anyhow::Error {
    data(format!(
        "the audit `{}` knows none of these problems: it is of another dataset",
        audit.display()
    ))
}
