//! A started child with its model loaded, and what can be asked of it one thing at a time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use harness::prompt::Prompt;
use serde_json::Value;

use super::child::Child;
use super::error::ProcessError;
use super::protocol::{
    Capability, FromChild, PROTOCOL_VERSION, Ready, RequestId, Score, Scores, ToChild,
};

/// How often somebody who waits looks whether to go on.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// How to start a child.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Program and arguments of something that calls [`super::guard::main`] with what follows.
    /// Without, a child can outlive a harness that is killed.
    pub guard: Option<Vec<OsString>>,
    /// Longest time from the start to the loaded model.
    pub start_timeout: Duration,
    /// Longest silence while an answer is owed.
    pub idle_timeout: Duration,
    /// Requests that may be unanswered at a time, if the child allows as many.
    pub max_in_flight: usize,
}

/// A child whose model is loaded.
pub struct Model {
    pub(super) child: Child<FromChild>,
    ready: Ready,
    idle_timeout: Duration,
    next_id: RequestId,
}

impl Model {
    /// Starts a child and waits for its model.
    ///
    /// # Errors
    /// When it cannot be started, does not get ready in time, or speaks another version.
    pub fn start(options: &ProcessOptions) -> Result<Self, ProcessError> {
        let mut child = Child::start(&options.command, options.guard.as_deref())?;
        child.say(&ToChild::Hello {
            protocol: PROTOCOL_VERSION,
        });
        let ready = loop {
            match child.listen(TICK, options.start_timeout)? {
                None => {}
                Some(FromChild::Ready(ready)) => break ready,
                Some(FromChild::Error { message, .. }) => {
                    return Err(ProcessError::Refused(message));
                }
                Some(other) => return Err(out_of_turn(&other)),
            }
        };
        if ready.protocol != PROTOCOL_VERSION {
            return Err(ProcessError::Version {
                found: ready.protocol,
            });
        }
        Ok(Self {
            child,
            ready,
            idle_timeout: options.idle_timeout,
            next_id: 0,
        })
    }

    /// What the child says it is.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The number of tokens of `prompt`, and the text that the model reads where that is
    /// another than the prompt's.
    ///
    /// # Errors
    /// When the child cannot count, or fails.
    pub fn count_tokens(&mut self, prompt: &Prompt) -> Result<(u32, Option<String>), ProcessError> {
        self.require(Capability::Tokenize, "count tokens")?;
        let id = self.fresh_id();
        let prompt = prompt.clone();
        self.child.say(&ToChild::Tokenize { id, prompt });
        match self.answer(id)? {
            FromChild::Tokens { n_tokens, text, .. } => Ok((n_tokens, text)),
            other => Err(out_of_turn(&other)),
        }
    }

    /// What the model thinks of `completion`.
    ///
    /// # Errors
    /// When the child cannot score, or fails.
    pub fn score(&mut self, prompt: &Prompt, completion: &str) -> Result<Scores, ProcessError> {
        self.require(Capability::Score, "score programs")?;
        let id = self.fresh_id();
        self.child.say(&ToChild::Score(Score {
            id,
            prompt: prompt.clone(),
            completion: completion.to_owned(),
        }));
        match self.answer(id)? {
            FromChild::Scores(scores) => Ok(scores),
            other => Err(out_of_turn(&other)),
        }
    }

    /// Trains the model in the child's own way; `progress` receives what it reports meanwhile.
    ///
    /// # Errors
    /// When the child cannot train, or fails.
    pub fn train(
        &mut self,
        settings: BTreeMap<String, Value>,
        progress: &mut dyn FnMut(&BTreeMap<String, Value>),
    ) -> Result<BTreeMap<String, Value>, ProcessError> {
        self.require(Capability::Train, "be trained")?;
        let id = self.fresh_id();
        self.child.say(&ToChild::Train { id, settings });
        loop {
            match self.answer(id)? {
                FromChild::Progress { values, .. } => progress(&values),
                FromChild::Trained { values, .. } => return Ok(values),
                other => return Err(out_of_turn(&other)),
            }
        }
    }

    /// The next message, which has to be about `id`.
    fn answer(&mut self, id: RequestId) -> Result<FromChild, ProcessError> {
        loop {
            if let Some(message) = self.child.listen(TICK, self.idle_timeout)? {
                return match (message_id(&message), message) {
                    (Some(found), FromChild::Error { message, .. }) if found == id => {
                        Err(ProcessError::Refused(message))
                    }
                    (Some(found), message) if found == id => Ok(message),
                    (_, message) => Err(out_of_turn(&message)),
                };
            }
        }
    }

    pub(super) fn require(
        &self,
        capability: Capability,
        what: &'static str,
    ) -> Result<(), ProcessError> {
        if self.ready.capabilities.contains(&capability) {
            Ok(())
        } else {
            Err(ProcessError::cannot(&self.ready, what, capability))
        }
    }

    pub(super) fn fresh_id(&mut self) -> RequestId {
        self.next_id += 1;
        self.next_id
    }
}

/// The request that a message is about.
pub(super) fn message_id(message: &FromChild) -> Option<RequestId> {
    match message {
        FromChild::Ready(_) | FromChild::Alive => None,
        FromChild::Completion(completion) => Some(completion.id),
        FromChild::Scores(scores) => Some(scores.id),
        FromChild::Done { id, .. }
        | FromChild::Tokens { id, .. }
        | FromChild::Progress { id, .. }
        | FromChild::Trained { id, .. }
        | FromChild::Error { id, .. } => Some(*id),
    }
}

pub(super) fn out_of_turn(message: &FromChild) -> ProcessError {
    let text = serde_json::to_string(message).expect("messages are serialisable");
    ProcessError::OutOfTurn {
        detail: text.chars().take(200).collect(),
    }
}
