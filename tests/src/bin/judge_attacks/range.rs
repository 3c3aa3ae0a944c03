//! Where attacks are judged.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use harness::execution::Limits;
use harness::judge::{Judge, Judged, WhichTests};
use harness::verdict::{Grader, Judgement, Outcome};

use crate::corpus::Attack;
use crate::problems::Victim;

/// Real time that a verdict may take: far more than the limits allow for, on a busy machine
/// too. A program that makes the host work without spending fuel takes longer.
const MAX_VERDICT: Duration = Duration::from_secs(60);

pub(crate) struct Range<'a> {
    pub(crate) judge: Judge<'a>,
    /// With files to attack.
    pub(crate) judge_with_files: Judge<'a>,
    pub(crate) victims: Vec<Victim>,
}

impl Range<'_> {
    /// The verdict on an attack, and complaints about how it was reached.
    ///
    /// # Errors
    /// When the problem does not exist, or the sandbox failed.
    pub(crate) fn judge(&self, attack: &Attack) -> Result<(Judged, Vec<String>)> {
        let victim = self
            .victims
            .iter()
            .find(|victim| victim.problem.id.as_str() == attack.problem)
            .with_context(|| format!("there is no problem `{}`", attack.problem))?;
        let judge = if attack.with_files {
            &self.judge_with_files
        } else {
            &self.judge
        };
        let start = Instant::now();
        let judged = judge
            .judge(
                &victim.problem,
                &attack.program,
                attack.grader,
                WhichTests::Hidden,
                &attack.limits(),
            )
            .map_err(|error| anyhow!(error))
            .with_context(|| format!("judging `{}`", attack.id))?;
        let taken = start.elapsed();
        let late = (taken > MAX_VERDICT).then(|| format!("the verdict took {taken:?}"));
        Ok((judged, late.into_iter().collect()))
    }

    /// Judges a right and a wrong program of some problem, by the ordinary limits.
    ///
    /// # Errors
    /// When the sandbox failed.
    pub(crate) fn wrong_next_verdict(&self, index: usize) -> Result<Option<String>> {
        let victim = &self.victims[index % self.victims.len()];
        for (program, expected) in [
            (victim.right, Outcome::PassedTests),
            (victim.wrong, Outcome::FailedTests),
        ] {
            let judged = self
                .judge
                .judge(
                    &victim.problem,
                    program,
                    Grader::Strict,
                    WhichTests::Hidden,
                    &Limits::default(),
                )
                .map_err(|error| anyhow!(error))?;
            if judged.judgement.outcome() != Some(expected) {
                return Ok(Some(format!(
                    "afterwards `{}` got {}, not {expected}",
                    victim.problem.id,
                    shown(&judged.judgement)
                )));
            }
        }
        Ok(None)
    }
}

pub(crate) fn shown(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Judged { outcome, cause, .. } => match cause {
            Some(cause) => format!("{outcome}: {} ({cause:?})", cause.label()),
            None => outcome.to_string(),
        },
        Judgement::Unjudged { reason } => reason.to_string(),
    }
}
