//! What test problems have in common with training problems: whether a model that was trained on
//! one dataset meets the other for the first time.
//!
//! Three looks, from whole texts to single lines:
//! - statements, as runs of [`OverlapSettings::statement_n`] words;
//! - reference programs, as runs of [`OverlapSettings::program_n`] tokens without comments;
//! - lines of reference programs, as Figure 7 of CodeRL has it.
//!
//! A test problem *overlaps* when one training statement has most of its statement's runs, or
//! one training program most of the runs of one of its programs. Most is
//! [`OverlapSettings::threshold`]. Runs that occur here and there in many training texts do not
//! make an overlap; their share is given beside it.
//!
//! Runs are compared by hashes of 64 bits. The result does not depend on the number of threads.

mod lines;
mod ngrams;
mod shingles;
mod text;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use lines::LineOverlap;
pub use ngrams::{Match, TextOverlap};
pub use shingles::{mix, shingles, similarity, tokens};

use crate::overlap::lines::duplicated_lines;
use crate::overlap::ngrams::{Text, search};
use crate::overlap::text::{lines, without_comments, words};
use crate::problem::{Difficulty, Problem, ProblemId};

/// What counts as an overlap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverlapSettings {
    /// Words of a run in statements.
    pub statement_n: usize,
    /// Tokens of a run in programs.
    pub program_n: usize,
    /// Share of a text's runs from which on it overlaps, above 0 and at most 1.
    pub threshold: f64,
    /// Lines that occur more often than this among the test programs are not looked up.
    pub max_line_repeats: usize,
}

impl Default for OverlapSettings {
    /// Runs of 8 words and a threshold of 70 % are those of PaLM (Chowdhery et al. 2022,
    /// Appendix). Programs repeat themselves more: `for i in range(n):` alone is a run of 8
    /// tokens.
    fn default() -> Self {
        Self {
            statement_n: 8,
            program_n: 16,
            threshold: 0.7,
            max_line_repeats: 2,
        }
    }
}

/// Test problems beside training problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    pub settings: OverlapSettings,
    pub train: Counts,
    pub test: Counts,
    /// Test problems, in their order.
    pub problems: Vec<ProblemOverlap>,
}

/// What there was to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub n_problems: usize,
    /// Problems with a statement.
    pub n_statements: usize,
    pub n_programs: usize,
}

/// One test problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProblemOverlap {
    pub problem: ProblemId,
    pub difficulty: Option<Difficulty>,
    /// `None` without a statement.
    pub statement: Option<TextOverlap>,
    /// Of the reference program that has most in common with a training program; `None` without
    /// one.
    pub program: Option<TextOverlap>,
    /// Of the first reference program; `None` without one.
    pub lines: Option<LineOverlap>,
}

impl ProblemOverlap {
    pub fn statement_overlaps(&self, settings: &OverlapSettings) -> bool {
        reaches(self.statement.as_ref(), settings)
    }

    pub fn program_overlaps(&self, settings: &OverlapSettings) -> bool {
        reaches(self.program.as_ref(), settings)
    }

    /// Statement or program do.
    pub fn overlaps(&self, settings: &OverlapSettings) -> bool {
        self.statement_overlaps(settings) || self.program_overlaps(settings)
    }
}

fn reaches(overlap: Option<&TextOverlap>, settings: &OverlapSettings) -> bool {
    overlap.is_some_and(|overlap| overlap.best_share() >= settings.threshold)
}

/// Looks for what `test` has in common with `train`.
pub fn overlap(train: &[Problem], test: &[Problem], settings: &OverlapSettings) -> Overlap {
    let statements = statement_overlaps(train, test, settings.statement_n);
    let programs = program_overlaps(train, test, settings.program_n);
    let lines = line_overlaps(train, test, settings.max_line_repeats);
    let problems = test.iter().zip(statements).zip(programs).zip(lines).map(
        |(((problem, statement), program), lines)| ProblemOverlap {
            problem: problem.id.clone(),
            difficulty: problem.difficulty,
            statement,
            program,
            lines,
        },
    );
    Overlap {
        settings: *settings,
        train: Counts::of(train),
        test: Counts::of(test),
        problems: problems.collect(),
    }
}

impl Counts {
    fn of(problems: &[Problem]) -> Self {
        let has_statement = |problem: &&Problem| !problem.statement.trim().is_empty();
        let programs = problems.iter().map(|it| it.reference_solutions.len());
        Self {
            n_problems: problems.len(),
            n_statements: problems.iter().filter(has_statement).count(),
            n_programs: programs.sum(),
        }
    }
}

fn statement_overlaps(train: &[Problem], test: &[Problem], n: usize) -> Vec<Option<TextOverlap>> {
    of_texts(train, test, move |problem| {
        let text = Text::new(&problem.id, &words(&problem.statement), n);
        text.into_iter().collect()
    })
}

fn program_overlaps(train: &[Problem], test: &[Problem], n: usize) -> Vec<Option<TextOverlap>> {
    of_texts(train, test, move |problem| {
        let programs = problem.reference_solutions.iter();
        let text = |program: &String| Text::new(&problem.id, &without_comments(program), n);
        programs.filter_map(text).collect()
    })
}

/// For each test problem that of its texts which has most in common with a training text.
fn of_texts<'p>(
    train: &'p [Problem],
    test: &'p [Problem],
    texts: impl Fn(&'p Problem) -> Vec<Text<'p>> + Send + Sync,
) -> Vec<Option<TextOverlap>> {
    let by_problem: Vec<Vec<Text<'_>>> = test.par_iter().map(&texts).collect();
    let n_texts: Vec<usize> = by_problem.iter().map(Vec::len).collect();
    let all: Vec<Text<'_>> = by_problem.into_iter().flatten().collect();
    let mut found = search(&all, train.par_iter().map(texts)).into_iter();
    let best = |n: usize| {
        // The first of the best; `max_by` would take the last.
        found.by_ref().take(n).reduce(|best, other| {
            if other.best_share() > best.best_share() {
                other
            } else {
                best
            }
        })
    };
    n_texts.into_iter().map(best).collect()
}

fn line_overlaps(
    train: &[Problem],
    test: &[Problem],
    max_repeats: usize,
) -> Vec<Option<LineOverlap>> {
    let lines_of = |program: &String| lines(&without_comments(program));
    let first: Vec<Option<&String>> = test
        .iter()
        .map(|problem| problem.reference_solutions.first())
        .collect();
    let programs: Vec<Vec<String>> = first
        .par_iter()
        .map(|program| program.map(lines_of).unwrap_or_default())
        .collect();
    let train = train
        .par_iter()
        .flat_map(|problem| problem.reference_solutions.par_iter().map(lines_of));
    let found = duplicated_lines(&programs, train, max_repeats);
    let is_there = first.into_iter().map(|program| program.is_some());
    is_there
        .zip(found)
        .map(|(is_there, lines)| is_there.then_some(lines))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::UnitTests;

    fn problem(id: &str, statement: &str, programs: &[&str]) -> Problem {
        let tests = UnitTests::Asserts {
            setup: String::new(),
            tests: crate::problem::TestSet::default(),
            challenge: Vec::new(),
        };
        Problem {
            statement: statement.to_owned(),
            reference_solutions: programs.iter().map(|it| (*it).to_owned()).collect(),
            ..Problem::with_tests(ProblemId::new(id), tests)
        }
    }

    fn sets() -> (Vec<Problem>, Vec<Problem>) {
        let copied = "def add(a, b):\n    # sums\n    total = a + b\n    return total\n";
        let train = vec![
            problem(
                "t/other",
                "Count the words of a long line and print them.",
                &["print(len(input().split()))"],
            ),
            problem(
                "t/copy",
                "Write a function that adds two given numbers, and return it.",
                &["def other():\n    pass\n", copied],
            ),
        ];
        let test = vec![
            problem(
                "e/statement",
                "Write a function that adds two given numbers and RETURN it!",
                &["def plus(x, y): return x + y"],
            ),
            problem(
                "e/program",
                "Something that nobody has asked for in that way before.",
                &[
                    "import math\n",
                    &copied.replace("# sums", "").replace("  ", "\t"),
                ],
            ),
            problem("e/empty", "", &[]),
        ];
        (train, test)
    }

    #[test]
    fn copies_are_found_by_statement_and_by_program() {
        let (train, test) = sets();
        let settings = OverlapSettings::default();
        let overlap = overlap(&train, &test, &settings);
        let [statement, program, empty] = overlap.problems.as_slice() else {
            panic!("three test problems: {overlap:?}");
        };
        let best = statement.statement.clone().unwrap().best.unwrap();
        assert_eq!((best.problem.as_str(), best.share), ("t/copy", 1.0));
        assert!(best.is_identical, "but for case and signs");
        assert!(statement.overlaps(&settings) && !statement.program_overlaps(&settings));
        let best = program.program.clone().unwrap().best.unwrap();
        assert_eq!((best.problem.as_str(), best.is_identical), ("t/copy", true));
        assert!(program.overlaps(&settings) && !program.statement_overlaps(&settings));
        assert_eq!(
            (&empty.statement, &empty.program, empty.lines),
            (&None, &None, None)
        );
        assert!(!empty.overlaps(&settings));
        assert_eq!(overlap.test.n_statements, 2);
        assert_eq!((overlap.train.n_programs, overlap.test.n_programs), (3, 3));
    }

    #[test]
    fn lines_are_those_of_the_first_program() {
        let (train, mut test) = sets();
        test[1].reference_solutions.remove(0);
        let overlap = overlap(&train, &test, &OverlapSettings::default());
        let lines = overlap.problems[1].lines.unwrap();
        assert_eq!((lines.n_lines, lines.n_duplicated), (3, 3));
        assert_eq!(lines.longest_run, 3);
        assert_eq!(overlap.problems[0].lines.unwrap().n_duplicated, 0);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (mut train, test) = sets();
        for i in 0..40 {
            let mut again = train[i % 2].clone();
            again.id = ProblemId::new(format!("t/again-{i}"));
            train.push(again);
        }
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap();
            pool.install(|| overlap(&train, &test, &OverlapSettings::default()))
        };
        assert_eq!(with_threads(1), with_threads(4));
    }
}
