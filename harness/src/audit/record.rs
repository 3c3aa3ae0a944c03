//! One problem's record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::needs::Need;
use crate::problem::{Difficulty, ProblemId, Split};
use crate::store::Record;
use crate::verdict::{Grader, Judgement, Outcome};

/// What is known of a problem once its reference solutions were judged. One line of the
/// audit file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub problem: ProblemId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Difficulty>,
    pub solvable: Solvable,
    /// Hidden tests.
    pub n_tests: usize,
    /// Different reference programs.
    pub n_references: usize,
    pub tests: TestsState,
    /// `strict` first; `apps-2021` only where its verdicts can differ.
    pub graders: Vec<GraderAudit>,
    /// Number of references that need something special.
    pub needs: BTreeMap<Need, usize>,
    /// Everything that references asked for and the guest does not have, sorted.
    pub unsupported: Vec<String>,
    /// `None` where no reference passes `strict`.
    pub fuel: Option<FuelUse>,
    /// Present where several answers to one test seem to be right.
    pub several_answers: Option<SeveralAnswers>,
    /// References that could not be judged for trouble of the machine; the next call tries
    /// them again.
    pub n_infrastructure: usize,
    /// Digest of the hidden tests.
    pub tests_sha256: String,
    /// Digest of everything that the record depends on: tests, references, statement, limits,
    /// guest, judge.
    pub basis_sha256: String,
}

/// Whether some reference passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solvable {
    /// Under at least one grader.
    Yes,
    /// References were judged, and none passes under any grader.
    No,
    /// There are no references, or none could be judged.
    Unknown,
}

/// Whether the tests can decide anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestsState {
    Sound,
    /// There are none.
    Empty,
    /// Some input is there twice with different expected results, and no reference passes.
    Contradictory,
}

/// References by what one grader made of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraderAudit {
    pub grader: Grader,
    pub passed: usize,
    pub failed_tests: usize,
    pub runtime_error: usize,
    pub compile_error: usize,
    pub unjudged: usize,
    /// Why references do not pass, or are not judged, with their number.
    pub causes: BTreeMap<String, usize>,
}

/// Fuel of single steps (a test, a call, loading a program; a time limit is one step's) over
/// all references that pass `strict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FuelUse {
    pub n_steps: usize,
    /// 99th percentile, nearest rank.
    pub p99: u64,
    pub max: u64,
}

/// Why several answers are suspected: both have to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeveralAnswers {
    /// Words of the statement, one of a fixed list.
    pub phrase: String,
    pub evidence: Evidence,
}

/// How references show that answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Some pass, and others fail by a wrong answer.
    SomePass,
    /// None passes, and two give different wrong answers to the same test.
    Disagree,
}

impl GraderAudit {
    pub(super) fn new(grader: Grader) -> Self {
        Self {
            grader,
            passed: 0,
            failed_tests: 0,
            runtime_error: 0,
            compile_error: 0,
            unjudged: 0,
            causes: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, judgement: &Judgement) {
        *match judgement.outcome() {
            Some(Outcome::PassedTests) => &mut self.passed,
            Some(Outcome::FailedTests) => &mut self.failed_tests,
            Some(Outcome::RuntimeError) => &mut self.runtime_error,
            Some(Outcome::CompileError) => &mut self.compile_error,
            None => &mut self.unjudged,
        } += 1;
        let cause = match judgement {
            Judgement::Judged { cause, .. } => cause.as_ref().map(|cause| cause.label().to_owned()),
            Judgement::Unjudged { reason } => Some(reason.to_string()),
        };
        if let Some(cause) = cause {
            *self.causes.entry(cause).or_default() += 1;
        }
    }

    pub fn n_judged(&self) -> usize {
        self.passed + self.failed_tests + self.runtime_error + self.compile_error
    }
}

impl AuditRecord {
    /// What `grader` made of the references. Where the graders cannot differ, `strict` stands
    /// for both.
    pub fn of(&self, grader: Grader) -> Option<&GraderAudit> {
        let find = |wanted| self.graders.iter().find(|audit| audit.grader == wanted);
        find(grader).or_else(|| find(Grader::Strict))
    }

    /// Whether a verdict of `graders` on this problem says nothing about a candidate: there
    /// are no tests, they contradict each other, or the dataset's own solutions fail them
    /// under each of the graders. What is not known is not broken.
    pub fn is_broken(&self, graders: &[Grader]) -> bool {
        let fails = |grader: &Grader| {
            self.of(*grader)
                .is_some_and(|audit| audit.passed == 0 && audit.n_judged() > 0)
        };
        self.tests != TestsState::Sound || (!graders.is_empty() && graders.iter().all(fails))
    }
}

impl FuelUse {
    /// `None` of no steps.
    pub(super) fn of(mut steps: Vec<u64>) -> Option<Self> {
        steps.sort_unstable();
        let max = *steps.last()?;
        let rank = (steps.len() * 99).div_ceil(100);
        Some(Self {
            n_steps: steps.len(),
            p99: steps[rank - 1],
            max,
        })
    }
}

impl Record for AuditRecord {
    type Id = ProblemId;

    fn id(&self) -> ProblemId {
        self.problem.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_by_nearest_rank() {
        let check = |n: u64, p99: u64| {
            let fuel = FuelUse::of((1..=n).rev().collect()).unwrap();
            assert_eq!((fuel.p99, fuel.max), (p99, n), "{n} steps");
        };
        check(1, 1);
        check(99, 99);
        check(100, 99);
        check(1000, 990);
        assert_eq!(FuelUse::of(Vec::new()), None);
    }

    #[test]
    fn broken_is_what_none_of_the_graders_lets_pass() {
        let audit = |grader, passed, failed_tests, unjudged| GraderAudit {
            passed,
            failed_tests,
            unjudged,
            ..GraderAudit::new(grader)
        };
        let check = |graders: Vec<GraderAudit>, tests, asked: &[Grader], broken: bool| {
            let record = AuditRecord {
                problem: ProblemId::new("p"),
                split: None,
                difficulty: None,
                solvable: Solvable::Unknown,
                n_tests: 1,
                n_references: 1,
                tests,
                graders,
                needs: BTreeMap::new(),
                unsupported: Vec::new(),
                fuel: None,
                several_answers: None,
                n_infrastructure: 0,
                tests_sha256: String::new(),
                basis_sha256: String::new(),
            };
            assert_eq!(record.is_broken(asked), broken, "{record:?} {asked:?}");
        };
        use Grader::{Apps2021, Strict};
        let lenient = || vec![audit(Strict, 0, 2, 0), audit(Apps2021, 1, 1, 0)];
        check(lenient(), TestsState::Sound, &[Strict], true);
        check(lenient(), TestsState::Sound, &[Apps2021], false);
        check(lenient(), TestsState::Sound, &[Strict, Apps2021], false);
        check(lenient(), TestsState::Empty, &[Apps2021], true);
        let strict_alone = || vec![audit(Strict, 0, 1, 0)];
        check(strict_alone(), TestsState::Sound, &[Apps2021], true);
        let unjudged = || vec![audit(Strict, 0, 0, 3)];
        check(unjudged(), TestsState::Sound, &[Strict], false);
        check(Vec::new(), TestsState::Sound, &[Strict], false);
    }
}
