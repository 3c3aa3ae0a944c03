//! Verdicts on the candidates of a run directory.

use std::sync::mpsc::Receiver;

use anyhow::{Context as _, Result};
use harness::candidate::Candidate;
use harness::config::Resolved;
use harness::judge::{Judge, WhichTests};
use harness::problem::{Dataset, UnitTests};
use harness::runner::{self, Arrival, Listener, Score, ScoreSummary, Work};
use harness::store::{KeyContext, VerdictCache};
use harness::verdict::Grader;

use super::Pipeline;
use crate::console::{ScoreProgress, counted};
use crate::context::with_packages;

impl Pipeline<'_> {
    /// Judges what has no verdict yet. `false` when interrupted.
    pub(crate) fn judge(&self) -> Result<bool> {
        let candidates = self.directory.read_candidates()?;
        let cache = self.cache();
        let settings = &self.resolved.settings;
        let needs_examples = !settings.metrics.n_at_k.is_empty();
        let mut stages = vec![WhichTests::Hidden];
        if needs_examples {
            stages.insert(0, WhichTests::Example);
        }
        for tests in stages {
            if !self.judge_stage(&candidates, cache.as_ref(), tests)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn judge_stage(
        &self,
        candidates: &[Candidate],
        cache: Option<&VerdictCache>,
        tests: WhichTests,
    ) -> Result<bool> {
        let label = match tests {
            WhichTests::Hidden => "judging",
            WhichTests::Example => "example tests",
        };
        let mut progress = ScoreProgress::new(&self.context.console, label);
        let summary = self.judge_by(candidates, None, cache, tests, &mut progress)?;
        Ok(!summary.cancelled)
    }

    /// Judges `candidates`, and what `arrivals` brings.
    pub(super) fn judge_by(
        &self,
        candidates: &[Candidate],
        arrivals: Option<Receiver<Arrival>>,
        cache: Option<&VerdictCache>,
        tests: WhichTests,
        progress: &mut dyn Listener,
    ) -> Result<ScoreSummary> {
        let sandbox = self
            .sandbox
            .as_deref()
            .context("nothing was asked to be judged")?;
        let settings = &self.resolved.settings;
        let limits = settings.judging.limits(&self.dataset.name);
        let judge = Judge::new(sandbox, settings.judging.options);
        // The example tests only filter: one grader is enough for that.
        let graders = graders(&self.resolved, &self.dataset);
        let graders = match tests {
            WhichTests::Hidden => &graders[..],
            WhichTests::Example => &graders[..1],
        };
        let key_context = KeyContext {
            options: settings.judging.options,
            limits: limits.clone(),
            guest: sandbox.fingerprint().to_owned(),
            guest_with_packages: with_packages(sandbox),
        };
        let request = Score {
            problems: &self.problems,
            candidates,
            graders,
            tests,
            context: &key_context,
            cache,
            workers: settings.running.workers,
            retry_infrastructure: true,
            cancel: &self.context.cancel,
        };
        let mut verdicts = self.directory.verdicts(tests)?;
        let mut events = self.directory.events()?;
        let judge = |work: &Work<'_>| {
            judge.judge(
                work.problem,
                &work.program(),
                work.grader,
                work.tests,
                &limits,
            )
        };
        let summary = match arrivals {
            None => runner::score(&request, judge, &mut verdicts, &mut events, progress),
            Some(arrivals) => {
                let n = self.n_samples().unwrap_or_default() as usize;
                let total = self.problems.len() * n * graders.len();
                runner::score_arriving(
                    &request,
                    total,
                    &arrivals,
                    judge,
                    &mut verdicts,
                    &mut events,
                    progress,
                )
            }
        }?;
        if summary.infrastructure_failures > 0 {
            self.context.console.note(format_args!(
                "warning: {} not judged, for no fault of the programs; the same command tries \
                 again (see `events.jsonl`)",
                counted(summary.infrastructure_failures, "verdict")
            ));
        }
        Ok(summary)
    }

    /// The cache of verdicts, unless it is off or cannot be had: then everything is judged.
    pub(super) fn cache(&self) -> Option<VerdictCache> {
        if !self.resolved.settings.running.use_cache {
            return None;
        }
        match VerdictCache::open(&self.context.places.cache) {
            Ok((cache, notice)) => {
                if let Some(notice) = notice {
                    self.context.console.note(format_args!("warning: {notice}"));
                }
                Some(cache)
            }
            Err(error) => {
                self.context.console.note(format_args!(
                    "warning: judging without the verdict cache: {:#}",
                    anyhow::Error::from(error)
                ));
                None
            }
        }
    }
}

/// The graders that make sense: problems whose tests are code know only one.
pub(crate) fn graders(resolved: &Resolved, dataset: &Dataset) -> Vec<Grader> {
    let asked = &resolved.settings.judging.graders;
    let any_text = dataset.problems.iter().any(|problem| {
        matches!(
            problem.tests,
            UnitTests::StandardInput { .. } | UnitTests::CallBased { .. }
        )
    });
    if any_text {
        asked.clone()
    } else {
        vec![Grader::Strict]
    }
}
