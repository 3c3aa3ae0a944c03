//! Answers a trainer's requests for judgement.

use anyhow::Result;
use backends::training::protocol::Program;
use harness::config::Resolved;
use harness::contract::Executor;
use harness::judge::{Judge, JudgeOptions, WhichTests};
use harness::problem::{Dataset, Problem};
use harness::prompt::PromptStyle;
use harness::runner::{BatchJudge, BatchRequest, Submission};
use harness::store::{KeyContext, VerdictCache};
use harness::training::{Algorithm, Answer, Feedback, RlSettings};
use harness::verdict::Grader;

use super::rl::Practice;
use crate::context::{Context, with_packages};

/// What judging needs, for as long as a training goes.
pub(crate) struct Bench {
    pub(crate) practice: Practice,
    pub(crate) sandbox: Box<dyn Executor>,
    pub(crate) cache: Option<VerdictCache>,
    grader: Grader,
    key: KeyContext,
    workers: std::num::NonZeroUsize,
    with_lint: bool,
}

impl Bench {
    pub(crate) fn new(
        context: &Context,
        practice: Practice,
        resolved: &Resolved,
        rl: &RlSettings,
    ) -> Result<Self> {
        let sandbox: Box<dyn Executor> = Box::new(context.sandbox()?);
        let settings = &resolved.settings;
        let cache = match settings.running.use_cache {
            true => VerdictCache::open(&context.places.cache)
                .ok()
                .map(|(cache, _)| cache),
            false => None,
        };
        let key = KeyContext {
            options: JudgeOptions {
                early_stop: settings.judging.options.early_stop && !needs_all_tests(&rl.algorithm),
                ..settings.judging.options
            },
            limits: settings.judging.limits(&practice.dataset.name),
            guest: sandbox.fingerprint().to_owned(),
            guest_with_packages: with_packages(&*sandbox),
        };
        Ok(Self {
            grader: grader(resolved, &practice.dataset),
            practice,
            sandbox,
            cache,
            key,
            workers: settings.running.workers,
            with_lint: rl.lint_penalty > 0.0,
        })
    }

    /// Something that judges until it is dropped.
    pub(crate) fn judging<'a>(&'a self, context: &'a Context) -> Result<Judging<'a>> {
        let request = BatchRequest {
            problems: &self.practice.problems,
            grader: self.grader,
            tests: WhichTests::Hidden,
            context: &self.key,
            cache: self.cache.as_ref(),
            workers: self.workers,
            cancel: &context.cancel,
        };
        Ok(Judging {
            bench: self,
            judge: Judge::new(&*self.sandbox, self.key.options),
            batch: BatchJudge::new(request)?,
        })
    }
}

/// Judges what a model writes.
pub(crate) struct Judging<'a> {
    bench: &'a Bench,
    judge: Judge<'a>,
    batch: BatchJudge<'a>,
}

impl Judging<'_> {
    /// Feedback in the order of `programs`.
    pub(crate) fn feedback(&self, programs: &[Program]) -> Vec<Option<Feedback>> {
        let style: &PromptStyle = &self.bench.practice.style;
        // Of problems that are not ours there is nothing to tell.
        let found: Vec<Option<(Submission, i64)>> = programs
            .iter()
            .map(|asked| {
                let problem = self.batch.problem(&asked.problem)?;
                Some(submission(style, problem, &asked.text))
            })
            .collect();
        let submissions: Vec<Submission> = found
            .iter()
            .flatten()
            .map(|(submission, _)| submission.clone())
            .collect();
        let limits = &self.bench.key.limits;
        let judgements = self.batch.judge(&submissions, |problem, program| {
            self.judge.judge(
                problem,
                program,
                self.bench.grader,
                WhichTests::Hidden,
                limits,
            )
        });
        let mut judgements = judgements.into_iter();
        found
            .into_iter()
            .map(|found| {
                let (submission, line_offset) = found?;
                let judgement = judgements.next()??;
                let mut feedback = Feedback::of(&judgement, line_offset)?;
                if self.bench.with_lint {
                    let n = super::lint::n_findings(&submission.program);
                    feedback.n_lint_findings = Some(n);
                }
                Some(feedback)
            })
            .collect()
    }
}

/// What `text` submits, and how far its program lies below the head of it.
pub(crate) fn submission(style: &PromptStyle, problem: &Problem, text: &str) -> (Submission, i64) {
    let code = style.code(problem, text);
    let line_offset = Answer::line_offset_in(problem, text, &code);
    let program = match code {
        harness::candidate::Code::Program(program) => program,
        harness::candidate::Code::Completion(completion) => {
            problem.program_from_completion(&completion)
        }
    };
    let submission = Submission {
        problem: problem.id.clone(),
        program,
    };
    (submission, line_offset)
}

/// The part of the tests that passed is a part of all tests.
fn needs_all_tests(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rltf { adaptive_weight, .. } if *adaptive_weight > 0.0)
}

/// The main one of those that make sense.
fn grader(resolved: &Resolved, dataset: &Dataset) -> Grader {
    let graders = crate::pipeline::graders(resolved, dataset);
    graders.first().copied().unwrap_or(Grader::Strict)
}
