//! `coderl sample`: programs to learn from, and the greedy program of each problem.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::config::{BackendChoice, Options, Resolved};
use harness::problem::Split;

use crate::arguments::{Directory, Sample};
use crate::commands::judging::source;
use crate::context::Context;
use crate::exit::Exit;
use crate::pipeline::{Pipeline, Request, resolve_over, stem};

/// Folder of the greedy programs in the directory of a run.
pub(crate) const BASELINE: &str = "baseline";

pub(crate) fn sample(context: &Context, arguments: Sample) -> Result<Exit> {
    let samples = resolved(&arguments, |options| {
        // A model of ours where nothing else is said.
        options.backend.get_or_insert(BackendChoice::Torch);
        options.n_samples.get_or_insert(Sample::DEFAULT_N);
    })?;
    let splits = match samples.settings.selection.split {
        None => training_split(context, &samples)?,
        some => some,
    };
    let samples = resolved(&arguments, |options| {
        options.backend.get_or_insert(BackendChoice::Torch);
        options.n_samples.get_or_insert(Sample::DEFAULT_N);
        options.split = splits;
    })?;
    let greedy = resolved(&arguments, |options| {
        options.backend.get_or_insert(BackendChoice::Torch);
        options.split = splits;
        options.n_samples = Some(NonZeroU32::MIN);
        options.temperature = Some(0.0);
        options.beams = None;
    })?;
    let out = arguments
        .directory
        .out
        .clone()
        .unwrap_or_else(|| default_out(&samples));
    let mut left_out = 0;
    let mut stages = vec![(samples, out.clone())];
    if !arguments.no_baseline {
        stages.push((greedy, out.join(BASELINE)));
    }
    for (resolved, out) in stages {
        let directory = Directory {
            out: Some(out),
            fresh: arguments.directory.fresh,
        };
        let mut pipeline = Pipeline::open(
            context,
            Request {
                source: source(&arguments.backend, &resolved)?,
                resolved,
                directory: &directory,
                exclusion: &arguments.exclusion,
                judge: false,
            },
        )?;
        if !pipeline.generate()? {
            context
                .console
                .note("interrupted; the same command goes on from here");
            return Ok(Exit::Interrupted);
        }
        left_out = pipeline.left_out;
    }
    context.console.note(format_args!(
        "judge them with `coderl score {}`",
        out.display()
    ));
    Ok(if left_out == 0 {
        Exit::Done
    } else {
        Exit::Data
    })
}

/// Settings with `change` on top.
fn resolved(arguments: &Sample, change: impl FnOnce(&mut Options)) -> Result<Resolved> {
    let mut over = Options::default();
    let given = resolve_over(
        &arguments.settings,
        Some(&arguments.backend),
        arguments.dataset.get(),
        Options::default(),
    )?;
    over.backend = given.settings.model.backend;
    over.n_samples = given.settings.sampling.n_samples.and_then(NonZeroU32::new);
    change(&mut over);
    resolve_over(
        &arguments.settings,
        Some(&arguments.backend),
        arguments.dataset.get(),
        over,
    )
}

/// Samples are for learning: of the training split, where the dataset has one.
fn training_split(context: &Context, resolved: &Resolved) -> Result<Option<Split>> {
    let Some(name) = &resolved.settings.dataset else {
        // The pipeline says that there is none.
        return Ok(None);
    };
    let dataset = context.open_dataset(name)?;
    let has_train = dataset
        .problems
        .iter()
        .any(|problem| problem.split == Some(Split::Train));
    Ok(has_train.then_some(Split::Train))
}

fn default_out(resolved: &Resolved) -> PathBuf {
    let settings = &resolved.settings;
    let dataset = settings.dataset.as_deref().unwrap_or("dataset");
    let model = settings.model.model.as_deref().unwrap_or("model");
    Path::new("runs").join(format!(
        "samples-{}-{}",
        stem(Path::new(dataset)),
        stem(Path::new(model.trim_end_matches('/')))
    ))
}
