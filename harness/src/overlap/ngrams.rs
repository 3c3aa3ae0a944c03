//! Which texts of one collection share runs of tokens with texts of another.

use std::cmp::Reverse;
use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::overlap::shingles::{fingerprint, shingles, tokens};
use crate::problem::ProblemId;

/// A text as its runs of tokens.
pub(super) struct Text<'p> {
    pub(super) problem: &'p ProblemId,
    grams: Vec<u64>,
    fingerprint: u64,
}

impl<'p> Text<'p> {
    /// `None` where the text has no token.
    pub(super) fn new(problem: &'p ProblemId, text: &str, n: usize) -> Option<Self> {
        let grams = shingles(tokens(text), n);
        (!grams.is_empty()).then(|| Self {
            problem,
            fingerprint: fingerprint(tokens(text)),
            grams,
        })
    }
}

/// How much of a text of the test problems occurs in the training problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextOverlap {
    /// Different runs of tokens.
    pub n_grams: usize,
    /// Share of them that occurs in some training text or other.
    pub in_any: f64,
    /// The training text that has most of them; `None` where none has any.
    pub best: Option<Match>,
}

/// One training text beside one of the test problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Of the training set.
    pub problem: ProblemId,
    /// Share of the test text's runs that it has.
    pub share: f64,
    /// Share of both texts' runs that are in both.
    pub similarity: f64,
    /// The same tokens in the same order.
    pub is_identical: bool,
}

impl TextOverlap {
    /// Share of the runs that one training text has.
    pub fn best_share(&self) -> f64 {
        self.best.as_ref().map_or(0.0, |best| best.share)
    }
}

/// For each test text what the training texts, which are made one by one and not kept, have of
/// it. Does not depend on the number of threads.
pub(super) fn search<'p>(
    test: &[Text<'_>],
    train: impl IndexedParallelIterator<Item = Vec<Text<'p>>>,
) -> Vec<TextOverlap> {
    let index = Index::of(test);
    let found = train
        .enumerate()
        .fold(
            || Found::new(test, &index),
            |mut found, (place, texts)| {
                for text in texts {
                    found.add(test, &index, &text, place);
                }
                found
            },
        )
        .reduce(|| Found::new(test, &index), Found::merged);
    test.iter()
        .zip(found.best)
        .map(|(text, best)| {
            let in_any = text.grams.iter().filter(|gram| found.seen[index.ids[gram]]);
            TextOverlap {
                n_grams: text.grams.len(),
                in_any: share(in_any.count(), text.grams.len()),
                best: best.map(|best| best.into_match(text)),
            }
        })
        .collect()
}

/// Where the runs of the test texts are.
struct Index {
    ids: HashMap<u64, usize>,
    /// By id, the numbers of texts.
    texts: Vec<Vec<usize>>,
}

impl Index {
    fn of(test: &[Text<'_>]) -> Self {
        let mut index = Self {
            ids: HashMap::new(),
            texts: Vec::new(),
        };
        for (number, text) in test.iter().enumerate() {
            for gram in &text.grams {
                let id = *index.ids.entry(*gram).or_insert(index.texts.len());
                if id == index.texts.len() {
                    index.texts.push(Vec::new());
                }
                index.texts[id].push(number);
            }
        }
        index
    }
}

/// What a part of the training texts has.
struct Found<'p> {
    /// By id of a run.
    seen: Vec<bool>,
    /// By number of a test text.
    best: Vec<Option<Best<'p>>>,
    /// Runs in common with the training text at hand, by number of a test text; all zero
    /// between two texts.
    n_common: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Best<'p> {
    problem: &'p ProblemId,
    n_common: usize,
    n_grams: usize,
    is_identical: bool,
    /// Of the problem in the training set: the first one wins where all else is equal.
    place: usize,
}

impl Best<'_> {
    fn rank(&self) -> impl Ord + use<> {
        // Of as many common runs, the shorter training text has less beside them.
        let shorter = Reverse(self.n_grams);
        (
            self.n_common,
            self.is_identical,
            shorter,
            Reverse(self.place),
        )
    }

    fn into_match(self, text: &Text<'_>) -> Match {
        Match {
            problem: self.problem.clone(),
            share: share(self.n_common, text.grams.len()),
            similarity: share(
                self.n_common,
                text.grams.len() + self.n_grams - self.n_common,
            ),
            is_identical: self.is_identical,
        }
    }
}

impl<'p> Found<'p> {
    fn new(test: &[Text<'_>], index: &Index) -> Self {
        Self {
            seen: vec![false; index.texts.len()],
            best: vec![None; test.len()],
            n_common: vec![0; test.len()],
        }
    }

    fn add(&mut self, test: &[Text<'_>], index: &Index, text: &Text<'p>, place: usize) {
        let mut touched = Vec::new();
        for id in text.grams.iter().filter_map(|gram| index.ids.get(gram)) {
            self.seen[*id] = true;
            for &number in &index.texts[*id] {
                if self.n_common[number] == 0 {
                    touched.push(number);
                }
                self.n_common[number] += 1;
            }
        }
        for number in touched {
            let best = Best {
                problem: text.problem,
                n_common: std::mem::take(&mut self.n_common[number]),
                n_grams: text.grams.len(),
                is_identical: text.fingerprint == test[number].fingerprint,
                place,
            };
            better(&mut self.best[number], Some(best));
        }
    }

    fn merged(mut self, other: Self) -> Self {
        for (seen, other) in self.seen.iter_mut().zip(other.seen) {
            *seen |= other;
        }
        for (best, other) in self.best.iter_mut().zip(other.best) {
            better(best, other);
        }
        self
    }
}

fn better<'p>(best: &mut Option<Best<'p>>, other: Option<Best<'p>>) {
    if let Some(other) = other
        && best.is_none_or(|best| other.rank() > best.rank())
    {
        *best = Some(other);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of runs of tokens")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(test: &[(&str, &str)], train: &[(&str, &str)], n: usize) -> Vec<TextOverlap> {
        let ids = |texts: &[(&str, &str)]| -> Vec<(ProblemId, String)> {
            let texts = texts.iter();
            texts
                .map(|(id, text)| (ProblemId::new(*id), (*text).to_owned()))
                .collect()
        };
        let (test, train) = (ids(test), ids(train));
        let test: Vec<Text<'_>> = test
            .iter()
            .filter_map(|(id, text)| Text::new(id, text, n))
            .collect();
        let train = train
            .par_iter()
            .map(|(id, text)| Text::new(id, text, n).into_iter().collect());
        search(&test, train)
    }

    #[test]
    fn shares_by_hand() {
        let test = [
            ("a", "one two three four five"),
            ("b", "x y z"),
            ("c", "1 2"),
        ];
        let train = [
            ("s", "zero one two three"),
            ("t", "three four five six seven"),
            ("u", "one two three four nine"),
            ("v", "y z and x y"),
            ("w", "1 2"),
            ("empty", ""),
        ];
        let found = found(&test, &train, 3);
        let best = |i: usize| found[i].best.clone().unwrap();
        // Runs of `a`: 123 234 345. `u` has two of them, of its own three.
        assert_eq!(found[0].n_grams, 3);
        assert_eq!(found[0].in_any, 1.0);
        assert_eq!(best(0).problem.as_str(), "u");
        assert_eq!((best(0).share, best(0).similarity), (2.0 / 3.0, 0.5));
        assert!(!best(0).is_identical);
        // `b` is one run, `xyz`, and no training text has it.
        assert_eq!((found[1].in_any, found[1].best.clone()), (0.0, None));
        // A text shorter than a run is one run.
        assert_eq!(best(2).problem.as_str(), "w");
        assert!(best(2).is_identical);
    }

    #[test]
    fn of_equal_matches_the_closest_and_then_the_first_wins() {
        let test = [("a", "p q r s")];
        let best = |train: &[(&str, &str)]| {
            let found = found(&test, train, 2);
            found[0].best.clone().unwrap().problem.as_str().to_owned()
        };
        assert_eq!(best(&[("s", "p q r s t u"), ("t", "p q r s t")]), "t");
        assert_eq!(best(&[("s", "o p q r s"), ("t", "p q r s t")]), "s");
        assert_eq!(best(&[("s", "p q r s r s"), ("t", "p q r s")]), "t");
    }
}
