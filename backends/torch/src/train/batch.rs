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

/// Least widths of a batch; 0 where it is as wide as its sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Filled with end-of-text tokens that the encoder sees.
    pub source: usize,
    /// Of the longest program. The decoder reads the padding too.
    pub target: usize,
}

impl Padding {
    /// The released inputs, where they are asked for and the model is an encoder-decoder.
    pub fn of(config: &Config, settings: &BatchSettings) -> Self {
        match config {
            Config::T5(_) if settings.as_released => Self {
                source: settings.max_source_tokens as usize,
                ..Self::of_targets(settings)
            },
            _ => Self::default(),
        }
    }

    /// Programs alone.
    pub(super) fn of_targets(settings: &BatchSettings) -> Self {
        Self {
            source: 0,
            target: settings.max_target_tokens as usize,
        }
    }
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
        padding: Padding,
        reads: Reads,
        device: Device,
    ) -> Self {
        assert!(!sequences.is_empty(), "a batch holds sequences");
        // What stands before the target in the decoder's input.
        let (encoder_pad, prefixes): (Option<u32>, Vec<&[u32]>) = match config {
            Config::T5(config) => {
                let pad = match padding.source {
                    0 => config.pad_token,
                    _ => config.end_tokens.first().copied().unwrap_or(0),
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
            let sources = sequences.iter().map(|sequence| &sequence.source);
            let width = longest(sources.clone().map(Vec::len)).max(padding.source);
            let (tokens, mask) = pad_right(sources.map(|source| source.iter()), width, pad);
            let mask = (padding.source == 0).then(|| mask.to_device(device));
            (tokens.to_device(device), mask)
        });
        let n_read = |target: &[u32]| match reads {
            // There is room for the last token unless it is the last that there is room for.
            Reads::AllButLast if target.len() < padding.target => target.len(),
            Reads::AllButLast => target.len() - 1,
            Reads::All => target.len(),
        };
        let lengths = sequences
            .iter()
            .zip(&prefixes)
            .map(|(sequence, prefix)| prefix.len() + n_read(&sequence.target));
        let width = match padding.target {
            0 => longest(lengths),
            wide => longest(lengths).max(wide + usize::from(reads == Reads::All)),
        };
        let inputs = sequences.iter().zip(&prefixes).map(|(sequence, prefix)| {
            prefix
                .iter()
                .chain(&sequence.target[..n_read(&sequence.target)])
        });
        let (inputs, mut inputs_mask) = pad_right(inputs, width, 0);
        if padding.target > 0 {
            inputs_mask = inputs_mask.ones_like();
        }
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
pub fn micro_batches(
    sequences: &[&Sequence],
    padding: Padding,
    max_tokens: usize,
) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| {
        let sequence = sequences[*index];
        (sequence.n_tokens(), sequence.source.len(), *index)
    });
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut widest = (0, 0);
    for index in order {
        let sequence = sequences[index];
        let own = (
            sequence.source.len().max(padding.source),
            sequence.target.len().max(padding.target),
        );
        let widths = (widest.0.max(own.0), widest.1.max(own.1));
        match out.last_mut() {
            Some(last) if (last.len() + 1) * (widths.0 + widths.1) <= max_tokens => {
                last.push(index);
                widest = widths;
            }
            _ => {
                out.push(vec![index]);
                widest = own;
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
        let passes = micro_batches(&all, Padding::default(), 100);
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
    #[test]
    fn padding_counts() {
        let sequences = [sequence(3, 2), sequence(1, 1), sequence(2, 9)];
        let all: Vec<&Sequence> = sequences.iter().collect();
        let padding = Padding {
            source: 30,
            target: 20,
        };
        assert_eq!(micro_batches(&all, padding, 100), [vec![1, 0], vec![2]]);
        assert_eq!(micro_batches(&all, padding, 10).len(), 3);
    }
}
