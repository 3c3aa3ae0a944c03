//! Sequences to padded tensors, and where in them the tokens of the programs are.

use std::collections::BTreeSet;

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
    /// `None` for decoder-only models, whose prompts are part of `inputs`.
    pub source: Option<Source>,
    /// `[B, L]` int64: what the decoder reads. Padding is on the right, where no query of a
    /// sequence sees it, so it needs no mask.
    pub inputs: Tensor,
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

/// What the encoder reads. Sequences one after the other with the same prompt share a row, so that
/// the samples of a problem cost one pass of the encoder.
pub struct Source {
    /// `[U, S]` int64.
    pub tokens: Tensor,
    /// `[U, S]` bool, false at padding; `None` where nothing is hidden.
    pub mask: Option<Tensor>,
    /// `[B]` int64: the row of each sequence; `None` where each has its own.
    pub rows: Option<Tensor>,
}

impl Source {
    fn new(sequences: &[&Sequence], pad: u32, padding: usize, device: Device) -> Self {
        let mut prompts: Vec<&[u32]> = Vec::new();
        let rows: Vec<i64> = sequences
            .iter()
            .map(|sequence| {
                if prompts.last() != Some(&&sequence.source[..]) {
                    prompts.push(&sequence.source);
                }
                prompts.len() as i64 - 1
            })
            .collect();
        let width = longest(prompts.iter().map(|prompt| prompt.len())).max(padding);
        let is_padded = prompts.iter().any(|prompt| prompt.len() < width);
        let (tokens, mask) = pad_right(prompts.iter().map(|prompt| prompt.iter()), width, pad);
        Self {
            tokens: tokens.to_device(device),
            // The released inputs have none.
            mask: (is_padded && padding == 0).then(|| mask.to_device(device)),
            rows: (prompts.len() < sequences.len())
                .then(|| Tensor::from_slice(&rows).to_device(device)),
        }
    }
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
        let source = encoder_pad.map(|pad| Source::new(sequences, pad, padding.source, device));
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
        let (inputs, _) = pad_right(inputs, width, 0);
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

/// What a pass may hold, and what it costs besides its tokens.
#[derive(Clone, Copy, Debug)]
pub struct PassLimits {
    /// Most padded tokens, prompts and programs together.
    pub max_tokens: usize,
    /// Padding that is worth a pass less: starting one costs as much as so many tokens.
    pub overhead: usize,
}

impl PassLimits {
    pub fn new(settings: &BatchSettings, device: Device) -> Self {
        let max_tokens = settings.max_tokens as usize;
        Self {
            max_tokens,
            overhead: match device {
                // Measured with `make bench-train`: processors are busy with a single sequence.
                Device::Cpu => 64,
                // Other devices are not, so passes are filled.
                _ => max_tokens,
            },
        }
    }
}

/// Cuts the sequences of an update into passes within the limits, as positions in `sequences`, so
/// that the tokens computed, padding included, and the passes cost as little as they can with
/// sequences in order of length. Those with the same prompt are side by side, as in an
/// encoder they count once ([`Source`]).
pub fn micro_batches(
    sequences: &[&Sequence],
    config: &Config,
    padding: Padding,
    limits: PassLimits,
) -> Vec<Vec<usize>> {
    let shares_prompts = matches!(config, Config::T5(_)) && {
        let distinct: BTreeSet<&[u32]> = sequences.iter().map(|it| &it.source[..]).collect();
        distinct.len() < sequences.len()
    };
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|index| {
        let Sequence { source, target } = sequences[*index];
        let whole = source.len() + target.len();
        match shares_prompts {
            true => (source.len(), &source[..], target.len(), *index),
            false => (whole, &[][..], source.len(), *index),
        }
    });
    // The least cost of the first `n` sequences, and where their last pass begins.
    let mut best = vec![(0, 0); order.len() + 1];
    for end in 1..=order.len() {
        best[end] = (usize::MAX, 0);
        let (mut source, mut target) = (padding.source, padding.target);
        let mut n_prompts = 0;
        for first in (0..end).rev() {
            let sequence = sequences[order[first]];
            source = source.max(sequence.source.len());
            target = target.max(sequence.target.len());
            let shares = shares_prompts
                && first + 1 < end
                && sequences[order[first + 1]].source == sequence.source;
            n_prompts += usize::from(!shares);
            let n_tokens = n_prompts * source + (end - first) * target;
            if n_tokens > limits.max_tokens && first + 1 < end {
                break;
            }
            let cost = best[first].0 + n_tokens + limits.overhead;
            if cost < best[end].0 {
                best[end] = (cost, first);
            }
        }
    }
    let mut passes = Vec::new();
    let mut end = order.len();
    while end > 0 {
        let first = best[end].1;
        passes.push(order[first..end].to_vec());
        end = first;
    }
    passes.reverse();
    passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial::{Architecture, Preset, SpecialIds};

    fn sequence(n_source: usize, n_target: usize) -> Sequence {
        Sequence {
            source: vec![5; n_source],
            target: vec![7; n_target],
        }
    }

    fn cut(sequences: &[Sequence], padding: Padding, max_tokens: usize) -> Vec<Vec<usize>> {
        let all: Vec<&Sequence> = sequences.iter().collect();
        let limits = PassLimits {
            max_tokens,
            overhead: 10,
        };
        micro_batches(&all, &t5(), padding, limits)
    }

    fn t5() -> Config {
        let special = SpecialIds {
            pad: Some(0),
            begin: None,
            end: 1,
        };
        let sizes = Preset::Tiny.sizes();
        sizes.config(Architecture::T5, 100, &special).unwrap()
    }

    #[test]
    fn passes_hold_everything_once_and_keep_to_the_limit() {
        let sequences: Vec<Sequence> = (1..40).map(|n| sequence(n * 7 % 23 + 1, n)).collect();
        let passes = cut(&sequences, Padding::default(), 100);
        let mut seen: Vec<usize> = passes.iter().flatten().copied().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..39).collect::<Vec<_>>());
        for pass in &passes {
            let width = |length: fn(&Sequence) -> usize| {
                pass.iter()
                    .map(|index| length(&sequences[*index]))
                    .max()
                    .unwrap()
            };
            let prompts: BTreeSet<_> = pass.iter().map(|index| &sequences[*index].source).collect();
            let read = prompts.len() * width(|s| s.source.len());
            let padded = read + pass.len() * width(|s| s.target.len());
            assert!(padded <= 100 || pass.len() == 1);
        }
    }

    #[test]
    fn padding_counts() {
        let sequences = [sequence(3, 2), sequence(1, 1), sequence(2, 9)];
        let padding = Padding {
            source: 30,
            target: 20,
        };
        assert_eq!(cut(&sequences, padding, 100), [vec![1, 0], vec![2]]);
        assert_eq!(cut(&sequences, padding, 10).len(), 3);
    }

    #[test]
    fn a_pass_is_worth_some_padding_and_not_any() {
        let alike = [sequence(9, 3), sequence(8, 3), sequence(9, 2)];
        assert_eq!(cut(&alike, Padding::default(), 1000).len(), 1);
        let unlike = [sequence(50, 20), sequence(3, 2), sequence(52, 19)];
        let passes = cut(&unlike, Padding::default(), 1000);
        assert_eq!(passes, [vec![1], vec![0, 2]]);
    }

    #[test]
    fn a_prompt_that_is_shared_counts_once() {
        let of = |first: u32, n_target| Sequence {
            source: vec![first; 30],
            target: vec![7; n_target],
        };
        let sequences = [of(5, 4), of(6, 4), of(5, 5), of(6, 4), of(5, 4)];
        // A prompt and three programs are 45 tokens, all of them 60 + 25.
        let passes = cut(&sequences, Padding::default(), 50);
        assert_eq!(passes, [vec![0, 4, 2], vec![1, 3]]);
        let all: Vec<&Sequence> = passes[0].iter().map(|index| &sequences[*index]).collect();
        let batch = Batch::new(
            &all,
            &t5(),
            Padding::default(),
            Reads::AllButLast,
            Device::Cpu,
        );
        let source = batch.source.unwrap();
        assert_eq!(source.tokens.size(), [1, 30]);
        assert_eq!(Vec::<i64>::try_from(source.rows.unwrap()).unwrap(), [0; 3]);
        assert!(source.mask.is_none());
    }
}
