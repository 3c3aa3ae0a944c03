//! What a study says, with nothing left to look up.

use super::files::StudyFiles;
use crate::metric::{Bootstrap, Metric, NAtK};

/// One study file, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    pub files: StudyFiles,
    pub title: String,
    /// For readers of the report.
    pub about: String,
    /// Repetitions.
    pub seeds: Vec<u64>,
    /// Row with which all others are compared.
    pub control: Option<String>,
    pub metrics: StudyMetrics,
    /// Options of every judged run.
    pub run: Options,
    pub datasets: Vec<DatasetChoice>,
    pub strategies: Vec<Strategy>,
    pub stages: Vec<Stage>,
    pub checkpoints: Vec<Checkpoint>,
    pub tables: Vec<TableChoice>,
    pub figures: Vec<Figure>,
}

/// What is computed.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyMetrics {
    pub ks: Vec<u32>,
    pub n_at_ks: Vec<NAtK>,
    pub bootstrap: Bootstrap,
}

impl StudyMetrics {
    pub fn all(&self) -> Vec<Metric> {
        let ks = self.ks.iter().map(|&k| Metric::PassAtK(k));
        ks.chain(self.n_at_ks.iter().map(|&pair| Metric::NAtK(pair)))
            .collect()
    }
}

/// Options of a command, in the order of the file.
pub type Options = Vec<StudyOption>;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyOption {
    pub key: String,
    /// Where it is written.
    pub line: usize,
    pub setting: Setting,
}

/// What is written behind an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    Flag(bool),
    One(String),
    Many(Vec<String>),
    /// `KEY=VALUE`, from a table.
    Pairs(Vec<(String, String)>),
}

/// Problems on which checkpoints are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetChoice {
    pub name: String,
    pub title: String,
    pub options: Options,
}

/// How candidates come of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Strategy {
    pub name: String,
    pub title: String,
    pub options: Options,
    /// Strategy whose tokens are the budget, problem by problem.
    pub same_budget_as: Option<String>,
    pub line: usize,
}

/// A command that others need.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub name: String,
    /// Its words; empty for what only lends its options to others.
    pub command: String,
    pub options: Options,
    /// Whether others are based on it.
    pub is_base: bool,
    pub line: usize,
}

/// What is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub name: String,
    pub title: String,
    pub options: Options,
    /// Names of strategies; the first of the study if none are named.
    pub strategies: Vec<String>,
    /// Names of datasets; all if none are named.
    pub datasets: Vec<String>,
    /// The critic that scores the programs of the first strategy, for people to look at.
    pub scored_by: Option<String>,
    pub line: usize,
}

/// A row of tables: a checkpoint under a strategy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub checkpoint: String,
    pub strategy: String,
    /// `checkpoint` under the first strategy of the study, else `checkpoint/strategy`.
    pub name: String,
    pub title: String,
}

/// A table of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct TableChoice {
    pub name: String,
    pub title: String,
    /// Names of rows, in which `*` stands for anything.
    pub rows: Vec<String>,
    pub control: Option<String>,
    /// Names of datasets; all if none are named.
    pub datasets: Vec<String>,
    /// Such as `Table 2`.
    pub paper: Option<String>,
    /// For rows, which row of the paper's table is alike.
    pub paper_rows: Vec<(String, String)>,
    pub line: usize,
}

/// A figure of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: String,
    pub title: String,
    pub kind: FigureKind,
    pub datasets: Vec<String>,
    pub paper: Option<String>,
    pub line: usize,
}

/// What a figure shows.
#[derive(Clone, Debug, PartialEq)]
pub enum FigureKind {
    /// A metric over k, a line for each row (Figure 5).
    OverK {
        rows: Vec<String>,
        /// `None` is pass@k; n is n@k.
        submissions: Option<u32>,
    },
    /// A metric over numbers given to rows, such as epochs (Figure 6).
    OverRows {
        metric: Metric,
        axis: String,
        series: Vec<FigureSeries>,
    },
    /// Shares of outcomes (Figure 8).
    Outcomes { rows: Vec<String> },
    /// What a stage makes that writes tables and plots of its own, such as `overlap` (Figure 7).
    Stage { stage: String },
}

/// One line of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureSeries {
    pub title: String,
    pub rows: Vec<String>,
    /// As many as rows.
    pub at: Vec<f64>,
}

impl Study {
    pub fn dataset(&self, name: &str) -> Option<&DatasetChoice> {
        self.datasets.iter().find(|it| it.name == name)
    }

    pub fn strategy(&self, name: &str) -> Option<&Strategy> {
        self.strategies.iter().find(|it| it.name == name)
    }

    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|it| it.name == name)
    }

    pub fn checkpoint(&self, name: &str) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|it| it.name == name)
    }

    /// All rows, in the order of the file.
    pub fn rows(&self) -> Vec<Row> {
        let first = self.strategies.first().map(|it| it.name.as_str());
        let row = |checkpoint: &Checkpoint, strategy: &str| {
            let is_first = Some(strategy) == first;
            let own = self.strategy(strategy).map_or(strategy, |it| &it.title);
            Row {
                checkpoint: checkpoint.name.clone(),
                strategy: strategy.to_owned(),
                name: match is_first {
                    true => checkpoint.name.clone(),
                    false => format!("{}/{strategy}", checkpoint.name),
                },
                title: match is_first {
                    true => checkpoint.title.clone(),
                    false => format!("{}, {own}", checkpoint.title),
                },
            }
        };
        self.checkpoints
            .iter()
            .flat_map(|checkpoint| {
                let strategies = checkpoint.strategies.iter();
                strategies.map(move |strategy| row(checkpoint, strategy))
            })
            .collect()
    }

    /// The rows that patterns name, each once, in the order of the patterns.
    pub fn rows_matching(&self, patterns: &[String]) -> Vec<Row> {
        let rows = self.rows();
        let mut found: Vec<Row> = Vec::new();
        for pattern in patterns {
            for row in rows.iter().filter(|row| matches(pattern, &row.name)) {
                if !found.contains(row) {
                    found.push(row.clone());
                }
            }
        }
        found
    }

    /// Datasets of these names; all where none are named.
    pub fn datasets_of<'a>(&'a self, names: &'a [String]) -> Vec<&'a DatasetChoice> {
        let wanted = |it: &&DatasetChoice| names.is_empty() || names.contains(&it.name);
        self.datasets.iter().filter(wanted).collect()
    }
}

/// Whether `name` is what `pattern` says, in which `*` stands for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, rest)) => name.strip_prefix(begin).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let check = |pattern, name, expected| assert_eq!(matches(pattern, name), expected);
        check("a", "a", true);
        check("a", "ab", false);
        check("*", "", true);
        check("returns.*", "returns.greedy", true);
        check("*/plain", "sft/plain", true);
        check("*/plain", "sft/plainer", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
    }
}
