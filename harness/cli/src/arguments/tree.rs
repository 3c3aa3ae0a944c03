//! Arguments of `coderl export` and `coderl import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// The folders that CodeRL's released code trains on
    CoderlTree(ExportTree),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// The folders that CodeRL's released code trains on, with outcomes and critic scores
    CoderlTree(ImportTree),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Writes a folder for each problem with the files of APPS, `gen_solutions.json`,
`baseline_solutions.json` where RUN/baseline is a judged run, and
`gen_solutions_critic_scores.pkl` where RUN has critic scores with the tokens of the prompts.

Example:
  coderl export coderl-tree runs/samples --out tree")]
pub(crate) struct ExportTree {
    /// Run directory, judged
    pub(crate) run: PathBuf,
    /// Folder of the problem folders
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where the dataset lies now [default: where the run found it]
    #[arg(long, short, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Makes a run directory with the programs and the outcomes on record there, RUN/baseline, and
RUN/critic_scores.jsonl, so that `coderl train` learns from them. Nothing is judged, and nothing
in the pickles is executed.

Example:
  coderl import coderl-tree data/APPS/train --out runs/released
  coderl train rl --samples runs/released --model codet5-large")]
pub(crate) struct ImportTree {
    /// Folder of the problem folders
    pub(crate) tree: PathBuf,
    /// Run directory to make
    #[arg(long, short, value_name = "RUN")]
    pub(crate) out: PathBuf,
    /// Dataset with the problems, by name or path [default: the folder itself]
    #[arg(long, short, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    /// Discard what the run directory holds and start over
    #[arg(long)]
    pub(crate) fresh: bool,
}
