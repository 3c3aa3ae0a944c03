//! What the paper reports: Tables 1 to 6 and 10, Figures 5 to 8 of arXiv:2207.01780v3.
//!
//! Tables were copied as printed, in percent; figures were read off, to about ±0.15 points
//! (Figures 5 and 6), ±0.3 (Figure 8), ±2 programs (Figure 7).

use std::sync::OnceLock;

use harness::study::Study;
use serde::Deserialize;

/// A number of the paper.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaperRow {
    pub table: String,
    pub row: String,
    /// A level of APPS, or `all`.
    pub level: String,
    pub metric: String,
    /// Percent, or a count.
    pub value: f64,
    /// `quoted`, or `read off the figure`.
    pub how: String,
}

fn all() -> &'static [PaperRow] {
    static ROWS: OnceLock<Vec<PaperRow>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let text = include_str!("../../data/coderl-paper.csv");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Result<Vec<PaperRow>, _> = reader.deserialize().collect();
        rows.expect("the built-in file is correct")
    })
}

/// The numbers of a table or figure. `Table 1` is Tables 1a and 1b.
pub fn paper_rows(table: &str) -> Vec<&'static PaperRow> {
    all()
        .iter()
        .filter(|row| is_of(&row.table, table))
        .collect()
}

fn is_of(table: &str, asked: &str) -> bool {
    table.strip_prefix(asked).is_some_and(|rest| {
        let is_part = rest.len() == 1 && rest.chars().all(|c| c.is_ascii_lowercase());
        rest.is_empty() || rest.starts_with(' ') || is_part
    })
}

/// A number of the paper, in percent.
pub(super) fn value(table: &str, row: &str, level: &str, metric: &str) -> Option<f64> {
    let is_asked = |it: &&PaperRow| {
        is_of(&it.table, table) && it.row == row && it.level == level && it.metric == metric
    };
    all().iter().find(is_asked).map(|row| row.value)
}

/// Names of rows, each once, in their order.
pub(super) fn row_names(table: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in paper_rows(table) {
        if !names.contains(&row.row.as_str()) {
            names.push(row.row.as_str());
        }
    }
    names
}

/// Checks that a study refers to tables and rows that the paper has.
///
/// # Errors
/// Says which is not there, where, and what there is.
pub fn check_paper(study: &Study) -> Result<(), String> {
    let tables = study.tables.iter().map(|it| (&it.paper, it.line, "tables"));
    let figures = study
        .figures
        .iter()
        .map(|it| (&it.paper, it.line, "figures"));
    for (paper, line, key) in tables.chain(figures) {
        if let Some(name) = paper
            && paper_rows(name).is_empty()
        {
            let mut known: Vec<&str> = all().iter().map(|row| row.table.as_str()).collect();
            known.dedup();
            return Err(format!(
                "{}: `{key}.paper`: there is no `{name}` in the paper's numbers; \
                 there are {}",
                study.files.origin(line),
                known.join(", ")
            ));
        }
    }
    for table in &study.tables {
        let Some(paper) = &table.paper else {
            continue;
        };
        let known = row_names(paper);
        for (ours, theirs) in &table.paper_rows {
            if !known.contains(&theirs.as_str()) {
                return Err(format!(
                    "{}: `tables.paper-rows.{ours}`: {paper} has no row `{theirs}`; its \
                     rows are `{}`",
                    study.files.origin(table.line),
                    known.join("`, `")
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the tables as they are printed.
    #[test]
    fn numbers_are_those_of_the_paper() {
        let check = |table, row, level, metric, expected| {
            assert_eq!(
                value(table, row, level, metric),
                Some(expected),
                "{table}: {row}"
            );
        };
        check("Table 1", "CodeRL+CodeT5 770M", "all", "pass@5", 6.81);
        check("Table 1", "CodeRL+CodeT5 770M", "all", "1@1000", 8.48);
        check(
            "Table 2",
            "D: baseline, critic",
            "introductory",
            "pass@1",
            6.20,
        );
        check("Table 3", "CodeT5, L_ce + L_rl", "all", "pass@1", 2.20);
        check(
            "Table 4",
            "no refining, no repair",
            "competition",
            "pass@200",
            7.60,
        );
        check(
            "Table 6",
            "CodeRL+CodeT5 zero-shot 770M",
            "all",
            "pass@80",
            63.0,
        );
        check("Figure 7", "0 duplicated lines", "all", "programs", 514.0);
        assert_eq!(value("Table 2", "E", "all", "pass@1"), None);
    }

    #[test]
    fn every_table_that_studies_are_shipped_for_is_there() {
        for table in [
            "Table 1", "Table 2", "Table 3", "Table 4", "Table 5", "Table 6", "Table 10",
            "Figure 5", "Figure 6", "Figure 7", "Figure 8",
        ] {
            assert!(!paper_rows(table).is_empty(), "{table}");
        }
        assert_eq!(row_names("Table 2").len(), 4);
        assert_eq!(
            paper_rows("Table 1").len(),
            paper_rows("Table 1a").len() + 28
        );
    }
}
