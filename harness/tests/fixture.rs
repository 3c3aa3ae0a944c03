//! Problems, candidates and a judge whose answers depend on nothing but its work.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use harness::candidate::{Candidate, CandidateId, Code, Provenance};
use harness::config::Selection;
use harness::contract::PluginError;
use harness::execution::Limits;
use harness::judge::{JudgeOptions, Judged, WhichTests};
use harness::problem::{
    Difficulty, Problem, ProblemId, SkippedProblem, Split, StdinTest, TestSet, UnitTests,
};
use harness::runner::{Listener, Score, ScoreSummary, Work, score};
use harness::store::{
    DatasetRecord, GenerationRecord, JUDGE_FINGERPRINT, JudgingRecord, KeyContext, Manifest,
    ProblemSummary, RunDirectory, SourceRecord, VerdictCache,
};
use harness::verdict::{Cause, Grader, Judgement, Outcome, TestResult};

pub(crate) const BOTH: [Grader; 2] = [Grader::Strict, Grader::Apps2021];

pub(crate) fn problem(index: usize) -> Problem {
    Problem {
        id: ProblemId::new(format!("toy/{index}")),
        split: Some(if index.is_multiple_of(2) {
            Split::Test
        } else {
            Split::Train
        }),
        difficulty: Some(Difficulty::ALL[index % 3]),
        statement: "Print the sum.".to_owned(),
        starter_code: None,
        completion_prefix: None,
        reference_solutions: Vec::new(),
        tests: UnitTests::StandardInput {
            tests: TestSet {
                example: Vec::new(),
                hidden: vec![StdinTest {
                    input: format!("{index} 1\n"),
                    expected: format!("{}\n", index + 1),
                }],
            },
        },
        url: None,
    }
}

pub(crate) fn problems(n: usize) -> Vec<Problem> {
    (0..n).map(problem).collect()
}

pub(crate) fn candidate(problem: &Problem, index: u32, program: &str) -> Candidate {
    Candidate {
        id: CandidateId {
            problem: problem.id.clone(),
            index,
        },
        code: Code::Program(program.to_owned()),
        provenance: Provenance {
            backend: "fixture".to_owned(),
            ..Provenance::default()
        },
    }
}

pub(crate) fn skipped_rows() -> Vec<SkippedProblem> {
    ["no tests", "no statement"]
        .map(|reason| SkippedProblem {
            id: "toy.jsonl row 9".to_owned(),
            reason: reason.to_owned(),
        })
        .to_vec()
}

/// `n` different programs for each problem.
pub(crate) fn candidates(problems: &[Problem], n: u32) -> Vec<Candidate> {
    problems
        .iter()
        .flat_map(|problem| {
            (0..n).map(|index| {
                candidate(problem, index, &format!("# {}\nprint({index})", problem.id))
            })
        })
        .collect()
}

pub(crate) fn manifest() -> Manifest {
    let mut manifest = Manifest::new(
        "0.1.0",
        BTreeMap::new(),
        DatasetRecord {
            name: "toy".to_owned(),
            path: Some("toy.jsonl".to_owned()),
            sha256: "00".repeat(32),
            n_problems: 4,
            n_skipped: 0,
            n_selected: 4,
            selection: Selection::default(),
            excluded: None,
        },
    );
    manifest.generation = Some(GenerationRecord {
        backend: "replay".to_owned(),
        sources: vec![SourceRecord {
            path: "samples.jsonl".to_owned(),
            sha256: "11".repeat(32),
        }],
        n_samples: None,
        seed: 0,
        temperature: None,
        top_p: None,
        model: None,
        strategy: None,
    });
    manifest.judging = Some(JudgingRecord {
        graders: BOTH.to_vec(),
        limits: Limits::default(),
        options: JudgeOptions::default(),
        guest: "guest 1".to_owned(),
        guest_with_packages: None,
        judge: JUDGE_FINGERPRINT.to_owned(),
    });
    // The only part that differs from run to run.
    manifest.created = "2024-01-01T00:00:00Z".to_owned();
    manifest
}

pub(crate) fn context() -> KeyContext {
    KeyContext {
        options: JudgeOptions::default(),
        limits: Limits::default(),
        guest: "guest 1".to_owned(),
        guest_with_packages: None,
    }
}

/// A number that depends on the work alone.
pub(crate) fn number(work: &Work<'_>) -> u64 {
    let text = format!("{} {}", work.program(), work.grader);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) >> 16
}

/// Passes about half of the work.
#[expect(clippy::unnecessary_wraps, reason = "what the runner calls may fail")]
pub(crate) fn verdict_of(work: &Work<'_>) -> Result<Judged, PluginError> {
    let number = number(work);
    let cause = (!number.is_multiple_of(2)).then_some(Cause::TimeLimit);
    Ok(Judged {
        judgement: Judgement::Judged {
            outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
            cause: cause.clone(),
            tests: vec![TestResult {
                cause,
                ..TestResult::default()
            }],
            n_tests: 1,
        },
        fuel: number,
    })
}

/// One call of the runner, with the usual settings.
pub(crate) struct Scoring<'a> {
    pub(crate) problems: &'a [Problem],
    pub(crate) candidates: &'a [Candidate],
    pub(crate) workers: usize,
    pub(crate) cache: Option<&'a VerdictCache>,
    pub(crate) retry_infrastructure: bool,
    pub(crate) cancel: &'a AtomicBool,
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl<'a> Scoring<'a> {
    pub(crate) fn new(problems: &'a [Problem], candidates: &'a [Candidate]) -> Self {
        Self {
            problems,
            candidates,
            workers: 3,
            cache: None,
            retry_infrastructure: false,
            cancel: &NEVER,
        }
    }

    /// Runs all stages in `path`.
    pub(crate) fn run(
        &self,
        path: &Path,
        judge: impl Fn(&Work<'_>) -> Result<Judged, PluginError> + Sync,
        listener: &mut dyn Listener,
    ) -> Result<ScoreSummary, harness::Error> {
        let run = RunDirectory::create_or_resume(path, manifest())?;
        let mut summaries = run.problems()?;
        for problem in self.problems {
            summaries.append(&ProblemSummary::from(problem))?;
        }
        summaries.finish()?;
        let mut skipped = run.skipped()?;
        skipped.append_all(&skipped_rows())?;
        skipped.finish()?;
        let mut stored = run.candidates()?;
        stored.append_all(self.candidates)?;
        stored.finish()?;
        score(
            &Score {
                problems: self.problems,
                candidates: self.candidates,
                graders: &BOTH,
                tests: WhichTests::Hidden,
                context: &context(),
                cache: self.cache,
                workers: NonZeroUsize::new(self.workers).unwrap(),
                retry_infrastructure: self.retry_infrastructure,
                cancel: self.cancel,
            },
            judge,
            &mut run.verdicts(WhichTests::Hidden)?,
            &mut run.events()?,
            listener,
        )
    }
}

/// Name and content of every file in a directory but the lock.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let content = std::fs::read(entry.path()).unwrap();
            (name, content)
        })
        .filter(|(name, _)| name != "run.lock")
        .collect()
}

#[track_caller]
pub(crate) fn assert_same_files(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(
        a.keys().collect::<Vec<_>>(),
        b.keys().collect::<Vec<_>>(),
        "names of files"
    );
    for (name, content) in &a {
        assert!(
            *content == b[name],
            "`{name}` differs: {} and {} bytes",
            content.len(),
            b[name].len()
        );
    }
}
