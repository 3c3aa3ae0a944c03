//! Questions of a guest to whoever runs it.
//!
//! The guest is suspended while its question waits, so the answer may run another guest: no
//! store is entered twice.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use thiserror::Error;

/// Shared by the host function in the store and the session that polls it.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Slot>>);

#[derive(Default)]
enum Slot {
    /// Nobody would answer: the guest is not a tester.
    #[default]
    Closed,
    Open,
    Asked(Vec<u8>),
    /// The session is working on it.
    Taken,
    Answered(Vec<u8>),
    Stopped,
}

/// Why a guest that asked was ended.
#[derive(Debug, Error)]
pub(crate) enum Unanswered {
    #[error("only a tester may ask")]
    NotTester,
    #[error("the question has no answer")]
    Stopped,
}

impl Mailbox {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) {
        *self.slot() = Slot::Open;
    }

    pub(crate) fn close(&self) {
        *self.slot() = Slot::Closed;
    }

    /// The guest's side: waits until there is an answer.
    pub(crate) async fn ask(&self, question: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
        {
            let mut slot = self.slot();
            if !matches!(*slot, Slot::Open) {
                return Err(Unanswered::NotTester);
            }
            *slot = Slot::Asked(question);
        }
        poll_fn(|_| {
            let mut slot = self.slot();
            match std::mem::replace(&mut *slot, Slot::Open) {
                Slot::Answered(reply) => Poll::Ready(Ok(reply)),
                Slot::Stopped => Poll::Ready(Err(Unanswered::Stopped)),
                waiting => {
                    *slot = waiting;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The session's side: a question that waits.
    pub(crate) fn take_question(&self) -> Option<Vec<u8>> {
        let mut slot = self.slot();
        match std::mem::replace(&mut *slot, Slot::Taken) {
            Slot::Asked(question) => Some(question),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// `None` ends the guest.
    pub(crate) fn answer(&self, reply: Option<Vec<u8>>) {
        *self.slot() = reply.map_or(Slot::Stopped, Slot::Answered);
    }
}
