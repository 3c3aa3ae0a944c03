//! Judging programs as they are asked for, into memory: what a trainer's rounds need. Runs of
//! [`super::score()`] go into a run directory; these do not.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::score::{MAX_ATTEMPTS, attempt, worker_pool};
use crate::contract::PluginError;
use crate::error::Error;
use crate::problem::{Problem, ProblemId, WhichTests};
use crate::store::{CacheKey, KeyContext, TestsDigest, VerdictCache};
use crate::verdict::{Grader, Judged, Judgement, Unjudged};

/// What is the same for all batches.
pub struct BatchRequest<'a> {
    pub problems: &'a [Problem],
    pub grader: Grader,
    /// By which tests; what judges has to go by the same ones.
    pub tests: WhichTests,
    /// What verdicts depend on beside program, tests and grader.
    pub context: &'a KeyContext,
    /// `None` judges everything anew.
    pub cache: Option<&'a VerdictCache>,
    pub workers: NonZeroUsize,
    /// Once true, no further program is judged.
    pub cancel: &'a AtomicBool,
}

/// A program to judge by the tests of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub problem: ProblemId,
    pub program: String,
}

/// Judges batches of programs on worker threads with a large stack.
pub struct BatchJudge<'a> {
    request: BatchRequest<'a>,
    by_id: HashMap<&'a ProblemId, &'a Problem>,
    /// Tests can be large and are asked for again and again, so they are hashed once.
    digests: Mutex<HashMap<&'a ProblemId, TestsDigest>>,
    pool: rayon::ThreadPool,
}

impl<'a> BatchJudge<'a> {
    /// # Errors
    /// When the threads cannot be started.
    pub fn new(request: BatchRequest<'a>) -> Result<Self, Error> {
        let problems = request.problems.iter();
        Ok(Self {
            by_id: problems.map(|problem| (&problem.id, problem)).collect(),
            digests: Mutex::default(),
            pool: worker_pool(request.workers)?,
            request,
        })
    }

    /// The problem of this id.
    pub fn problem(&self, id: &ProblemId) -> Option<&'a Problem> {
        self.by_id.get(id).copied()
    }

    /// Judgements in the order of `submissions`; equal programs for one problem are judged
    /// once. `None` for problems that are not ours, and for what is left when it is cancelled.
    pub fn judge(
        &self,
        submissions: &[Submission],
        judge: impl Fn(&Problem, &str) -> Result<Judged, PluginError> + Sync,
    ) -> Vec<Option<Judgement>> {
        let keys: Vec<Option<CacheKey>> = submissions
            .iter()
            .map(|submission| self.key(submission))
            .collect();
        let mut distinct: BTreeMap<CacheKey, &Submission> = BTreeMap::new();
        for (key, submission) in keys.iter().zip(submissions) {
            if let Some(key) = key {
                distinct.entry(*key).or_insert(submission);
            }
        }
        let distinct: Vec<(CacheKey, &Submission)> = distinct.into_iter().collect();
        let judged: BTreeMap<CacheKey, Judgement> = self.pool.install(|| {
            distinct
                .par_iter()
                .with_max_len(1)
                .filter_map(|(key, submission)| {
                    Some((*key, self.judge_one(key, submission, &judge)?))
                })
                .collect()
        });
        if let Some(cache) = self.request.cache {
            // The cache is never needed for a correct result.
            let _ = cache.flush();
        }
        keys.iter()
            .map(|key| judged.get(&(*key)?).cloned())
            .collect()
    }

    fn judge_one(
        &self,
        key: &CacheKey,
        submission: &Submission,
        judge: &(impl Fn(&Problem, &str) -> Result<Judged, PluginError> + Sync),
    ) -> Option<Judgement> {
        if self.request.cancel.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(cache) = self.request.cache
            && let Ok(Some(judged)) = cache.get(key)
        {
            return Some(judged.judgement);
        }
        let problem = self.problem(&submission.problem)?;
        let mut n_attempts = 0;
        let judged = loop {
            n_attempts += 1;
            match attempt(|| judge(problem, &submission.program)) {
                Ok(judged) => break judged,
                Err(detail) if n_attempts == MAX_ATTEMPTS => {
                    let reason = Unjudged::Infrastructure { detail };
                    return Some(Judgement::Unjudged { reason });
                }
                Err(_) => {}
            }
        };
        if let Some(cache) = self.request.cache {
            let _ = cache.put(key, &judged);
        }
        Some(judged.judgement)
    }

    fn key(&self, submission: &Submission) -> Option<CacheKey> {
        let (id, problem) = self.by_id.get_key_value(&submission.problem)?;
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = *digests
            .entry(id)
            .or_insert_with(|| TestsDigest::new(problem, self.request.tests));
        let BatchRequest {
            context, grader, ..
        } = &self.request;
        Some(context.key(&digest, &submission.program, *grader))
    }
}
