//! The sequences of a pretraining: windows of the texts of a corpus, and what `pretrain` makes of
//! them, other each pass.

use harness::training::{CorpusText, PretrainObjective, TrainingSettings};

use super::order::Passes;
use super::pretrain::{
    Frame, PivotRecipe, SpanRecipe, masked_spans, next_token_pivot, seed_of, windows,
};
use super::sequence::Sequence;
use crate::checkpoint::{Checkpoint, Config};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// How texts become sequences.
pub(super) struct Pretraining<'a> {
    objective: PretrainObjective,
    tokenizer: &'a Tokenizer,
    frame: Frame,
    /// Ids of `<extra_id_0>` and on; masked spans need them.
    sentinels: Vec<u32>,
    pivot: PivotRecipe,
    window: usize,
    seed: u64,
}

/// A part of a text that one sequence is made of.
pub(super) struct Window {
    text_id: String,
    index: usize,
    tokens: Vec<u32>,
    ends_text: bool,
}

impl<'a> Pretraining<'a> {
    pub(super) fn new(
        objective: PretrainObjective,
        settings: &TrainingSettings,
        tokenizer: &'a Tokenizer,
        checkpoint: &Checkpoint,
    ) -> Result<Self> {
        let Config::T5(config) = &checkpoint.config else {
            return Err(Error::request(
                "pretraining objectives are for encoder-decoders, and this model is none",
            ));
        };
        let sentinels: Vec<u32> = (0..)
            .map_while(|index| tokenizer.id(&format!("<extra_id_{index}>")))
            .collect();
        if objective == PretrainObjective::MaskedSpan && sentinels.len() < 2 {
            return Err(Error::request(
                "masked spans need sentinels, and the tokenizer has no `<extra_id_0>`, \
                 `<extra_id_1>`, …",
            ));
        }
        let (max_source, max_target) = (
            settings.batch.max_source_tokens as usize,
            settings.batch.max_target_tokens as usize,
        );
        let frame = Frame {
            begin: tokenizer.begin_token(),
            end: config.end_tokens.first().copied().unwrap_or(1),
        };
        let window = match objective {
            PretrainObjective::MaskedSpan => max_source.saturating_sub(frame.len()),
            // Either side may be the longer one.
            PretrainObjective::NextToken => max_source + max_target - 2 * frame.len(),
        };
        Ok(Self {
            objective,
            tokenizer,
            frame,
            sentinels,
            pivot: PivotRecipe {
                max_source,
                max_target,
                ..PivotRecipe::default()
            },
            window: window.max(2),
            seed: settings.seed,
        })
    }

    /// # Errors
    /// What the tokenizer reports.
    pub(super) fn read(&self, texts: &[CorpusText]) -> Result<Vec<Window>> {
        let mut out = Vec::new();
        for text in texts {
            let (tokens, _) = self.tokenizer.encode_completion(&text.text)?;
            // The frame puts it there again.
            let tokens = match self.frame.begin {
                Some(begin) if tokens.first() == Some(&begin) => &tokens[1..],
                _ => &tokens[..],
            };
            let seed = seed_of(self.seed, &text.id, 0, 0);
            let ranges = windows(tokens.len(), self.window, seed);
            let n = ranges.len();
            for (index, range) in ranges.into_iter().enumerate() {
                let tokens = tokens[range].to_vec();
                // A single token has nothing to be masked or to be parted.
                if tokens.len() >= 2 {
                    out.push(Window {
                        text_id: text.id.clone(),
                        index,
                        tokens,
                        ends_text: index + 1 == n,
                    });
                }
            }
        }
        Ok(out)
    }

    fn sequence(&self, window: &Window, pass: u64) -> Option<Sequence> {
        let pass = u32::try_from(pass).unwrap_or(u32::MAX);
        let seed = seed_of(self.seed, &window.text_id, pass, window.index);
        let example = match self.objective {
            PretrainObjective::MaskedSpan => masked_spans(
                &window.tokens,
                seed,
                SpanRecipe::default(),
                &self.sentinels,
                self.frame,
            ),
            PretrainObjective::NextToken => next_token_pivot(
                &window.tokens,
                window.ends_text,
                seed,
                &self.pivot,
                self.frame,
            ),
        }?;
        let mut target = example.target;
        target.truncate(self.pivot.max_target);
        Some(Sequence {
            source: example.source,
            target,
        })
    }

    /// The sequences of an update.
    pub(super) fn update(
        &self,
        windows: &[Window],
        order: &mut Passes,
        step: u64,
    ) -> Vec<Sequence> {
        let chosen = order.update_with_passes(step).into_iter();
        chosen
            .filter_map(|(pass, index)| self.sequence(&windows[index], pass))
            .collect()
    }

    /// The same sequences each time, to be validated on.
    pub(super) fn fixed(&self, windows: &[Window]) -> Vec<Sequence> {
        let windows = windows.iter();
        windows
            .filter_map(|window| self.sequence(window, 0))
            .collect()
    }
}
