//! pass@k over k, one line for each level, with confidence bands.

use harness::metric::{Aggregate, Group, Metric, aggregate, curve_ks};

use crate::error::ReportError;
use crate::input::{Judging, ReportInput};
use crate::plot::Plot;
use crate::plot::figure::{Words, render};
use crate::plot::lines::{Legend, Line, Lines};
use crate::plot::palette::{LineStyle, line_style};
use crate::table::{Cell, ColumnKind, Table};

/// pass@k for every k that all problems reach; `None` unless there are two such k.
///
/// # Errors
/// When drawing fails.
pub fn pass_at_k_plot(input: &ReportInput, judging: &Judging) -> Result<Option<Plot>, ReportError> {
    let ks = curve_ks(&judging.tallies);
    let metrics: Vec<Metric> = ks.iter().map(|&k| Metric::PassAtK(k)).collect();
    let aggregate = aggregate(&judging.tallies, &metrics, &input.bootstrap);
    let curve = curve(input, judging, &ks, &aggregate);
    // A single k makes no curve; the plot of pass@1 shows it.
    if curve.most() < 2.0 {
        return Ok(None);
    }
    let name = format!("pass-at-k.{}", judging.grader);
    let data = data_table(&name, &ks, &aggregate);
    let alt = format!(
        "pass@k by level for k from 1 to {}, grader {}",
        curve.most(),
        judging.grader
    );
    render(name, alt, data, &curve).map(Some)
}

/// The lines of the levels.
fn curve(input: &ReportInput, judging: &Judging, ks: &[u32], aggregate: &Aggregate) -> Lines {
    // With a single level the overall line would hide it.
    let skips_all = aggregate.rows.len() == 2;
    let mut lines: Vec<(LineStyle, Line)> = aggregate
        .rows
        .iter()
        .filter(|row| !(skips_all && row.group == Group::All))
        .map(|row| {
            let points = ks.iter().zip(&row.values);
            let points = points
                .filter_map(|(&k, value)| Some((f64::from(k), *value.as_ref().ok()?)))
                .collect();
            let label = row.group.name().to_owned();
            (line_style(row.group), Line { label, points })
        })
        .filter(|(_, line)| !line.points.is_empty())
        .collect();
    // In the order in which the lines end.
    let last = |line: &Line| {
        line.points
            .last()
            .map_or(0.0, |(_, estimate)| estimate.mean)
    };
    lines.sort_by(|a, b| last(&b.1).total_cmp(&last(&a.1)));
    let left_out = lines
        .iter()
        .flat_map(|(_, line)| &line.points)
        .map(|(_, estimate)| estimate.n_left_out)
        .max()
        .unwrap_or(0);
    let left_out = match left_out {
        0 => String::new(),
        1 => " Up to 1 problem is left out for want of judged candidates.".to_owned(),
        n => format!(" Up to {n} problems are left out for want of judged candidates."),
    };
    Lines {
        words: Words {
            title: input.title.clone(),
            subtitle: format!(
                "pass@k by level · {} · grader {}",
                judging.sample_size(),
                judging.grader
            ),
            note: format!(
                "Bands: {} % confidence, bootstrap over problems, seed {}.{left_out}",
                100.0 * input.bootstrap.confidence,
                input.bootstrap.seed
            ),
        },
        x_axis: "k".to_owned(),
        y_axis: "pass@k (%)".to_owned(),
        is_over_k: true,
        legend: Legend::Right,
        lines,
    }
}

fn data_table(name: &str, ks: &[u32], aggregate: &Aggregate) -> Table {
    let mut table = Table::new(name, "pass@k over k")
        .column("level", ColumnKind::Text)
        .column("k", ColumnKind::Count)
        .column("pass@k", ColumnKind::Estimate);
    for row in &aggregate.rows {
        for (&k, value) in ks.iter().zip(&row.values) {
            table.push(vec![
                Cell::text(row.group),
                Cell::Count(k.into()),
                Cell::estimate(value),
            ]);
        }
    }
    table
}
