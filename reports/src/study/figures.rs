//! The figures of a study, as plots with the tables of their data.

use harness::metric::{Estimate, Metric, NAtK, Refusal, curve_ks};
use harness::study::FigureSeries;

use super::input::{StudyDataset, StudyInput, StudyRow};
use super::tables::outcome_shares;
use crate::error::ReportError;
use crate::plot::{Bar, Line, LinePlot, Plot, Stacked, line_plot, stacked_plot};
use crate::table::{Cell, ColumnKind, Table};

/// Name and title of a figure.
type Named<'a> = (&'a str, &'a str);

/// A metric over k, a line for each row; `submissions` is the n of n@k. `None` unless there are two
/// values of k.
///
/// # Errors
/// When drawing fails.
pub fn over_k(
    input: &StudyInput,
    dataset: &StudyDataset,
    (name, title): Named<'_>,
    rows: &[String],
    submissions: Option<u32>,
) -> Result<Option<Plot>, ReportError> {
    let bootstrap = &input.study.metrics.bootstrap;
    let what = submissions.map_or_else(|| "pass@k".to_owned(), |n| format!("{n}@k"));
    let mut data = Table::new(format!("{name}.{}", dataset.name), title)
        .column("variant", ColumnKind::Text)
        .column("k", ColumnKind::Count)
        .column(what.clone(), ColumnKind::Estimate);
    let mut lines = Vec::new();
    for row in input.rows_of(dataset, rows) {
        let ks = row.hidden.runs().iter().map(|run| curve_ks(run));
        let ks = ks.min_by_key(|ks| ks.last().copied()).unwrap_or_default();
        let ks: Vec<u32> = ks
            .into_iter()
            .filter(|&k| submissions.is_none_or(|n| k >= n))
            .collect();
        let metrics: Vec<Metric> = ks
            .iter()
            .map(|&k| match submissions {
                None => Metric::PassAtK(k),
                Some(n) => Metric::NAtK(NAtK { n, k }),
            })
            .collect();
        let estimates = row.hidden.estimates(&metrics, bootstrap);
        for (&k, estimate) in ks.iter().zip(&estimates) {
            data.push(vec![
                Cell::text(&row.title),
                Cell::Count(k.into()),
                Cell::estimate(estimate),
            ]);
        }
        let points = ks.iter().map(|&k| f64::from(k)).zip(estimates);
        lines.push(line(&row.title, points));
    }
    lines.retain(|line: &Line| !line.points.is_empty());
    let most = lines.iter().flat_map(|line| &line.points).map(|it| it.0);
    if most.fold(0.0, f64::max) < 2.0 {
        return Ok(None);
    }
    let plot = LinePlot {
        title: title.to_owned(),
        subtitle: format!("{what}, {}", about(dataset)),
        note: note(input),
        x_axis: "k".to_owned(),
        y_axis: format!("{what} (%)"),
        is_over_k: true,
        lines,
    };
    let alt = format!(
        "{title}: {what} over k on {}, a line for each variant",
        dataset.title
    );
    line_plot(data, alt, plot).map(Some)
}

fn line(title: &str, points: impl Iterator<Item = (f64, Result<Estimate, Refusal>)>) -> Line {
    Line {
        label: title.to_owned(),
        points: points
            .filter_map(|(x, estimate)| Some((x, estimate.ok()?)))
            .collect(),
    }
}

fn note(input: &StudyInput) -> String {
    format!(
        "Bands: {} % confidence, bootstrap over problems after the mean over seeds.",
        100.0 * input.study.metrics.bootstrap.confidence
    )
}

fn about(dataset: &StudyDataset) -> String {
    let n = dataset
        .rows
        .first()
        .map_or(0, |row| row.hidden.n_problems());
    format!("{}, {n} problems", dataset.title)
}

/// A metric over the numbers that `series` give to rows.
///
/// # Errors
/// When drawing fails.
pub fn over_rows(
    input: &StudyInput,
    dataset: &StudyDataset,
    (name, title): Named<'_>,
    metric: Metric,
    axis: &str,
    series: &[FigureSeries],
) -> Result<Option<Plot>, ReportError> {
    let bootstrap = &input.study.metrics.bootstrap;
    let mut data = Table::new(format!("{name}.{}", dataset.name), title)
        .column("line", ColumnKind::Text)
        .column("variant", ColumnKind::Text)
        .column(if axis.is_empty() { "at" } else { axis }, ColumnKind::Text)
        .column(metric.to_string(), ColumnKind::Estimate);
    let mut lines = Vec::new();
    for one in series {
        let mut points = Vec::new();
        for (row, &at) in one.rows.iter().zip(&one.at) {
            let Some(row) = dataset.row(row) else {
                continue;
            };
            let estimate = row.hidden.estimates(&[metric], bootstrap).remove(0);
            data.push(vec![
                Cell::text(&one.title),
                Cell::text(&row.title),
                Cell::text(at),
                Cell::estimate(&estimate),
            ]);
            points.push((at, estimate));
        }
        lines.push(line(&one.title, points.into_iter()));
    }
    lines.retain(|line: &Line| !line.points.is_empty());
    if lines.is_empty() {
        return Ok(None);
    }
    let plot = LinePlot {
        title: title.to_owned(),
        subtitle: about(dataset),
        note: note(input),
        x_axis: axis.to_owned(),
        y_axis: format!("{metric} (%)"),
        is_over_k: false,
        lines,
    };
    let alt = format!("{title}: {metric} over {axis} on {}", dataset.title);
    line_plot(data, alt, plot).map(Some)
}

/// Shares of outcomes, a bar for each row and kind of tests. `None` where nothing was judged.
///
/// # Errors
/// When drawing fails.
pub fn outcome_bars(
    input: &StudyInput,
    dataset: &StudyDataset,
    (name, title): Named<'_>,
    rows: &[String],
) -> Result<Option<Plot>, ReportError> {
    let rows = input.rows_of(dataset, rows);
    let has_examples = rows.iter().any(|row| row.examples.is_some());
    let label = |row: &StudyRow, tests: &str| match has_examples {
        // First what tells the two bars of a row apart: long labels lose their end.
        true => format!("{tests}: {}", row.title),
        false => row.title.clone(),
    };
    let mut bars = Vec::new();
    for row in rows {
        for (tests, shares) in outcome_shares(row) {
            if let Some(shares) = shares.into_iter().last().filter(|it| it.n_problems > 0) {
                let label = label(row, tests);
                bars.push(Bar { label, shares });
            }
        }
    }
    if bars.is_empty() {
        return Ok(None);
    }
    let alt = format!("{title}: shares of outcomes on {}", dataset.title);
    stacked_plot(Stacked {
        name: format!("{name}.{}", dataset.name),
        alt,
        title: title.to_owned(),
        subtitle: about(dataset),
        note: "Shares within each problem, averaged over problems, then over seeds.".to_owned(),
        column: "variant",
        label_width: 300.0,
        bars,
    })
    .map(Some)
}
