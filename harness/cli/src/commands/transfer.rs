//! `coderl transfer`: runs of models that were trained on another dataset.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use harness::metric::Metric;
use harness::problem::{ProblemId, Split};
use reports::tables::{self, TransferInput};
use reports::write_overlap;

use crate::arguments::{self, Part};
use crate::commands::overlap::{Selected, look};
use crate::commands::print_tables;
use crate::comparable::Side;
use crate::context::Context;
use crate::exit::{Exit, usage};
use crate::inputs;

pub(crate) fn transfer(context: &Context, arguments: &arguments::Transfer) -> Result<Exit> {
    let settings = arguments.overlap.settings().map_err(usage)?;
    let (_, side) = Side::read(&arguments.runs, None, &arguments.settings)?;
    let first = &side.runs[0].run;
    let test = test_problems(context, &side, arguments)?;
    let train = Selected::open(
        context,
        &arguments.trained_on,
        arguments.train_split,
        Split::Train,
    )?;
    let ks = inputs::ks(first, &arguments.settings);
    let input = TransferInput {
        overlap: look(context, &train, &test, &settings),
        metrics: ks.into_iter().map(Metric::PassAtK).collect(),
        bootstrap: inputs::bootstrap(first, &arguments.settings)?,
        runs: side
            .runs
            .iter()
            .map(|run| (inputs::run_name(&run.path), run.tallies.clone()))
            .collect(),
    };
    let table = tables::transfer_table(&input);
    print_tables(&[table.clone(), tables::overlap_table(&input.overlap)])?;
    if let Some(folder) = &arguments.out {
        let files = write_overlap(&input.overlap, Some(&table), folder)?;
        if let Some(page) = files.last() {
            let page = page.display();
            context.console.note(format_args!("transfer: `{page}`"));
        }
    }
    Ok(Exit::Done)
}

/// The problems that the runs were judged on.
fn test_problems(
    context: &Context,
    side: &Side,
    arguments: &arguments::Transfer,
) -> Result<Selected> {
    let record = &side.runs[0].run.manifest.dataset;
    for run in &side.runs[1..] {
        if run.run.manifest.dataset.sha256 != record.sha256 {
            return Err(usage(format!(
                "`{}` and `{}` were judged on different datasets; look at them one by one",
                side.runs[0].path.display(),
                run.path.display()
            )));
        }
    }
    let name = arguments.dataset.as_ref().or(record.path.as_ref());
    let name = name.unwrap_or(&record.name);
    let dataset = context.open_dataset(name).context(
        "cannot read the dataset of the runs; if it has moved, say where it is with --dataset",
    )?;
    if dataset.sha256 != record.sha256 {
        return Err(usage(format!(
            "dataset `{name}` is not the one that the runs were judged by: its SHA-256 is {}, \
             theirs {}",
            dataset.sha256, record.sha256
        )));
    }
    let mut selected = Selected::of(dataset, Part::All);
    let judged: BTreeSet<&ProblemId> = side
        .runs
        .iter()
        .flat_map(|run| run.tallies.iter().map(|tally| &tally.problem))
        .collect();
    selected.keep("the runs' problems", |problem| judged.contains(&problem.id));
    Ok(selected)
}
