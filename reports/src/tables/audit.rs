//! What an audit found, in numbers.

use harness::audit::{AuditRecord, Need, Solvable, TestsState};
use harness::execution::FUEL_PER_REFERENCE_SECOND;
use harness::verdict::Grader;

use crate::table::{Cell, ColumnKind, Table};

/// Problems and references by what was found; a row a finding.
pub fn audit_table(records: &[AuditRecord]) -> Table {
    let mut table = Table::new(
        "audit",
        "What the reference solutions say about the problems",
    )
    .column("finding", ColumnKind::Text)
    .column("problems", ColumnKind::Count);
    let mut row = |finding: &str, is_so: &dyn Fn(&AuditRecord) -> bool| {
        let n = records.iter().filter(|record| is_so(record)).count();
        table.push(vec![Cell::text(finding), Cell::count(n)]);
    };
    let passes = |record: &AuditRecord, grader| record.of(grader).is_some_and(|it| it.passed > 0);
    row("audited", &|_| true);
    row("solvable: some reference passes", &|r| {
        r.solvable == Solvable::Yes
    });
    row("… under `strict`", &|r| passes(r, Grader::Strict));
    row("… under `apps-2021`", &|r| passes(r, Grader::Apps2021));
    row("every reference passes `strict`", &|r| {
        r.n_references > 0
            && r.of(Grader::Strict)
                .is_some_and(|it| it.passed == r.n_references)
    });
    row("no reference passes", &|r| r.solvable == Solvable::No);
    row("not known: no reference, or none judged", &|r| {
        r.solvable == Solvable::Unknown
    });
    row("no tests", &|r| r.tests == TestsState::Empty);
    row("contradictory tests", &|r| {
        r.tests == TestsState::Contradictory
    });
    row("several answers suspected", &|r| {
        r.several_answers.is_some()
    });
    for need in Need::ALL {
        row(&format!("some reference needs {need}"), &|r| {
            r.needs.contains_key(&need)
        });
    }
    row("left out by `--exclude-broken` under `strict`", &|r| {
        r.is_broken(&[Grader::Strict])
    });
    row("left out by `--exclude-broken` under `apps-2021`", &|r| {
        r.is_broken(&[Grader::Apps2021])
    });
    let references: usize = records.iter().map(|record| record.n_references).sum();
    table.note(format!("Different reference solutions: {references}."));
    let p99 = records.iter().filter_map(|r| Some(r.fuel?.p99)).max();
    let max = records.iter().filter_map(|r| Some(r.fuel?.max)).max();
    if let (Some(p99), Some(max)) = (p99, max) {
        table.note(format!(
            "Largest step of a passing reference: {} reference seconds; largest 99th percentile \
             of a problem: {}.",
            seconds(max),
            seconds(p99)
        ));
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn seconds(fuel: u64) -> String {
    format!("{:.4}", fuel as f64 / FUEL_PER_REFERENCE_SECOND as f64)
}
