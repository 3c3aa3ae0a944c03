//! A table before it has a format.

use harness::metric::{Estimate, Interval, Refusal};

/// Rows under columns, with what a reader must know beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// File stem, and the label in LaTeX.
    pub name: String,
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Sentences below the table; names and values stand in backticks.
    pub notes: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub header: String,
    pub kind: ColumnKind,
}

/// What the cells of a column hold. Files for machines spread some kinds over several
/// columns, so the kind of a column is fixed even where a cell is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    Count,
    /// A fraction, shown in percent.
    Share,
    /// A fraction with interval and bounds, shown in percent.
    Estimate,
    /// A difference of fractions with interval, shown in percentage points.
    Difference,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cells: Vec<Cell>,
    /// Sums up the rows above, and is set apart from them.
    pub is_total: bool,
}

/// One cell; its kind is that of its column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    /// An identifier or a piece of program text.
    Code(String),
    Count(u64),
    Share(f64),
    Estimate(Box<Result<Estimate, Refusal>>),
    Difference {
        value: f64,
        interval: Option<Interval>,
    },
    Missing,
}

impl Table {
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            columns: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[must_use]
    pub fn column(mut self, header: impl Into<String>, kind: ColumnKind) -> Self {
        self.columns.push(Column {
            header: header.into(),
            kind,
        });
        self
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When the row does not fit the columns.
    pub fn push(&mut self, cells: Vec<Cell>) {
        assert_eq!(
            cells.len(),
            self.columns.len(),
            "cells and columns of table `{}`",
            self.name
        );
        self.rows.push(Row {
            cells,
            is_total: false,
        });
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl ColumnKind {
    /// Text is aligned left, numbers right.
    pub fn is_numeric(self) -> bool {
        self != Self::Text
    }
}

impl Cell {
    pub fn code(text: impl ToString) -> Self {
        Self::Code(text.to_string())
    }

    pub fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub fn count(count: usize) -> Self {
        Self::Count(count as u64)
    }

    pub fn estimate(estimate: &Result<Estimate, Refusal>) -> Self {
        Self::Estimate(Box::new(estimate.clone()))
    }

    /// What people read: the value, and its interval apart.
    pub fn shown(&self) -> (String, Option<String>) {
        match self {
            Self::Text(text) | Self::Code(text) => (text.clone(), None),
            Self::Count(count) => (count.to_string(), None),
            Self::Share(share) => (percent(*share), None),
            Self::Estimate(estimate) => match &**estimate {
                Ok(estimate) => (percent(estimate.mean), detail(estimate)),
                Err(_) => ("refused".to_owned(), None),
            },
            Self::Difference { value, interval } => {
                (signed_percent(*value), interval.map(signed_range))
            }
            Self::Missing => ("–".to_owned(), None),
        }
    }
}

/// A fraction in percent with two digits, as the paper prints them.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2}", 100.0 * fraction)
}

fn signed_percent(fraction: f64) -> String {
    let shown = format!("{:+.2}", 100.0 * fraction);
    // What rounds to nothing has no sign.
    if shown.trim_start_matches(['+', '-']) == "0.00" {
        "0.00".to_owned()
    } else {
        shown.replace('-', "−")
    }
}

/// Interval, and what the value would be if every unjudged candidate had failed, unless it
/// is that already.
fn detail(estimate: &Estimate) -> Option<String> {
    let worst = estimate
        .bounds
        .map(|bounds| percent(bounds.low))
        .filter(|worst| *worst != percent(estimate.mean));
    let parts: Vec<String> = estimate
        .interval
        .map(range)
        .into_iter()
        .chain(worst.map(|worst| format!("worst {worst}")))
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn range(interval: Interval) -> String {
    format!("[{}, {}]", percent(interval.low), percent(interval.high))
}

fn signed_range(interval: Interval) -> String {
    let [low, high] = [interval.low, interval.high].map(signed_percent);
    format!("[{low}, {high}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_sign() {
        let check = |value: f64, expected: &str| assert_eq!(signed_percent(value), expected);
        check(0.0, "0.00");
        check(-0.000_01, "0.00");
        check(0.012_3, "+1.23");
        check(-0.5, "−50.00");
    }
}
