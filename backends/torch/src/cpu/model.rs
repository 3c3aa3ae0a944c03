//! What the decoding loop needs of a model.

use std::sync::Arc;

use super::cache::Cache;
use super::rows::Rows;
use crate::error::Result;

/// A prompt that was read once, shared by all that continue it.
#[derive(Clone)]
pub struct Prompt {
    /// Keys and values: of the prompt's tokens, or of the encoder's states.
    pub(super) cache: Arc<Cache>,
    /// Number of tokens.
    pub(super) length: usize,
    /// Logits `[1, V]` of the first token to generate, where reading the prompt gives them.
    pub(super) logits: Option<Arc<Rows>>,
}

impl Prompt {
    pub fn n_tokens(&self) -> usize {
        self.length
    }

    /// Logits of the first token, for decoder-only models.
    pub fn logits(&self) -> Option<&Rows> {
        self.logits.as_deref()
    }
}

/// A row of a step: the token to read, what was there before, and where to note it.
pub struct StepRow<'a> {
    pub token: u32,
    pub prompt: &'a Prompt,
    /// Keys and values of what this row has generated; the token's are added.
    pub cache: &'a mut Cache,
}

/// A token that is tried: as if it came next, without being noted anywhere.
#[derive(Clone, Copy)]
pub struct PeekRow<'a> {
    pub token: u32,
    pub prompt: &'a Prompt,
    /// Keys and values of what comes between prompt and token.
    pub cache: &'a Cache,
}

/// A model whose candidates are decoded token by token.
pub trait CpuModel: Send + Sync {
    fn vocabulary_size(&self) -> usize;

    /// The token that decoding begins with, of an encoder-decoder. A decoder-only model gives
    /// the logits of its first token with the prompt.
    fn start_token(&self) -> Option<u32>;

    /// Longest prompt and continuation together, in tokens.
    fn max_positions(&self) -> Option<usize>;

    /// Reads a prompt.
    ///
    /// # Errors
    /// An empty or too long prompt, or an id that is not in the vocabulary.
    fn read(&self, tokens: &[u32]) -> Result<Prompt>;

    /// A cache for continuations of up to `capacity` tokens.
    fn new_cache(&self, capacity: usize) -> Cache;

    /// What a cache takes for each token, in bytes.
    fn bytes_per_token(&self) -> usize;

    /// Reads one token for each row and writes the states `[rows, D]` from which logits come.
    fn advance(&self, rows: &mut [StepRow<'_>], states: &mut Rows);

    /// The states of tokens that are tried. Several may follow the same cache; those that are
    /// neighbours then share its work.
    fn peek(&self, rows: &[PeekRow<'_>], states: &mut Rows);

    /// Logits `[rows, V]` of states.
    fn logits(&self, states: &Rows, logits: &mut Rows);

    /// Reads one token for each row and writes logits `[rows, V]`, row by row.
    fn step(&self, rows: &mut [StepRow<'_>], logits: &mut Rows) {
        let mut states = Rows::default();
        self.advance(rows, &mut states);
        self.logits(&states, logits);
    }
}
