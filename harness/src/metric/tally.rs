//! What became of the candidates of each problem, reduced to what metrics read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::metric::score::UnjudgedPolicy;
use crate::problem::{Difficulty, ProblemId, Split};
use crate::store::ProblemSummary;
use crate::verdict::{Grader, Judgement, Outcome, TestResult, Verdict};

/// All recorded candidates of one problem, as one grader saw them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemTally {
    pub problem: ProblemId,
    pub difficulty: Option<Difficulty>,
    pub split: Option<Split>,
    /// How metrics take the candidates without an outcome.
    #[serde(default)]
    pub unjudged: UnjudgedPolicy,
    /// In candidate order. Recorded candidates without a verdict are here too.
    pub candidates: Vec<CandidateTally>,
}

/// One recorded candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateTally {
    /// Position among the candidates of the problem.
    pub index: u32,
    /// `None` when the candidate was not judged.
    pub outcome: Option<Outcome>,
    /// Why it did not pass, or why it was not judged: a short name for tables.
    pub cause_label: Option<String>,
    /// Whether it passed every test shown in the statement; `None` when that is not known.
    pub passed_examples: Option<bool>,
    /// Hidden tests passed, and hidden tests there are. `None` when judging stopped before
    /// the last test, so that the number passed is not known.
    pub tests_passed: Option<(u32, u32)>,
    /// Whether it passed a test that ran in its own interpreter, which a program can forge
    /// ([`TestResult::in_place`](crate::verdict::TestResult::in_place)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_in_place: bool,
}

impl CandidateTally {
    pub fn passed(&self) -> bool {
        self.outcome == Some(Outcome::PassedTests)
    }
}

impl ProblemTally {
    /// Candidates on record, judged or not.
    pub fn n_recorded(&self) -> u32 {
        count(self.candidates.len())
    }

    /// Candidates with an outcome.
    pub fn n_judged(&self) -> u32 {
        count(self.judged().count())
    }

    pub fn n_unjudged(&self) -> u32 {
        self.n_recorded() - self.n_judged()
    }

    /// Candidates that passed every hidden test.
    pub fn n_passed(&self) -> u32 {
        count(self.candidates.iter().filter(|c| c.passed()).count())
    }

    /// Candidates with an outcome, in candidate order.
    pub fn judged(&self) -> impl Iterator<Item = &CandidateTally> {
        self.candidates.iter().filter(|c| c.outcome.is_some())
    }
}

/// Number of items as the type in which candidates are counted.
pub(super) fn count(items: usize) -> u32 {
    u32::try_from(items).expect("candidates of a problem are indexed by u32")
}

/// Records of a run that [`tally`] reads.
#[derive(Clone, Copy, Debug)]
pub struct TallyInput<'a> {
    /// The problems that the run set out to solve. Those without a candidate stay in the
    /// result, so that no metric silently loses them.
    pub problems: &'a [ProblemSummary],
    /// Every recorded candidate, judged or not, in any order.
    pub recorded: &'a [CandidateId],
    /// Verdicts in any order; those of other graders are ignored.
    pub verdicts: &'a [Verdict],
    pub grader: Grader,
    /// Whether a candidate passed the tests shown in the statement, where that was tried.
    /// A problem that shows no tests lets every judged candidate through.
    pub passed_examples: &'a BTreeMap<CandidateId, bool>,
    pub unjudged: UnjudgedPolicy,
}

/// Records that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TallyError {
    #[error("candidate `{0}` belongs to no problem of this run; check the dataset and `--ids`")]
    UnknownProblem(CandidateId),
    #[error("problem `{0}` is listed twice")]
    RepeatedProblem(ProblemId),
    #[error("candidate `{0}` is recorded twice")]
    RepeatedCandidate(CandidateId),
    #[error("verdict for `{0}`, which is not among the recorded candidates")]
    UnrecordedCandidate(CandidateId),
    #[error("two `{1}` verdicts for candidate `{0}`")]
    RepeatedVerdict(CandidateId, Grader),
}

/// Gathers the records of a run by problem, in the order of `problems`.
///
/// The order of candidates and verdicts does not matter.
///
/// # Errors
/// When the records contradict each other; nothing is dropped or merged.
pub fn tally(input: &TallyInput<'_>) -> Result<Vec<ProblemTally>, TallyError> {
    let mut by_problem: BTreeMap<&ProblemId, BTreeMap<u32, Option<&Verdict>>> = BTreeMap::new();
    for problem in input.problems {
        if by_problem.insert(&problem.id, BTreeMap::new()).is_some() {
            return Err(TallyError::RepeatedProblem(problem.id.clone()));
        }
    }
    for id in input.recorded {
        let candidates = by_problem
            .get_mut(&id.problem)
            .ok_or_else(|| TallyError::UnknownProblem(id.clone()))?;
        if candidates.insert(id.index, None).is_some() {
            return Err(TallyError::RepeatedCandidate(id.clone()));
        }
    }
    for verdict in input.verdicts.iter().filter(|v| v.grader == input.grader) {
        let id = &verdict.candidate;
        let slot = by_problem
            .get_mut(&id.problem)
            .ok_or_else(|| TallyError::UnknownProblem(id.clone()))?
            .get_mut(&id.index)
            .ok_or_else(|| TallyError::UnrecordedCandidate(id.clone()))?;
        if slot.replace(verdict).is_some() {
            return Err(TallyError::RepeatedVerdict(id.clone(), input.grader));
        }
    }

    let tally_problem = |problem: &ProblemSummary| ProblemTally {
        problem: problem.id.clone(),
        difficulty: problem.difficulty,
        split: problem.split,
        unjudged: input.unjudged,
        candidates: by_problem[&problem.id]
            .iter()
            .map(|(&index, verdict)| {
                let id = CandidateId {
                    problem: problem.id.clone(),
                    index,
                };
                let passed_examples = input.passed_examples.get(&id).copied();
                tally_candidate(problem, index, *verdict, passed_examples)
            })
            .collect(),
    };
    Ok(input.problems.iter().map(tally_problem).collect())
}

fn tally_candidate(
    problem: &ProblemSummary,
    index: u32,
    verdict: Option<&Verdict>,
    passed_examples: Option<bool>,
) -> CandidateTally {
    let judgement = verdict.map(|v| &v.judgement);
    let outcome = judgement.and_then(Judgement::outcome);
    CandidateTally {
        index,
        outcome,
        cause_label: match judgement {
            Some(Judgement::Judged { cause, .. }) => cause.as_ref().map(|c| c.label().to_owned()),
            Some(Judgement::Unjudged { reason }) => Some(reason.to_string()),
            None => Some("no verdict on record".to_owned()),
        },
        passed_examples: passed_examples
            .or_else(|| (outcome.is_some() && problem.n_example_tests == 0).then_some(true)),
        tests_passed: judgement.and_then(tests_passed),
        passed_in_place: judgement.is_some_and(passed_in_place),
    }
}

fn passed_in_place(judgement: &Judgement) -> bool {
    match judgement {
        Judgement::Judged { outcome, tests, .. } => {
            *outcome == Outcome::PassedTests && tests.iter().any(|test| test.in_place)
        }
        Judgement::Unjudged { .. } => false,
    }
}

/// Tests passed and tests there are, where each test is known to have passed or not.
fn tests_passed(judgement: &Judgement) -> Option<(u32, u32)> {
    let Judgement::Judged {
        outcome,
        tests,
        n_tests,
        ..
    } = judgement
    else {
        return None;
    };
    match outcome {
        Outcome::PassedTests => Some((*n_tests, *n_tests)),
        // Nothing could run, whether or not that is written down for each test.
        Outcome::CompileError => Some((0, *n_tests)),
        Outcome::RuntimeError | Outcome::FailedTests => {
            let passed = |test: &&TestResult| test.outcome() == Outcome::PassedTests;
            (count(tests.len()) == *n_tests)
                .then(|| (count(tests.iter().filter(passed).count()), *n_tests))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Cause, TestResult, Unjudged};

    fn problem(id: &str, n_example_tests: usize) -> ProblemSummary {
        ProblemSummary {
            id: ProblemId::new(id),
            split: Some(Split::Test),
            difficulty: Some(Difficulty::Interview),
            n_hidden_tests: 3,
            n_example_tests,
        }
    }

    fn id(problem: &str, index: u32) -> CandidateId {
        CandidateId {
            problem: ProblemId::new(problem),
            index,
        }
    }

    fn verdict(problem: &str, index: u32, judgement: Judgement) -> Verdict {
        Verdict {
            candidate: id(problem, index),
            grader: Grader::Strict,
            judgement,
            fuel: 0,
        }
    }

    fn judged(cause: Option<Cause>, tests: Vec<Option<Cause>>) -> Judgement {
        Judgement::Judged {
            outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
            cause,
            tests: tests
                .into_iter()
                .map(|cause| TestResult {
                    cause,
                    ..TestResult::default()
                })
                .collect(),
            n_tests: 3,
        }
    }

    fn run(
        problems: &[ProblemSummary],
        recorded: &[CandidateId],
        verdicts: &[Verdict],
    ) -> Result<Vec<ProblemTally>, TallyError> {
        tally(&TallyInput {
            problems,
            recorded,
            verdicts,
            grader: Grader::Strict,
            passed_examples: &BTreeMap::from([(id("p", 0), true)]),
            unjudged: UnjudgedPolicy::default(),
        })
    }

    #[test]
    fn gathers_by_problem_whatever_the_order() {
        let wrong = Cause::WrongAnswer { detail: None };
        let problems = [problem("q", 0), problem("p", 1)];
        let mut recorded = vec![id("p", 1), id("q", 0), id("p", 0), id("p", 2), id("q", 7)];
        let mut verdicts = vec![
            verdict("p", 2, judged(None, vec![None; 3])),
            verdict(
                "p",
                0,
                judged(Some(wrong.clone()), vec![None, Some(wrong.clone())]),
            ),
            verdict(
                "q",
                0,
                judged(
                    Some(Cause::TimeLimit),
                    vec![None, Some(Cause::TimeLimit), None],
                ),
            ),
            verdict(
                "p",
                1,
                Judgement::Unjudged {
                    reason: Unjudged::NoTests,
                },
            ),
        ];
        let mut other = verdict("p", 0, judged(None, vec![]));
        other.grader = Grader::Apps2021;
        verdicts.push(other);

        let tallies = run(&problems, &recorded, &verdicts).unwrap();
        let [q, p] = tallies.as_slice() else {
            panic!("two problems in the order given: {tallies:?}");
        };
        assert_eq!((q.n_recorded(), q.n_judged(), q.n_passed()), (2, 1, 0));
        assert_eq!((p.n_recorded(), p.n_judged(), p.n_passed()), (3, 2, 1));
        assert_eq!(
            p.candidates[0],
            CandidateTally {
                index: 0,
                outcome: Some(Outcome::FailedTests),
                cause_label: Some("wrong answer".into()),
                passed_examples: Some(true),
                tests_passed: None, // stopped after the second of three
                passed_in_place: false,
            }
        );
        assert_eq!(p.candidates[1].cause_label.as_deref(), Some("no tests"));
        assert_eq!(
            p.candidates[2].passed_examples, None,
            "shows a test that was not tried"
        );
        assert_eq!(p.candidates[2].tests_passed, Some((3, 3)));
        assert_eq!(q.candidates[0].tests_passed, Some((2, 3)));
        assert_eq!(
            q.candidates[0].passed_examples,
            Some(true),
            "no tests shown: nothing to fail"
        );
        assert_eq!(q.candidates[1].index, 7);
        assert_eq!(
            q.candidates[1].cause_label.as_deref(),
            Some("no verdict on record")
        );

        recorded.reverse();
        verdicts.reverse();
        assert_eq!(run(&problems, &recorded, &verdicts).unwrap(), tallies);
    }

    #[test]
    fn a_compile_error_passes_no_test() {
        let cause = Cause::NotLoaded {
            detail: String::new(),
        };
        let tallies = run(
            &[problem("p", 0)],
            &[id("p", 0)],
            &[verdict("p", 0, judged(Some(cause), vec![]))],
        )
        .unwrap();
        assert_eq!(tallies[0].candidates[0].tests_passed, Some((0, 3)));
    }

    #[test]
    fn contradictions_are_errors() {
        let problems = [problem("p", 0)];
        let passed = |index| verdict("p", index, judged(None, vec![None; 3]));
        let check = |recorded: &[CandidateId], verdicts: &[Verdict], expected: TallyError| {
            assert_eq!(run(&problems, recorded, verdicts), Err(expected));
        };
        check(&[id("x", 0)], &[], TallyError::UnknownProblem(id("x", 0)));
        check(
            &[id("p", 0), id("p", 0)],
            &[],
            TallyError::RepeatedCandidate(id("p", 0)),
        );
        check(
            &[],
            &[passed(4)],
            TallyError::UnrecordedCandidate(id("p", 4)),
        );
        check(
            &[id("p", 0)],
            &[passed(0), passed(0)],
            TallyError::RepeatedVerdict(id("p", 0), Grader::Strict),
        );
        assert_eq!(
            run(&[problem("p", 0), problem("p", 0)], &[], &[]),
            Err(TallyError::RepeatedProblem(ProblemId::new("p")))
        );
    }

    #[test]
    fn what_passed_in_place_is_known() {
        let judged = |outcome, in_place| Judgement::Judged {
            outcome,
            cause: None,
            tests: vec![
                TestResult::default(),
                TestResult {
                    in_place,
                    ..TestResult::default()
                },
            ],
            n_tests: 2,
        };
        assert!(passed_in_place(&judged(Outcome::PassedTests, true)));
        assert!(!passed_in_place(&judged(Outcome::PassedTests, false)));
        assert!(!passed_in_place(&judged(Outcome::FailedTests, true)));
    }
}
