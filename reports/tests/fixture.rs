//! Records of runs that never took place.

use harness::candidate::CandidateId;
use harness::metric::{Bootstrap, CandidateTally, Flip, NAtK, ProblemTally, UnjudgedPolicy};
use harness::problem::{Difficulty, ProblemId, SkippedProblem, Split};
use harness::verdict::{Grader, Outcome};
use reports::{Judging, ReportInput};

/// How a run is made up.
pub(crate) struct Shape {
    pub(crate) levels: Vec<(Option<Difficulty>, u32)>,
    pub(crate) n_candidates: u32,
    pub(crate) ks: Vec<u32>,
    /// Every how manieth candidate has no verdict.
    pub(crate) unjudged_every: Option<u32>,
    pub(crate) unjudged: UnjudgedPolicy,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            levels: vec![
                (Some(Difficulty::Introductory), 8),
                (Some(Difficulty::Interview), 10),
                (Some(Difficulty::Competition), 6),
            ],
            n_candidates: 10,
            ks: vec![1, 5, 10],
            unjudged_every: None,
            unjudged: UnjudgedPolicy::default(),
        }
    }
}

pub(crate) fn tallies(shape: &Shape, generosity: u32) -> Vec<ProblemTally> {
    let mut tallies = Vec::new();
    for (difficulty, n_problems) in &shape.levels {
        let level = difficulty.map_or(1, |d| d as u32);
        for problem in 0..*n_problems {
            let candidates = (0..shape.n_candidates)
                .map(|index| {
                    // Scattered, but the same for good.
                    let dice = (problem * 7919 + index * 104_729 + level * 1299) % 101;
                    let is_unjudged = shape.unjudged_every.is_some_and(|every| {
                        (problem * shape.n_candidates + index) % every == every - 1
                    });
                    candidate(index, dice, problem, level, generosity, is_unjudged)
                })
                .collect();
            let name = difficulty.map_or("any", |d| d.name());
            tallies.push(ProblemTally {
                problem: ProblemId::new(format!("{name}/{problem:04}")),
                difficulty: *difficulty,
                split: Some(Split::Test),
                unjudged: shape.unjudged,
                candidates,
            });
        }
    }
    tallies
}

fn candidate(
    index: u32,
    dice: u32,
    problem: u32,
    level: u32,
    generosity: u32,
    is_unjudged: bool,
) -> CandidateTally {
    let chance = (70 / (level + 1) / (problem % 4 + 1)).saturating_sub(8) + generosity;
    let (outcome, cause) = match dice {
        _ if is_unjudged => (None, Some("unsupported: numpy")),
        dice if dice < chance => (Some(Outcome::PassedTests), None),
        dice if dice < 60 => (Some(Outcome::FailedTests), Some("wrong answer")),
        dice if dice < 75 => (Some(Outcome::RuntimeError), Some("IndexError")),
        dice if dice < 90 => (Some(Outcome::RuntimeError), Some("time limit")),
        _ => (Some(Outcome::CompileError), Some("SyntaxError")),
    };
    let passed = outcome == Some(Outcome::PassedTests);
    CandidateTally {
        index,
        outcome,
        cause_label: cause.map(str::to_owned),
        passed_examples: outcome.map(|_| passed || dice.is_multiple_of(5)),
        tests_passed: outcome.map(|_| if passed { (4, 4) } else { (dice % 4, 4) }),
        passed_in_place: false,
    }
}

pub(crate) fn flip(problem: &str, index: u32, before: Outcome, after: Outcome, rule: &str) -> Flip {
    Flip {
        candidate: CandidateId {
            problem: ProblemId::new(problem),
            index,
        },
        strict_outcome: Some(before),
        apps_2021_outcome: Some(after),
        rule: (!rule.is_empty()).then(|| rule.to_owned()),
        detail: "strict: wrong answer, expected `1 | 2`, got `2 1`; apps-2021: passed".to_owned(),
    }
}

pub(crate) fn flips() -> Vec<Flip> {
    use Outcome::{CompileError, FailedTests, PassedTests, RuntimeError};
    let mut flips = Vec::new();
    for i in 0..9 {
        flips.push(flip(
            "interview/0001",
            i,
            FailedTests,
            PassedTests,
            "token-sets",
        ));
    }
    for i in 0..4 {
        flips.push(flip(
            "interview/0002",
            i,
            FailedTests,
            PassedTests,
            "float-close",
        ));
    }
    flips.push(flip("introductory/0003", 1, PassedTests, FailedTests, ""));
    flips.push(flip("introductory/0003", 2, RuntimeError, CompileError, ""));
    flips
}

/// A run of the given shape under both graders.
pub(crate) fn input(shape: &Shape) -> ReportInput {
    ReportInput {
        title: "replay on APPS (test, 24 problems)".to_owned(),
        settings: vec![
            ("dataset".to_owned(), "`apps`, sha256 `0123abcd`".to_owned()),
            ("guest".to_owned(), "`cpython-3.14`".to_owned()),
            (
                "limits".to_owned(),
                "4 reference seconds, 512 MiB".to_owned(),
            ),
            ("backend".to_owned(), "`replay`, `codes_*.json`".to_owned()),
            ("n".to_owned(), shape.n_candidates.to_string()),
            ("seed".to_owned(), "7".to_owned()),
        ],
        ks: shape.ks.clone(),
        n_at_ks: vec![NAtK { n: 1, k: 5 }],
        bootstrap: Bootstrap {
            seed: 7,
            n_resamples: 500,
            ..Bootstrap::default()
        },
        judgings: vec![
            Judging {
                grader: Grader::Strict,
                tallies: tallies(shape, 0),
            },
            Judging {
                grader: Grader::Apps2021,
                tallies: tallies(shape, 6),
            },
        ],
        flips: Some(flips()),
        skipped: vec![SkippedProblem {
            id: "apps/test/4242".to_owned(),
            reason: "`input_output.json`: no tests".to_owned(),
        }],
        strategy: Vec::new(),
    }
}
