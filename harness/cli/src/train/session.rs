//! A trainer at work: its events are shown and recorded, its questions answered.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use backends::process::ProcessError;
use backends::training::Trainer;
use backends::training::protocol::{FromTrainer, ToTrainer};

use super::judging::Bench;
use super::progress::TrainingProgress;
use crate::arguments::MODEL_GUARD;
use crate::context::{Context, own_executable};
use crate::exit::{data, usage};

/// How often somebody who waits looks whether to go on.
const TICK: Duration = Duration::from_millis(100);

/// How a session ended.
pub(crate) enum Ended {
    /// The folder of the trained model, and the numbers of the last update.
    Done {
        model: PathBuf,
        summary: Vec<(String, f64)>,
    },
    /// By Ctrl-C; the same command goes on.
    Interrupted,
}

/// Starts `command` on the training in `directory` and attends to it until it ends.
pub(crate) fn run(
    context: &Context,
    command: &[OsString],
    what: &str,
    directory: &Path,
    bench: Option<&Bench>,
) -> Result<Ended> {
    let guard = [own_executable()?.into(), MODEL_GUARD.into()];
    let mut trainer = Trainer::start(command, Some(&guard))?;
    let judging = bench.map(|bench| bench.judging(context)).transpose()?;
    let mut progress: Option<TrainingProgress> = None;
    loop {
        if context.cancel.load(Ordering::Relaxed) {
            trainer.stop(|event| {
                if let (FromTrainer::Progress(metrics), Some(progress)) = (event, &mut progress) {
                    // The file of metrics has it in any case.
                    let _ = progress.update(&metrics);
                }
            });
            if let Some(progress) = progress {
                progress.finish()?;
            }
            return Ok(Ended::Interrupted);
        }
        let event = match trainer.listen(TICK) {
            Ok(None) => continue,
            Ok(Some(event)) => event,
            Err(error) => {
                drop(progress);
                return Err(explain(error));
            }
        };
        match event {
            FromTrainer::Started {
                n_steps,
                resumed_at,
                n_parameters,
            } => {
                context.console.note(format_args!(
                    "{what}: {n_steps} updates of {n_parameters} parameters{}",
                    match resumed_at {
                        0 => String::new(),
                        n => format!("; {n} were made before"),
                    }
                ));
                let console = context.console;
                progress = Some(TrainingProgress::start(
                    console, what, directory, n_steps, resumed_at,
                )?);
            }
            FromTrainer::Progress(metrics) => {
                let progress = progress
                    .as_mut()
                    .context("the trainer told of an update before it said that it had started")?;
                progress.update(&metrics)?;
            }
            FromTrainer::Note { text } => match &progress {
                Some(progress) => progress.note(text),
                None => context.console.note(text),
            },
            FromTrainer::Judge { id, programs } => {
                let judging = judging
                    .as_ref()
                    .context("the trainer asked for judgement in a training that needs none")?;
                let feedback = judging.feedback(&programs);
                // What was not judged for want of time is asked for again.
                if !context.cancel.load(Ordering::Relaxed) {
                    trainer.say(&ToTrainer::Judged { id, feedback });
                }
            }
            FromTrainer::Done { model, summary } => {
                if let Some(progress) = progress {
                    progress.finish()?;
                }
                return Ok(Ended::Done {
                    model,
                    summary: summary.into_iter().collect(),
                });
            }
        }
    }
}

/// A trainer's exit codes are ours.
fn explain(error: ProcessError) -> anyhow::Error {
    match &error {
        ProcessError::Ended { code, words, .. } => {
            let text = format!("the trainer failed{words}");
            match code {
                Some(2) => usage(text),
                Some(3) => data(text),
                _ => anyhow::Error::from(error).context("the trainer failed"),
            }
        }
        _ => anyhow::Error::from(error).context("the trainer failed"),
    }
}
