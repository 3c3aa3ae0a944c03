//! `coderl sample`: programs to learn from, and the greedy program of each problem.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::config::{BackendChoice, Options, Resolved};
use harness::problem::{Problem, Split};

use crate::arguments::{Directory, Sample};
use crate::commands::judging::source;
use crate::context::Context;
use crate::exit::Exit;
use crate::pipeline::{Pipeline, Request, resolve_over, stem};

/// Folder of the greedy programs in the directory of a run.
pub(crate) const BASELINE: &str = "baseline";

pub(crate) fn sample(context: &Context, arguments: Sample) -> Result<Exit> {
    let split = training_split(context, &arguments)?;
    let samples = resolved(&arguments, split, |_| {})?;
    let greedy = resolved(&arguments, split, |options| {
        options.n_samples = Some(NonZeroU32::MIN);
        options.temperature = Some(0.0);
        // Metrics of one program are asked for nowhere.
        options.k = Some(vec![NonZeroU32::MIN]);
        options.n_at_k = Some(Vec::new());
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
                strategy: None,
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

/// Settings with what goes without saying, and `change` on top.
fn resolved(
    arguments: &Sample,
    split: Option<Split>,
    change: impl FnOnce(&mut Options),
) -> Result<Resolved> {
    let resolve = |over: Options| {
        let backend = Some(&arguments.backend);
        resolve_over(&arguments.settings, backend, arguments.dataset.get(), over)
    };
    let given = resolve(Options::default())?.settings;
    let n_samples = given.sampling.n_samples.and_then(NonZeroU32::new);
    let mut over = Options {
        backend: given.model.backend.or(Some(BackendChoice::Torch)),
        n_samples: n_samples.or(Some(Sample::DEFAULT_N)),
        split,
        ..Options::default()
    };
    change(&mut over);
    resolve(over)
}

/// The split that was asked for. Samples are for learning: otherwise the training split, where
/// the dataset has one.
fn training_split(context: &Context, arguments: &Sample) -> Result<Option<Split>> {
    let settings = resolved(arguments, None, |_| {})?.settings;
    let Some(name) = settings
        .dataset
        .filter(|_| settings.selection.split.is_none())
    else {
        // Without a dataset the pipeline complains.
        return Ok(settings.selection.split);
    };
    let problems = context.open_dataset(&name)?.problems;
    let is_training = |problem: &Problem| problem.split == Some(Split::Train);
    Ok(problems.iter().any(is_training).then_some(Split::Train))
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
