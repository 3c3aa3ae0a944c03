//! Keys and values of one sequence, laid out as the matrices that attention multiplies with.

use super::rows::PANEL;

/// Keys and values of one layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerCache {
    n_heads: usize,
    head_width: usize,
    /// Of tokens; a multiple of 32.
    capacity: usize,
    /// For each head, for each 32 tokens, for each channel: the keys of the 32 tokens.
    keys: Vec<f32>,
    /// For each head, for each 32 channels, for each token: the values of the 32 channels.
    values: Vec<f32>,
}

/// Keys and values of all layers for one sequence, allocated once.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(super) layers: Vec<LayerCache>,
    length: usize,
}

impl Cache {
    pub(crate) fn new(n_layers: usize, n_heads: usize, head_width: usize, capacity: usize) -> Self {
        let layer = LayerCache::new(n_heads, head_width, capacity);
        Self {
            layers: vec![layer; n_layers],
            length: 0,
        }
    }

    pub(super) fn bytes_per_token(n_layers: usize, n_heads: usize, head_width: usize) -> usize {
        2 * n_layers * n_heads * head_width.next_multiple_of(PANEL) * size_of::<f32>()
    }

    /// Tokens whose keys and values are there.
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Tokens that fit.
    pub fn capacity(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.capacity)
    }

    pub(super) fn set_len(&mut self, length: usize) {
        self.length = length;
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Becomes equal to `other`, which has the same sizes.
    pub fn copy_from(&mut self, other: &Self) {
        for (layer, from) in self.layers.iter_mut().zip(&other.layers) {
            layer.copy_from(from, other.length);
        }
        self.length = other.length;
    }
}

impl LayerCache {
    fn new(n_heads: usize, head_width: usize, capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(PANEL);
        let size = n_heads * head_width.next_multiple_of(PANEL) * capacity;
        Self {
            n_heads,
            head_width,
            capacity,
            keys: vec![0.0; size],
            values: vec![0.0; size],
        }
    }

    /// Channels, rounded up to whole panels.
    fn padded_width(&self) -> usize {
        self.head_width.next_multiple_of(PANEL)
    }

    /// Numbers of one head.
    fn head_size(&self) -> usize {
        self.padded_width() * self.capacity
    }

    /// Writes keys and values `[H × K]` of the token at `position`.
    pub(super) fn put(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        assert!(position < self.capacity, "the cache has room for the token");
        let (panel, lane) = (position / PANEL, position % PANEL);
        let (padded_width, head_size) = (self.padded_width(), self.head_size());
        for head in 0..self.n_heads {
            let channels = head * self.head_width..(head + 1) * self.head_width;
            let start = head * head_size;
            let target = &mut self.keys[start + panel * padded_width * PANEL..];
            for (channel, key) in keys[channels.clone()].iter().enumerate() {
                target[channel * PANEL + lane] = *key;
            }
            for (panel, values) in values[channels].chunks(PANEL).enumerate() {
                let at = start + (panel * self.capacity + position) * PANEL;
                self.values[at..][..values.len()].copy_from_slice(values);
            }
        }
    }

    /// For 32 tokens each, the keys of one head as a panel `[channels, 32]`.
    pub(super) fn key_panels(&self, head: usize) -> impl Iterator<Item = &[f32]> {
        self.keys[head * self.head_size()..][..self.head_size()]
            .chunks_exact(self.padded_width() * PANEL)
    }

    /// For 32 channels each, the values of one head as a panel `[tokens, 32]`.
    pub(super) fn value_panels(&self, head: usize) -> impl Iterator<Item = &[f32]> {
        self.values[head * self.head_size()..][..self.head_size()]
            .chunks_exact(self.capacity * PANEL)
    }

    fn copy_from(&mut self, other: &Self, length: usize) {
        assert_eq!(
            (self.keys.len(), self.capacity),
            (other.keys.len(), other.capacity),
            "caches of one model and capacity"
        );
        let head_size = self.head_size();
        let used_keys = length.next_multiple_of(PANEL) * self.padded_width();
        for (to, from) in self
            .keys
            .chunks_exact_mut(head_size)
            .zip(other.keys.chunks_exact(head_size))
        {
            to[..used_keys].copy_from_slice(&from[..used_keys]);
        }
        let panel_size = self.capacity * PANEL;
        for (to, from) in self
            .values
            .chunks_exact_mut(panel_size)
            .zip(other.values.chunks_exact(panel_size))
        {
            to[..length * PANEL].copy_from_slice(&from[..length * PANEL]);
        }
    }
}
