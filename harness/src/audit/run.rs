//! All problems of a dataset, into the audit file.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};

use rayon::prelude::*;
use serde::Serialize;

use super::auditing::audit_problem;
use super::record::AuditRecord;
use crate::contract::Executor;
use crate::error::Error;
use crate::execution::Limits;
use crate::problem::{Problem, ProblemId, WhichTests};
use crate::runner::worker_pool;
use crate::store::{JUDGE_FINGERPRINT, RecordLog, TestsDigest, sha256_of_json};

/// What to audit and how.
#[derive(Clone, Copy)]
pub struct Audit<'a> {
    pub problems: &'a [Problem],
    pub executor: &'a dyn Executor,
    pub limits: &'a Limits,
    pub workers: NonZeroUsize,
    /// Once true, no further reference is begun.
    pub cancel: &'a AtomicBool,
}

/// Counts of one call of [`audit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditSummary {
    /// Records that an earlier call left and that still hold.
    pub already_done: usize,
    pub audited: usize,
    /// Whether it stopped early because it was asked to. The rest is done by the next call.
    pub cancelled: bool,
}

/// What a record is about.
pub(super) struct Digests {
    pub(super) tests: String,
    pub(super) basis: String,
}

/// Audits what `log` lacks, and finishes it. Records of other problems, and those made with
/// other tests, references, limits, guest or judge, are dropped. `progress` receives the
/// number of records that held, and each new one.
///
/// # Errors
/// When a record cannot be written. What was stored remains.
pub fn audit(
    request: &Audit<'_>,
    log: &mut RecordLog<AuditRecord>,
    progress: &mut dyn FnMut(usize, Option<&AuditRecord>),
) -> Result<AuditSummary, Error> {
    let pool = worker_pool(request.workers)?;
    let mut digests: BTreeMap<ProblemId, Digests> = pool.install(|| {
        let problems = request.problems.par_iter();
        problems
            .map(|problem| (problem.id.clone(), digests(problem, request)))
            .collect()
    });
    log.retain(|record| {
        record.n_infrastructure == 0
            && digests
                .get(&record.problem)
                .is_some_and(|digests| digests.basis == record.basis_sha256)
    })?;
    let mut summary = AuditSummary {
        already_done: log.len(),
        ..AuditSummary::default()
    };
    progress(summary.already_done, None);
    let open: Vec<(&Problem, Digests)> = request
        .problems
        .iter()
        .filter(|problem| !log.contains(&problem.id))
        .filter_map(|problem| Some((problem, digests.remove(&problem.id)?)))
        .collect();
    let n_open = open.len();

    let (sender, receiver) = channel();
    pool.in_place_scope(|scope| -> Result<(), Error> {
        scope.spawn(move |_| {
            let audit = |sender: &mut Sender<AuditRecord>, (problem, digests)| {
                let Audit {
                    executor,
                    limits,
                    cancel,
                    ..
                } = *request;
                match audit_problem(problem, executor, limits, digests, cancel) {
                    Some(record) => sender.send(record).map_err(|_| ()),
                    None => Ok(()),
                }
            };
            // An error means that nobody stores records any more, and is told there.
            let _: Result<(), ()> = open
                .into_par_iter()
                .with_max_len(1)
                .try_for_each_with(sender, audit);
        });
        for record in receiver {
            log.append(&record)?;
            summary.audited += 1;
            progress(summary.already_done, Some(&record));
        }
        Ok(())
    })?;
    summary.cancelled = summary.audited < n_open;
    if summary.cancelled {
        log.sync()?;
    } else {
        log.finish()?;
    }
    Ok(summary)
}

fn digests(problem: &Problem, request: &Audit<'_>) -> Digests {
    #[derive(Serialize)]
    struct Basis<'a> {
        judge: &'a str,
        guest: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        guest_with_packages: Option<&'a str>,
        limits: &'a Limits,
        tests: &'a str,
        statement: &'a str,
        references: &'a [String],
    }
    let tests = TestsDigest::new(problem, WhichTests::Hidden).to_string();
    let basis = sha256_of_json(&Basis {
        judge: JUDGE_FINGERPRINT,
        guest: request.executor.fingerprint(),
        guest_with_packages: request.executor.with_packages().map(Executor::fingerprint),
        limits: request.limits,
        tests: &tests,
        statement: &problem.statement,
        references: &problem.reference_solutions,
    });
    Digests { tests, basis }
}
