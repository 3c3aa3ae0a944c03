//! What is read and what is written in pretraining, from the tokens of a text (CodeRL §3.2).
//!
//! Pure functions of tokens and a seed; [`seed_of`] makes the seed of run, text, epoch and window,
//! so that an example depends on nothing else and every epoch has others. Tokens come without
//! special ones, as `<s>` and `</s>` are put around the source and the target here.
//!
//! A text that is longer than a source may be is cut by [`windows`], each of which becomes an
//! example. The paper concatenates samples to a length of 512 for masked spans, and names only the
//! largest lengths of the two sides for next tokens.

use std::ops::Range;

use crate::random::{Draws, seed_for};

/// What is read, and what is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub source: Vec<u32>,
    pub target: Vec<u32>,
}

/// Tokens around what an encoder reads and a decoder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `<s>`, where the tokenizer of the model puts one.
    pub begin: Option<u32>,
    /// `</s>`.
    pub end: u32,
}

impl Frame {
    /// Tokens that it takes.
    pub fn len(self) -> usize {
        usize::from(self.begin.is_some()) + 1
    }

    pub fn is_empty(self) -> bool {
        false
    }

    fn around(self, tokens: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let inner = self.begin.into_iter().chain(tokens);
        inner.chain([self.end]).collect()
    }
}

/// How much of a text is masked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpanRecipe {
    /// Share of tokens.
    pub rate: f64,
    /// Mean length of a span, in tokens.
    pub mean_span: f64,
}

/// The paper's, which are T5's.
impl Default for SpanRecipe {
    fn default() -> Self {
        Self {
            rate: 0.15,
            mean_span: 3.0,
        }
    }
}

/// Where a text is cut in two, and how much of either side is used.
#[derive(Clone, Debug, PartialEq)]
pub struct PivotRecipe {
    /// The place of the cut, as a share of the text.
    pub places: Range<f64>,
    /// In tokens, the frame included.
    pub max_source: usize,
    pub max_target: usize,
}

/// The paper's.
impl Default for PivotRecipe {
    fn default() -> Self {
        Self {
            places: 0.1..0.9,
            max_source: 768,
            max_target: 600,
        }
    }
}

/// The seed of the examples of a window of a text.
pub fn seed_of(run_seed: u64, text_id: &str, epoch: u32, window: usize) -> u64 {
    seed_for(run_seed, &format!("pretrain {epoch} {window} {text_id}"))
}

/// Windows of at most `size` tokens that cover a text of `n_tokens`, each token once and in order.
/// The first window of a text with several ends at a random place in its second half, so that the
/// cuts of one epoch are not those of the next; `seed` is that of window 0.
///
/// # Panics
/// If `size` is 0.
pub fn windows(n_tokens: usize, size: usize, seed: u64) -> Vec<Range<usize>> {
    assert!(size > 0, "a window has room for a token");
    let mut ends = Vec::new();
    let mut end = n_tokens.min(size);
    if n_tokens > size {
        end = size - Draws::new(seed_for(seed, "windows")).below(size.div_ceil(2));
    }
    while end < n_tokens {
        ends.push(end);
        end += size;
    }
    if n_tokens > 0 {
        ends.push(n_tokens);
    }
    let begins = std::iter::once(0).chain(ends.iter().copied());
    begins.zip(&ends).map(|(begin, end)| begin..*end).collect()
}

/// Masked span prediction: each masked span of the source is one sentinel, and the target is
/// `sentinel_0 span_0 sentinel_1 span_1 … sentinel_n`, the last of which stands before nothing
/// (Raffel et al. 2020, Figure 2). `sentinels` are the ids of `<extra_id_0>` and on.
///
/// Spans are those of `random_spans_noise_mask` in `t5/data/preprocessors.py`: round(length × rate)
/// tokens in round(tokens / mean span) spans, every way of parting them as likely; the first token
/// is never masked, and the last always is. Where there are too few sentinels for that many spans,
/// spans are fewer and longer.
///
/// `None` for a text of fewer than two tokens, of which none can be masked, or with fewer than two
/// sentinels.
pub fn masked_spans(
    tokens: &[u32],
    seed: u64,
    recipe: SpanRecipe,
    sentinels: &[u32],
    frame: Frame,
) -> Option<Example> {
    let n_sentinels_for_spans = sentinels.len().saturating_sub(1);
    if tokens.len() < 2 || n_sentinels_for_spans == 0 {
        return None;
    }
    let n_masked = round_half_even(tokens.len() as f64 * recipe.rate).clamp(1, tokens.len() - 1);
    let n_kept = tokens.len() - n_masked;
    let n_spans = round_half_even(n_masked as f64 / recipe.mean_span)
        .max(1)
        .min(n_masked)
        .min(n_kept)
        .min(n_sentinels_for_spans);
    let mut draws = Draws::new(seed);
    let masked = random_parts(&mut draws, n_masked, n_spans);
    let kept = random_parts(&mut draws, n_kept, n_spans);
    let (mut source, mut target) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    for ((n_kept, n_masked), sentinel) in kept.into_iter().zip(masked).zip(sentinels) {
        let (before, after) = rest.split_at(n_kept);
        let (span, after) = after.split_at(n_masked);
        source.extend_from_slice(before);
        source.push(*sentinel);
        target.push(*sentinel);
        target.extend_from_slice(span);
        rest = after;
    }
    target.push(sentinels[n_spans]);
    Some(Example {
        source: frame.around(source),
        target: frame.around(target),
    })
}

/// `numpy.round`, with which T5 counts.
fn round_half_even(x: f64) -> usize {
    x.round_ties_even() as usize
}

/// `n_items` in `n_parts` parts of at least one, every way as likely: the first items of all parts
/// but the first are a random choice of the places behind the first.
fn random_parts(draws: &mut Draws, n_items: usize, n_parts: usize) -> Vec<usize> {
    let mut begins: Vec<bool> = (1..n_items).map(|place| place < n_parts).collect();
    draws.shuffle(&mut begins);
    let mut parts = vec![1];
    for is_first in begins {
        if is_first {
            parts.push(1);
        } else if let Some(last) = parts.last_mut() {
            *last += 1;
        }
    }
    parts
}

/// Next token prediction with one pivot: what is left of it is read, what is right of it written.
///
/// A left part that is too long loses its beginning, so that what is written goes on from what was
/// read; the paper does not say. A right part that is too long loses its end. The target ends with
/// the end-of-text token only if the text does (`ends_text` is false for a window that others
/// follow), or the model would learn to stop anywhere.
///
/// `None` for a text of fewer than two tokens, and where the lengths leave no room for any.
pub fn next_token_pivot(
    tokens: &[u32],
    ends_text: bool,
    seed: u64,
    recipe: &PivotRecipe,
    frame: Frame,
) -> Option<Example> {
    let room_before = recipe.max_source.checked_sub(frame.len())?;
    let room_after = recipe.max_target.checked_sub(frame.len())?;
    if tokens.len() < 2 || room_before == 0 || room_after == 0 {
        return None;
    }
    let share = recipe.places.start
        + (recipe.places.end - recipe.places.start) * Draws::new(seed).uniform();
    let pivot = (tokens.len() as f64 * share) as usize;
    let (left, right) = tokens.split_at(pivot.clamp(1, tokens.len() - 1));
    let left = &left[left.len().saturating_sub(room_before)..];
    let is_whole = right.len() <= room_after;
    let right = &right[..right.len().min(room_after)];
    let mut target = frame.around(right.iter().copied());
    if !(is_whole && ends_text) {
        target.pop();
    }
    Some(Example {
        source: frame.around(left.iter().copied()),
        target,
    })
}

#[cfg(test)]
#[path = "pretrain_tests.rs"]
mod tests;
