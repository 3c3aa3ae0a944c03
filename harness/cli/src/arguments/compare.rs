//! Arguments of the commands that hold runs against each other, and datasets.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use harness::metric::{Criterion, MaxDrop, Minimum};
use harness::overlap::OverlapSettings;
use harness::problem::Split;
use harness::verdict::Grader;

use super::{Exclusion, ReportSettings};

/// One run, or several that are compared as one: `runs/sft-1,runs/sft-2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runs(pub(crate) Vec<PathBuf>);

impl FromStr for Runs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let runs: Vec<PathBuf> = text.split(',').map(PathBuf::from).collect();
        match runs.iter().any(|run| run.as_os_str().is_empty()) {
            true => Err(format!("`{text}` is no list of run directories")),
            false => Ok(Self(runs)),
        }
    }
}

/// In what runs may differ beside what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Aspect {
    /// Files of the dataset (SHA-256)
    Dataset,
    /// Which problems were asked
    Problems,
    /// Fuel, memory and output of a test
    Limits,
    /// Challenge tests
    Options,
    /// The Python in which programs ran, with or without packages
    Guest,
    /// Version of the judge
    Judge,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Scores are compared problem by problem: the interval of the difference is a paired bootstrap, p a
permutation test, and what is solved at all goes into McNemar's test. docs/compare.md explains
each. With several runs on a side, comma between them, a problem's score is its mean over runs.

Runs on different files or by different graders are not compared. Other differences (guest, limits,
problems) are told.

Examples:
  coderl compare runs/sft runs/coderl
  coderl compare runs/sft-1,runs/sft-2 runs/rl-1,runs/rl-2 --k 1,5 --out comparison
  coderl compare runs/guest-1 runs/guest-2            the same programs: who changed sides?
  coderl compare runs/a runs/b --json | jq '.rows[] | select(.level == \"all\")'

Exit codes: 0 done; 2 the runs cannot be compared; 3 bad data.")]
pub(crate) struct Compare {
    /// Run directory of the baseline, or several with commas
    #[arg(value_name = "RUN[,RUN…]")]
    pub(crate) a: Runs,
    /// Run directory of what is compared with it, or several with commas
    #[arg(value_name = "RUN[,RUN…]")]
    pub(crate) b: Runs,
    #[command(flatten)]
    pub(crate) settings: ReportSettings,
    /// Whose verdicts [default: the first grader of the first run]
    #[arg(long, value_name = "GRADER")]
    pub(crate) grader: Option<Grader>,
    /// Compare although these differ
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ASPECT,…")]
    pub(crate) allow: Vec<Aspect>,
    /// Write tables and a page into this folder too
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A rule allows a drop of so much, in percentage points (`pp`) or as a part of the baseline (`%`).
What decides is a one-sided bound of the drop by the paired bootstrap, as --criterion has it:

  significant-drop   fails when it is shown that the drop is larger than allowed: few false alarms,
                     and with few problems little is noticed
  non-inferiority    holds only when it is shown that the drop is no larger than allowed: nothing
                     slips through, and with few problems nothing gets through
  point-estimate     the measured drop decides

Examples:
  coderl gate --baseline runs/main --candidate runs/branch --max-drop pass@1=1.0pp
  coderl gate --baseline runs/main --candidate runs/branch --max-drop pass@1=2pp \\
      --max-drop pass@5=5% --criterion non-inferiority --junit gate.xml
  coderl gate --baseline runs/sft-1,runs/sft-2 --candidate runs/rl-1,runs/rl-2 \\
      --max-drop pass@1=0pp --min pass@1=30%

In GitHub Actions the summary goes to the job's page by itself. docs/compare.md, docs/ci/.

Exit codes: 0 all rules hold; 4 a rule fails; 2 the runs cannot be compared; 3 bad data, or a
rule could not be decided.")]
pub(crate) struct Gate {
    /// Run directory of the baseline, or several with commas
    #[arg(long, value_name = "RUN[,RUN…]")]
    pub(crate) baseline: Runs,
    /// Run directory of what shall replace it, or several with commas
    #[arg(long, value_name = "RUN[,RUN…]")]
    pub(crate) candidate: Runs,
    /// Metric and drop that is allowed: `pass@1=1.0pp`, `1@100=5%`; as often as needed
    #[arg(long, value_name = "METRIC=DROP", required_unless_present = "min")]
    pub(crate) max_drop: Vec<MaxDrop>,
    /// Metric and value that the candidate must reach: `pass@1=0.30`; as often as needed
    #[arg(long, value_name = "METRIC=VALUE")]
    pub(crate) min: Vec<Minimum>,
    /// What has to be shown
    #[arg(long, value_enum, default_value_t = CriterionName::SignificantDrop)]
    pub(crate) criterion: CriterionName,
    /// Confidence of each one-sided bound
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(crate) confidence: f64,
    /// Whose verdicts [default: the first grader of the first run]
    #[arg(long, value_name = "GRADER")]
    pub(crate) grader: Option<Grader>,
    /// Decide although these differ
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ASPECT,…")]
    pub(crate) allow: Vec<Aspect>,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
    /// Write JUnit XML, a test case for each rule
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) junit: Option<PathBuf>,
    /// Write a test case for each problem too; lost ones are failures
    #[arg(long, requires = "junit", help_heading = "Output")]
    pub(crate) junit_problems: bool,
    /// Append a summary in Markdown to FILE
    #[arg(
        long,
        value_name = "FILE",
        env = "GITHUB_STEP_SUMMARY",
        help_heading = "Output"
    )]
    pub(crate) summary: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CriterionName {
    /// Fail when the drop is shown to be larger than allowed
    SignificantDrop,
    /// Hold only when the drop is shown to be no larger than allowed
    NonInferiority,
    /// Go by the measured drop
    PointEstimate,
}

impl From<CriterionName> for Criterion {
    fn from(name: CriterionName) -> Self {
        match name {
            CriterionName::SignificantDrop => Self::SignificantDrop,
            CriterionName::NonInferiority => Self::NonInferiority,
            CriterionName::PointEstimate => Self::PointEstimate,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Compares statements as runs of words, reference programs as runs of tokens, and program lines as
Figure 7 of the CodeRL paper does. docs/compare.md explains and has figures.

Examples:
  coderl overlap apps mbpp --test-split all           was MBPP seen in training on APPS?
  coderl overlap mbpp mbpp                            MBPP's training problems in its test problems
  coderl overlap apps mbpp --threshold 0.5 --out overlap --json > overlap.json")]
pub(crate) struct Overlap {
    /// Dataset that a model was trained on: a name (see `coderl datasets list`) or a path
    pub(crate) train: String,
    /// Dataset that it is judged on
    pub(crate) test: String,
    /// Part of TRAIN: a split, or all [default: train, where there is one]
    #[arg(long, value_name = "SPLIT")]
    pub(crate) train_split: Option<Part>,
    /// Part of TEST: a split, or all [default: test, where there is one]
    #[arg(long, value_name = "SPLIT")]
    pub(crate) test_split: Option<Part>,
    #[command(flatten)]
    pub(crate) settings: OverlapArguments,
    /// Pairs of problems to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Write tables, the plot and a page into this folder too
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The zero-shot view: a model was trained on one dataset and judged on another. The table has each
run's metrics over all problems, over those that do not overlap with the training problems, and
over those that do; `coderl overlap` says what overlaps.

Examples:
  coderl transfer runs/mbpp-zero-shot --trained-on apps
  coderl transfer runs/sft,runs/rl --trained-on micro-apps --k 1,5 --out transfer")]
pub(crate) struct Transfer {
    /// Run directories with commas between them, all judged on the same dataset
    #[arg(value_name = "RUN[,RUN…]")]
    pub(crate) runs: Runs,
    /// Dataset that the models were trained on: a name or a path
    #[arg(long, value_name = "DATASET")]
    pub(crate) trained_on: String,
    /// Part of it: a split, or all [default: train, where there is one]
    #[arg(long, value_name = "SPLIT")]
    pub(crate) train_split: Option<Part>,
    /// Where the dataset of the runs lies now [default: where the first run found it]
    #[arg(long, short, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    #[command(flatten)]
    pub(crate) overlap: OverlapArguments,
    #[command(flatten)]
    pub(crate) settings: ReportSettings,
    /// Write tables, the plot and a page into this folder too
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// What counts as an overlap.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Overlap")]
pub(crate) struct OverlapArguments {
    /// Share of a text's runs in one training text from which on it overlaps
    #[arg(long, value_name = "SHARE", default_value_t = OverlapSettings::default().threshold)]
    threshold: f64,
    /// Words of a run in statements
    #[arg(long, value_name = "N", default_value_t = OverlapSettings::default().statement_n)]
    statement_n: usize,
    /// Tokens of a run in programs
    #[arg(long, value_name = "N", default_value_t = OverlapSettings::default().program_n)]
    program_n: usize,
    /// Lines that occur more often among the test programs are not looked up
    #[arg(long, value_name = "N", default_value_t = OverlapSettings::default().max_line_repeats)]
    max_line_repeats: usize,
}

impl OverlapArguments {
    /// The settings, or what is wrong with them.
    pub(crate) fn settings(&self) -> Result<OverlapSettings, String> {
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return Err(format!(
                "--threshold {} is not above 0 and at most 1",
                self.threshold
            ));
        }
        if self.statement_n == 0 || self.program_n == 0 {
            return Err("a run has at least one word or token".to_owned());
        }
        Ok(OverlapSettings {
            statement_n: self.statement_n,
            program_n: self.program_n,
            threshold: self.threshold,
            max_line_repeats: self.max_line_repeats,
        })
    }
}

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Split(Split),
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            text => text
                .parse()
                .map(Self::Split)
                .map_err(|error| format!("{error}, nor `all`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_separated_by_commas() {
        let runs: Runs = "runs/a,b".parse().unwrap();
        assert_eq!(runs.0, [PathBuf::from("runs/a"), PathBuf::from("b")]);
        assert!("a,,b".parse::<Runs>().is_err());
        assert!("".parse::<Runs>().is_err());
    }

    #[test]
    fn parts_are_splits_or_all() {
        assert_eq!("all".parse(), Ok(Part::All));
        assert_eq!("test".parse(), Ok(Part::Split(Split::Test)));
        assert!("tests".parse::<Part>().unwrap_err().contains("nor `all`"));
    }
}
