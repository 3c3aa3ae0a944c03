//! The report folder of a study.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use harness::study::{Figure, FigureKind};

use super::figures::{outcome_bars, over_k, over_rows};
use super::input::{StageFolder, StudyDataset, StudyInput};
use super::page::pages;
use super::tables::{StudyTables, paper_listing};
use crate::error::ReportError;
use crate::page::write_page;
use crate::plot::Plot;
use crate::render::{escape_markdown, markdown, markdown_excerpt, markdown_note};
use crate::table::Table;
use crate::write::Writer;

/// Rows of long tables that the page shows.
const EXCERPT: usize = 40;

/// Writes the report into `folder`, which is made if need be: `README.md`, `tables/` and `plots/`
/// as for a run, `index.html` with the candidates of the first dataset, and `DATASET.html` with
/// those of each other one. Files of an earlier report with the same names are replaced.
///
/// Returns the files written, `index.html` last.
///
/// # Errors
/// When a file cannot be written, naming it, or when a plot cannot be drawn.
pub fn write_study(input: &StudyInput, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut writer = Writer::new(folder)?;
    let tables = StudyTables::new(input);
    for table in tables.all() {
        writer.table(table)?;
    }
    let mut figures = Vec::new();
    for figure in &input.study.figures {
        let plots = draw(input, figure)?;
        for plot in &plots {
            writer.plot(plot)?;
        }
        let paper = figure.paper.as_deref();
        let paper = paper.map(|paper| paper_listing(&figure.name, paper));
        if let Some(table) = &paper {
            writer.table(table)?;
        }
        figures.push(DrawnFigure {
            figure,
            plots,
            paper,
            stage: input.stages.get(&figure.name).cloned(),
        });
    }
    let page = page(input, &tables, &figures);
    writer.file("README.md", page.as_bytes())?;
    let mut files = writer.written();
    let mut pages = pages(input, &tables, &figures);
    // The main one last.
    pages.reverse();
    for (name, page) in &pages {
        let path = folder.join(name);
        write_page(page, &path)?;
        files.push(path);
    }
    Ok(files)
}

/// A figure, its plots and what stands beside them.
pub(super) struct DrawnFigure<'a> {
    pub(super) figure: &'a Figure,
    /// One for each dataset.
    pub(super) plots: Vec<Plot>,
    pub(super) paper: Option<Table>,
    pub(super) stage: Option<StageFolder>,
}

/// The plots of a figure, one for each dataset.
fn draw(input: &StudyInput, figure: &Figure) -> Result<Vec<Plot>, ReportError> {
    let named = (figure.name.as_str(), figure.title.as_str());
    let of_dataset = |dataset: &StudyDataset| match &figure.kind {
        FigureKind::OverK { rows, submissions } => {
            over_k(input, dataset, named, rows, *submissions)
        }
        FigureKind::OverRows {
            metric,
            axis,
            series,
        } => over_rows(input, dataset, named, *metric, axis, series),
        FigureKind::Outcomes { rows } => outcome_bars(input, dataset, named, rows),
        FigureKind::Stage { .. } => Ok(None),
    };
    let plots = input.datasets_of(&figure.datasets).map(of_dataset);
    Ok(plots
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn page(input: &StudyInput, tables: &StudyTables, figures: &[DrawnFigure<'_>]) -> String {
    let mut page = format!("# {}\n\n", escape_markdown(&input.study.title));
    if !input.study.about.is_empty() {
        let _ = write!(page, "{}\n\n", input.study.about.trim());
    }
    if !input.missing.is_empty() {
        page += "**This report is about a part of the study.** Not done yet:\n\n";
        for line in &input.missing {
            let _ = writeln!(page, "- {}", markdown_note(line));
        }
        page.push('\n');
    }
    for (choice, of_choice) in &tables.choices {
        let _ = write!(page, "## {}\n\n", escape_markdown(&choice.title));
        for table in of_choice {
            page += &excerpt(table);
        }
    }
    for DrawnFigure {
        figure,
        plots,
        paper,
        stage,
    } in figures
    {
        if plots.is_empty() && stage.is_none() {
            continue;
        }
        let _ = write!(page, "## {}\n\n", escape_markdown(&figure.title));
        if let Some(stage) = stage {
            let _ = write!(
                page,
                "Tables and plots are in `{}`.\n\n",
                stage.directory.display()
            );
        }
        for plot in plots {
            let _ = write!(
                page,
                "![{}](plots/{name}.png)\n\n[SVG](plots/{name}.svg), [data](plots/{name}.csv)\n\n",
                escape_markdown(&plot.alt),
                name = plot.name
            );
        }
        if let Some(table) = paper {
            page += &excerpt(table);
        }
    }
    for (title, of_dataset) in &tables.datasets {
        let _ = write!(
            page,
            "## {}: outcomes, budgets, seeds\n\n",
            escape_markdown(title)
        );
        for table in of_dataset {
            page += &excerpt(table);
        }
    }
    page += "## Provenance\n\n";
    page += &list(&input.settings);
    for dataset in &input.datasets {
        let _ = write!(page, "### {}\n\n", escape_markdown(&dataset.title));
        page += &list(&dataset.settings);
    }
    page += "Tables in Markdown, LaTeX, CSV and JSON are in `tables/`, plots with their data in \
             `plots/`. Values in CSV and JSON are fractions, not percent.\n";
    page
}

fn excerpt(table: &Table) -> String {
    if table.rows.len() <= EXCERPT {
        return markdown(table) + "\n";
    }
    let rest = format!("all are in [`tables/{0}.csv`](tables/{0}.csv).", table.name);
    markdown_excerpt(table, EXCERPT, &rest) + "\n"
}

fn list(settings: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in settings {
        let _ = writeln!(out, "- {}: {}", escape_markdown(name), markdown_note(value));
    }
    out.push('\n');
    out
}
