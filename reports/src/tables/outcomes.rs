//! What became of the candidates, and why.

use harness::metric::{Group, cause_shares, outcome_shares};
use harness::verdict::Outcome;

use crate::input::Judging;
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::metrics::titled;

/// Shares of the four outcomes by difficulty.
pub fn outcomes_table(judging: &Judging) -> Table {
    let mut table = titled(
        "outcomes",
        "Outcomes in percent of judged candidates",
        judging.grader,
    )
    .column("level", ColumnKind::Text)
    .column("problems", ColumnKind::Count)
    .column("judged", ColumnKind::Count)
    .column("unjudged", ColumnKind::Count);
    for outcome in Outcome::ALL.iter().rev() {
        table = table.column(outcome.name().replace('-', " "), ColumnKind::Share);
    }
    let mut n_left_out = 0;
    for shares in outcome_shares(&judging.tallies) {
        let mut cells = vec![
            Cell::text(shares.group),
            Cell::count(shares.n_problems + shares.n_left_out),
            Cell::Count(shares.n_judged()),
            Cell::Count(shares.n_unjudged),
        ];
        cells.extend(
            shares
                .shares
                .iter()
                .rev()
                .map(|&share| match shares.n_problems {
                    0 => Cell::Missing,
                    _ => Cell::Share(share),
                }),
        );
        table.push(cells);
        if let Some(row) = table.rows.last_mut() {
            row.is_total = shares.group == Group::All;
        }
        n_left_out = shares.n_left_out;
    }
    table.note("Shares are taken within each problem and averaged over problems.");
    if n_left_out > 0 {
        table.note(format!(
            "Problems without a judged candidate, left out: {n_left_out}."
        ));
    }
    let candidates = judging.tallies.iter().flat_map(|tally| &tally.candidates);
    let n_in_place = candidates
        .filter(|candidate| candidate.passed_in_place)
        .count();
    if n_in_place > 0 {
        table.note(format!(
            "Candidates that passed a test in their own interpreter, which a program can forge: \
             {n_in_place} (`in_place` in verdicts.jsonl; ARCHITECTURE.md, Threat model)."
        ));
    }
    table
}

/// Why candidates did not pass, most frequent first.
pub fn causes_table(judging: &Judging) -> Table {
    let mut table = titled("causes", "Why candidates did not pass", judging.grader)
        .column("outcome", ColumnKind::Text)
        .column("cause", ColumnKind::Text)
        .column("candidates", ColumnKind::Count)
        .column("problems", ColumnKind::Count)
        .column("% of outcome", ColumnKind::Share);
    for cause in cause_shares(&judging.tallies) {
        table.push(vec![
            Cell::Text(outcome_name(cause.outcome)),
            Cell::Text(cause.label),
            Cell::Count(cause.n_candidates),
            Cell::count(cause.n_problems),
            Cell::Share(cause.share_of_outcome),
        ]);
    }
    table
}

/// An outcome as tables call it.
pub(super) fn outcome_name(outcome: Option<Outcome>) -> String {
    outcome.map_or_else(
        || "not judged".to_owned(),
        |outcome| outcome.name().replace('-', " "),
    )
}
