//! From texts to token ids, cut as training cuts them.

use harness::prompt::Prompt;
use harness::training::BatchSettings;

use crate::checkpoint::Config;
use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// A prompt and a program as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// What is read. Never empty.
    pub source: Vec<u32>,
    /// What is written: the program, and the end-of-text token unless the program was cut.
    pub target: Vec<u32>,
}

impl Sequence {
    pub fn n_tokens(&self) -> usize {
        self.source.len() + self.target.len()
    }
}

/// Makes sequences for one model.
pub struct Sequencer<'a> {
    tokenizer: &'a Tokenizer,
    end_token: u32,
    max_source: usize,
    max_target: usize,
    /// Prompts are sliced, and lose their end-of-text token (coderl-facts: released training).
    slices_prompts: bool,
}

impl<'a> Sequencer<'a> {
    pub fn new(tokenizer: &'a Tokenizer, config: &Config, settings: &BatchSettings) -> Self {
        Self {
            tokenizer,
            end_token: config.end_tokens().first().copied().unwrap_or(0),
            max_source: settings.max_source_tokens as usize,
            max_target: settings.max_target_tokens as usize,
            slices_prompts: settings.as_released,
        }
    }

    /// # Errors
    /// A conversation for a model without a chat template, or what the tokenizer reports.
    pub fn sequence(&self, prompt: &Prompt, program: &str) -> Result<Sequence> {
        Ok(Sequence {
            source: self.source(prompt)?,
            target: self.target(program)?,
        })
    }

    /// # Errors
    /// As [`Sequencer::sequence`].
    pub fn source(&self, prompt: &Prompt) -> Result<Vec<u32>> {
        let mut source = self.tokenizer.encode_prompt(prompt)?;
        if self.slices_prompts {
            source.truncate(self.max_source);
        } else {
            self.tokenizer.cut(&mut source, self.max_source);
        }
        if source.is_empty() {
            // Attention needs something to look at.
            source.push(self.end_token);
        }
        Ok(source)
    }

    /// # Errors
    /// What the tokenizer reports.
    pub fn target(&self, program: &str) -> Result<Vec<u32>> {
        let (mut target, _) = self.tokenizer.encode_completion(program)?;
        target.push(self.end_token);
        target.truncate(self.max_target);
        Ok(target)
    }

    /// For each token of `target`, the line of the program that it begins in, from 1.
    pub fn lines(&self, target: &[u32]) -> Vec<u32> {
        let mut line = 1;
        target
            .iter()
            .map(|token| {
                let here = line;
                let breaks = self
                    .tokenizer
                    .decode_bytes(&[*token])
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count();
                line += u32::try_from(breaks).unwrap_or(u32::MAX);
                here
            })
            .collect()
    }
}
