//! Two runs side by side.

use harness::metric::{Group, OutcomeChange};
use harness::problem::ProblemId;

use crate::input::CompareInput;
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::metrics::{interval_note, merged_refusals};
use crate::tables::outcomes::outcome_name;

/// Each metric of both runs with the difference, by difficulty and overall.
pub fn compare_table(input: &CompareInput) -> Table {
    let comparison = &input.comparison;
    let mut table = Table::new(
        "compare",
        format!("A `{}` and B `{}`, in percent", input.name_a, input.name_b),
    )
    .column("metric", ColumnKind::Text)
    .column("level", ColumnKind::Text)
    .column("A", ColumnKind::Share)
    .column("B", ColumnKind::Share)
    .column("B − A", ColumnKind::Difference)
    .column("B wins", ColumnKind::Count)
    .column("A wins", ColumnKind::Count)
    .column("ties", ColumnKind::Count);
    let mut refusals: Vec<String> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    for (i, metric) in comparison.metrics.iter().enumerate() {
        let mut refused = Vec::new();
        for (group, rows) in &comparison.groups {
            let mut cells = vec![Cell::text(metric), Cell::text(group)];
            match &rows[i] {
                Ok(row) => {
                    cells.extend([
                        Cell::Share(row.a),
                        Cell::Share(row.b),
                        Cell::Difference {
                            value: row.difference,
                            interval: row.interval,
                        },
                        Cell::count(row.wins),
                        Cell::count(row.losses),
                        Cell::count(row.ties),
                    ]);
                    if row.n_left_out > 0 && *group == Group::All {
                        left_out.push(format!("{metric} {}", row.n_left_out));
                    }
                }
                Err(refusal) => {
                    cells.extend(vec![Cell::Missing; 6]);
                    refused.push((*group, refusal));
                }
            }
            table.push(cells);
        }
        for (groups, reason) in merged_refusals(refused) {
            refusals.push(format!("{metric} refused ({groups}): {reason}."));
        }
    }
    table.note(format!(
        "Problems that both runs have: {}; only in A: {}; only in B: {}. Differences in \
         percentage points, paired by problem. {}",
        comparison.n_common,
        comparison.only_in_a.len(),
        comparison.only_in_b.len(),
        interval_note(&comparison.bootstrap)
    ));
    if !left_out.is_empty() {
        table.note(format!(
            "Problems left out for want of judged candidates: {}.",
            left_out.join("; ")
        ));
    }
    table.notes.extend(refusals);
    table
}

/// Problems that only one of the runs solves, or that only one has.
pub fn problem_changes_table(input: &CompareInput) -> Table {
    let comparison = &input.comparison;
    let mut table = Table::new("problem-changes", "Problems that tell the runs apart")
        .column("problem", ColumnKind::Text)
        .column("change", ColumnKind::Text);
    let mut list = |ids: &[ProblemId], change: &str| {
        for id in ids {
            table.push(vec![Cell::code(id), Cell::text(change)]);
        }
    };
    list(&comparison.gained, "solved by B only");
    list(&comparison.lost, "solved by A only");
    list(&comparison.only_in_a, "only in A");
    list(&comparison.only_in_b, "only in B");
    table.note("Solved: at least one candidate passes.");
    table
}

/// Candidates of both runs whose outcome differs.
pub fn outcome_changes_table(changes: &[OutcomeChange]) -> Table {
    let mut table = Table::new("outcome-changes", "Candidates whose outcome differs")
        .column("problem", ColumnKind::Text)
        .column("candidate", ColumnKind::Count)
        .column("A", ColumnKind::Text)
        .column("B", ColumnKind::Text);
    for change in changes {
        table.push(vec![
            Cell::code(&change.candidate.problem),
            Cell::Count(change.candidate.index.into()),
            Cell::Text(outcome_name(change.before)),
            Cell::Text(outcome_name(change.after)),
        ]);
    }
    table
}
