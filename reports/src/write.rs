//! Report folders on disk.
//!
//! Each file is written beside its place and renamed into it, the page that refers to the
//! others last. A reader therefore finds whole files, and a page only with what it shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ReportError;
use crate::input::{CompareInput, ReportInput};
use crate::page::{Block, Page, PageRun, Section, run_page, write_page};
use crate::plot::{
    Plot, TrainingCurve, flips_plot, outcomes_plot, overlap_plot, pass_at_1_plot, pass_at_k_plot,
    training_plot,
};
use crate::render;
use crate::summary::{self, Shown};
use crate::table::Table;
use crate::tables::{self, OverlapInput};

/// Writes a report into `folder`, which is made if need be: `README.md`, `tables/` with
/// Markdown, CSV, LaTeX and JSON, `plots/` with PNG, SVG and the data of each plot. Files of
/// an earlier report with the same names are replaced, others are left alone.
///
/// Returns the files written, `README.md` last.
///
/// # Errors
/// When a file cannot be written, naming it, or when a plot cannot be drawn.
pub fn write_report(input: &ReportInput, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let (files, _) = write_parts(input, folder)?;
    Ok(files)
}

/// The same with `index.html`, in which the candidates of `run` can be looked at, written last.
///
/// # Errors
/// As [`write_report`], or when the records of the run cannot be read.
pub fn write_report_with_page(
    input: &ReportInput,
    run: PageRun,
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let (mut files, shown) = write_parts(input, folder)?;
    let path = folder.join("index.html");
    write_page(&run_page(input, &shown.tables, &shown.plots, run), &path)?;
    files.push(path);
    Ok(files)
}

fn write_parts(input: &ReportInput, folder: &Path) -> Result<(Vec<PathBuf>, Shown), ReportError> {
    let mut writer = Writer::new(folder)?;
    let mut shown = Shown::default();
    for judging in &input.judgings {
        for table in [
            Some(tables::pass_at_k_table(input, judging)),
            tables::n_at_k_table(input, judging),
            Some(tables::accuracy_table(input, judging)),
            Some(tables::outcomes_table(judging)),
            Some(tables::causes_table(judging)),
        ]
        .into_iter()
        .flatten()
        {
            writer.table(&table)?;
            shown.tables.push(table);
        }
        for table in [
            tables::problems_table(input, judging),
            tables::unjudged_table(judging),
        ] {
            writer.listing(&table)?;
            shown.tables.push(table);
        }
        for plot in [
            pass_at_k_plot(input, judging)?,
            outcomes_plot(input, judging)?,
        ]
        .into_iter()
        .flatten()
        {
            writer.plot(&plot)?;
            shown.plots.push(plot);
        }
    }
    if let Some(plot) = pass_at_1_plot(input)? {
        writer.plot(&plot)?;
        shown.plots.push(plot);
    }
    for table in [
        tables::strategy_table(&input.strategy),
        tables::strategy_budget_table(&input.strategy),
    ]
    .into_iter()
    .flatten()
    {
        writer.table(&table)?;
        shown.tables.push(table);
    }
    if let Some(flips) = &input.flips {
        let table = tables::flip_counts_table(flips);
        writer.table(&table)?;
        shown.tables.push(table);
        let table = tables::flips_table(flips);
        writer.listing(&table)?;
        shown.tables.push(table);
        if let Some(plot) = flips_plot(input)? {
            writer.plot(&plot)?;
            shown.plots.push(plot);
        }
    }
    let skipped = tables::skipped_table(&input.skipped);
    writer.listing(&skipped)?;
    shown.tables.push(skipped);
    writer.file("README.md", summary::report(input, &shown).as_bytes())?;
    Ok((writer.written, shown))
}

/// Writes the report of a training into `folder`: its numbers as a table, learning curves as a
/// plot, and both with `facts` in `index.html`, which is written last.
///
/// # Errors
/// As [`write_report`].
pub fn write_training_report(
    curve: &TrainingCurve,
    facts: Vec<(String, String)>,
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let mut writer = Writer::new(folder)?;
    let table = tables::training_table(curve);
    writer.table(&table)?;
    let mut blocks = Vec::new();
    if let Some(plot) = training_plot("learning-curves", &curve.label, std::slice::from_ref(curve))?
    {
        writer.plot(&plot)?;
        blocks.push(Block::Figure {
            plot,
            caption: String::new(),
        });
    }
    blocks.push(Block::Table(table));
    let page = Page {
        title: curve.label.clone(),
        subtitle: "Training".to_owned(),
        facts,
        sections: vec![Section {
            id: "learning".to_owned(),
            title: "Learning curves".to_owned(),
            blocks,
        }],
        runs: Vec::new(),
    };
    let path = folder.join("index.html");
    write_page(&page, &path)?;
    writer.written.push(path);
    Ok(writer.written)
}

/// Writes the comparison of two sides into `folder`, as [`write_report`] does a report.
///
/// # Errors
/// When a file cannot be written, naming it.
pub fn write_comparison(input: &CompareInput, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut writer = Writer::new(folder)?;
    let mut shown = Shown::default();
    for table in [
        Some(tables::compare_table(input)),
        Some(tables::solved_table(input)),
        tables::runs_table(input),
        Some(tables::outcome_shifts_table(input)),
        tables::transitions_table(input),
        tables::rule_shifts_table(input),
    ]
    .into_iter()
    .flatten()
    {
        writer.table(&table)?;
        shown.tables.push(table);
    }
    for table in [
        Some(tables::problem_changes_table(input)),
        Some(tables::problem_scores_table(input)),
        tables::outcome_changes_table(input),
    ]
    .into_iter()
    .flatten()
    {
        writer.listing(&table)?;
        shown.tables.push(table);
    }
    writer.file("README.md", summary::comparison(input, &shown).as_bytes())?;
    Ok(writer.written)
}

/// Writes what two datasets have in common into `folder`, as [`write_report`] does a report, with
/// `transfer` where runs were asked for.
///
/// # Errors
/// When a file cannot be written, naming it, or when a plot cannot be drawn.
pub fn write_overlap(
    input: &OverlapInput,
    transfer: Option<&Table>,
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let mut writer = Writer::new(folder)?;
    let mut shown = Shown::default();
    for table in [
        transfer.cloned(),
        Some(tables::overlap_table(input)),
        Some(tables::duplicated_lines_table(input)),
        Some(tables::duplicated_share_table(input)),
    ]
    .into_iter()
    .flatten()
    {
        writer.table(&table)?;
        shown.tables.push(table);
    }
    for table in [
        tables::overlap_pairs_table(input),
        tables::overlap_problems_table(input),
    ] {
        writer.listing(&table)?;
        shown.tables.push(table);
    }
    if let Some(plot) = overlap_plot(input)? {
        writer.plot(&plot)?;
        shown.plots.push(plot);
    }
    writer.file("README.md", summary::overlap(input, &shown).as_bytes())?;
    Ok(writer.written)
}

/// Writes the files of a report.
pub(crate) struct Writer<'a> {
    folder: &'a Path,
    written: Vec<PathBuf>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(folder: &'a Path) -> Result<Self, ReportError> {
        create_folder(folder)?;
        Ok(Self {
            folder,
            written: Vec::new(),
        })
    }

    /// The files written so far.
    pub(crate) fn written(self) -> Vec<PathBuf> {
        self.written
    }

    /// A table that is read as such, in all formats.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), ReportError> {
        let stem = format!("tables/{}", table.name);
        self.file(&format!("{stem}.md"), render::markdown(table).as_bytes())?;
        self.file(&format!("{stem}.tex"), render::latex(table).as_bytes())?;
        self.listing(table)
    }

    /// A table that may have thousands of rows, in the formats that programs read.
    pub(crate) fn listing(&mut self, table: &Table) -> Result<(), ReportError> {
        let stem = format!("tables/{}", table.name);
        self.file(&format!("{stem}.csv"), render::csv(table)?.as_bytes())?;
        self.file(&format!("{stem}.json"), render::json(table)?.as_bytes())
    }

    pub(crate) fn plot(&mut self, plot: &Plot) -> Result<(), ReportError> {
        let stem = format!("plots/{}", plot.name);
        self.file(&format!("{stem}.png"), &plot.png)?;
        self.file(&format!("{stem}.svg"), plot.svg.as_bytes())?;
        self.file(&format!("{stem}.csv"), render::csv(&plot.data)?.as_bytes())
    }

    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), ReportError> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            create_folder(parent)?;
        }
        // One writer at a time: a second one would only overwrite the same files.
        let mut temporary = path.clone().into_os_string();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        if let Err(source) = written {
            // Best effort; what matters is the first error.
            let _ = fs::remove_file(&temporary);
            return Err(ReportError::Write { path, source });
        }
        self.written.push(path);
        Ok(())
    }
}

fn create_folder(path: &Path) -> Result<(), ReportError> {
    fs::create_dir_all(path).map_err(|source| ReportError::CreateFolder {
        path: path.to_owned(),
        source,
    })
}
