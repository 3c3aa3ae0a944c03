//! `coderl compare`: two runs on the problems that they share.

use std::io::Write;

use anyhow::Result;
use harness::metric::{Metric, compare as compare_tallies, outcome_changes};
use harness::store::StoredRun;
use reports::{CompareInput, render, tables, write_comparison};

use crate::arguments;
use crate::commands::terminal_width;
use crate::exit::{Exit, data};
use crate::inputs;

pub(crate) fn compare(arguments: &arguments::Compare) -> Result<Exit> {
    let a = StoredRun::read(&arguments.a)?;
    let b = StoredRun::read(&arguments.b)?;
    let (grader, tallies_a) = inputs::first_judging(&arguments.a, &a, &arguments.settings)?;
    let (other, tallies_b) = inputs::first_judging(&arguments.b, &b, &arguments.settings)?;
    if grader != other {
        return Err(data(format!(
            "`{}` was judged by `{grader}` and `{}` by `{other}`; judge both by the same grader",
            arguments.a.display(),
            arguments.b.display()
        )));
    }
    let ks = inputs::ks(&a, &arguments.settings);
    let metrics: Vec<Metric> = ks.into_iter().map(Metric::PassAtK).collect();
    let bootstrap = inputs::bootstrap(&a, &arguments.settings)?;
    let comparison = compare_tallies(&tallies_a, &tallies_b, &metrics, &bootstrap)
        .map_err(|error| data(error.to_string()))?;
    // Outcomes can be matched candidate by candidate only where the programs are the same.
    let changes = (inputs::programs(&a) == inputs::programs(&b))
        .then(|| outcome_changes(&tallies_a, &tallies_b));
    let input = CompareInput {
        title: format!(
            "{} against {}",
            inputs::run_name(&arguments.b),
            inputs::run_name(&arguments.a)
        ),
        name_a: inputs::run_name(&arguments.a),
        name_b: inputs::run_name(&arguments.b),
        settings_a: inputs::provenance(&a),
        settings_b: inputs::provenance(&b),
        comparison,
        changes,
    };
    let mut out = std::io::stdout().lock();
    write!(
        out,
        "{}",
        render::terminal(&tables::compare_table(&input), terminal_width())
    )?;
    let changed = tables::problem_changes_table(&input);
    writeln!(out)?;
    write!(out, "{}", render::terminal(&changed, terminal_width()))?;
    if let Some(folder) = &arguments.out {
        write_comparison(&input, folder)?;
    }
    Ok(Exit::Done)
}
