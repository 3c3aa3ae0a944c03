//! From names in files to problems of a dataset.
//!
//! A name that is an id of the dataset, letter for letter, is that id. Otherwise both are
//! taken apart into benchmark, split and number, and match if the numbers are equal and
//! nothing contradicts: `HumanEval_0`, `humaneval/0` and `0` are `HumanEval/0`; `MBPP/11` and
//! 11 are `mbpp/11`; 7, `0007` and `apps/test/0007` are `apps/0007`.

use std::collections::{BTreeMap, HashMap};

use harness::problem::{Problem, Split};

use crate::replay::recorded::{Batch, IdKey, Key};

/// Why a program belongs to no problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoMatch {
    Unknown,
    /// The ids that would do.
    Ambiguous(Vec<String>),
}

/// Index over the problems of a dataset.
pub(crate) struct Matcher<'a> {
    problems: &'a [Problem],
    by_id: HashMap<&'a str, usize>,
    by_number: BTreeMap<u64, Vec<(usize, Parts)>>,
}

/// What the numbers of one batch mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    Ids,
    /// Places among all problems.
    Positions,
    /// Places among the problems of the test split.
    TestPositions,
}

/// A taken-apart id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    /// Lower-case names before the number that are no split.
    names: Vec<String>,
    split: Option<Split>,
    number: u64,
}

impl Parts {
    fn of(id: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut split = None;
        let mut segments: Vec<&str> = id.split('/').collect();
        let last = segments.pop()?;
        let number = if is_number(last) {
            last
        } else {
            let (name, number) = name_and_number(last)?;
            segments.push(name);
            number
        };
        for segment in segments {
            match segment.to_ascii_lowercase().parse() {
                Ok(parsed) => split = Some(parsed),
                Err(_) => names.push(benchmark_name(segment)),
            }
        }
        Some(Self {
            names,
            split,
            number: number.parse().ok()?,
        })
    }

    /// Whether a record with these parts can mean the problem with those.
    fn may_mean(&self, problem: &Self) -> bool {
        let splits_agree = match (self.split, problem.split) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        splits_agree
            && (self.names.is_empty() || self.names.iter().any(|name| problem.names.contains(name)))
    }

    /// Whether a bare number under this key can mean a problem with these names: nobody
    /// calls the tasks of MBPP or HumanEval `problem_id`.
    fn may_stand_under(&self, key: IdKey) -> bool {
        key == IdKey::Task
            || !self
                .names
                .iter()
                .any(|name| name == "mbpp" || name == "humaneval")
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `HumanEval_0`, or `mbpp_3_is_not_prime` as in MultiPL-E.
fn name_and_number(segment: &str) -> Option<(&str, &str)> {
    let (name, rest) = segment.split_once('_')?;
    let number = rest.split('_').next()?;
    (!name.is_empty() && is_number(number)).then_some((name, number))
}

/// One spelling for `HumanEval`, `human-eval`, `HumanEval+`, …
fn benchmark_name(segment: &str) -> String {
    let name: String = segment
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    name.strip_suffix("plus").unwrap_or(&name).to_owned()
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(problems: &'a [Problem]) -> Self {
        let mut by_number: BTreeMap<u64, Vec<(usize, Parts)>> = BTreeMap::new();
        for (index, problem) in problems.iter().enumerate() {
            if let Some(mut parts) = Parts::of(problem.id.as_str()) {
                parts.split = parts.split.or(problem.split);
                by_number
                    .entry(parts.number)
                    .or_default()
                    .push((index, parts));
            }
        }
        Self {
            problems,
            by_id: problems
                .iter()
                .enumerate()
                .map(|(index, problem)| (problem.id.as_str(), index))
                .collect(),
            by_number,
        }
    }

    /// What the numbers of `batch` mean: ids where all of them are, otherwise positions
    /// where all of them can be.
    pub(crate) fn numbers_of(&self, batch: &Batch) -> Numbers {
        let mut numbers = batch
            .programs
            .iter()
            .filter_map(|program| match program.key {
                Key::Number(number) => Some(number),
                _ => None,
            });
        if batch.n_positions > 0 {
            let n_test = self.test_problems().count();
            return if batch.n_positions != self.problems.len() && batch.n_positions == n_test {
                Numbers::TestPositions
            } else {
                Numbers::Positions
            };
        }
        let are_ids = numbers
            .clone()
            .all(|number| self.by_text(&number.to_string(), IdKey::Problem).is_ok());
        let n_problems = self.problems.len() as u64;
        if !are_ids && numbers.all(|number| number < n_problems) {
            Numbers::Positions
        } else {
            Numbers::Ids
        }
    }

    /// Index of the problem that `key` means.
    pub(crate) fn find(&self, key: &Key, numbers: Numbers) -> Result<usize, NoMatch> {
        match (key, numbers) {
            (Key::Id { text, under }, _) => self.by_text(text, *under),
            (Key::Number(number), Numbers::Ids) => {
                self.by_text(&number.to_string(), IdKey::Problem)
            }
            (Key::Number(number), _) => usize::try_from(*number)
                .ok()
                .and_then(|position| self.at(position, numbers))
                .ok_or(NoMatch::Unknown),
            (Key::Position(position), _) => self.at(*position, numbers).ok_or(NoMatch::Unknown),
        }
    }

    fn at(&self, position: usize, numbers: Numbers) -> Option<usize> {
        match numbers {
            Numbers::TestPositions => self.test_problems().nth(position),
            Numbers::Ids | Numbers::Positions => {
                (position < self.problems.len()).then_some(position)
            }
        }
    }

    fn test_problems(&self) -> impl Iterator<Item = usize> {
        let is_test = |(_, problem): &(usize, &Problem)| problem.split == Some(Split::Test);
        self.problems
            .iter()
            .enumerate()
            .filter(is_test)
            .map(|(index, _)| index)
    }

    fn by_text(&self, text: &str, under: IdKey) -> Result<usize, NoMatch> {
        if let Some(&index) = self.by_id.get(text) {
            return Ok(index);
        }
        let parts = Parts::of(text).ok_or(NoMatch::Unknown)?;
        let mut found: Vec<&(usize, Parts)> = self
            .by_number
            .get(&parts.number)
            .into_iter()
            .flatten()
            .filter(|(_, problem)| {
                parts.may_mean(problem)
                    && (!parts.names.is_empty() || problem.may_stand_under(under))
            })
            .collect();
        if found.len() > 1 && parts.names.is_empty() {
            // `problem_id` is the word of APPS, `task_id` that of the others.
            let fits = |problem: &Parts| {
                problem.names.iter().any(|name| name == "apps") == (under == IdKey::Problem)
            };
            if found.iter().any(|(_, problem)| fits(problem)) {
                found.retain(|(_, problem)| fits(problem));
            }
        }
        match found[..] {
            [] => Err(NoMatch::Unknown),
            [(index, _)] => Ok(*index),
            _ => Err(NoMatch::Ambiguous(
                found
                    .iter()
                    .map(|(index, _)| self.problems[*index].id.to_string())
                    .collect(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::problem::{ProblemId, UnitTests};

    use super::*;

    fn problems(ids: &[&str]) -> Vec<Problem> {
        ids.iter()
            .map(|id| {
                Problem::with_tests(
                    ProblemId::new(*id),
                    UnitTests::CheckFunction {
                        entry_point: "f".to_owned(),
                        source: String::new(),
                    },
                )
            })
            .collect()
    }

    #[test]
    fn ids_in_many_spellings() {
        let check = |ids: &[&str], text: &str, under: IdKey, expected: Option<&str>| {
            let problems = problems(ids);
            let found = Matcher::new(&problems).by_text(text, under);
            assert_eq!(
                found.ok().map(|index| problems[index].id.as_str()),
                expected,
                "{text} among {ids:?}"
            );
        };
        let task = |ids, text, expected| check(ids, text, IdKey::Task, expected);
        let human_eval = &["HumanEval/0", "HumanEval/10"];
        task(human_eval, "HumanEval/0", Some("HumanEval/0"));
        task(human_eval, "HumanEval_10", Some("HumanEval/10"));
        task(human_eval, "humaneval/10", Some("HumanEval/10"));
        task(
            human_eval,
            "HumanEval_0_has_close_elements",
            Some("HumanEval/0"),
        );
        task(human_eval, "0", Some("HumanEval/0"));
        task(human_eval, "HumanEval/1", None);
        task(human_eval, "MBPP/0", None);
        task(human_eval, "HumanEval/x", None);
        let mbpp = &["mbpp/2", "mbpp/11"];
        for text in [
            "MBPP/11",
            "Mbpp/11",
            "mbpp/11",
            "11",
            "Mbpp_11",
            "mbpp_11_f",
        ] {
            task(mbpp, text, Some("mbpp/11"));
        }
        task(&["Mbpp/2"], "mbpp/2", Some("Mbpp/2"));
        let apps = &["apps/test/0000", "apps/test/4999"];
        for text in ["0", "0000", "apps/test/0000", "apps/0", "test/0000"] {
            check(apps, text, IdKey::Problem, Some("apps/test/0000"));
        }
        check(apps, "apps/train/0000", IdKey::Problem, None);
        check(
            &["apps/0003"],
            "apps/train/3",
            IdKey::Problem,
            Some("apps/0003"),
        );
        check(&["test/0"], "test/0", IdKey::Task, Some("test/0"));
    }

    #[test]
    fn a_number_alone_can_mean_two_problems() {
        let problems = problems(&[
            "builtin/apps/0011",
            "builtin/mbpp/11",
            "apps/train/1",
            "apps/test/1",
        ]);
        let matcher = Matcher::new(&problems);
        assert_eq!(matcher.by_text("11", IdKey::Problem), Ok(0));
        assert_eq!(matcher.by_text("11", IdKey::Task), Ok(1));
        assert_eq!(matcher.by_text("test/1", IdKey::Problem), Ok(3));
        assert_eq!(
            matcher.by_text("1", IdKey::Problem),
            Err(NoMatch::Ambiguous(vec![
                "apps/train/1".to_owned(),
                "apps/test/1".to_owned()
            ]))
        );
    }
}
