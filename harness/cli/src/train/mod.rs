//! `coderl train`: from runs and datasets to a training directory, and a trainer at work on it.
//!
//! The trainer is a process of its own, so that this one does without libtorch.

mod data;
mod judging;
mod lint;
mod progress;
mod rl;
mod runs;
mod session;
mod soundness;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::store::{TrainingDirectory, TrainingManifest};
use harness::training::{ResolvedTraining, Stage, StageName};

use crate::arguments::{Train, TrainCommon, TrainRl};
use crate::context::Context;
use crate::exit::{Exit, usage};
use crate::models::torch_program;
use crate::pipeline::{resolve, stem};

pub(crate) use data::{sampled, tabs_of};
pub(crate) use judging::submission;
pub(crate) use runs::{JudgedRun, critic_scores};

use data::TrainingData;
use judging::Bench;
use runs::read_dataset_name;
use session::Ended;

pub(crate) fn train(context: &Context, command: &Train) -> Result<Exit> {
    let order = Order::new(command)?;
    let common = order.common;
    if common.show_settings {
        write!(std::io::stdout(), "{}", order.settings.show())?;
        return Ok(Exit::Done);
    }
    // What is wrong with the settings is told before anything is read.
    let settings = order.settings.settings(&order.out, Default::default())?;
    let program = match common.data_only {
        true => None,
        false => Some(torch_program()?),
    };
    let directory = TrainingDirectory::open(&order.out)?;
    if common.fresh {
        directory.discard()?;
    }
    let (data, bench) = order.gather(context, &settings.stage)?;
    let mut manifest = TrainingManifest::new(env!("CARGO_PKG_VERSION"), order.stage.name());
    let files = data.write(&directory, &mut manifest)?;
    let settings = order.settings.settings(&order.out, files)?;
    directory.begin_or_resume(&settings, &manifest)?;
    for (name, file) in &manifest.files {
        context.console.note(format_args!(
            "{name}: {} records{}",
            file.n_records,
            match name.as_str() {
                "validation.jsonl" => " held out",
                _ => "",
            }
        ));
    }

    let Some(program) = program else {
        return Ok(Exit::Done);
    };
    let command = [
        program.into_os_string(),
        "train".into(),
        directory.settings_file().into_os_string(),
    ];
    let what = format!("train {}", order.stage);
    match session::run(context, &command, &what, directory.path(), bench.as_ref())? {
        Ended::Interrupted => {
            context
                .console
                .note("interrupted; the same command goes on from here");
            Ok(Exit::Interrupted)
        }
        Ended::Done { model, summary } => {
            let mut out = std::io::stdout().lock();
            writeln!(out, "model: {}", model.display())?;
            for (name, value) in summary {
                writeln!(out, "{name}: {value}")?;
            }
            Ok(Exit::Done)
        }
    }
}

/// What was asked for.
struct Order<'a> {
    stage: StageName,
    command: &'a Train,
    common: &'a TrainCommon,
    /// Name or path of the dataset; none for pretraining.
    dataset: Option<String>,
    settings: ResolvedTraining,
    out: PathBuf,
}

impl<'a> Order<'a> {
    fn new(command: &'a Train) -> Result<Self> {
        let (stage, common, dataset, samples) = match command {
            Train::Pretrain(order) => (StageName::Pretrain, &order.common, None, None),
            Train::Sft(order) => {
                let dataset = order.dataset.get();
                (StageName::Sft, &order.common, dataset, None)
            }
            Train::Critic(order) => {
                let samples = Some(&order.samples);
                (
                    StageName::Critic,
                    &order.common,
                    order.dataset.get(),
                    samples,
                )
            }
            Train::Repair(order) => {
                let samples = Some(&order.samples);
                (
                    StageName::Repair,
                    &order.common,
                    order.dataset.get(),
                    samples,
                )
            }
            Train::Rl(order) => {
                let samples = order.samples.as_ref();
                (StageName::Rl, &order.common, order.dataset.get(), samples)
            }
        };
        // The run knows its dataset.
        let dataset = match (dataset, samples) {
            (Some(dataset), _) => Some(dataset),
            (None, Some(run)) => Some(read_dataset_name(run)?),
            (None, None) => None,
        };
        let corpus = match command {
            Train::Pretrain(order) => Some(&*order.corpus),
            _ => None,
        };
        let source = corpus
            .or(samples.map(PathBuf::as_path))
            .or(dataset.as_deref().map(Path::new))
            .ok_or_else(|| {
                usage(
                    "no dataset; name one, such as `coderl train sft mbpp` (`coderl datasets \
                     list` lists them)",
                )
            })?;
        let out = common
            .out
            .clone()
            .unwrap_or_else(|| Path::new("runs").join(format!("train-{stage}-{}", stem(source))));
        let settings = settings(
            command,
            stage,
            common,
            dataset.as_deref().unwrap_or_default(),
        )?;
        Ok(Self {
            stage,
            command,
            common,
            dataset,
            settings,
            out,
        })
    }

    /// What the stage learns from, and what judges while it does.
    fn gather(&self, context: &Context, stage: &Stage) -> Result<(TrainingData, Option<Bench>)> {
        let settings = self.settings.data()?;
        let seed = self.settings.seed()?;
        let dataset = self.dataset.as_deref();
        let selection = |arguments: &crate::arguments::SelectionArguments| {
            let resolved = resolve(&arguments.settings(), None, None)?;
            anyhow::Ok(resolved.settings.selection)
        };
        let data = match self.command {
            Train::Pretrain(order) => data::pretrain(&order.corpus, &settings, seed)?,
            Train::Sft(order) => {
                let name = dataset.unwrap_or_default();
                let selection = selection(&order.selection)?;
                data::sft(context, name, &selection, &settings, seed)?
            }
            Train::Critic(order) => {
                let run = JudgedRun::open(context, &order.samples, dataset)?;
                data::critic(
                    context,
                    &run,
                    &selection(&order.selection)?,
                    &settings,
                    seed,
                )?
            }
            Train::Repair(order) => {
                let run = JudgedRun::open(context, &order.samples, dataset)?;
                data::repair(
                    context,
                    &run,
                    &selection(&order.selection)?,
                    &settings,
                    seed,
                )?
            }
            Train::Rl(order) => {
                let Stage::Rl(rl) = stage else {
                    unreachable!("the stage of `train rl`")
                };
                return self.gather_rl(context, order, rl);
            }
        };
        Ok((data, None))
    }

    fn gather_rl(
        &self,
        context: &Context,
        order: &TrainRl,
        rl: &harness::training::RlSettings,
    ) -> Result<(TrainingData, Option<Bench>)> {
        let settings = self.settings.data()?;
        let seed = self.settings.seed()?;
        let dataset = self.dataset.as_deref();
        let resolved = resolve(&order.judging(), None, self.dataset.clone())?;
        let selection = &resolved.settings.selection;
        match (&order.samples, &rl.online) {
            (Some(_), Some(_)) => Err(usage(
                "--samples are programs made before, and --online makes its own: leave one away",
            )),
            (None, None) => Err(usage(
                "what to learn from? Name a judged run with --samples RUN (`coderl sample` makes \
                 one), or sample while learning with --online",
            )),
            (Some(samples), None) => {
                let runs = rl::OfflineRuns {
                    samples,
                    baselines: order.baselines.as_deref(),
                    dataset,
                };
                let (data, practice) = rl::offline(context, &runs, selection, &settings, rl, seed)?;
                let bench = practice.map(|practice| Bench::new(context, practice, &resolved, rl));
                Ok((data, bench.transpose()?))
            }
            (None, Some(_)) => {
                let name = dataset.unwrap_or_default();
                let (data, practice) = rl::online(context, name, selection, &settings, rl, seed)?;
                let bench = Bench::new(context, practice, &resolved, rl)?;
                Ok((data, Some(bench)))
            }
        }
    }
}

/// Settings from defaults, preset, file and command line.
fn settings(
    command: &Train,
    stage: StageName,
    common: &TrainCommon,
    dataset: &str,
) -> Result<ResolvedTraining> {
    let preset = common.preset.map(Into::into);
    let mut settings = ResolvedTraining::new(stage, dataset, preset);
    if let Some(path) = &common.config {
        let text = std::fs::read_to_string(path).map_err(|error| {
            usage(format!(
                "cannot read settings file `{}`: {error}",
                path.display()
            ))
        })?;
        settings.add_file(path, &text, dataset)?;
    }
    for (key, value) in &common.set {
        settings.set(key, value)?;
    }
    let (values, mut texts) = common.given();
    for (key, value) in values {
        settings.set(key, &value)?;
    }
    if let Train::Rl(order) = command {
        let given = [
            ("rl.critic", &order.critic),
            ("rl.algorithm.name", &order.algorithm),
            ("rl.algorithm.baseline", &order.baseline),
            ("rl.algorithm.token-value", &order.token_value),
        ];
        texts.extend(
            given
                .into_iter()
                .filter_map(|(key, text)| Some((key, text.clone()?))),
        );
        if order.online {
            settings.set("rl.online.enabled", "true")?;
        }
    }
    for (key, text) in texts {
        settings.set_text(key, &text)?;
    }
    Ok(settings)
}
