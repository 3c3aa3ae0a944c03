//! A running trainer.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::protocol::{FromTrainer, ToTrainer};
use crate::process::ProcessError;
use crate::process::child::{Child, Message};

/// How long a trainer that is asked to stop may take for a last checkpoint.
const STOPPING: Duration = Duration::from_secs(10);

/// Nobody knows how long a trainer may have nothing to say.
const NO_LIMIT: Duration = Duration::MAX;

impl Message for FromTrainer {}

/// A started trainer. It is killed when this is dropped, and with the harness where a guard
/// stands before it ([`crate::process::ProcessOptions::guard`]).
pub struct Trainer {
    child: Child<FromTrainer>,
}

impl Trainer {
    /// Starts `command`, behind `guard` where there is one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &[OsString], guard: Option<&[OsString]>) -> Result<Self, ProcessError> {
        let child = Child::start(command, guard)?;
        Ok(Self { child })
    }

    /// The next event, if there is one within `patience`.
    ///
    /// # Errors
    /// The trainer ended, with its last words, or wrote something that is no event.
    pub fn listen(&mut self, patience: Duration) -> Result<Option<FromTrainer>, ProcessError> {
        self.child.listen(patience, NO_LIMIT)
    }

    /// Answers it.
    pub fn say(&mut self, message: &ToTrainer) {
        self.child.say(message);
    }

    /// Asks it to stop, hears what it still has to say, and kills it when that takes too long.
    pub fn stop(mut self, mut hear: impl FnMut(FromTrainer)) {
        self.child.say(&ToTrainer::Stop);
        self.child.hang_up();
        let deadline = Instant::now() + STOPPING;
        while Instant::now() < deadline {
            match self.listen(Duration::from_millis(100)) {
                Ok(Some(event)) => hear(event),
                Ok(None) => {}
                Err(_) => return,
            }
        }
        self.child.kill();
    }
}
