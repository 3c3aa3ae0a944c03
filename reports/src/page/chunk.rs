//! One problem and its candidates as the page's script reads them.

use std::collections::BTreeMap;

use harness::candidate::{Candidate, CandidateId, Code};
use harness::execution::{Exception, Limits};
use harness::store::{ProblemText, TestText};
use harness::training::{CriticScore, Origin, softmax};
use harness::verdict::{Cause, Grader, Judgement, Outcome, TestResult, Verdict};
use serde::Serialize;

/// Longest program that is shown, in characters.
const PROGRAM_CHARS: usize = 20_000;
/// Tokens of a program whose values are shown at most.
const MOST_TOKENS: usize = 4_096;

/// Everything about a problem.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk {
    statement: Option<String>,
    starter_code: Option<String>,
    url: Option<String>,
    /// In the order of the page.
    runs: Vec<ChunkRun>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChunkRun {
    /// Each text once: many candidates are equal.
    programs: Vec<Program>,
    /// Tests that a candidate failed first, by position from 0.
    tests: BTreeMap<u32, TestText>,
    candidates: Vec<ChunkCandidate>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Program {
    text: String,
    /// Characters that were left out.
    n_left_out: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChunkCandidate {
    index: u32,
    program: usize,
    /// How it was made, for people.
    facts: Vec<(&'static str, String)>,
    verdicts: Vec<ChunkVerdict>,
    critic: Option<ChunkCritic>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChunkVerdict {
    grader: Grader,
    outcome: Option<Outcome>,
    /// Why not passed, in a few words.
    cause: Option<String>,
    /// What the exception or the assertion says, or why it was not judged.
    message: Option<String>,
    /// Line of the program, from 1.
    program_line: Option<u32>,
    /// The first test that failed, from 0.
    failed_test: Option<usize>,
    /// A letter for each test that was run: `c`, `r`, `f`, `p`, as the outcomes.
    tests: String,
    n_tests: u32,
    difference: Option<ChunkDifference>,
    reference_seconds: f64,
}

#[derive(Debug, Serialize)]
struct ChunkDifference {
    expected: String,
    actual: String,
    line: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChunkCritic {
    classes: &'static [&'static str],
    /// Position of the class that the critic takes the program to be of.
    predicted: usize,
    /// Of the whole program, in percent.
    probabilities: Vec<u8>,
    /// Texts of the tokens; empty where they were not kept.
    tokens: Vec<String>,
    /// For each token the probability of each class, in percent.
    values: Vec<Vec<u8>>,
    n_left_out: usize,
}

impl Chunk {
    /// Adds what a run has of the problem. The statement of the first that has one counts.
    pub(super) fn push_run(
        &mut self,
        text: Option<ProblemText>,
        candidates: Vec<Candidate>,
        verdicts: Vec<Verdict>,
        examples: &[Verdict],
        scores: Vec<CriticScore>,
    ) {
        let mut tests = BTreeMap::new();
        let mut prefix = String::new();
        if let Some(text) = text {
            prefix = text.completion_prefix.unwrap_or_default();
            tests = text.tests;
            self.statement.get_or_insert(text.statement);
            self.starter_code = self.starter_code.take().or(text.starter_code);
            self.url = self.url.take().or(text.url);
        }
        let mut by_candidate: BTreeMap<CandidateId, Vec<Verdict>> = BTreeMap::new();
        for verdict in verdicts {
            let id = verdict.candidate.clone();
            by_candidate.entry(id).or_default().push(verdict);
        }
        let mut scores: BTreeMap<CandidateId, CriticScore> = scores
            .into_iter()
            .filter(|score| score.origin == Origin::Sampled)
            .map(|score| (score.id.clone(), score))
            .collect();
        let examples: BTreeMap<&CandidateId, &Judgement> = examples
            .iter()
            .map(|verdict| (&verdict.candidate, &verdict.judgement))
            .collect();
        let mut positions: BTreeMap<String, usize> = BTreeMap::new();
        let candidates = candidates
            .into_iter()
            .map(|candidate| {
                let facts = facts(&candidate, examples.get(&candidate.id).copied());
                let n_known = positions.len();
                let program = match candidate.code {
                    Code::Program(program) => program,
                    Code::Completion(completion) => format!("{prefix}{completion}"),
                };
                let verdicts = by_candidate.remove(&candidate.id).unwrap_or_default();
                ChunkCandidate {
                    index: candidate.id.index,
                    program: *positions.entry(program).or_insert(n_known),
                    facts,
                    verdicts: verdicts.into_iter().map(ChunkVerdict::from).collect(),
                    critic: scores.remove(&candidate.id).and_then(ChunkCritic::new),
                }
            })
            .collect();
        let mut programs: Vec<(usize, Program)> = positions
            .into_iter()
            .map(|(text, position)| (position, Program::new(text)))
            .collect();
        programs.sort_unstable_by_key(|(position, _)| *position);
        self.runs.push(ChunkRun {
            programs: programs.into_iter().map(|(_, program)| program).collect(),
            tests,
            candidates,
        });
    }
}

impl Program {
    fn new(mut text: String) -> Self {
        let mut n_left_out = 0;
        if let Some((end, _)) = text.char_indices().nth(PROGRAM_CHARS) {
            n_left_out = text[end..].chars().count();
            text.truncate(end);
        }
        Self { text, n_left_out }
    }
}

fn facts(candidate: &Candidate, examples: Option<&Judgement>) -> Vec<(&'static str, String)> {
    let provenance = &candidate.provenance;
    let mut facts = Vec::new();
    if let Some(judgement) = examples {
        let outcome = judgement.outcome();
        let shown = outcome.map_or("not judged".to_owned(), |it| {
            it.to_string().replace('-', " ")
        });
        facts.push(("example tests", shown));
    }
    if let Some(strategy) = &provenance.strategy {
        let mut shown = format!("{}, {} {}", strategy.name, strategy.round, strategy.index);
        if let Some(parent) = strategy.parent {
            shown.push_str(&format!(", made of {parent}"));
        }
        if let Some(n) = strategy.seed_tokens {
            shown.push_str(&format!(", seed of {n} tokens"));
        }
        facts.push(("strategy", shown));
    }
    if let Some(n) = provenance.n_tokens {
        facts.push(("tokens", n.to_string()));
    }
    if let Some(finish) = &provenance.finish {
        facts.push(("ended by", finish.clone()));
    }
    if let Some(seed) = provenance.seed {
        facts.push(("seed", seed.to_string()));
    }
    facts.push(("backend", provenance.backend.clone()));
    if let Some(source) = &provenance.source {
        facts.push(("source", source.clone()));
    }
    facts
}

impl From<Verdict> for ChunkVerdict {
    fn from(verdict: Verdict) -> Self {
        let limits = Limits {
            fuel: verdict.fuel,
            ..Limits::default()
        };
        let mut shown = Self {
            grader: verdict.grader,
            outcome: verdict.judgement.outcome(),
            cause: None,
            message: None,
            program_line: None,
            failed_test: None,
            tests: String::new(),
            n_tests: 0,
            difference: None,
            reference_seconds: limits.reference_seconds(),
        };
        match verdict.judgement {
            Judgement::Unjudged { reason } => shown.message = Some(reason.to_string()),
            Judgement::Judged {
                cause,
                tests,
                n_tests,
                ..
            } => {
                shown.failed_test = tests.iter().position(|test| test.cause.is_some());
                shown.tests = tests.iter().map(letter).collect();
                shown.n_tests = n_tests;
                if let Some(cause) = cause {
                    shown.cause = Some(cause.label().to_owned());
                    shown.explain(cause);
                }
            }
        }
        shown
    }
}

impl ChunkVerdict {
    fn explain(&mut self, cause: Cause) {
        match cause {
            Cause::NotCompiled { exception } | Cause::Exception { exception } => {
                let Exception { message, line, .. } = exception;
                self.message = Some(message);
                self.program_line = line;
            }
            Cause::NotLoaded { detail } => self.message = Some(detail),
            Cause::EarlyExit { status } => self.message = Some(format!("exit status {status}")),
            Cause::MissingFunction { name } => self.message = Some(name),
            Cause::Crash { reason } => self.message = Some(reason),
            Cause::FailedAssertion { message, .. } => self.message = Some(message),
            Cause::WrongAnswer { detail } => {
                self.difference = detail.map(|difference| ChunkDifference {
                    expected: difference.expected,
                    actual: difference.actual,
                    line: difference.line,
                });
            }
            Cause::TimeLimit | Cause::MemoryLimit | Cause::OutputLimit | Cause::StackLimit => {}
        }
    }
}

fn letter(test: &TestResult) -> char {
    match test.outcome() {
        Outcome::CompileError => 'c',
        Outcome::RuntimeError => 'r',
        Outcome::FailedTests => 'f',
        Outcome::PassedTests => 'p',
    }
}

impl ChunkCritic {
    /// `None` for classes that nobody knows the names of.
    fn new(score: CriticScore) -> Option<Self> {
        let classes: &[&str] = match score.logits.first()?.len() {
            2 => &["failed", "passed"],
            4 => &[
                "compile-error",
                "runtime-error",
                "failed-tests",
                "passed-tests",
            ],
            _ => return None,
        };
        let shown = score.logits.len().min(MOST_TOKENS);
        let values = score.logits.iter().take(shown);
        let mut tokens = score.token_texts;
        tokens.truncate(shown);
        Some(Self {
            classes,
            predicted: score.predicted,
            probabilities: percents(&score.probabilities),
            tokens,
            values: values.map(|logits| percents(&softmax(logits))).collect(),
            n_left_out: score.logits.len() - shown,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 100"
)]
fn percents(probabilities: &[f32]) -> Vec<u8> {
    let percents = probabilities.iter().map(|p| (100.0 * p).round());
    percents
        .map(|percent| percent.clamp(0.0, 100.0) as u8)
        .collect()
}
