//! Tables of means by difficulty and overall.

use harness::metric::{
    Aggregate, Bootstrap, Group, GroupRow, Metric, Refusal, UnjudgedPolicy, aggregate,
};
use harness::verdict::Grader;

use crate::input::{Judging, ReportInput};
use crate::table::{Cell, ColumnKind, Table, percent};

/// pass@k by difficulty: the main table.
pub fn pass_at_k_table(input: &ReportInput, judging: &Judging) -> Table {
    let metrics = input.pass_at_k_metrics();
    metrics_table(
        format!("pass-at-k.{}", judging.grader),
        format!("pass@k in percent, grader `{}`", judging.grader),
        &aggregate(&judging.tallies, &metrics, &input.bootstrap),
    )
}

/// n@k by difficulty; `None` where none was asked for.
pub fn n_at_k_table(input: &ReportInput, judging: &Judging) -> Option<Table> {
    let metrics: Vec<Metric> = input
        .n_at_ks
        .iter()
        .map(|&spec| Metric::NAtK(spec))
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let mut table = metrics_table(
        format!("n-at-k.{}", judging.grader),
        format!("n@k in percent, grader `{}`", judging.grader),
        &aggregate(&judging.tallies, &metrics, &input.bootstrap),
    );
    table.note(
        "n@k: of k candidates those that pass the tests shown in the statement are kept, and n \
         of them submitted at random; without survivors the problem counts as not solved.",
    );
    Some(table)
}

/// Strict accuracy and test-case average by difficulty.
pub fn accuracy_table(input: &ReportInput, judging: &Judging) -> Table {
    let metrics = [Metric::StrictAccuracy, Metric::TestCaseAverage];
    metrics_table(
        format!("accuracy.{}", judging.grader),
        format!(
            "Accuracy as APPS defines it, in percent, grader `{}`",
            judging.grader
        ),
        &aggregate(&judging.tallies, &metrics, &input.bootstrap),
    )
}

/// A row for each group and a column for each metric, with everything that qualifies the
/// numbers in the notes.
pub fn metrics_table(
    name: impl Into<String>,
    title: impl Into<String>,
    aggregate: &Aggregate,
) -> Table {
    let mut table = Table::new(name, title)
        .column("level", ColumnKind::Text)
        .column("problems", ColumnKind::Count)
        .column("n", ColumnKind::Text)
        .column("unjudged", ColumnKind::Count);
    for metric in &aggregate.metrics {
        table = table.column(metric.to_string(), ColumnKind::Estimate);
    }
    for row in &aggregate.rows {
        let mut cells = vec![
            Cell::text(row.group),
            Cell::count(row.n_problems),
            Cell::Text(candidates_per_problem(row)),
            Cell::Count(row.n_unjudged),
        ];
        cells.extend(row.values.iter().map(Cell::estimate));
        table.push(cells);
        if let Some(row_of_table) = table.rows.last_mut() {
            row_of_table.is_total = row.group == Group::All;
        }
    }
    table.note(format!(
        "n: candidates on record for each problem. {}",
        interval_note(&aggregate.bootstrap)
    ));
    bounds_notes(&mut table, aggregate);
    refusal_notes(&mut table, aggregate);
    table
}

/// How the intervals were made.
pub(crate) fn interval_note(bootstrap: &Bootstrap) -> String {
    format!(
        "Brackets: {} % confidence, bootstrap over problems ({} resamples, seed {}).",
        100.0 * bootstrap.confidence,
        bootstrap.n_resamples,
        bootstrap.seed
    )
}

/// `20`, or `4–20` where problems differ.
fn candidates_per_problem(row: &GroupRow) -> String {
    match row.candidates_per_problem {
        (fewest, most) if fewest == most => fewest.to_string(),
        (fewest, most) => format!("{fewest}–{most}"),
    }
}

fn bounds_notes(table: &mut Table, aggregate: &Aggregate) {
    let Some(row) = aggregate.row(Group::All).filter(|row| row.n_unjudged > 0) else {
        return;
    };
    let candidates = match row.n_unjudged {
        1 => "1 candidate was".to_owned(),
        n => format!("{n} candidates were"),
    };
    let mut parts = Vec::new();
    for (metric, value) in aggregate.metrics.iter().zip(&row.values) {
        let Ok(estimate) = value else { continue };
        let Some(bounds) = estimate.bounds else {
            continue;
        };
        let left_out = match estimate.n_left_out {
            0 => String::new(),
            1 => ", 1 problem left out".to_owned(),
            n => format!(", {n} problems left out"),
        };
        parts.push(match aggregate.unjudged {
            UnjudgedPolicy::Failed => format!("{metric} {}", percent(bounds.high)),
            UnjudgedPolicy::Excluded => format!(
                "{metric} {} to {}{left_out}",
                percent(bounds.low),
                percent(bounds.high)
            ),
        });
    }
    if !parts.is_empty() {
        let parts = parts.join("; ");
        table.note(match aggregate.unjudged {
            UnjudgedPolicy::Failed => format!(
                "{candidates} not judged and counted as failed, so the values are lower bounds \
                 (`--unjudged failed`). Overall values if all of them had passed: {parts}."
            ),
            UnjudgedPolicy::Excluded => format!(
                "{candidates} not judged and left out (`--unjudged excluded`). `worst`: the value \
                 if all of them had failed. Overall values if all of them had failed or passed: \
                 {parts}."
            ),
        });
    }
}

/// Each reason once, with the groups that it concerns.
pub(super) fn refusal_notes(table: &mut Table, aggregate: &Aggregate) {
    for (i, metric) in aggregate.metrics.iter().enumerate() {
        let refused = aggregate
            .rows
            .iter()
            .filter_map(|row| Some((row.group, row.values[i].as_ref().err()?)));
        for (groups, reason) in merged_refusals(refused.collect()) {
            table.note(format!("{metric} refused ({groups}): {reason}."));
        }
    }
}

/// Groups and reasons; what holds for all problems is not told again for each level.
pub(super) fn merged_refusals(mut refused: Vec<(Group, &Refusal)>) -> Vec<(String, String)> {
    let overall = refused.iter().find(|(group, _)| *group == Group::All);
    let mut merged = Vec::new();
    if let Some(&(_, overall)) = overall {
        let is_same =
            |refusal: &Refusal| std::mem::discriminant(refusal) == std::mem::discriminant(overall);
        let names: Vec<&str> = refused
            .iter()
            .filter(|(_, refusal)| is_same(refusal))
            .map(|(group, _)| group.name())
            .collect();
        merged.push((names.join(", "), overall.to_string()));
        refused.retain(|(_, refusal)| !is_same(refusal));
    }
    let others = refused.into_iter();
    merged.extend(others.map(|(group, refusal)| (group.name().to_owned(), refusal.to_string())));
    merged
}

/// An empty table about what one grader said.
pub(super) fn titled(stem: &str, title: &str, grader: Grader) -> Table {
    Table::new(
        format!("{stem}.{grader}"),
        format!("{title}, grader `{grader}`"),
    )
}
