//! A guest that is found, and compiled where it has to be, when the first session needs it.

use std::sync::{Mutex, PoisonError};

use crate::error::SandboxError;
use crate::sandbox::Prepared;

pub(super) type Prepare = Box<dyn Fn() -> Result<Prepared, SandboxError> + Send>;

pub(super) struct LazyGuest {
    pub(super) fingerprint: String,
    preparation: Mutex<Preparation>,
}

enum Preparation {
    Needed(Prepare),
    Done(Prepared),
}

impl LazyGuest {
    pub(super) fn ready(prepared: Prepared) -> Self {
        Self {
            fingerprint: prepared.fingerprint.clone(),
            preparation: Mutex::new(Preparation::Done(prepared)),
        }
    }

    pub(super) fn new(fingerprint: String, prepare: Prepare) -> Self {
        Self {
            fingerprint,
            preparation: Mutex::new(Preparation::Needed(prepare)),
        }
    }

    /// Whoever comes while it is prepared waits. After a failure the next one tries again.
    pub(super) fn prepared(&self) -> Result<Prepared, SandboxError> {
        let mut preparation = self
            .preparation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let prepared = match &*preparation {
            Preparation::Done(prepared) => return Ok(prepared.clone()),
            Preparation::Needed(prepare) => prepare()?,
        };
        *preparation = Preparation::Done(prepared.clone());
        Ok(prepared)
    }
}
