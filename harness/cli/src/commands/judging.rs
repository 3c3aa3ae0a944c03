//! `coderl generate`, `score` and `run`: parts of one pipeline.

use std::path::Path;

use anyhow::Result;

use crate::arguments::{self, Backend, BackendName, Output};
use crate::commands::report::{Shown, report_run};
use crate::exit::{Exit, usage};
use crate::pipeline::{Context, Pipeline, Request, Source};
use crate::results;

/// Collects candidates into a run directory.
pub(crate) fn generate(context: &Context, arguments: arguments::Generate) -> Result<Exit> {
    let source = source(&arguments.backend, arguments.dataset.as_deref())?;
    let mut pipeline = Pipeline::open(
        context,
        Request {
            dataset: arguments.dataset,
            source,
            settings: &arguments.settings,
            directory: &arguments.directory,
            exclusion: &arguments.exclusion,
            judge: false,
        },
    )?;
    if !pipeline.generate()? {
        return Ok(Exit::Interrupted);
    }
    let path = pipeline.directory.path().display();
    context
        .console
        .note(format_args!("judge them with `coderl score {path}`"));
    Ok(exit_of(&pipeline))
}

/// Judges recorded candidates.
pub(crate) fn score(context: &Context, arguments: arguments::Score) -> Result<Exit> {
    let mut directory = arguments.directory;
    let source = if arguments.samples.join("manifest.json").is_file() {
        directory
            .out
            .get_or_insert_with(|| arguments.samples.clone());
        if directory.out.as_ref() != Some(&arguments.samples) {
            return Err(usage(format!(
                "`{}` is a run directory, and its verdicts go there: leave --out away",
                arguments.samples.display()
            )));
        }
        if directory.fresh {
            return Err(usage(
                "--fresh would discard the candidates of the run directory that is to be scored",
            ));
        }
        Source::Stored
    } else {
        Source::Replay(arguments.samples)
    };
    let pipeline = Pipeline::open(
        context,
        Request {
            dataset: arguments.dataset,
            source,
            settings: &arguments.settings,
            directory: &directory,
            exclusion: &arguments.exclusion,
            judge: true,
        },
    )?;
    finish(context, pipeline, &arguments.output)
}

/// Generates, judges and reports.
pub(crate) fn run(context: &Context, arguments: arguments::Run) -> Result<Exit> {
    let source = source(&arguments.backend, arguments.dataset.as_deref())?;
    let pipeline = Pipeline::open(
        context,
        Request {
            dataset: arguments.dataset,
            source,
            settings: &arguments.settings,
            directory: &arguments.directory,
            exclusion: &arguments.exclusion,
            judge: true,
        },
    )?;
    finish(context, pipeline, &arguments.output)
}

/// The only place where names of backends become backends.
fn source(backend: &Backend, dataset: Option<&str>) -> Result<Source> {
    let built_in = dataset == Some("builtin");
    match (backend.backend, &backend.samples) {
        (Some(BackendName::Reference), None) => Ok(Source::Reference),
        (Some(BackendName::Reference), Some(_)) => Err(usage(
            "--samples goes with `--backend replay`; the reference backend has its own programs",
        )),
        (_, Some(path)) => Ok(Source::Replay(path.clone())),
        (_, None) if built_in => Ok(Source::BuiltIn),
        (Some(BackendName::Replay), None) => Err(usage(
            "`--backend replay` needs recorded candidates: name them with --samples PATH",
        )),
        (None, None) => Err(usage(
            "where do candidates come from? Name recorded ones with --samples PATH, or use \
             `--backend reference`",
        )),
    }
}

fn finish(context: &Context, mut pipeline: Pipeline<'_>, output: &Output) -> Result<Exit> {
    if !pipeline.generate()? || !pipeline.judge()? {
        context
            .console
            .note("interrupted; the same command goes on from here");
        return Ok(Exit::Interrupted);
    }
    let path = pipeline.directory.path().to_owned();
    let folder = path.join("report");
    let report_folder: Option<&Path> = (!output.no_report).then_some(&folder);
    let shown = report_run(context, &path, report_folder, &Default::default())?;
    results::write(&path, &pipeline)?;
    let missed = missed_thresholds(context, &shown, output);
    Ok(if missed {
        Exit::Threshold
    } else {
        exit_of(&pipeline)
    })
}

fn missed_thresholds(context: &Context, shown: &Shown, output: &Output) -> bool {
    let mut missed = false;
    for threshold in &output.min {
        let value = shown.pass_at(threshold.k);
        if value.is_none_or(|value| value < threshold.value) {
            missed = true;
            context.console.note(match value {
                Some(value) => format!(
                    "threshold missed: pass@{} is {value:.4}, asked for {:.4}",
                    threshold.k, threshold.value
                ),
                None => format!(
                    "threshold missed: pass@{} cannot be computed; add it to --k, and see why \
                     the table refuses it",
                    threshold.k
                ),
            });
        }
    }
    missed
}

fn exit_of(pipeline: &Pipeline<'_>) -> Exit {
    if pipeline.left_out == 0 {
        Exit::Done
    } else {
        Exit::Data
    }
}
