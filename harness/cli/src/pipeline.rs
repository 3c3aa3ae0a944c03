//! From a dataset and a source of candidates to verdicts in a run directory: what
//! `generate`, `score` and `run` share.

mod generating;
mod judging;
mod plan;
mod settings;
mod strategy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use harness::candidate::Candidate;
use harness::config::{Resolved, Selection};
use harness::contract::Executor;
use harness::judge::WhichTests;
use harness::problem::{Dataset, Problem, ProblemId};
use harness::runner::{Arrival, GenerateEvent};
use harness::store::{
    DatasetRecord, JUDGE_FINGERPRINT, JudgingRecord, Manifest, ProblemSummary, RunDirectory,
    StoredRun,
};

use self::generating::generation_record;
use crate::arguments::{Directory, Exclusion};
use crate::context::{Context, with_packages};
use crate::exclusion;
use crate::exit::{data, usage};
use crate::models::ModelSource;

pub(crate) use judging::graders;
pub(crate) use plan::StrategyPlan;
pub(crate) use settings::{resolve, resolve_over};

/// Where candidates come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A file or folder of recorded candidates.
    Replay(PathBuf),
    /// The candidates of the built-in suite.
    BuiltIn,
    /// The dataset's own solutions.
    Reference,
    /// A model.
    Model(ModelSource),
    /// The candidates that the run directory holds already.
    Stored,
}

impl Source {
    /// Short name for run directories.
    fn name(&self) -> String {
        match self {
            Self::Replay(path) => stem(path),
            Self::BuiltIn => "recorded".to_owned(),
            Self::Reference => "reference".to_owned(),
            Self::Model(model) => stem(Path::new(model.name.trim_end_matches('/'))),
            Self::Stored => "stored".to_owned(),
        }
    }
}

/// File name up to the first point.
pub(crate) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// A run being made.
pub(crate) struct Pipeline<'a> {
    context: &'a Context,
    pub(crate) resolved: Resolved,
    pub(crate) dataset: Dataset,
    /// Those of the dataset that were selected.
    pub(crate) problems: Vec<Problem>,
    pub(crate) directory: RunDirectory,
    /// Rows of the dataset or of the samples that were left out: the exit code tells.
    pub(crate) left_out: usize,
    sandbox: Option<Box<dyn Executor>>,
    source: Source,
    strategy: Option<StrategyPlan>,
}

/// What to make.
pub(crate) struct Request<'a> {
    pub(crate) source: Source,
    /// How candidates come of what a model writes; `None` for as it writes them.
    pub(crate) strategy: Option<StrategyPlan>,
    pub(crate) resolved: Resolved,
    pub(crate) directory: &'a Directory,
    pub(crate) exclusion: &'a Exclusion,
    /// Whether to judge, or only to collect candidates.
    pub(crate) judge: bool,
}

impl<'a> Pipeline<'a> {
    /// Reads settings and dataset, starts the sandbox, and opens the run directory.
    pub(crate) fn open(context: &'a Context, request: Request<'_>) -> Result<Self> {
        let stored = match (&request.source, &request.directory.out) {
            (Source::Stored, Some(out)) => Some(StoredRun::read(out)?),
            _ => None,
        };
        let resolved = request.resolved;
        let name = match (&resolved.settings.dataset, &stored) {
            (Some(name), _) => name.clone(),
            (None, Some(run)) => {
                let dataset = &run.manifest.dataset;
                dataset.path.clone().unwrap_or_else(|| dataset.name.clone())
            }
            (None, None) => {
                return Err(usage(
                    "no dataset; name one, such as `--dataset mbpp` (`coderl datasets list` lists \
                     them), or set `dataset` in the settings file",
                ));
            }
        };
        let dataset = context.open_dataset(&name)?;
        let selection = match &stored {
            Some(run) if resolved.settings.selection == Selection::default() => {
                run.manifest.dataset.selection.clone()
            }
            _ => resolved.settings.selection.clone(),
        }
        .or_split(datasets::default_split(&name));
        let mut problems = selection.apply(&dataset.name, dataset.problems.clone())?;
        let audit = audit_file(request.exclusion, stored.as_ref());
        let excluded = match audit {
            Some(path) => {
                let graders = graders(&resolved, &dataset);
                Some(exclusion::exclude(context, &path, &mut problems, &graders)?)
            }
            None => None,
        };
        if problems.is_empty() {
            return Err(data(format!(
                "no problem of `{name}` is left; it has {} problems, and {} rows were skipped. \
                 Loosen --split, --difficulty or --limit",
                dataset.problems.len(),
                dataset.skipped.len()
            )));
        }
        // Before the sandbox, which takes a moment to start: a wrong path should not.
        if let Source::Model(model) = &request.source {
            model.check(&resolved.settings, &dataset.problems, &problems)?;
        }
        let plan = request.strategy.as_ref();
        let generation = generation_record(&request.source, plan, &resolved)?;
        let sandbox: Option<Box<dyn Executor>> = if request.judge {
            Some(Box::new(context.sandbox()?))
        } else {
            None
        };

        let mut manifest = Manifest::new(
            env!("CARGO_PKG_VERSION"),
            resolved.records.clone(),
            DatasetRecord {
                name: dataset.name.clone(),
                path: Some(name.clone()),
                sha256: dataset.sha256.clone(),
                n_problems: dataset.problems.len(),
                n_skipped: dataset.skipped.len(),
                n_selected: problems.len(),
                selection,
                excluded,
            },
        );
        manifest.generation = generation;
        manifest.judging = sandbox.as_deref().map(|sandbox| JudgingRecord {
            graders: graders(&resolved, &dataset),
            limits: resolved.settings.judging.limits(&dataset.name),
            options: resolved.settings.judging.options,
            guest: sandbox.fingerprint().to_owned(),
            guest_with_packages: with_packages(sandbox),
            judge: JUDGE_FINGERPRINT.to_owned(),
        });
        let out = request.directory.out.clone().unwrap_or_else(|| {
            Path::new("runs").join(format!(
                "{}-{}{}",
                stem(Path::new(&name)),
                request.source.name(),
                match &request.strategy {
                    Some(plan) => format!("-{}", plan.settings.name()),
                    None => String::new(),
                }
            ))
        });
        let directory = if request.directory.fresh {
            RunDirectory::start_over(&out, manifest)?
        } else {
            RunDirectory::create_or_resume(&out, manifest)?
        };
        let mut log = directory.problems()?;
        if !log.is_finished() {
            let summaries: Vec<_> = problems.iter().map(ProblemSummary::from).collect();
            log.append_all(&summaries)?;
            log.finish()?;
        }
        let mut log = directory.skipped()?;
        if !log.is_finished() {
            log.append_all(&dataset.skipped)?;
            log.finish()?;
        }
        context.console.note(format_args!(
            "{}: {} of {} problems{}; run directory `{}`",
            dataset.name,
            problems.len(),
            dataset.problems.len(),
            match dataset.skipped.len() {
                0 => String::new(),
                n => format!(", {n} rows skipped (`coderl datasets show {name}` lists them)"),
            },
            out.display()
        ));
        Ok(Self {
            context,
            left_out: dataset.skipped.len(),
            resolved,
            dataset,
            problems,
            directory,
            sandbox,
            source: request.source,
            strategy: request.strategy,
        })
    }

    /// Collects candidates and judges them. Those of a model are judged while it makes others.
    /// `false` when interrupted.
    pub(crate) fn generate_and_judge(&mut self) -> Result<bool> {
        if let Some(plan) = self.strategy.clone() {
            return Ok(self.generate_by_strategy(&plan)? && self.judge()?);
        }
        if !matches!(self.source, Source::Model(_)) {
            return Ok(self.generate()? && self.judge()?);
        }
        let mut generator = self.generator()?;
        let stored = self.directory.read_candidates()?;
        let bars = self.context.console.bars();
        let bar = bars.bar(self.problems.len(), "candidates");
        let mut progress = bars.score("judging");
        let (sender, arrivals) = channel();
        let this = &*self;
        let cache = this.cache();
        let is_complete = thread::scope(|scope| -> Result<bool> {
            let judging = scope.spawn(|| {
                let summary = this.judge_by(
                    &stored,
                    Some(arrivals),
                    cache.as_ref(),
                    WhichTests::Hidden,
                    &mut progress,
                );
                // Nobody would judge what is still to come.
                if summary.is_err() {
                    this.context.cancel.store(true, Ordering::Relaxed);
                }
                summary
            });
            // Together with what is stored of the same problem, of which programs are judged once.
            let mut waiting: BTreeMap<ProblemId, Vec<Candidate>> = BTreeMap::new();
            let send = |candidates| {
                // Judging may have failed, which is told below.
                let _ = sender.send(Arrival::Candidates(candidates));
            };
            let generated = this.generate_with(generator.as_mut(), bar, &mut |event| match event {
                GenerateEvent::Stored(candidates) => {
                    for candidate in *candidates {
                        let of_problem = waiting.entry(candidate.id.problem.clone()).or_default();
                        of_problem.push(candidate.clone());
                    }
                }
                GenerateEvent::Complete { problem, .. } => {
                    if let Some(candidates) = waiting.remove(&problem.id) {
                        send(candidates);
                    }
                }
                GenerateEvent::Trouble(_) => {}
            });
            send(waiting.into_values().flatten().collect());
            if let Ok(true) = generated {
                let _ = sender.send(Arrival::End);
            }
            drop(sender);
            let judged = judging.join().map_err(|_| anyhow!("judging panicked"))?;
            let judged = judged.context("judging candidates")?;
            Ok(generated? && !judged.cancelled)
        })?;
        // A server's answers, and a model's memory, are not needed for what comes now.
        drop(generator);
        let needs_examples = !self.resolved.settings.metrics.n_at_k.is_empty();
        if !is_complete || !needs_examples {
            return Ok(is_complete);
        }
        let candidates = self.directory.read_candidates()?;
        self.judge_stage(&candidates, cache.as_ref(), WhichTests::Example)
    }
}

/// The audit by which problems are left out: the one that was named, or the run's own.
fn audit_file(exclusion: &Exclusion, stored: Option<&StoredRun>) -> Option<PathBuf> {
    exclusion.exclude_broken.clone().or_else(|| {
        let excluded = stored?.manifest.dataset.excluded.as_ref()?;
        Some(PathBuf::from(&excluded.path))
    })
}
