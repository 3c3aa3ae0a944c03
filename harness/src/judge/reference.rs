//! Results of reference programs, computed once a problem.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::PluginError;
use crate::problem::ProblemId;
use crate::value::Value;

/// What the reference returns for each input, or why it is of no use.
type Results = Result<Vec<Value>, String>;

/// Empty until the reference ran.
type Slot = Arc<Mutex<Option<Arc<Results>>>>;

#[derive(Default)]
pub(crate) struct ReferenceResults {
    /// One lock a problem, so that two problems do not wait for each other.
    slots: Mutex<HashMap<ProblemId, Slot>>,
}

impl ReferenceResults {
    /// The results for `problem`, from `compute` the first time.
    pub(crate) fn get(
        &self,
        problem: &ProblemId,
        compute: impl FnOnce() -> Result<Results, PluginError>,
    ) -> Result<Arc<Results>, PluginError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(problem.clone()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(results) = &*slot {
            return Ok(Arc::clone(results));
        }
        let results = Arc::new(compute()?);
        *slot = Some(Arc::clone(&results));
        Ok(results)
    }
}
