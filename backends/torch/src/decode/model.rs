//! What the decoding loop needs of a model.

use std::sync::Arc;

use crate::cpu::{self, Rows};
use crate::device::{self, Slot};
use crate::error::{Error, Result};

/// A prompt that was read once, shared by all that continue it.
#[derive(Clone)]
pub struct Prompt {
    /// Keys and values: of the prompt's tokens, or of the encoder's states.
    pub(crate) memory: PromptMemory,
    /// Number of tokens.
    pub(crate) length: usize,
    /// Logits `[1, V]` of the first token to generate, where reading the prompt gives them.
    pub(crate) logits: Option<Arc<Rows>>,
}

/// Where the keys and values of a prompt are.
#[derive(Clone)]
pub(crate) enum PromptMemory {
    Cpu(Arc<cpu::Cache>),
    Device(Arc<device::DevicePrompt>),
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

/// Keys and values of what one row has generated, in the memory of the model that made it.
pub enum Cache {
    Cpu(cpu::Cache),
    Device(Slot),
}

impl Cache {
    /// Tokens whose keys and values are there.
    pub fn len(&self) -> usize {
        match self {
            Self::Cpu(cache) => cache.len(),
            Self::Device(slot) => slot.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens that fit.
    pub fn capacity(&self) -> usize {
        match self {
            Self::Cpu(cache) => cache.capacity(),
            Self::Device(slot) => slot.capacity(),
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        match self {
            Self::Cpu(cache) => cache.clear(),
            Self::Device(slot) => slot.clear(),
        }
    }

    /// Becomes equal to `other`, which the same model made for as many tokens.
    ///
    /// # Panics
    /// If it was not.
    pub fn copy_from(&mut self, other: &Self) {
        match (self, other) {
            (Self::Cpu(to), Self::Cpu(from)) => to.copy_from(from),
            (Self::Device(to), Self::Device(from)) => to.copy_from(from),
            _ => panic!("caches of one model"),
        }
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
pub trait Decoder: Send + Sync {
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

    /// Reads one token for each row and writes logits `[rows, V]`, row by row.
    ///
    /// # Panics
    /// If a device fails or has no memory left.
    fn step(&self, rows: &mut [StepRow<'_>], logits: &mut Rows);
}

/// # Errors
/// See [`Decoder::read`].
pub(crate) fn check_tokens(
    tokens: &[u32],
    vocabulary_size: usize,
    max_positions: Option<usize>,
) -> Result<()> {
    if tokens.is_empty() {
        return Err(Error::request("the prompt has no tokens"));
    }
    if let Some(token) = tokens
        .iter()
        .find(|token| **token as usize >= vocabulary_size)
    {
        return Err(Error::request(format!(
            "the prompt has the token {token}, and the model knows {vocabulary_size}"
        )));
    }
    if let Some(max) = max_positions.filter(|max| tokens.len() > *max) {
        return Err(Error::request(format!(
            "the prompt has {} tokens, and the model is made for {max}",
            tokens.len()
        )));
    }
    Ok(())
}
