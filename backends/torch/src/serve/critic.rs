//! The child's side of the protocol where the checkpoint is a critic: it scores, and does not
//! write.
//!
//! Programs are read one at a time. A padded batch would be faster, and what it gives for a
//! program would depend, in the last bits, on which others happen to be asked for beside it.

use std::io::{BufRead, Write};

use backends::process::protocol::{
    Capability, FromChild, PROTOCOL_VERSION, Ready, RequestId, Score, Scores, ToChild,
};
use harness::prompt::Prompt;
use harness::training::{BatchSettings, ClassSet};

use super::{NAME, ServeError, check_hello, read, tell};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use crate::train::{Critic, Sequencer};

/// Requests that may wait at a time.
const MAX_IN_FLIGHT: u32 = 64;

/// What is served.
pub struct ServedCritic<'a> {
    pub critic: &'a Critic,
    pub tokenizer: &'a Tokenizer,
    /// How long prompts and programs are cut, as the critic was trained.
    pub lengths: BatchSettings,
    /// The model as a person would name it.
    pub name: String,
    pub sha256: String,
    /// [`Tokenizer::digest`].
    pub tokenizer_sha256: String,
}

/// Answers requests until `input` ends.
///
/// # Errors
/// As for [`super::serve`].
pub fn serve(
    served: &ServedCritic<'_>,
    input: impl BufRead + Send + 'static,
    output: &mut dyn Write,
) -> std::result::Result<(), ServeError> {
    let requests = read(input);
    let Ok(hello) = requests.recv() else {
        return Ok(());
    };
    check_hello(&hello?)?;
    tell(
        output,
        &FromChild::Ready(Ready {
            protocol: PROTOCOL_VERSION,
            name: NAME.to_owned(),
            model: served.name.clone(),
            model_sha256: Some(served.sha256.clone()),
            tokenizer_sha256: Some(served.tokenizer_sha256.clone()),
            critic_sha256: None,
            capabilities: vec![Capability::Score, Capability::Critic, Capability::Tokenize],
            max_in_flight: MAX_IN_FLIGHT,
        }),
    )?;
    for request in requests {
        let (id, answer) = match request? {
            ToChild::Hello { .. } => continue,
            ToChild::Score(request) => (request.id, served.score(&request)),
            ToChild::Tokenize { id, prompt } => (id, served.tokenize(id, &prompt)),
            ToChild::Generate(request) => (request.id, Err(unable("write"))),
            ToChild::Train { id, .. } => (id, Err(unable("be trained here"))),
        };
        let answer = answer.unwrap_or_else(|error| FromChild::Error {
            id,
            message: error.to_string(),
            try_again: false,
        });
        tell(output, &answer)?;
    }
    Ok(())
}

fn unable(what: &str) -> Error {
    Error::request(format!("this model is a critic, and cannot {what}"))
}

impl ServedCritic<'_> {
    fn score(&self, request: &Score) -> Result<FromChild> {
        let sequencer = Sequencer::new(self.tokenizer, self.critic.config(), &self.lengths);
        let sequence = sequencer.sequence(&request.prompt, &request.completion)?;
        let (mut token_ids, mut token_ends) =
            self.tokenizer.encode_completion(&request.completion)?;
        let n_read = sequence.target.len().min(token_ids.len());
        token_ids.truncate(n_read);
        token_ends.truncate(n_read);
        let n_prompt_tokens = u32::try_from(sequence.source.len()).unwrap_or(u32::MAX);
        let mut scores = self.critic.score(&[&sequence], &self.lengths);
        let (mut logits, pooled) = scores.swap_remove(0);
        // Without the one that has read the end of the text.
        logits.truncate(n_read);
        let classes: &[&str] = match self.critic.settings.classes {
            ClassSet::Binary => &["failed", "passed"],
            ClassSet::Outcomes => &[
                "compile-error",
                "runtime-error",
                "failed-tests",
                "passed-tests",
            ],
        };
        Ok(FromChild::Scores(Scores {
            id: request.id,
            n_prompt_tokens,
            token_ids,
            token_ends,
            log_probs: None,
            classes: Some(classes.iter().map(ToString::to_string).collect()),
            outcome_logits: Some(logits),
            pooled_outcome_logits: Some(pooled),
        }))
    }

    fn tokenize(&self, id: RequestId, prompt: &Prompt) -> Result<FromChild> {
        let n_tokens = self.tokenizer.encode_prompt(prompt)?.len();
        Ok(FromChild::Tokens {
            id,
            n_tokens: u32::try_from(n_tokens).unwrap_or(u32::MAX),
            text: match prompt {
                Prompt::Text(_) => None,
                Prompt::Messages(_) => Some(self.tokenizer.text(prompt)?),
            },
        })
    }
}
