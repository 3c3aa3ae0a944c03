//! `coderl report`: tables on screen, and the report folder.

mod training;

use std::path::Path;

use anyhow::Result;
use harness::metric::{Group, Metric, aggregate};
use harness::store::{CRITIC_SCORES, StoredRun};
use reports::page::PageRun;
use reports::{ReportInput, tables, write_report_with_page};

use crate::arguments::{self, ReportSettings};
use crate::commands;
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::inputs;

/// Makes the report of a run or of a training again.
pub(crate) fn report(context: &Context, arguments: &arguments::Report) -> Result<Exit> {
    let folder = arguments
        .out
        .clone()
        .unwrap_or_else(|| arguments.run.join("report"));
    if training::is_training(&arguments.run) {
        return training::report(context, &arguments.run, &folder);
    }
    report_run(context, &arguments.run, Some(&folder), &arguments.settings)?;
    Ok(Exit::Done)
}

/// What was shown, for thresholds.
pub(crate) struct Shown(ReportInput);

impl Shown {
    /// pass@k over all problems under the first grader; `None` where it is refused.
    pub(crate) fn pass_at(&self, k: u32) -> Option<f64> {
        let judging = self.0.judgings.first()?;
        let aggregate = aggregate(&judging.tallies, &[Metric::PassAtK(k)], &self.0.bootstrap);
        let row = aggregate.row(Group::All)?;
        let estimate = row.values.first()?.as_ref().ok()?;
        Some(estimate.mean)
    }
}

/// Prints the tables of the run in `path` and writes its report into `folder`.
pub(crate) fn report_run(
    context: &Context,
    path: &Path,
    folder: Option<&Path>,
    settings: &ReportSettings,
) -> Result<Shown> {
    let run = StoredRun::read(path)?;
    if run.verdicts.is_empty() {
        return Err(data(format!(
            "the run in `{0}` has no verdicts; judge its candidates with `coderl score {0}`",
            path.display()
        )));
    }
    if !run.is_finished {
        context.console.note(format_args!(
            "warning: the run in `{}` is not finished; what follows is about the {} verdicts so far",
            path.display(),
            run.verdicts.len()
        ));
    }
    let input = inputs::report_input(path, &run, settings)?;
    print_report(&input)?;
    if let Some(folder) = folder {
        let scores = path.join(CRITIC_SCORES);
        let page_run = PageRun {
            label: inputs::run_name(path),
            directory: path.to_owned(),
            critic_scores: scores.is_file().then_some(scores),
        };
        let files = write_report_with_page(&input, page_run, folder)?;
        if let Some(page) = files.last() {
            context
                .console
                .note(format_args!("report: `{}`", page.display()));
        }
    }
    Ok(Shown(input))
}

fn print_report(input: &ReportInput) -> Result<()> {
    let mut shown = Vec::new();
    for judging in &input.judgings {
        shown.push(tables::pass_at_k_table(input, judging));
        shown.extend(tables::n_at_k_table(input, judging));
        shown.push(tables::outcomes_table(judging));
    }
    shown.extend(tables::strategy_table(&input.strategy));
    shown.extend(tables::strategy_budget_table(&input.strategy));
    if let Some(flips) = &input.flips
        && !flips.is_empty()
    {
        shown.push(tables::flip_counts_table(flips));
    }
    commands::print_tables(&shown)
}
