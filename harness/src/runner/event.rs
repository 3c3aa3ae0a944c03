//! What a run tells those who watch it: progress bars, logs, summaries.

use crate::candidate::CandidateId;
use crate::error::Error;
use crate::verdict::{Grader, Verdict};

/// Watches a run. Called from one thread, in the order in which things are stored.
pub trait Listener {
    fn on_event(&mut self, event: &Event<'_>);
}

/// Listens to nothing.
impl Listener for () {
    fn on_event(&mut self, _: &Event<'_>) {}
}

impl<F: FnMut(&Event<'_>)> Listener for F {
    fn on_event(&mut self, event: &Event<'_>) {
        self(event);
    }
}

/// Something happened while candidates are judged. The unit of counting is a verdict: one
/// candidate, one grader.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    Started {
        /// Verdicts there will be.
        total: usize,
        /// Of these, stored by an earlier process.
        already_done: usize,
        /// Of the rest, those that are not repetitions of the same program and tests.
        distinct: usize,
    },
    /// A verdict was reached by judging and is stored.
    Judged { verdict: &'a Verdict },
    /// A verdict was taken from the cache and is stored.
    CacheHit { verdict: &'a Verdict },
    /// A verdict is that of another candidate with the same program, and is stored.
    Repeated { verdict: &'a Verdict },
    /// A try failed for no fault of the candidate; it was tried again unless it was the last.
    Retried {
        candidate: &'a CandidateId,
        grader: Grader,
        /// From 1.
        attempt: u32,
        detail: &'a str,
    },
    /// The verdict cache failed and is not used any more; the run goes on.
    CacheFailed { error: &'a Error },
    /// The run has ended, by itself or because it was asked to.
    Finished { summary: &'a ScoreSummary },
}

/// Counts of one call of [`super::score()`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScoreSummary {
    pub total: usize,
    pub already_done: usize,
    pub judged: usize,
    pub cache_hits: usize,
    pub repeated: usize,
    /// Tries that failed for no fault of a candidate.
    pub failed_attempts: usize,
    /// Of the verdicts reached now: unjudged after the last try.
    pub infrastructure_failures: usize,
    /// Whether it stopped early because it was asked to. The rest is done by the next call.
    pub cancelled: bool,
}
