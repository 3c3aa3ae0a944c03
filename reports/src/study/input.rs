//! What the report of a study is made from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness::metric::{Metric, Pooled};
use harness::strategy::{Budget, StrategyRecord};
use harness::study::{Study, TableChoice};

use crate::plot::TrainingCurve;

/// Everything that the report shows.
#[derive(Clone, Debug)]
pub struct StudyInput {
    pub study: Study,
    /// Provenance of the whole, shown in this order.
    pub settings: Vec<(String, String)>,
    pub datasets: Vec<StudyDataset>,
    /// What is not done yet, in sentences.
    pub missing: Vec<String>,
    /// Learning curves, by the command that trained.
    pub trainings: Vec<(String, Vec<TrainingCurve>)>,
    /// Stages that are figures by themselves, by name of the figure.
    pub stages: BTreeMap<String, StageFolder>,
}

/// What a stage left that makes tables and plots of its own.
#[derive(Clone, Debug)]
pub struct StageFolder {
    pub directory: PathBuf,
}

/// One run of a row.
#[derive(Clone, Debug)]
pub struct RowRun {
    /// `None` where it does not depend on the seed.
    pub seed: Option<u64>,
    pub directory: PathBuf,
    /// What a critic said of its programs.
    pub critic_scores: Option<PathBuf>,
}

/// What was judged on one dataset. All of it has the same problems, grader, limits and guest.
#[derive(Clone, Debug)]
pub struct StudyDataset {
    pub name: String,
    pub title: String,
    /// What all rows share.
    pub settings: Vec<(String, String)>,
    /// In the order of the file; those without a finished run are not here.
    pub rows: Vec<StudyRow>,
}

/// A checkpoint under a strategy.
#[derive(Clone, Debug)]
pub struct StudyRow {
    pub name: String,
    pub title: String,
    /// The finished runs.
    pub runs: Vec<RowRun>,
    /// Runs that there will be.
    pub n_planned: usize,
    /// Judged by hidden tests.
    pub hidden: Pooled,
    /// Judged by example tests, where that was done.
    pub examples: Option<Pooled>,
    /// What strategies spent; `None` for runs without one.
    pub spent: Option<Spent>,
}

/// What was spent over all problems and seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    pub budget: Budget,
    pub plain_equivalent: f64,
    /// Problems, each counted once a seed.
    pub n_problems: usize,
}

impl Spent {
    pub fn add(&mut self, records: &[StrategyRecord]) {
        for record in records {
            self.budget.add(&record.budget);
            self.plain_equivalent += record.plain_equivalent;
        }
        self.n_problems += records.len();
    }

    /// For each problem.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens and problems")]
    pub(super) fn mean(&self, value: u64) -> f64 {
        value as f64 / self.n_problems.max(1) as f64
    }
}

impl StudyDataset {
    pub fn row(&self, name: &str) -> Option<&StudyRow> {
        self.rows.iter().find(|row| row.name == name)
    }
}

impl StudyInput {
    /// The datasets that a table or a figure is about.
    pub(super) fn datasets_of<'a>(
        &'a self,
        names: &'a [String],
    ) -> impl Iterator<Item = &'a StudyDataset> {
        let is_wanted = |it: &&StudyDataset| names.is_empty() || names.contains(&it.name);
        self.datasets.iter().filter(is_wanted)
    }

    /// The rows that patterns name and that are there.
    pub(super) fn rows_of<'a>(
        &self,
        dataset: &'a StudyDataset,
        patterns: &[String],
    ) -> Vec<&'a StudyRow> {
        let rows = self.study.rows_matching(patterns);
        rows.iter()
            .filter_map(|row| dataset.row(&row.name))
            .collect()
    }

    pub(super) fn metrics(&self) -> Vec<Metric> {
        self.study.metrics.all()
    }

    /// The control of a table, where it is there.
    pub(super) fn control<'a>(
        &self,
        dataset: &'a StudyDataset,
        choice: &TableChoice,
    ) -> Option<&'a StudyRow> {
        dataset.row(choice.control.as_deref()?)
    }
}
