//! Arguments of `coderl study`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::train::key_and_value;

const AFTER_HELP: &str = "\
A study file says which checkpoints are made, how they are judged, and what is compared. Every stage
is a `coderl` command of its own, in a directory of its own; what two stages share is made once.
docs/studies.md explains the format, and studies/ has studies to start from.

  coderl study run studies/small.toml --mini       every stage once, in minutes
  coderl study run studies/small.toml --dry-run    the commands, and nothing done
  coderl study run studies/small.toml              goes on where it was interrupted
  coderl study status studies/small.toml           what is done, running, waiting, failed, stale
  coderl study report studies/small.toml           tables, figures and page of what is done so far
  coderl study run studies/paper/table-4.toml --set model=runs/rl/model --set critic=… --set repair=…
  coderl study run studies/paper/table-4.toml --built-in    the same on the built-in suite

A changed file makes stale what depends on the change, and nothing else. `run` moves it to `stale/` in
the study's directory and makes it again.

Exit codes: 0 done; 2 wrong file or arguments; 3 results that do not belong together, or a stage with
bad data; 1 a stage failed otherwise; 130 interrupted (the same command goes on from there).";

/// One file for a whole experiment.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum Study {
    /// Do what is not done yet, and make the report
    #[command(after_help = AFTER_HELP)]
    Run(StudyRun),
    /// List the stages and how far each is
    Status(StudyStatus),
    /// Make the report again from the records; parts of a study will do
    Report(StudyReport),
}

/// Which study, and in which form.
#[derive(Clone, Debug, Args)]
pub(crate) struct StudyChoice {
    /// Study file (TOML)
    pub(crate) file: PathBuf,
    /// Directory of the study [default: `runs/NAME`, with the forms behind it: `runs/NAME-mini`]
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The study on the built-in suite, as its `[built-in]` table has it: models of a million
    /// weights are made for what no `--set` names, and nothing has to be at hand
    #[arg(long)]
    pub(crate) built_in: bool,
    /// The small form of the study, as its `[mini]` table has it
    #[arg(long)]
    pub(crate) mini: bool,
    /// Repetitions, in place of the file's
    #[arg(long, value_delimiter = ',', value_name = "SEED,…")]
    pub(crate) seeds: Option<Vec<u64>>,
    /// Value of a variable of the file, such as `model=runs/rl/model`
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_and_value)]
    pub(crate) set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct StudyRun {
    #[command(flatten)]
    pub(crate) choice: StudyChoice,
    /// Stages at a time. Trainings use all cores already
    #[arg(long, short, value_name = "N", default_value = "1")]
    pub(crate) jobs: NonZeroUsize,
    /// These stages and what they need, such as `control/*`; `*` stands for anything
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,
    /// Print the commands that are left to be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Make no report at the end
    #[arg(long)]
    pub(crate) no_report: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StudyStatus {
    #[command(flatten)]
    pub(crate) choice: StudyChoice,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StudyReport {
    #[command(flatten)]
    pub(crate) choice: StudyChoice,
    /// Report folder [default: `report` in the study's directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
