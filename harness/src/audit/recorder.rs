//! An executor that remembers what another one observed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::{Answer, Executor, PluginError, Session};
use crate::execution::{Ending, Exception, Execution, Grants, Limit, Limits, Step};

/// What happened in all sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// Of each step.
    pub(super) fuel: Vec<u64>,
    pub(super) unsupported: BTreeSet<String>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) hit_stack_limit: bool,
}

pub(super) struct Recorder<'a> {
    executor: &'a dyn Executor,
    /// The same for programs that import numpy and the like.
    packages: Option<Box<Recorder<'a>>>,
    observed: Arc<Mutex<Observed>>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(executor: &'a dyn Executor) -> Self {
        let observed = Arc::default();
        let packages = executor.with_packages().map(|packages| {
            Box::new(Self {
                executor: packages,
                packages: None,
                observed: Arc::clone(&observed),
            })
        });
        Self {
            executor,
            packages,
            observed,
        }
    }

    pub(super) fn into_observed(self) -> Observed {
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut observed)
    }
}

impl Executor for Recorder<'_> {
    fn fingerprint(&self) -> &str {
        self.executor.fingerprint()
    }

    fn with_packages(&self) -> Option<&dyn Executor> {
        let packages = self.packages.as_deref()?;
        Some(packages)
    }

    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
        Ok(Box::new(RecordedSession {
            session: self.executor.session(limits, grants)?,
            observed: &self.observed,
        }))
    }
}

struct RecordedSession<'a> {
    session: Box<dyn Session + 'a>,
    observed: &'a Mutex<Observed>,
}

impl Session for RecordedSession<'_> {
    fn run_answering(
        &mut self,
        step: &Step<'_>,
        fuel: u64,
        answer: Option<Answer<'_>>,
    ) -> Result<Execution, PluginError> {
        let execution = self.session.run_answering(step, fuel, answer)?;
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.fuel.push(execution.fuel);
        observed
            .unsupported
            .extend(execution.unsupported.iter().cloned());
        match &execution.ending {
            Ending::NotCompiled { exception } | Ending::Raised { exception } => {
                observed.exceptions.push(exception.clone());
            }
            Ending::LimitHit {
                limit: Limit::Stack,
            } => observed.hit_stack_limit = true,
            _ => {}
        }
        Ok(execution)
    }
}
