//! Attention of many rows, each with what it may see: tokens that it shares with its
//! neighbours, tokens of its own, and at most one that is in no cache.
//!
//! Scores and sums are the products of `matrix` on caches, which are laid out as packed
//! matrices. A chain of sums runs over the tokens of the row first and over the shared ones
//! then, so that neither is copied to where the other is; a token without a cache comes last.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::cache::LayerCache;
use super::math::{exp, vectorized};
use super::matrix::{Start, multiply_panel};
use super::rows::PANEL;

/// Sizes of an attention layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) n_heads: usize,
    /// Each serves `n_heads / n_kv_heads` heads of queries.
    pub(super) n_kv_heads: usize,
    pub(super) width: usize,
    /// What scores are multiplied with.
    pub(super) scale: f32,
}

/// What a row may see.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// Shared with other rows: a cache, and the number of its tokens that the row sees.
    pub(super) shared: Option<(&'a LayerCache, usize)>,
    /// Seen by this row alone, or by neighbours that try other next tokens.
    pub(super) own: Option<(&'a LayerCache, usize)>,
    /// The row's token itself, where it is in no cache.
    pub(super) tail: Option<Tail<'a>>,
    /// Where the row stands, for the bias.
    pub(super) position: usize,
}

/// Keys and values `[H × K]` of one token.
#[derive(Clone, Copy)]
pub(super) struct Tail<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
}

/// What is added to scores for the distance of query and key (T5).
#[derive(Clone, Debug)]
pub(super) struct RelativeBias {
    /// For each head, by distance, keys at or before the query.
    before: Vec<Vec<f32>>,
    /// For each head, by distance, keys behind the query.
    behind: Vec<Vec<f32>>,
}

/// Rows that one thread works on together at most.
const MAX_ROWS: usize = 16;

impl RelativeBias {
    /// Tables by head and distance; the last entry holds for all larger distances.
    pub(super) fn new(before: Vec<Vec<f32>>, behind: Vec<Vec<f32>>) -> Self {
        Self { before, behind }
    }

    fn at(&self, head: usize, query: usize, key: usize) -> f32 {
        let (table, distance) = if key <= query {
            (&self.before[head], query - key)
        } else {
            (&self.behind[head], key - query)
        };
        table[distance.min(table.len() - 1)]
    }
}

/// `queries` and `out` are `[rows, H × K]`, row after row; `views` has one view a row.
pub(super) fn attend(
    heads: Heads,
    queries: &[f32],
    views: &[View<'_>],
    bias: Option<&RelativeBias>,
    out: &mut [f32],
) {
    let width = heads.n_heads * heads.width;
    let size = views
        .len()
        .div_ceil(rayon::current_num_threads())
        .clamp(1, MAX_ROWS);
    out.par_chunks_mut(size * width)
        .zip(queries.par_chunks(size * width))
        .zip(views.par_chunks(size))
        .for_each(|((out, queries), views)| {
            // Neighbours with the same shared tokens are worked on together.
            let mut start = 0;
            while start < views.len() {
                let first = views[start];
                let same = |view: &View<'_>| match (view.shared, first.shared) {
                    _ if view.own.is_some() != first.own.is_some() => false,
                    (Some((cache, _)), Some((first, _))) => std::ptr::eq(cache, first),
                    (None, None) => true,
                    _ => false,
                };
                let n = views[start..].iter().take_while(|view| same(view)).count();
                let range = start * width..(start + n) * width;
                let group = &views[start..start + n];
                attend_group(heads, &queries[range.clone()], group, bias, &mut out[range]);
                start += n;
            }
        });
}

/// Rows whose shared tokens are in the same cache.
fn attend_group(
    heads: Heads,
    queries: &[f32],
    views: &[View<'_>],
    bias: Option<&RelativeBias>,
    out: &mut [f32],
) {
    let arch = Arch::new();
    let per_kv_head = heads.n_heads / heads.n_kv_heads;
    let n = views.len() * per_kv_head;
    let n_panels = heads.width.div_ceil(PANEL);
    let row_width = heads.n_heads * heads.width;
    let shared = views[0].shared.map(|(cache, _)| cache);
    let n_shared = longest(views, |view| view.shared);
    let runs = runs_of_own(views);
    let widest = runs.iter().map(ExactSizeIterator::len).max().unwrap_or(0) * per_kv_head;
    let n_own = longest(views, |view| view.own);
    let mut query = vec![0.0; n_panels * n * PANEL];
    let mut query_of_run = vec![0.0; n_panels * widest * PANEL];
    let mut shared_scores = vec![0.0; n * n_shared.next_multiple_of(PANEL)];
    let mut own_scores = vec![0.0; widest * n_own.next_multiple_of(PANEL)];
    let mut tail_scores = vec![0.0; n * PANEL];
    let mut sums = vec![0.0; n_panels * n * PANEL];
    let mut sums_of_run = vec![0.0; n_panels * widest * PANEL];
    for kv_head in 0..heads.n_kv_heads {
        let head_of = |index: usize| kv_head * per_kv_head + index;
        for (index, query) in query.chunks_exact_mut(PANEL).enumerate() {
            let (panel, row) = (index / n, index % n);
            let start = row / per_kv_head * row_width + head_of(row % per_kv_head) * heads.width;
            let channels = &queries[start..][..heads.width];
            let piece = channels
                .chunks(PANEL)
                .nth(panel)
                .expect("a panel of the head");
            query[..piece.len()].copy_from_slice(piece);
        }
        if let Some(cache) = shared {
            let panels = cache.key_panels(kv_head);
            for (keys, scores) in panels.zip(shared_scores.chunks_exact_mut(n * PANEL)) {
                multiply_panel(arch, &query, n, keys, scores, Start::Zero);
            }
        }
        let channels = kv_head * heads.width..(kv_head + 1) * heads.width;
        for run in &runs {
            let rows = run.start * per_kv_head..run.end * per_kv_head;
            let n_run = rows.len();
            let own_length = views[run.start].own.map_or(0, |(_, length)| length);
            let own_scores = &mut own_scores[..n_run * own_length.next_multiple_of(PANEL)];
            let query_of_run = &mut query_of_run[..n_panels * n_run * PANEL];
            if let Some((cache, _)) = views[run.start].own {
                copy_rows(&query, n, rows.clone(), query_of_run, n_run, 0);
                let panels = cache.key_panels(kv_head);
                for (keys, scores) in panels.zip(own_scores.chunks_exact_mut(n_run * PANEL)) {
                    multiply_panel(arch, query_of_run, n_run, keys, scores, Start::Zero);
                }
            }
            for (row, index) in rows.zip(0..) {
                let view = &views[row / per_kv_head];
                let shared_length = view.shared.map_or(0, |(_, length)| length);
                if let Some(tail) = view.tail {
                    let keys = &tail.keys[channels.clone()];
                    tail_scores[row * PANEL] = product(arch, &query, (n, row), keys);
                }
                let mut parts = [
                    Part {
                        scores: &mut shared_scores,
                        n_rows: n,
                        row,
                        length: shared_length,
                    },
                    Part {
                        scores: own_scores,
                        n_rows: n_run,
                        row: index,
                        length: own_length,
                    },
                    Part {
                        scores: match view.tail {
                            Some(_) => &mut tail_scores[row * PANEL..][..PANEL],
                            None => &mut [],
                        },
                        n_rows: 1,
                        row: 0,
                        length: usize::from(view.tail.is_some()),
                    },
                ];
                if let Some(bias) = bias {
                    let head = head_of(row % per_kv_head);
                    let at = |key| bias.at(head, view.position, key);
                    parts[0].add(0, at);
                    parts[1].add(shared_length, at);
                    parts[2].add(shared_length + own_length, at);
                }
                vectorized(
                    arch,
                    #[inline(always)]
                    || soften(heads.scale, &mut parts),
                );
            }
            if let Some((cache, _)) = views[run.start].own {
                let sums_of_run = &mut sums_of_run[..n_panels * n_run * PANEL];
                weighted_own(arch, cache, kv_head, own_scores, n_run, sums_of_run);
                let first = run.start * per_kv_head;
                copy_rows(sums_of_run, n_run, 0..n_run, &mut sums, n, first);
            }
        }
        let mut start = match views[0].own {
            Some(_) => Start::Out,
            None => Start::Zero,
        };
        if let Some(cache) = shared {
            let length = n_shared.next_multiple_of(PANEL) * PANEL;
            let panels = cache.value_panels(kv_head);
            for (values, sums) in panels.zip(sums.chunks_exact_mut(n * PANEL)) {
                multiply_panel(arch, &shared_scores, n, &values[..length], sums, start);
            }
            start = Start::Out;
        }
        for (index, view) in views.iter().enumerate() {
            let Some(tail) = view.tail else { continue };
            let values = &tail.values[channels.clone()];
            for row in index * per_kv_head..(index + 1) * per_kv_head {
                let probability = tail_scores[row * PANEL];
                for (panel, values) in values.chunks(PANEL).enumerate() {
                    let sums = &mut sums[(panel * n + row) * PANEL..][..values.len()];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = match start {
                            Start::Zero => probability * value,
                            Start::Out => *sum + probability * value,
                        };
                    }
                }
            }
        }
        for (index, sums) in sums.chunks_exact(PANEL).enumerate() {
            let (panel, row) = (index / n, index % n);
            let start = row / per_kv_head * row_width + head_of(row % per_kv_head) * heads.width;
            let channels = &mut out[start..][..heads.width];
            let piece = channels
                .chunks_mut(PANEL)
                .nth(panel)
                .expect("a panel of the head");
            piece.copy_from_slice(&sums[..piece.len()]);
        }
    }
}

/// Neighbours with the same tokens of their own, which are worked on together. Rows that are kept
/// have a cache each.
fn runs_of_own(views: &[View<'_>]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let is_same = |first: &View<'_>| match (first.own, view.own) {
            (Some((a, _)), Some((b, _))) => std::ptr::eq(a, b),
            _ => false,
        };
        match runs.last_mut() {
            Some(run) if is_same(&views[run.start]) => run.end = index + 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// Row `row` of panels with `n_rows` rows times the key of one token.
fn product(arch: Arch, query: &[f32], (n_rows, row): (usize, usize), keys: &[f32]) -> f32 {
    vectorized(
        arch,
        #[inline(always)]
        || {
            let mut lanes = [0.0_f32; PANEL];
            for (panel, keys) in keys.chunks(PANEL).enumerate() {
                let query = &query[(panel * n_rows + row) * PANEL..][..keys.len()];
                for ((lane, key), query) in lanes.iter_mut().zip(keys).zip(query) {
                    *lane = key.mul_add(*query, *lane);
                }
            }
            lanes.iter().sum()
        },
    )
}

fn longest<'a>(
    views: &[View<'a>],
    part: impl Fn(&View<'a>) -> Option<(&'a LayerCache, usize)>,
) -> usize {
    views
        .iter()
        .filter_map(part)
        .map(|(_, length)| length)
        .max()
        .unwrap_or(0)
}

/// `sums = probabilities × values` over tokens that are not shared.
fn weighted_own(
    arch: Arch,
    cache: &LayerCache,
    kv_head: usize,
    probabilities: &[f32],
    n_rows: usize,
    sums: &mut [f32],
) {
    let length = probabilities.len() / n_rows * PANEL;
    let panels = cache.value_panels(kv_head);
    for (values, sums) in panels.zip(sums.chunks_exact_mut(n_rows * PANEL)) {
        multiply_panel(
            arch,
            probabilities,
            n_rows,
            &values[..length],
            sums,
            Start::Zero,
        );
    }
}

/// Copies rows of panels with `from_rows` rows to row `first` on of panels with `to_rows`.
fn copy_rows(
    from: &[f32],
    from_rows: usize,
    rows: Range<usize>,
    to: &mut [f32],
    to_rows: usize,
    first: usize,
) {
    let from = from.chunks_exact(from_rows * PANEL);
    for (from, to) in from.zip(to.chunks_exact_mut(to_rows * PANEL)) {
        let n = rows.len() * PANEL;
        to[first * PANEL..][..n].copy_from_slice(&from[rows.start * PANEL..][..n]);
    }
}

/// The scores of one row in one cache, in panels.
struct Part<'a> {
    scores: &'a mut [f32],
    n_rows: usize,
    row: usize,
    /// Tokens that the row sees; scores beyond become 0.
    length: usize,
}

impl Part<'_> {
    #[inline(always)]
    fn pieces(&mut self) -> impl Iterator<Item = &mut [f32; PANEL]> {
        let (pieces, _) = self.scores.as_chunks_mut::<PANEL>();
        pieces.iter_mut().skip(self.row).step_by(self.n_rows)
    }

    /// Adds `bias` by key; the first key of this part is `first`.
    fn add(&mut self, first: usize, bias: impl Fn(usize) -> f32) {
        let length = self.length;
        let keys = self.pieces().flatten().take(length);
        for (key, score) in keys.enumerate() {
            *score += bias(first + key);
        }
    }
}

/// Scores to probabilities.
#[inline(always)]
fn soften(scale: f32, parts: &mut [Part<'_>; 3]) {
    let mut highest = [f32::NEG_INFINITY; PANEL];
    for part in parts.iter_mut() {
        let mut left = part.length;
        for piece in part.pieces() {
            for (lane, score) in piece.iter_mut().enumerate() {
                *score = if lane < left {
                    *score * scale
                } else {
                    f32::NEG_INFINITY
                };
            }
            for (highest, score) in highest.iter_mut().zip(piece) {
                *highest = highest.max(*score);
            }
            left = left.saturating_sub(PANEL);
        }
    }
    let highest = highest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut lanes = [0.0_f32; PANEL];
    for part in parts.iter_mut() {
        for piece in part.pieces() {
            for (lane, score) in lanes.iter_mut().zip(piece) {
                *score = exp(*score - highest);
                *lane += *score;
            }
        }
    }
    let total: f32 = lanes.iter().sum();
    let factor = 1.0 / total;
    for part in parts {
        for piece in part.pieces() {
            for score in piece {
                *score *= factor;
            }
        }
    }
}
