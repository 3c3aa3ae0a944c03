//! `coderl generate`, `score` and `run`: parts of one pipeline.

use std::path::Path;

use anyhow::Result;

use harness::config::{BackendChoice, Resolved};

use crate::arguments::{self, Backend, Directory, Output};
use crate::commands::report::{Shown, report_run};
use crate::commands::sample::BASELINE;
use crate::context::Context;
use crate::exit::{Exit, usage};
use crate::models::ModelSource;
use crate::pipeline::{Pipeline, Request, Source, StrategyPlan, resolve};
use crate::results;
use harness::store::keep_problem_texts;

/// Collects candidates into a run directory.
pub(crate) fn generate(context: &Context, arguments: arguments::Generate) -> Result<Exit> {
    let resolved = resolve(
        &arguments.settings,
        Some(&arguments.backend),
        arguments.dataset.get(),
    )?;
    let mut pipeline = Pipeline::open(
        context,
        Request {
            source: source(&arguments.backend, &resolved)?,
            strategy: None,
            resolved,
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
    let with_baseline = matches!(source, Source::Stored);
    let open = |source, directory: &Directory| {
        Pipeline::open(
            context,
            Request {
                source,
                strategy: None,
                resolved: resolve(&arguments.settings, None, arguments.dataset.clone())?,
                directory,
                exclusion: &arguments.exclusion,
                judge: true,
            },
        )
    };
    // The greedy programs that `coderl sample` put beside its samples.
    let beside = directory.out.as_ref().map(|run| run.join(BASELINE));
    if let Some(beside) = beside
        && with_baseline
        && beside.join("manifest.json").is_file()
    {
        let directory = Directory {
            out: Some(beside),
            fresh: false,
        };
        if !open(Source::Stored, &directory)?.generate_and_judge()? {
            return Ok(interrupted(context));
        }
    }
    finish(context, open(source, &directory)?, &arguments.output)
}

/// Generates, judges and reports.
pub(crate) fn run(context: &Context, arguments: arguments::Run) -> Result<Exit> {
    let resolved = resolve(
        &arguments.settings,
        Some(&arguments.backend),
        arguments.dataset.get(),
    )?;
    let source = source(&arguments.backend, &resolved)?;
    let strategy = StrategyPlan::new(&arguments.strategy, &resolved, &source)?;
    let pipeline = Pipeline::open(
        context,
        Request {
            source,
            strategy,
            resolved,
            directory: &arguments.directory,
            exclusion: &arguments.exclusion,
            judge: true,
        },
    )?;
    finish(context, pipeline, &arguments.output)
}

/// The only place where names of backends become backends.
pub(crate) fn source(arguments: &Backend, resolved: &Resolved) -> Result<Source> {
    let settings = &resolved.settings;
    let built_in = settings.dataset.as_deref() == Some("builtin");
    let backend = settings.model.backend;
    match (backend, &arguments.samples) {
        (None | Some(BackendChoice::Replay), Some(path)) => Ok(Source::Replay(path.clone())),
        (Some(backend), Some(_)) => Err(usage(format!(
            "--samples goes with `--backend replay`; `{backend}` makes its own programs"
        ))),
        (Some(BackendChoice::Reference), None) => Ok(Source::Reference),
        (None | Some(BackendChoice::Replay), None) if built_in => Ok(Source::BuiltIn),
        (Some(BackendChoice::Replay), None) => Err(usage(
            "`--backend replay` needs recorded candidates: name them with --samples PATH",
        )),
        (
            Some(backend @ (BackendChoice::Http | BackendChoice::Process | BackendChoice::Torch)),
            None,
        ) => Ok(Source::Model(ModelSource::new(backend, settings)?)),
        (None, None) => Err(usage(
            "where do candidates come from? Name recorded ones with --samples PATH, use \
             `--backend reference`, or ask a model with `--backend torch`, `http` or `process`",
        )),
    }
}

fn finish(context: &Context, mut pipeline: Pipeline<'_>, output: &Output) -> Result<Exit> {
    if !pipeline.generate_and_judge()? {
        return Ok(interrupted(context));
    }
    let path = pipeline.directory.path().to_owned();
    // What reports show of the problems, for which the dataset is at hand now.
    keep_problem_texts(&path, &pipeline.problems)?;
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

fn interrupted(context: &Context) -> Exit {
    context
        .console
        .note("interrupted; the same command goes on from here");
    Exit::Interrupted
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
