//! Which problems of a dataset.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::error::{Error, nearest};
use crate::problem::{Difficulty, Problem, ProblemId, Split};

/// Filters, applied in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Selection {
    /// `None` takes all.
    pub split: Option<Split>,
    /// Empty takes all, also problems without a difficulty.
    pub difficulty: Vec<Difficulty>,
    /// Empty takes all.
    pub ids: Vec<ProblemId>,
    /// The first so many of what is left, in the order of the dataset.
    pub limit: Option<NonZeroUsize>,
}

impl Selection {
    /// The same with `split` where neither a split nor problems are named.
    #[must_use]
    pub fn or_split(mut self, split: Option<Split>) -> Self {
        if self.ids.is_empty() {
            self.split = self.split.or(split);
        }
        self
    }

    /// The problems selected from `dataset`, a name for messages.
    ///
    /// # Errors
    /// When an id is in no problem of the dataset.
    pub fn apply(&self, dataset: &str, problems: Vec<Problem>) -> Result<Vec<Problem>, Error> {
        let known: HashSet<&ProblemId> = problems.iter().map(|problem| &problem.id).collect();
        if let Some(id) = self.ids.iter().find(|id| !known.contains(id)) {
            return Err(Error::UnknownProblem {
                dataset: dataset.to_owned(),
                id: id.to_string(),
                nearest: nearest(
                    id.as_str(),
                    problems.iter().map(|problem| problem.id.as_str()),
                ),
            });
        }
        let ids: HashSet<&ProblemId> = self.ids.iter().collect();
        Ok(problems
            .into_iter()
            .filter(|problem| self.split.is_none() || problem.split == self.split)
            .filter(|problem| {
                self.difficulty.is_empty()
                    || problem
                        .difficulty
                        .is_some_and(|difficulty| self.difficulty.contains(&difficulty))
            })
            .filter(|problem| ids.is_empty() || ids.contains(&problem.id))
            .take(self.limit.map_or(usize::MAX, NonZeroUsize::get))
            .collect())
    }
}
