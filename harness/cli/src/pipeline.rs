//! From a dataset and a source of candidates to verdicts in a run directory: what
//! `generate`, `score` and `run` share.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use backends::{Reference, Replay};
use harness::candidate::Candidate;
use harness::config::{Layer, Resolved, Selection};
use harness::contract::{Executor, Generator};
use harness::judge::{Judge, WhichTests};
use harness::problem::{Dataset, Problem};
use harness::runner::{self, Score, ScoreSummary};
use harness::store::{
    DatasetRecord, GenerationRecord, JUDGE_FINGERPRINT, JudgingRecord, KeyContext, Manifest,
    ProblemSummary, RunDirectory, StoredRun, VerdictCache,
};
use sandbox::SandboxOptions;
use sandbox::worker::{Workers, WorkersOptions};

use crate::arguments::{Directory, Exclusion, SANDBOX_WORKER, SettingsArguments};
use crate::console::{Console, ScoreProgress, counted};
use crate::exclusion;
use crate::exit::{data, usage};
use crate::places::Places;

/// What every command may use.
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) places: Places,
    /// Set by Ctrl-C.
    pub(crate) cancel: Arc<AtomicBool>,
}

/// Where candidates come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A file or folder of recorded candidates.
    Replay(PathBuf),
    /// The candidates of the built-in suite.
    BuiltIn,
    /// The dataset's own solutions.
    Reference,
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
}

/// What to make.
pub(crate) struct Request<'a> {
    pub(crate) dataset: Option<String>,
    pub(crate) source: Source,
    pub(crate) settings: &'a SettingsArguments,
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
        let resolved = resolve(request.settings, request.dataset.clone())?;
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
        };
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
        let generation = generation_record(&request.source, &resolved)?;
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
                "{}-{}",
                stem(Path::new(&name)),
                request.source.name()
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
        })
    }

    /// Collects the candidates. `false` when interrupted.
    pub(crate) fn generate(&mut self) -> Result<bool> {
        let mut generator: Box<dyn Generator> = match &self.source {
            Source::Stored => return Ok(true),
            Source::Reference => Box::new(Reference),
            Source::Replay(path) => {
                let replay = Replay::open(path, &self.dataset.problems)?;
                self.left_out += self.report_unmatched(&replay);
                Box::new(replay)
            }
            Source::BuiltIn => Box::new(Replay::built_in(&self.dataset.problems)?),
        };
        let mut log = self.directory.candidates()?;
        let mut bar = self.context.console.bar(self.problems.len(), "candidates");
        let summary = runner::generate(
            &self.problems,
            self.resolved.settings.sampling.n_samples,
            generator.as_mut(),
            &mut log,
            &self.context.cancel,
            &mut |_, _| bar.advance(),
        )?;
        bar.finish();
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

    /// Judges what has no verdict yet. `false` when interrupted.
    pub(crate) fn judge(&self) -> Result<bool> {
        let sandbox = self
            .sandbox
            .as_deref()
            .context("nothing was asked to be judged")?;
        let candidates = self.directory.read_candidates()?;
        let cache = self.cache();
        let settings = &self.resolved.settings;
        let needs_examples = !settings.metrics.n_at_k.is_empty();
        let mut stages = vec![(WhichTests::Hidden, "judging")];
        if needs_examples {
            stages.insert(0, (WhichTests::Example, "example tests"));
        }
        for (tests, label) in stages {
            let summary = self.judge_by(sandbox, &candidates, cache.as_ref(), tests, label)?;
            if summary.cancelled {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn judge_by(
        &self,
        sandbox: &dyn Executor,
        candidates: &[Candidate],
        cache: Option<&VerdictCache>,
        tests: WhichTests,
        label: &str,
    ) -> Result<ScoreSummary> {
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
        let mut progress = ScoreProgress::new(&self.context.console, label);
        let summary = runner::score(
            &request,
            |work| {
                judge.judge(
                    work.problem,
                    &work.program(),
                    work.grader,
                    work.tests,
                    &limits,
                )
            },
            &mut verdicts,
            &mut events,
            &mut progress,
        )?;
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

impl Context {
    pub(crate) fn open_dataset(&self, name: &str) -> Result<Dataset> {
        let spinner = self.console.spinner(&format!("reading {name}"));
        let dataset = datasets::open(name, &self.places.lookup());
        spinner.finish_and_clear();
        Ok(dataset?)
    }

    /// Worker processes of this same program; they start when they are needed.
    pub(crate) fn sandbox(&self) -> Result<Workers> {
        let guest = self.places.guest()?;
        let spinner = self.console.spinner("starting the sandbox");
        let options = WorkersOptions {
            sandbox: SandboxOptions {
                guest,
                cache_dir: self.places.cache.clone(),
                max_concurrent: 1,
            },
            command: worker_command()?,
        };
        let workers = Workers::new(options, || {
            spinner.set_message("compiling the sandbox guest (once, about half a minute)");
        });
        spinner.finish_and_clear();
        let workers = workers.context("cannot start the sandbox; `coderl doctor` may know why")?;
        Ok(workers.with_packages(self.numpy_sandbox()?))
    }

    /// The same for programs that import numpy, if that guest is installed.
    pub(crate) fn numpy_sandbox(&self) -> Result<Option<Workers>> {
        let console = self.console;
        let on_compile = move || {
            console.note("compiling the numpy guest (once, a minute or two)");
        };
        Ok(Workers::numpy(
            &self.places.cache,
            worker_command()?,
            on_compile,
        ))
    }
}

/// Names the guest for programs that import packages, if it is installed.
pub(crate) fn with_packages(sandbox: &dyn Executor) -> Option<String> {
    let executor = sandbox.with_packages()?;
    Some(executor.fingerprint().to_owned())
}

/// This program as a worker, also if its file was replaced meanwhile.
fn worker_command() -> Result<Vec<OsString>> {
    let running = Path::new("/proc/self/exe");
    let program = if running.exists() {
        running.to_owned()
    } else {
        std::env::current_exe().context("cannot find the program's own file")?
    };
    Ok(vec![program.into(), SANDBOX_WORKER.into()])
}

/// The audit by which problems are left out: the one that was named, or the run's own.
fn audit_file(exclusion: &Exclusion, stored: Option<&StoredRun>) -> Option<PathBuf> {
    exclusion.exclude_broken.clone().or_else(|| {
        let excluded = stored?.manifest.dataset.excluded.as_ref()?;
        Some(PathBuf::from(&excluded.path))
    })
}

/// Settings from defaults, file and command line.
pub(crate) fn resolve(arguments: &SettingsArguments, dataset: Option<String>) -> Result<Resolved> {
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
    layers.push(Layer::command_line(arguments.options(dataset)));
    Ok(Resolved::new(layers)?)
}

/// The graders that make sense: problems whose tests are code know only one.
fn graders(resolved: &Resolved, dataset: &Dataset) -> Vec<harness::verdict::Grader> {
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

fn generation_record(source: &Source, resolved: &Resolved) -> Result<Option<GenerationRecord>> {
    let (backend, sources) = match source {
        Source::Stored => return Ok(None),
        Source::Reference => ("reference", Vec::new()),
        Source::BuiltIn => ("replay", Vec::new()),
        Source::Replay(path) => ("replay", backends::source_records(path)?),
    };
    let sampling = &resolved.settings.sampling;
    Ok(Some(GenerationRecord {
        backend: backend.to_owned(),
        sources,
        n_samples: sampling.n_samples,
        seed: sampling.seed,
        // Recorded candidates were sampled elsewhere.
        temperature: None,
        top_p: None,
    }))
}
