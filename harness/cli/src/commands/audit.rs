//! `coderl audit`: what a dataset's own solutions say about its problems.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::audit::{self, Audit, AuditRecord};
use harness::config::{Layer, Options, Resolved};
use harness::store::{AuditFile, read_audit};
use reports::{render, tables};

use crate::arguments;
use crate::commands::terminal_width;
use crate::console::counted;
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::pipeline::stem;

pub(crate) fn audit(context: &Context, arguments: &arguments::Audit) -> Result<Exit> {
    let resolved = Resolved::new([Layer::command_line(options(arguments))])?;
    let settings = &resolved.settings;
    let dataset = context.open_dataset(&arguments.dataset)?;
    let n_skipped = dataset.skipped.len();
    let n_all = dataset.problems.len();
    let selection = settings.selection.clone();
    let problems = selection
        .or_split(datasets::default_split(&arguments.dataset))
        .apply(&dataset.name, dataset.problems)?;
    if problems.is_empty() {
        return Err(data(format!(
            "no problem of `{}` is left; loosen --split, --difficulty or --limit",
            arguments.dataset
        )));
    }
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| default_file(arguments));
    context.console.note(format_args!(
        "{}: {} of {n_all} problems, {} rows skipped; audit `{}`",
        dataset.name,
        problems.len(),
        n_skipped,
        out.display()
    ));
    let sandbox = context.sandbox()?;
    let mut file = AuditFile::open(&out)?;
    let mut bar = context.console.bar(problems.len(), "auditing");
    let summary = audit::audit(
        &Audit {
            problems: &problems,
            executor: &sandbox,
            limits: &settings.judging.limits(&dataset.name),
            workers: settings.running.workers,
            cancel: &context.cancel,
        },
        &mut file.log,
        &mut |already_done, record| match record {
            Some(_) => bar.advance(),
            None => bar.start_at(already_done),
        },
    )?;
    bar.finish();
    if summary.cancelled {
        context.console.note(format_args!(
            "interrupted after {}; the same command goes on from here",
            counted(summary.already_done + summary.audited, "problem")
        ));
        return Ok(Exit::Interrupted);
    }
    print(&read_audit(&out)?)?;
    Ok(if n_skipped == 0 {
        Exit::Done
    } else {
        Exit::Data
    })
}

fn options(arguments: &arguments::Audit) -> Options {
    let selection = arguments.selection.clone();
    Options {
        split: selection.split,
        difficulty: selection.difficulty,
        ids: selection.ids,
        limit: selection.limit,
        timeout: arguments.timeout,
        memory_mib: arguments.memory_mib,
        workers: arguments.workers,
        ..Options::default()
    }
}

fn default_file(arguments: &arguments::Audit) -> PathBuf {
    let name = stem(Path::new(&arguments.dataset));
    Path::new("audits").join(format!("{name}.jsonl"))
}

fn print(records: &[AuditRecord]) -> Result<()> {
    let table = tables::audit_table(records);
    write!(
        std::io::stdout(),
        "{}",
        render::terminal(&table, terminal_width())
    )?;
    Ok(())
}
