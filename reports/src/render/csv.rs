//! Comma-separated values, for programs.
//!
//! Fractions stay fractions, with all their digits. An estimate takes eight columns, so that
//! the columns of a file depend on the kind of its columns alone.

use harness::metric::{Estimate, Interval};

use crate::error::ReportError;
use crate::table::{Cell, Column, ColumnKind, Table};

/// Renders a table as CSV with a header row.
///
/// # Errors
/// Only when the writer of the `csv` crate fails.
pub fn csv(table: &Table) -> Result<String, ReportError> {
    let failed = |reason: String| ReportError::Render {
        table: table.name.clone(),
        format: "CSV",
        reason,
    };
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer
        .write_record(table.columns.iter().flat_map(headers))
        .map_err(|error| failed(error.to_string()))?;
    for row in &table.rows {
        let fields = row.cells.iter().zip(&table.columns);
        writer
            .write_record(fields.flat_map(|(cell, column)| fields_of(cell, column.kind)))
            .map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

fn headers(column: &Column) -> Vec<String> {
    let suffixes: &[&str] = match column.kind {
        ColumnKind::Text | ColumnKind::Count | ColumnKind::Share => &[""],
        ColumnKind::Estimate => &[
            "",
            " low",
            " high",
            " if unjudged fail",
            " if unjudged pass",
            " problems",
            " left out",
            " refused",
        ],
        ColumnKind::Difference => &["", " low", " high"],
    };
    suffixes
        .iter()
        .map(|suffix| format!("{}{suffix}", column.header))
        .collect()
}

fn fields_of(cell: &Cell, kind: ColumnKind) -> Vec<String> {
    match cell {
        Cell::Text(text) | Cell::Code(text) => vec![text.clone()],
        Cell::Count(count) => vec![count.to_string()],
        Cell::Share(share) => vec![share.to_string()],
        Cell::Estimate(estimate) => match &**estimate {
            Ok(estimate) => estimate_fields(estimate),
            Err(refusal) => {
                let mut fields = vec![String::new(); 7];
                fields.push(refusal.to_string());
                fields
            }
        },
        Cell::Difference { value, interval } => {
            let [low, high] = ends(*interval);
            vec![value.to_string(), low, high]
        }
        Cell::Missing => {
            let n_fields = match kind {
                ColumnKind::Text | ColumnKind::Count | ColumnKind::Share => 1,
                ColumnKind::Estimate => 8,
                ColumnKind::Difference => 3,
            };
            vec![String::new(); n_fields]
        }
    }
}

fn estimate_fields(estimate: &Estimate) -> Vec<String> {
    let [low, high] = ends(estimate.interval);
    // Without unjudged candidates both bounds are the mean itself.
    let [worst, best] = ends(Some(estimate.bounds.unwrap_or(Interval {
        low: estimate.mean,
        high: estimate.mean,
    })));
    vec![
        estimate.mean.to_string(),
        low,
        high,
        worst,
        best,
        estimate.n_problems.to_string(),
        estimate.n_left_out.to_string(),
        String::new(),
    ]
}

fn ends(interval: Option<Interval>) -> [String; 2] {
    interval.map_or_else(Default::default, |interval| {
        [interval.low.to_string(), interval.high.to_string()]
    })
}
