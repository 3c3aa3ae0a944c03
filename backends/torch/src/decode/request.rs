//! What is asked of the decoding loop, and what comes out.

use harness::decoding::{Decoding, Guidance, Method};

use crate::error::{Error, Result};

/// Asks for candidates that continue a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Names the request in events.
    pub id: u64,
    pub prompt: Vec<u32>,
    /// Tokens that each candidate begins with.
    pub forced: Vec<u32>,
    /// One for each candidate.
    pub seeds: Vec<u64>,
    pub decoding: Decoding,
    pub wants_log_probs: bool,
    /// Whether the critic has its say, and how.
    pub guided: Option<Guided>,
}

/// How the critic has its say in a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Guided {
    pub guidance: Guidance,
    /// The prompt as the critic reads it.
    pub prompt: Vec<u32>,
}

/// What was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub request: u64,
    /// Position in [`Request::seeds`].
    pub index: usize,
    /// All tokens, forced ones and the one that ends the text included.
    pub tokens: Vec<u32>,
    /// Number of those that were decoded and not forced.
    pub n_decoded: usize,
    /// Text of the tokens up to what ended it.
    pub text: String,
    pub finish: Finish,
    /// For each decoded token; empty unless they were wanted.
    pub log_probs: Vec<f32>,
    /// Tokens that the critic read or tried for it, the prompt apart.
    pub n_critic_tokens: usize,
}

/// Why a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model ended the text.
    End,
    /// One of the texts to stop at.
    Stop,
    /// As many tokens as were asked for, or as the model was made for.
    Length,
}

impl Request {
    /// # Errors
    /// Settings that mean nothing, by name and range.
    pub(super) fn check(&self, vocabulary_size: usize) -> Result<()> {
        let wrong = |detail: String| Err(Error::request(detail));
        match self.decoding.method {
            Method::Sample { temperature, .. }
                if !(temperature > 0.0 && temperature.is_finite()) =>
            {
                return wrong(format!("temperature {temperature} is not above 0"));
            }
            Method::Sample { top_p, .. } if !(top_p > 0.0 && top_p <= 1.0) => {
                return wrong(format!("top-p {top_p} is not above 0 and up to 1"));
            }
            Method::Sample { top_k: Some(0), .. } => {
                return wrong("top-k 0 leaves no token".to_owned());
            }
            Method::Beam { n_beams: 0, .. } => return wrong("beam search with 0 beams".to_owned()),
            Method::Beam { n_beams, .. } if self.seeds.len() > n_beams as usize => {
                return wrong(format!(
                    "{} candidates of a search with {n_beams} beams",
                    self.seeds.len()
                ));
            }
            _ => {}
        }
        if self.decoding.max_new_tokens == 0 {
            return wrong("candidates of at most 0 tokens".to_owned());
        }
        if let Some(Guided { guidance, .. }) = &self.guided {
            if !(guidance.strength >= 0.0 && guidance.strength.is_finite()) {
                let strength = guidance.strength;
                return wrong(format!("guidance of strength {strength} is not 0 or more"));
            }
            if guidance.top < 2 {
                let top = guidance.top;
                return wrong(format!(
                    "guidance needs 2 tokens or more to compare, not {top}"
                ));
            }
            if !matches!(self.decoding.method, Method::Sample { .. }) {
                return wrong(
                    "guidance weighs what is drawn from, and nothing is drawn".to_owned(),
                );
            }
        }
        if let Some(token) = self
            .forced
            .iter()
            .find(|token| **token as usize >= vocabulary_size)
        {
            return wrong(format!(
                "the forced prefix has the token {token}, and the model knows {vocabulary_size}"
            ));
        }
        Ok(())
    }
}
