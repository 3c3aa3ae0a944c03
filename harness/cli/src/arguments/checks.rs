//! Arguments of the commands that check runs and datasets rather than make them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::SelectionArguments;

#[derive(Debug, Args)]
#[command(after_help = "\
Judges the stored candidates once more, under the limits, options and graders that the run's
manifest records, without looking at the verdict cache. Verdicts depend on nothing but program,
tests, settings and guest, so there should be no difference: not in outcome, cause or test
results, and not by one unit of fuel. What an earlier judging left to trouble of the machine is
not compared.

Examples:
  coderl verify runs/humaneval-samples                   everything
  coderl verify runs/humaneval-samples --sample 200      200 candidates picked at random
  coderl verify runs/old --allow-other-guest --json      what another guest would say

Exit codes: 0 no difference; 4 differences; 1 something could not be judged again;
2 other dataset or other guest than the run's; 130 interrupted.")]
pub(crate) struct Verify {
    /// Run directory
    pub(crate) run: PathBuf,
    /// Judge only so many candidates, picked at random
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<NonZeroUsize>,
    /// Seed of the choice: the same seed picks the same candidates
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads that judge [default: all cores]
    #[arg(long, short, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Compare even though the guest is not the run's: differences may then be the guest's
    #[arg(long)]
    pub(crate) allow_other_guest: bool,
    /// Where the dataset lies now [default: where the run found it]
    #[arg(long, short, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every reference solution is judged by `strict` and, where it can differ, by `apps-2021`, all
tests under the dataset's own limits. One JSON line a problem says how many references pass,
what they need (numpy, threads, deep recursion, Python that was removed), whether tests are
missing or contradict each other, how much fuel the steps of passing references take, and
whether several answers seem to be right. docs/audit.md explains each field.

The same command goes on where it was interrupted; what changed since is audited again.

Examples:
  coderl audit mbpp                                   audits/mbpp.jsonl
  coderl audit apps --split train --limit 500 --out train.jsonl
  coderl score samples.jsonl -d mbpp --exclude-broken audits/mbpp.jsonl

Exit codes: 0 done; 2 wrong arguments; 3 rows of the dataset were skipped; 130 interrupted.")]
pub(crate) struct Audit {
    /// Dataset: a name (see `coderl datasets list`) or a path
    pub(crate) dataset: String,
    /// File of the records [default: `audits/DATASET.jsonl`]
    #[arg(long, short, value_name = "FILE", value_parser = json_lines)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Time limit of one test in reference seconds [default: that of the dataset's own grader]
    #[arg(long, value_name = "SECONDS", help_heading = "Judging")]
    pub(crate) timeout: Option<f64>,
    /// Memory of one guest
    #[arg(long, value_name = "MIB", help_heading = "Judging")]
    pub(crate) memory_mib: Option<u64>,
    /// Threads that judge [default: all cores]
    #[arg(long, short, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,
}

fn json_lines(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path
        .extension()
        .is_some_and(|extension| extension == "jsonl")
    {
        Ok(path)
    } else {
        Err("the name has to end in `.jsonl`".to_owned())
    }
}

/// Problems that cannot tell good candidates from bad ones.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Exclusion {
    /// Leave out the problems that FILE, written by `coderl audit`, found broken: no reference
    /// passes, or the tests are missing or contradict each other
    #[arg(long, value_name = "FILE", help_heading = "Problems")]
    pub(crate) exclude_broken: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Say where the cache is and how large
    Show,
    /// Remove what is older than an age; it is made again when it is needed
    Prune {
        /// Age, such as `30d` or `12h`: of a verdict since it was reached, of a compiled guest
        /// since it was compiled
        #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
        older_than: Duration,
    },
    /// Remove everything
    Clear,
}
