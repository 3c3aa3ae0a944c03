//! From a dataset and a source of candidates to verdicts in a run directory: what
//! `generate`, `score` and `run` share.

mod plan;
mod strategy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use backends::{Reference, Replay};
use harness::candidate::Candidate;
use harness::config::{Layer, Options, Resolved, Selection};
use harness::contract::{Executor, Generator};
use harness::judge::{Judge, WhichTests};
use harness::problem::{Dataset, Problem, ProblemId};
use harness::runner::{
    self, Arrival, Generate, GenerateEvent, Listener, Score, ScoreSummary, Work,
};
use harness::store::{
    DatasetRecord, GenerationRecord, JUDGE_FINGERPRINT, JudgingRecord, KeyContext, Manifest,
    ProblemSummary, RunDirectory, StoredRun, VerdictCache,
};

use crate::arguments::{Backend, Directory, Exclusion, SettingsArguments};
use crate::console::{Bar, ScoreProgress, counted};
use crate::context::{Context, with_packages};
use crate::exclusion;
use crate::exit::{data, usage};
use crate::models::ModelSource;

pub(crate) use plan::StrategyPlan;

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

    /// Collects the candidates. `false` when interrupted.
    pub(crate) fn generate(&mut self) -> Result<bool> {
        if matches!(self.source, Source::Stored) {
            return Ok(true);
        }
        let mut generator = self.generator()?;
        let bar = self.context.console.bar(self.problems.len(), "candidates");
        self.generate_with(generator.as_mut(), bar, &mut |_| {})
    }

    /// What makes the candidates. Models are loaded only if there is something to make.
    fn generator(&mut self) -> Result<Box<dyn Generator>> {
        let generator: Box<dyn Generator> = match &self.source {
            Source::Stored => anyhow::bail!("the candidates are there already"),
            // Is not asked for anything.
            Source::Model(_) if self.is_generated()? => Box::new(Reference),
            Source::Model(model) => {
                let label = format!("loading {}", model.name);
                let spinner = self.context.console.spinner(&label);
                let settings = &self.resolved.settings;
                let generator = model.open(settings, &self.dataset.problems, &mut self.directory);
                spinner.finish_and_clear();
                generator?
            }
            Source::Reference => Box::new(Reference),
            Source::Replay(path) => {
                let replay = Replay::open(path, &self.dataset.problems)?;
                self.left_out += self.report_unmatched(&replay);
                Box::new(replay)
            }
            Source::BuiltIn => Box::new(Replay::built_in(&self.dataset.problems)?),
        };
        Ok(generator)
    }

    /// Whether no generator has anything to do.
    fn is_generated(&self) -> Result<bool> {
        let is_finished = self.directory.candidates()?.is_finished();
        let events = self.directory.generation_events()?;
        Ok(is_finished && !events.ids().any(|event| event.gave_up))
    }

    /// Candidates for each problem.
    fn n_samples(&self) -> Option<u32> {
        if let Some(plan) = &self.strategy {
            return plan.n_finals();
        }
        let settings = &self.resolved.settings;
        let largest_k = match &self.source {
            Source::Model(_) => {
                let n_at_k = settings.metrics.n_at_k.iter().map(|pair| pair.k);
                n_at_k.chain(settings.metrics.k.iter().copied()).max()
            }
            _ => None,
        };
        settings.sampling.n_samples.or(largest_k)
    }

    /// Collects what `generator` makes and tells `listener` what is stored.
    fn generate_with(
        &self,
        generator: &mut dyn Generator,
        mut bar: Bar,
        listener: &mut dyn FnMut(&GenerateEvent<'_>),
    ) -> Result<bool> {
        let mut log = self.directory.candidates()?;
        let mut events = self.directory.generation_events()?;
        let summary = runner::generate(
            &Generate {
                problems: &self.problems,
                n: self.n_samples(),
                cancel: &self.context.cancel,
            },
            generator,
            &mut log,
            &mut events,
            &mut |event| {
                match event {
                    GenerateEvent::Stored(_) => {}
                    GenerateEvent::Complete { .. } => bar.advance(),
                    GenerateEvent::Trouble(trouble) => bar.note(format_args!(
                        "warning: {}#{}: try {} failed{}: {}",
                        trouble.problem,
                        trouble.index,
                        trouble.attempt,
                        if trouble.gave_up { ", given up" } else { "" },
                        trouble.detail
                    )),
                }
                listener(event);
            },
        );
        bar.finish();
        let summary = summary?;
        if summary.given_up > 0 {
            self.context.console.note(format_args!(
                "warning: the backend gave up on {}; the same command tries again (see \
                 `generation-events.jsonl`)",
                counted(summary.given_up, "problem")
            ));
        }
        if !summary.short.is_empty() {
            let (problem, found) = &summary.short[0];
            self.context.console.note(format_args!(
                "warning: fewer candidates than --n-samples for {}, the first `{problem}` with \
                 {found}; metrics that need more are refused",
                counted(summary.short.len(), "problem")
            ));
        }
        if summary.n_candidates == 0 && !summary.cancelled {
            return Err(data(format!(
                "no candidates for the {} selected problems{}",
                self.problems.len(),
                match &self.source {
                    Source::Replay(path) => format!(" in `{}`", path.display()),
                    _ => String::new(),
                }
            )));
        }
        Ok(!summary.cancelled)
    }

    /// Rows that belong to no problem of the dataset: told, counted, never dropped silently.
    fn report_unmatched(&self, replay: &Replay) -> usize {
        let report = replay.report();
        for line in report.warnings() {
            self.context.console.note(format_args!("warning: {line}"));
        }
        report.n_unmatched()
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

    /// Judges what has no verdict yet. `false` when interrupted.
    pub(crate) fn judge(&self) -> Result<bool> {
        let candidates = self.directory.read_candidates()?;
        let cache = self.cache();
        let settings = &self.resolved.settings;
        let needs_examples = !settings.metrics.n_at_k.is_empty();
        let mut stages = vec![WhichTests::Hidden];
        if needs_examples {
            stages.insert(0, WhichTests::Example);
        }
        for tests in stages {
            if !self.judge_stage(&candidates, cache.as_ref(), tests)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn judge_stage(
        &self,
        candidates: &[Candidate],
        cache: Option<&VerdictCache>,
        tests: WhichTests,
    ) -> Result<bool> {
        let label = match tests {
            WhichTests::Hidden => "judging",
            WhichTests::Example => "example tests",
        };
        let mut progress = ScoreProgress::new(&self.context.console, label);
        let summary = self.judge_by(candidates, None, cache, tests, &mut progress)?;
        Ok(!summary.cancelled)
    }

    /// Judges `candidates`, and what `arrivals` brings.
    fn judge_by(
        &self,
        candidates: &[Candidate],
        arrivals: Option<Receiver<Arrival>>,
        cache: Option<&VerdictCache>,
        tests: WhichTests,
        progress: &mut dyn Listener,
    ) -> Result<ScoreSummary> {
        let sandbox = self
            .sandbox
            .as_deref()
            .context("nothing was asked to be judged")?;
        let settings = &self.resolved.settings;
        let limits = settings.judging.limits(&self.dataset.name);
        let judge = Judge::new(sandbox, settings.judging.options);
        // The example tests only filter: one grader is enough for that.
        let graders = graders(&self.resolved, &self.dataset);
        let graders = match tests {
            WhichTests::Hidden => &graders[..],
            WhichTests::Example => &graders[..1],
        };
        let key_context = KeyContext {
            options: settings.judging.options,
            limits: limits.clone(),
            guest: sandbox.fingerprint().to_owned(),
            guest_with_packages: with_packages(sandbox),
        };
        let request = Score {
            problems: &self.problems,
            candidates,
            graders,
            tests,
            context: &key_context,
            cache,
            workers: settings.running.workers,
            retry_infrastructure: true,
            cancel: &self.context.cancel,
        };
        let mut verdicts = self.directory.verdicts(tests)?;
        let mut events = self.directory.events()?;
        let judge = |work: &Work<'_>| {
            judge.judge(
                work.problem,
                &work.program(),
                work.grader,
                work.tests,
                &limits,
            )
        };
        let summary = match arrivals {
            None => runner::score(&request, judge, &mut verdicts, &mut events, progress),
            Some(arrivals) => {
                let n = self.n_samples().unwrap_or_default() as usize;
                let total = self.problems.len() * n * graders.len();
                runner::score_arriving(
                    &request,
                    total,
                    &arrivals,
                    judge,
                    &mut verdicts,
                    &mut events,
                    progress,
                )
            }
        }?;
        if summary.infrastructure_failures > 0 {
            self.context.console.note(format_args!(
                "warning: {} not judged, for no fault of the programs; the same command tries \
                 again (see `events.jsonl`)",
                counted(summary.infrastructure_failures, "verdict")
            ));
        }
        Ok(summary)
    }

    /// The cache of verdicts, unless it is off or cannot be had: then everything is judged.
    fn cache(&self) -> Option<VerdictCache> {
        if !self.resolved.settings.running.use_cache {
            return None;
        }
        match VerdictCache::open(&self.context.places.cache) {
            Ok((cache, notice)) => {
                if let Some(notice) = notice {
                    self.context.console.note(format_args!("warning: {notice}"));
                }
                Some(cache)
            }
            Err(error) => {
                self.context.console.note(format_args!(
                    "warning: judging without the verdict cache: {:#}",
                    anyhow::Error::from(error)
                ));
                None
            }
        }
    }
}

/// The audit by which problems are left out: the one that was named, or the run's own.
fn audit_file(exclusion: &Exclusion, stored: Option<&StoredRun>) -> Option<PathBuf> {
    exclusion.exclude_broken.clone().or_else(|| {
        let excluded = stored?.manifest.dataset.excluded.as_ref()?;
        Some(PathBuf::from(&excluded.path))
    })
}

/// Settings from defaults, file and command line.
pub(crate) fn resolve(
    arguments: &SettingsArguments,
    backend: Option<&Backend>,
    dataset: Option<String>,
) -> Result<Resolved> {
    resolve_over(arguments, backend, dataset, Options::default())
}

/// The same with what a command sets by itself on top.
pub(crate) fn resolve_over(
    arguments: &SettingsArguments,
    backend: Option<&Backend>,
    dataset: Option<String>,
    over: Options,
) -> Result<Resolved> {
    let mut layers = Vec::new();
    if let Some(path) = &arguments.config {
        let text = std::fs::read_to_string(path).map_err(|error| {
            usage(format!(
                "cannot read settings file `{}`: {error}",
                path.display()
            ))
        })?;
        layers.push(Layer::from_toml(path, &text)?);
    }
    let mut options = arguments.options(dataset);
    if let Some(backend) = backend {
        options = backend.add_to(options);
    }
    layers.push(Layer::command_line(options));
    layers.push(Layer::command_line(over));
    Ok(Resolved::new(layers)?)
}

/// The graders that make sense: problems whose tests are code know only one.
pub(crate) fn graders(resolved: &Resolved, dataset: &Dataset) -> Vec<harness::verdict::Grader> {
    let asked = &resolved.settings.judging.graders;
    let any_text = dataset.problems.iter().any(|problem| {
        matches!(
            problem.tests,
            harness::problem::UnitTests::StandardInput { .. }
                | harness::problem::UnitTests::CallBased { .. }
        )
    });
    if any_text {
        asked.clone()
    } else {
        vec![harness::verdict::Grader::Strict]
    }
}

fn generation_record(
    source: &Source,
    strategy: Option<&StrategyPlan>,
    resolved: &Resolved,
) -> Result<Option<GenerationRecord>> {
    let (backend, sources) = match source {
        Source::Stored => return Ok(None),
        Source::Reference => ("reference", Vec::new()),
        Source::BuiltIn => ("replay", Vec::new()),
        Source::Replay(path) => ("replay", backends::source_records(path)?),
        Source::Model(model) => (model.backend.name(), Vec::new()),
    };
    let sampling = &resolved.settings.sampling;
    let model = match source {
        Source::Model(model) => Some(model.record(&resolved.settings)?),
        _ => None,
    };
    Ok(Some(GenerationRecord {
        backend: backend.to_owned(),
        sources,
        // Candidates of a strategy depend on how many there are.
        n_samples: match strategy {
            Some(plan) => plan.n_draws(),
            None => sampling.n_samples,
        },
        seed: sampling.seed,
        // Recorded candidates were sampled elsewhere.
        temperature: None,
        top_p: None,
        model,
        strategy: strategy.map(StrategyPlan::record),
    }))
}
