//! Where keys and values of rows are noted, and what each row sees.

use rayon::prelude::*;

use super::attention::{Tail, View};
use super::cache::{Cache, LayerCache};
use crate::decode::{self, PeekRow, Prompt, PromptMemory, StepRow};

/// Rows of a forward pass, and what becomes of their keys and values.
pub(super) enum Place<'a, 'b> {
    /// Rows are tokens of one prompt, in order; each sees those before it.
    Prompt(&'a mut Cache),
    /// Each row continues a prompt, and is kept.
    Rows(&'a mut [StepRow<'b>]),
    /// Each row continues a prompt, and is forgotten.
    Peeks(&'a [PeekRow<'b>]),
}

impl Place<'_, '_> {
    /// For each row that continues a prompt, the number of tokens between the two.
    pub(super) fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Prompt(_) => Vec::new(),
            Self::Rows(rows) => rows.iter().map(|row| row.cache.len()).collect(),
            Self::Peeks(rows) => rows.iter().map(|row| row.cache.len()).collect(),
        }
    }

    /// The prompt of each row that continues one.
    pub(super) fn prompts(&self) -> Vec<&Prompt> {
        match self {
            Self::Prompt(_) => Vec::new(),
            Self::Rows(rows) => rows.iter().map(|row| row.prompt).collect(),
            Self::Peeks(rows) => rows.iter().map(|row| row.prompt).collect(),
        }
    }

    /// Notes keys and values `[rows, H × K]` of one layer, where they are kept.
    pub(super) fn put(&mut self, layer: usize, positions: &[usize], keys: &[f32], values: &[f32]) {
        let width = keys.len() / positions.len().max(1);
        match self {
            Self::Prompt(cache) => {
                let layer = &mut cache.layers[layer];
                let rows = keys.chunks(width).zip(values.chunks(width));
                for ((keys, values), position) in rows.zip(positions) {
                    layer.put(*position, keys, values);
                }
            }
            Self::Rows(steps) => {
                let rows = keys.par_chunks(width).zip(values.par_chunks(width));
                steps
                    .par_iter_mut()
                    .with_min_len(8)
                    .zip(rows)
                    .for_each(|(row, (keys, values))| {
                        let position = row.cache.len();
                        own_mut(row.cache).layers[layer].put(position, keys, values);
                    });
            }
            Self::Peeks(_) => {}
        }
    }

    /// What each row sees of itself and, where `sees_prompt`, of its prompt. `keys` and `values`
    /// are those of [`Place::put`].
    pub(super) fn views<'v>(
        &'v self,
        layer: usize,
        positions: &[usize],
        (keys, values): (&'v [f32], &'v [f32]),
        sees_prompt: bool,
    ) -> Vec<View<'v>> {
        let shared = |prompt: &'v Prompt| -> Option<(&'v LayerCache, usize)> {
            sees_prompt.then(|| (&memory_of(prompt).layers[layer], prompt.length))
        };
        match self {
            Self::Prompt(cache) => positions
                .iter()
                .map(|position| View {
                    shared: Some((&cache.layers[layer], position + 1)),
                    own: None,
                    tail: None,
                    position: *position,
                })
                .collect(),
            Self::Rows(steps) => steps
                .iter()
                .zip(positions)
                .map(|(row, position)| View {
                    shared: shared(row.prompt),
                    own: Some((&own(row.cache).layers[layer], row.cache.len() + 1)),
                    tail: None,
                    position: *position,
                })
                .collect(),
            Self::Peeks(peeks) => {
                let width = keys.len() / positions.len().max(1);
                let tails = keys.chunks(width).zip(values.chunks(width));
                peeks
                    .iter()
                    .zip(positions)
                    .zip(tails)
                    .map(|((row, position), (keys, values))| View {
                        shared: shared(row.prompt),
                        own: (!row.cache.is_empty())
                            .then(|| (&own(row.cache).layers[layer], row.cache.len())),
                        tail: Some(Tail { keys, values }),
                        position: *position,
                    })
                    .collect()
            }
        }
    }

    /// All layers have noted their keys and values.
    pub(super) fn advance(&mut self) {
        if let Self::Rows(rows) = self {
            for row in rows.iter_mut() {
                let length = row.cache.len();
                own_mut(row.cache).set_len(length + 1);
            }
        }
    }
}

/// The memory of a prompt that a model of this module has read.
pub(super) fn memory_of(prompt: &Prompt) -> &Cache {
    match &prompt.memory {
        PromptMemory::Cpu(cache) => cache,
        PromptMemory::Device(_) => panic!("a prompt that this model has read"),
    }
}

fn own(cache: &decode::Cache) -> &Cache {
    match cache {
        decode::Cache::Cpu(cache) => cache,
        decode::Cache::Device(_) => panic!("a cache that this model has made"),
    }
}

fn own_mut(cache: &mut decode::Cache) -> &mut Cache {
    match cache {
        decode::Cache::Cpu(cache) => cache,
        decode::Cache::Device(_) => panic!("a cache that this model has made"),
    }
}
