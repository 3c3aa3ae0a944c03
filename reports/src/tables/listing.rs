//! Lists of problems and candidates.

use harness::metric::{Metric, Refusal, Score};
use harness::problem::SkippedProblem;
use harness::verdict::Outcome;

use crate::input::{Judging, ReportInput};
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::metrics::titled;

/// Every problem with its counts and its pass@k.
pub fn problems_table(input: &ReportInput, judging: &Judging) -> Table {
    let mut table = titled("problems", "Problems", judging.grader)
        .column("problem", ColumnKind::Text)
        .column("split", ColumnKind::Text)
        .column("level", ColumnKind::Text)
        .column("candidates", ColumnKind::Count)
        .column("unjudged", ColumnKind::Count);
    for outcome in Outcome::ALL.iter().rev() {
        table = table.column(outcome.name().replace('-', " "), ColumnKind::Count);
    }
    let metrics = input.pass_at_k_metrics();
    for metric in &metrics {
        table = table.column(metric.to_string(), ColumnKind::Share);
    }
    for tally in &judging.tallies {
        let name = |name: Option<&'static str>| name.map_or(Cell::Missing, Cell::text);
        let mut cells = vec![
            Cell::code(&tally.problem),
            name(tally.split.map(|split| split.name())),
            name(tally.difficulty.map(|difficulty| difficulty.name())),
            Cell::Count(tally.n_recorded().into()),
            Cell::Count(tally.n_unjudged().into()),
        ];
        cells.extend(Outcome::ALL.iter().rev().map(|&outcome| {
            let with = tally.judged().filter(|c| c.outcome == Some(outcome));
            Cell::count(with.count())
        }));
        // One problem at a time: one that lacks candidates does not refuse the others here.
        let score = |metric: &Metric| -> Result<Vec<Score>, Refusal> {
            metric.scores(std::slice::from_ref(tally))
        };
        cells.extend(metrics.iter().map(|metric| {
            let scores = score(metric).ok();
            let value = scores.and_then(|scores| scores.first()?.value);
            value.map_or(Cell::Missing, Cell::Share)
        }));
        table.push(cells);
    }
    table
}

/// Candidates without an outcome, and why.
pub fn unjudged_table(judging: &Judging) -> Table {
    let mut table = titled(
        "unjudged",
        "Candidates that were not judged",
        judging.grader,
    )
    .column("problem", ColumnKind::Text)
    .column("candidate", ColumnKind::Count)
    .column("reason", ColumnKind::Text);
    for tally in &judging.tallies {
        for candidate in tally.candidates.iter().filter(|c| c.outcome.is_none()) {
            table.push(vec![
                Cell::code(&tally.problem),
                Cell::Count(candidate.index.into()),
                Cell::text(
                    candidate
                        .cause_label
                        .as_deref()
                        .unwrap_or("no reason on record"),
                ),
            ]);
        }
    }
    table
}

/// Rows of the dataset that could not become problems.
pub fn skipped_table(skipped: &[SkippedProblem]) -> Table {
    let mut table = Table::new("skipped", "Rows of the dataset that could not be used")
        .column("row", ColumnKind::Text)
        .column("reason", ColumnKind::Text);
    for row in skipped {
        table.push(vec![Cell::code(&row.id), Cell::text(&row.reason)]);
    }
    table
}
