//! The page of a single run.

use super::model::{Block, Page, PageRun, Section};
use crate::input::ReportInput;
use crate::plot::Plot;
use crate::table::Table;

/// The page of the run that `input` was made from, with the tables and plots of its report.
pub fn run_page(input: &ReportInput, tables: &[Table], plots: &[Plot], run: PageRun) -> Page {
    let parts = Parts { tables, plots };
    let mut sections = Vec::new();
    let several = input.judgings.len() > 1;
    for judging in &input.judgings {
        let grader = judging.grader;
        let titled = |title: &str| match several {
            true => format!("{title}, `{grader}`"),
            false => title.to_owned(),
        };
        let id = |stem: &str| match several {
            true => format!("{stem}-{grader}"),
            false => stem.to_owned(),
        };
        let section = |stem: &str, title: &str, blocks: Vec<Option<Block>>| Section {
            id: id(stem),
            title: titled(title),
            blocks: blocks.into_iter().flatten().collect(),
        };
        sections.push(section(
            "results",
            "Results",
            vec![
                parts.table(&format!("pass-at-k.{grader}")),
                parts.figure("pass-at-1").filter(|_| sections.is_empty()),
                parts.figure(&format!("pass-at-k.{grader}")),
                parts.table(&format!("n-at-k.{grader}")),
                parts.table(&format!("accuracy.{grader}")),
            ],
        ));
        sections.push(section(
            "outcomes",
            "Outcomes",
            vec![
                parts.table(&format!("outcomes.{grader}")),
                parts.figure(&format!("outcomes.{grader}")),
                parts.table(&format!("causes.{grader}")),
                parts.table(&format!("unjudged.{grader}")),
            ],
        ));
    }
    let more = [
        ("strategy", "Strategy", vec!["strategy", "strategy-budget"]),
        ("skipped", "Not in these numbers", vec!["skipped"]),
    ];
    if let Some(flips) = &input.flips {
        let blocks = match flips.is_empty() {
            true => vec![Block::Text(
                "Nowhere: both give every candidate the same outcome.".to_owned(),
            )],
            false => [
                parts.table("flips-by-rule"),
                parts.figure("flips"),
                parts.table("flips"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        sections.push(Section {
            id: "graders".to_owned(),
            title: "Where the graders differ".to_owned(),
            blocks,
        });
    }
    for (id, title, names) in more {
        let blocks: Vec<Block> = names.iter().filter_map(|name| parts.table(name)).collect();
        if !blocks.is_empty() {
            sections.push(Section {
                id: id.to_owned(),
                title: title.to_owned(),
                blocks,
            });
        }
    }
    Page {
        title: input.title.clone(),
        subtitle: subtitle(input),
        facts: input.settings.clone(),
        sections,
        runs: vec![run],
    }
}

/// What a reader must know first: how much there is, and who judged.
fn subtitle(input: &ReportInput) -> String {
    let sizes = input.judgings.first().map(|judging| judging.sample_size());
    let graders: Vec<String> = input
        .judgings
        .iter()
        .map(|judging| format!("`{}`", judging.grader))
        .collect();
    let dataset = input.settings.iter().find(|(name, _)| name == "dataset");
    let dataset = dataset.and_then(|(_, value)| value.split(',').next());
    let grader = if graders.len() == 1 {
        "grader"
    } else {
        "graders"
    };
    [
        dataset.map(|name| format!("`{name}`")),
        sizes,
        (!graders.is_empty()).then(|| format!("{grader} {}", graders.join(" and "))),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" · ")
}

struct Parts<'a> {
    tables: &'a [Table],
    plots: &'a [Plot],
}

impl Parts<'_> {
    /// A table that has rows.
    fn table(&self, name: &str) -> Option<Block> {
        let mut tables = self.tables.iter();
        let table = tables.find(|table| table.name == name && !table.rows.is_empty())?;
        Some(Block::Table(table.clone()))
    }

    fn figure(&self, name: &str) -> Option<Block> {
        let plot = self.plots.iter().find(|plot| plot.name == name)?;
        Some(Block::Figure {
            plot: plot.clone(),
            caption: String::new(),
        })
    }
}
