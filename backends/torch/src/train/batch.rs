//! Sequences to padded tensors, and where in them the tokens of the programs are.

use harness::training::BatchSettings;
use tch::{Device, Kind, Tensor};

use super::sequence::Sequence;
use crate::checkpoint::Config;

/// Whether the model reads the last token of a program too. To predict it need not; a critic
/// must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    AllButLast,
    All,
}

/// Sequences side by side. N is the number of their target tokens together.
pub struct Batch {
    /// `[B, S]` int64, and its mask `[B, S]` (bool; false at padding). `None` for decoder-only
    /// models, whose prompts are part of `inputs`. Without a mask nothing is hidden.
    pub source: Option<(Tensor, Option<Tensor>)>,
    /// `[B, L]` int64: what the decoder reads.
    pub inputs: Tensor,
    /// `[B, L]` bool.
    pub inputs_mask: Tensor,
    /// `[N]` int64, into `B × L`: the state that predicts each target token.
    pub predicts: Tensor,
    /// `[N]` int64: the state that has read it; for `Reads::All`.
    pub has_read: Option<Tensor>,
    /// `[N]` int64.
    pub labels: Tensor,
    /// `[N]` int64: the sequence that each target token belongs to.
    pub rows: Tensor,
    pub n_rows: usize,
    pub n_labels: usize,
}

impl Batch {
    /// # Panics
    /// Without sequences, or with one that has no target.
    pub fn new(
        sequences: &[&Sequence],
        config: &Config,
        settings: &BatchSettings,
        reads: Reads,
        device: Device,
    ) -> Self {
        assert!(!sequences.is_empty(), "a batch holds sequences");
        let released = settings.as_released;
        // What stands before the target in the decoder's input.
        let (encoder_pad, prefixes): (Option<u32>, Vec<&[u32]>) = match config {
            Config::T5(config) => {
                let pad = if released {
                    config.end_tokens.first().copied().unwrap_or(0)
                } else {
                    config.pad_token
                };
                let start = std::slice::from_ref(&config.decoder_start_token);
                (Some(pad), vec![start; sequences.len()])
            }
            Config::Llama(_) => {
                let prompts = sequences.iter().map(|sequence| &sequence.source[..]);
                (None, prompts.collect())
            }
        };
        let source = encoder_pad.map(|pad| {
            let width = if released {
                settings.max_source_tokens as usize
            } else {
                longest(sequences.iter().map(|sequence| sequence.source.len()))
            };
            let (tokens, mask) = pad_right(
                sequences.iter().map(|sequence| sequence.source.iter()),
                width,
                pad,
            );
            let mask = (!released).then(|| mask.to_device(device));
            (tokens.to_device(device), mask)
        });
        let n_read = |target: &[u32]| match reads {
            Reads::AllButLast => target.len() - 1,
            Reads::All => target.len(),
        };
        let lengths = sequences
            .iter()
            .zip(&prefixes)
            .map(|(sequence, prefix)| prefix.len() + n_read(&sequence.target));
        let width = if released && encoder_pad.is_some() {
            settings.max_target_tokens as usize + usize::from(reads == Reads::All)
        } else {
            longest(lengths)
        };
        let inputs = sequences.iter().zip(&prefixes).map(|(sequence, prefix)| {
            prefix
                .iter()
                .chain(&sequence.target[..n_read(&sequence.target)])
        });
        let (inputs, inputs_mask) = pad_right(inputs, width, 0);
        let mut predicts = Vec::new();
        let mut labels = Vec::new();
        let mut rows = Vec::new();
        for (row, (sequence, prefix)) in sequences.iter().zip(&prefixes).enumerate() {
            assert!(!sequence.target.is_empty(), "a sequence has a target");
            let first = row * width + prefix.len() - 1;
            predicts.extend((first..first + sequence.target.len()).map(|at| at as i64));
            labels.extend(sequence.target.iter().map(|token| i64::from(*token)));
            rows.extend(std::iter::repeat_n(row as i64, sequence.target.len()));
        }
        let to_device = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        let predicts = to_device(&predicts);
        Self {
            source,
            inputs: inputs.to_device(device),
            inputs_mask: inputs_mask.to_device(device),
            has_read: (reads == Reads::All).then(|| &predicts + 1),
            predicts,
            n_labels: labels.len(),
            labels: to_device(&labels),
            rows: to_device(&rows),
            n_rows: sequences.len(),
        }
    }

    /// A number for each sequence, given to each of its target tokens: `[N]` float32.
    pub fn spread(&self, values: &[f64]) -> Tensor {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Tensor::from_slice(&values)
            .to_device(self.rows.device())
            .index_select(0, &self.rows)
    }
}

fn longest(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().expect("a batch holds sequences")
}

/// Tokens `[B, width]` and mask.
fn pad_right<'a>(
    rows: impl Iterator<Item = impl Iterator<Item = &'a u32>>,
    width: usize,
    pad: u32,
) -> (Tensor, Tensor) {
    let mut tokens = Vec::new();
    let mut mask = Vec::new();
    let mut n_rows = 0;
    for row in rows {
        n_rows += 1;
        let start = tokens.len();
        tokens.extend(row.map(|token| i64::from(*token)));
        mask.resize(tokens.len(), true);
        tokens.resize(start + width, i64::from(pad));
        mask.resize(start + width, false);
    }
    let shape = [n_rows, width as i64];
    (
        Tensor::from_slice(&tokens).view(shape),
        Tensor::from_slice(&mask).view(shape).to_kind(Kind::Bool),
    )
}

/// Cuts the sequences of an update into passes of at most `max_tokens` padded tokens, as
/// positions in `sequences`: similar lengths together, so that little is padding.
pub fn micro_batches(sequences: &[&Sequence], max_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| {
        let sequence = sequences[*index];
        (sequence.n_tokens(), sequence.source.len(), *index)
    });
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut widest = (0, 0);
    for index in order {
        let sequence = sequences[index];
        let widths = (
            widest.0.max(sequence.source.len()),
            widest.1.max(sequence.target.len()),
        );
        match out.last_mut() {
            Some(last) if (last.len() + 1) * (widths.0 + widths.1) <= max_tokens => {
                last.push(index);
                widest = widths;
            }
            _ => {
                out.push(vec![index]);
                widest = (sequence.source.len(), sequence.target.len());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(n_source: usize, n_target: usize) -> Sequence {
        Sequence {
            source: vec![5; n_source],
            target: vec![7; n_target],
        }
    }

    #[test]
    fn passes_hold_everything_once_and_keep_to_the_limit() {
        let sequences: Vec<Sequence> = (1..40).map(|n| sequence(n * 7 % 23 + 1, n)).collect();
        let all: Vec<&Sequence> = sequences.iter().collect();
        let passes = micro_batches(&all, 100);
        let mut seen: Vec<usize> = passes.iter().flatten().copied().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..39).collect::<Vec<_>>());
        for pass in &passes {
            let width = |length: fn(&Sequence) -> usize| {
                pass.iter().map(|index| length(all[*index])).max().unwrap()
            };
            let padded = pass.len() * (width(|s| s.source.len()) + width(|s| s.target.len()));
            assert!(padded <= 100 || pass.len() == 1);
        }
    }
}
