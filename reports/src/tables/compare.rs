//! Two sides beside each other: values, differences, and how sure they are.

use harness::metric::{Group, Metric, RunValues};

use crate::input::{CompareInput, ComparedSide};
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::metrics::{interval_note, merged_refusals};

/// Each metric of both sides with the difference, by difficulty and overall.
pub fn compare_table(input: &CompareInput) -> Table {
    let comparison = &input.comparison;
    let over_runs = comparison.n_runs != (1, 1);
    let mut table = Table::new(
        "compare",
        format!("A `{}` and B `{}`, in percent", input.a.name, input.b.name),
    )
    .column("metric", ColumnKind::Text)
    .column("level", ColumnKind::Text)
    .column("A", ColumnKind::Share)
    .column("B", ColumnKind::Share)
    .column("B − A", ColumnKind::Difference);
    if over_runs {
        table = table.column("B − A, other runs too", ColumnKind::Difference);
    }
    table = table
        .column("p", ColumnKind::Text)
        .column("p (Holm)", ColumnKind::Text)
        .column("won", ColumnKind::Count)
        .column("lost", ColumnKind::Count)
        .column("tied", ColumnKind::Count)
        .column("p (sign)", ColumnKind::Text);
    let n_values = table.columns.len() - 2;
    let mut refusals: Vec<String> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    let mut n_drawn = None;
    for (i, metric) in comparison.metrics.iter().enumerate() {
        let mut refused = Vec::new();
        for (group, rows) in &comparison.groups {
            let mut cells = vec![Cell::text(metric), Cell::text(group)];
            match &rows[i] {
                Ok(row) => {
                    let difference = |interval| Cell::Difference {
                        value: row.difference,
                        interval,
                    };
                    cells.extend([
                        Cell::Share(row.a),
                        Cell::Share(row.b),
                        difference(row.interval),
                    ]);
                    if over_runs {
                        cells.push(difference(row.interval_over_runs));
                    }
                    cells.extend([
                        p_value(row.permutation.p_value),
                        p_value(row.adjusted_p),
                        Cell::count(row.wins),
                        Cell::count(row.losses),
                        Cell::count(row.ties),
                        p_value(row.sign_p),
                    ]);
                    n_drawn = n_drawn.max(row.permutation.n_drawn);
                    if row.n_left_out > 0 && *group == Group::All {
                        left_out.push(format!("{metric} {}", row.n_left_out));
                    }
                }
                Err(refusal) => {
                    cells.extend(vec![Cell::Missing; n_values]);
                    refused.push((*group, refusal));
                }
            }
            table.push(cells);
        }
        for (groups, reason) in merged_refusals(refused) {
            refusals.push(format!("{metric} refused ({groups}): {reason}."));
        }
    }
    problems_note(&mut table, input);
    if over_runs {
        table.note(
            "Several runs on a side: a problem's score is its mean over them. The second interval \
             also resamples runs; few runs make it too narrow.",
        );
    }
    table.note(p_value_note(n_drawn));
    if !left_out.is_empty() {
        table.note(format!(
            "Problems left out for want of judged candidates: {}.",
            left_out.join("; ")
        ));
    }
    table.notes.extend(refusals);
    let cautions = input.cautions.iter();
    table
        .notes
        .extend(cautions.map(|caution| format!("Caution: {caution}.")));
    table
}

fn problems_note(table: &mut Table, input: &CompareInput) {
    let comparison = &input.comparison;
    let incomplete = match comparison.incomplete.len() {
        0 => String::new(),
        n => format!("; lacking in some run: {n}"),
    };
    table.note(format!(
        "Problems that both have: {}; only in A: {}; only in B: {}{incomplete}. Grader `{}`. \
         Differences in percentage points, paired by problem. {}",
        comparison.n_common,
        comparison.only_in_a.len(),
        comparison.only_in_b.len(),
        input.grader,
        interval_note(&comparison.bootstrap)
    ));
}

fn p_value_note(n_drawn: Option<u32>) -> String {
    let draws = n_drawn.map_or_else(String::new, |n| format!(" ({n} drawn)"));
    format!(
        "p: how often chance alone would make so large a difference if there were none, by a \
         two-sided permutation test over problems{draws}; p (Holm): the same, adjusted for all \
         rows of this table; p (sign): by the problems that B won and lost alone."
    )
}

/// Problems that some candidate solves, and McNemar's test on them.
pub fn solved_table(input: &CompareInput) -> Table {
    let mut table = Table::new("solved", "Problems that some candidate solves")
        .column("level", ColumnKind::Text)
        .column("by both", ColumnKind::Count)
        .column("A only", ColumnKind::Count)
        .column("B only", ColumnKind::Count)
        .column("by none", ColumnKind::Count)
        .column("p", ColumnKind::Text);
    let mut unequal = None;
    for (group, solved) in &input.comparison.solved {
        let mut cells = vec![Cell::text(group)];
        match solved {
            Ok(test) => {
                let counts = [test.both, test.only_a, test.only_b, test.neither];
                cells.extend(counts.map(Cell::count));
                cells.push(p_value(test.p_value));
            }
            Err(reason) => {
                cells.extend(vec![Cell::Missing; 5]);
                unequal = Some(reason);
            }
        }
        table.push(cells);
        if let Some(row) = table.rows.last_mut() {
            row.is_total = *group == Group::All;
        }
    }
    table.note("p: McNemar's test, exact, two-sided.");
    if let Some(reason) = unequal {
        table.note(format!("Not counted: {reason}."));
    }
    table
}

/// Each run's values, where a side has several; `None` otherwise.
pub fn runs_table(input: &CompareInput) -> Option<Table> {
    let comparison = &input.comparison;
    if comparison.n_runs == (1, 1) {
        return None;
    }
    let mut table = Table::new("runs", "Each run, in percent")
        .column("side", ColumnKind::Text)
        .column("run", ColumnKind::Text);
    for metric in &comparison.metrics {
        table = table.column(metric.to_string(), ColumnKind::Share);
    }
    let metrics = &comparison.metrics;
    list_runs(&mut table, "A", &input.a, &comparison.by_run.0, metrics);
    list_runs(&mut table, "B", &input.b, &comparison.by_run.1, metrics);
    table.note("Standard deviation: between runs, with one degree of freedom less than runs.");
    Some(table)
}

fn list_runs(
    table: &mut Table,
    side: &str,
    runs: &ComparedSide,
    values: &[RunValues],
    metrics: &[Metric],
) {
    let share = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Share);
    for (run, values) in runs.runs.iter().zip(values) {
        let mut cells = vec![Cell::text(side), Cell::code(&run.name)];
        cells.extend(values.iter().map(|value| share(*value)));
        table.push(cells);
    }
    if values.len() > 1 {
        let mut cells = vec![Cell::text(side), Cell::text("standard deviation")];
        cells.extend((0..metrics.len()).map(|i| {
            let of_metric: Option<Vec<f64>> = values.iter().map(|run| run[i]).collect();
            share(of_metric.map(|values| standard_deviation(&values)))
        }));
        table.push(cells);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt()
}

/// Four digits, or the power of ten where that would be nothing.
pub(crate) fn p_value(p: f64) -> Cell {
    if p != 0.0 && p < 0.000_1 {
        Cell::Text(format!("{p:.1e}"))
    } else {
        Cell::Text(format!("{p:.4}"))
    }
}
