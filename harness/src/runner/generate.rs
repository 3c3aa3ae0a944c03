//! Candidates from a backend into the store.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::candidate::Candidate;
use crate::contract::Generator;
use crate::error::Error;
use crate::problem::{Problem, ProblemId};
use crate::store::RecordLog;

/// Counts of one call of [`generate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerateSummary {
    /// Candidates stored by earlier processes and by this one.
    pub n_candidates: usize,
    /// Problems with fewer candidates than were asked for, with their number.
    pub short: Vec<(ProblemId, usize)>,
    /// Whether it stopped early because it was asked to.
    pub cancelled: bool,
}

/// Asks `generator` for `n` candidates for each problem (`None`: all it has), storing
/// those of a problem together. Problems that have `n` already are passed over, and so is
/// everything if the stage is complete. `progress` receives each problem when it is done.
///
/// # Errors
/// When the generator fails, or a record cannot be written. What is stored remains.
pub fn generate(
    problems: &[Problem],
    n: Option<u32>,
    generator: &mut dyn Generator,
    candidates: &mut RecordLog<Candidate>,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(&Problem, usize),
) -> Result<GenerateSummary, Error> {
    let n = n.map_or(usize::MAX, |n| {
        usize::try_from(n).expect("32 bits at least")
    });
    let mut summary = GenerateSummary::default();
    let mut stored = count_by_problem(candidates);
    if !candidates.is_finished() {
        for problem in problems {
            if cancel.load(Ordering::Relaxed) {
                summary.cancelled = true;
                break;
            }
            let count = stored.entry(problem.id.clone()).or_default();
            if *count < n {
                let made = generator
                    .generate(problem, n)
                    .map_err(|source| Error::Generate {
                        problem: problem.id.clone(),
                        source,
                    })?;
                candidates.append_all(&made)?;
                *count = made.len();
            }
            progress(problem, *count);
        }
        if summary.cancelled {
            candidates.sync()?;
        } else {
            candidates.finish()?;
        }
    }
    summary.n_candidates = candidates.len();
    if n != usize::MAX && !summary.cancelled {
        for problem in problems {
            let count = stored.get(&problem.id).copied().unwrap_or_default();
            if count < n {
                summary.short.push((problem.id.clone(), count));
            }
        }
    }
    Ok(summary)
}

fn count_by_problem(
    candidates: &RecordLog<Candidate>,
) -> std::collections::BTreeMap<ProblemId, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for id in candidates.ids() {
        *counts.entry(id.problem.clone()).or_default() += 1;
    }
    counts
}
