//! The page that a report folder opens with.

use std::fmt::Write as _;

use crate::input::{CompareInput, ReportInput};
use crate::plot::Plot;
use crate::render::{escape_markdown, markdown, markdown_excerpt, markdown_note};
use crate::table::Table;
use crate::tables::OverlapInput;

/// Rows of long tables that the page shows.
const EXCERPT: usize = 20;

/// What a page can refer to.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) tables: Vec<Table>,
    pub(crate) plots: Vec<Plot>,
}

impl Shown {
    /// The table, or nothing where it has no rows.
    fn excerpt(&self, name: &str) -> String {
        let Some(table) = self
            .tables
            .iter()
            .find(|t| t.name == name && !t.rows.is_empty())
        else {
            return String::new();
        };
        let rest = format!("all are in [`tables/{name}.csv`](tables/{name}.csv).");
        markdown_excerpt(table, EXCERPT, &rest) + "\n"
    }

    fn whole(&self, name: &str) -> String {
        let table = self.tables.iter().find(|t| t.name == name);
        table.map_or_else(String::new, |table| markdown(table) + "\n")
    }

    fn image(&self, name: &str) -> String {
        let plot = self.plots.iter().find(|plot| plot.name == name);
        plot.map_or_else(String::new, |plot| {
            format!(
                "![{}](plots/{name}.png)\n\n[SVG](plots/{name}.svg), [data](plots/{name}.csv)\n\n",
                escape_markdown(&plot.alt)
            )
        })
    }
}

/// The page of a report.
pub(crate) fn report(input: &ReportInput, shown: &Shown) -> String {
    let mut page = format!("# {}\n\n", escape_markdown(&input.title));
    page.push_str(&settings("Provenance", &input.settings));
    page.push_str(&shown.image("pass-at-1"));
    for judging in &input.judgings {
        let grader = judging.grader;
        let _ = write!(page, "## Grader `{grader}`\n\n");
        page.push_str(&shown.whole(&format!("pass-at-k.{grader}")));
        page.push_str(&shown.image(&format!("pass-at-k.{grader}")));
        page.push_str(&shown.whole(&format!("n-at-k.{grader}")));
        page.push_str(&shown.whole(&format!("accuracy.{grader}")));
        page.push_str(&shown.whole(&format!("outcomes.{grader}")));
        page.push_str(&shown.image(&format!("outcomes.{grader}")));
        page.push_str(&shown.excerpt(&format!("causes.{grader}")));
        page.push_str(&shown.excerpt(&format!("unjudged.{grader}")));
        let _ = write!(
            page,
            "Every problem: [`tables/problems.{grader}.csv`](tables/problems.{grader}.csv)\n\n"
        );
    }
    if !input.strategy.is_empty() {
        page.push_str("## Strategy\n\n");
        page.push_str(&shown.whole("strategy"));
        page.push_str(&shown.whole("strategy-budget"));
    }
    if let Some(flips) = &input.flips {
        page.push_str("## Where the graders differ\n\n");
        if flips.is_empty() {
            page.push_str("Nowhere: both give every candidate the same outcome.\n\n");
        } else {
            page.push_str(&shown.whole("flips-by-rule"));
            page.push_str(&shown.image("flips"));
            page.push_str(&shown.excerpt("flips"));
        }
    }
    if !input.skipped.is_empty() {
        page.push_str("## Not in these numbers\n\n");
        page.push_str(&shown.excerpt("skipped"));
    }
    page.push_str(
        "Tables in Markdown, LaTeX, CSV and JSON are in `tables/`, plots with their data in \
         `plots/`. Values in CSV and JSON are fractions, not percent.\n",
    );
    page
}

/// The page of a comparison.
pub(crate) fn comparison(input: &CompareInput, shown: &Shown) -> String {
    let mut page = format!("# {}\n\n", escape_markdown(&input.title));
    for (side, runs) in [("A", &input.a), ("B", &input.b)] {
        for run in &runs.runs {
            page.push_str(&settings(&format!("{side}: {}", run.name), &run.settings));
        }
    }
    page.push_str("## Difference\n\n");
    page.push_str(&shown.whole("compare"));
    page.push_str(&shown.whole("solved"));
    page.push_str(&shown.whole("runs"));
    page.push_str("## What moved\n\n");
    page.push_str(&shown.whole("outcome-shifts"));
    page.push_str(&shown.whole("outcome-transitions"));
    page.push_str(&shown.whole("rule-shifts"));
    page.push_str(&shown.excerpt("problem-changes"));
    page.push_str(&shown.excerpt("problem-scores"));
    page.push_str(&shown.excerpt("outcome-changes"));
    page.push_str("Tables are in `tables/`. Values in CSV and JSON are fractions, not percent.\n");
    page
}

/// The page of an overlap check.
pub(crate) fn overlap(input: &OverlapInput, shown: &Shown) -> String {
    let title = format!("{} in {}", input.test, input.train);
    let mut page = format!("# {}\n\n", escape_markdown(&title));
    page.push_str(&settings("Provenance", &input.settings));
    if shown.tables.iter().any(|table| table.name == "transfer") {
        page.push_str("## Transfer\n\n");
        page.push_str(&shown.whole("transfer"));
    }
    page.push_str("## Overlap\n\n");
    page.push_str(&shown.whole("overlap"));
    page.push_str(&shown.excerpt("overlap-pairs"));
    page.push_str("## Lines\n\n");
    page.push_str(&shown.image("duplicated-lines"));
    page.push_str(&shown.whole("duplicated-lines"));
    page.push_str(&shown.whole("duplicated-share"));
    page.push_str(
        "Every problem: [`tables/overlap-problems.csv`](tables/overlap-problems.csv). Values in \
         CSV and JSON are fractions, not percent.\n",
    );
    page
}

fn settings(heading: &str, settings: &[(String, String)]) -> String {
    let mut out = format!("## {}\n\n", escape_markdown(heading));
    for (name, value) in settings {
        let _ = writeln!(out, "- {}: {}", escape_markdown(name), markdown_note(value));
    }
    out.push('\n');
    out
}
