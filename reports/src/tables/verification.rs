//! Verdicts of a run beside those of a second judging.

use harness::runner::Verification;

use crate::table::{Cell, ColumnKind, Table};

/// Every difference.
pub fn verification_table(verification: &Verification) -> Table {
    let mut table = Table::new("differences", "Verdicts that differ when judged again")
        .column("problem", ColumnKind::Text)
        .column("candidate", ColumnKind::Count)
        .column("grader", ColumnKind::Text)
        .column("what", ColumnKind::Text)
        .column("on record", ColumnKind::Text)
        .column("now", ColumnKind::Text);
    for difference in &verification.differences {
        table.push(vec![
            Cell::code(&difference.candidate.problem),
            Cell::Count(difference.candidate.index.into()),
            Cell::text(difference.grader),
            Cell::text(difference.aspect.name()),
            Cell::text(&difference.stored),
            Cell::text(&difference.again),
        ]);
    }
    table
}
