//! What the rows of one step attend to.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::groups::{Groups, Stack};
use super::model::DevicePrompt;
use super::slab::Slab;
use crate::layers::masked;
use crate::t5::Attend;

/// One row, as a batch is made of it.
pub(super) struct Row<'a> {
    pub(super) slot: usize,
    /// Tokens in the slot.
    pub(super) length: usize,
    pub(super) prompt: &'a Arc<DevicePrompt>,
}

/// Rows that are decoded together, in ascending order of their slots.
pub(super) struct Batch<'a> {
    slab: &'a mut Slab,
    groups: Groups<'a>,
    /// Which slots, `[N]`.
    slots: Tensor,
    /// The first, where they lie side by side.
    first: Option<i64>,
    n_rows: i64,
    /// Where in its slot each row notes its token, `[N]`.
    lengths: Tensor,
    /// Tokens of the longest row, the new one included.
    n_seen: i64,
    /// What is added to scores `[N, H, R, n_seen]` of a row's own tokens.
    bias: Tensor,
    scale: f64,
}

impl<'a> Batch<'a> {
    /// `bias_by_distance` `[H, n]` is added to scores by the distance of a key, where a model has
    /// such.
    pub(super) fn new(
        rows: &[Row<'_>],
        (slab, stack): (&'a mut Slab, &'a mut Option<Stack>),
        (kind, device): (Kind, Device),
        scale: f64,
        bias_by_distance: Option<&Tensor>,
    ) -> Self {
        let prompts: Vec<_> = rows.iter().map(|row| row.prompt).collect();
        let slots: Vec<i64> = rows.iter().map(|row| row.slot as i64).collect();
        let lengths: Vec<i64> = rows.iter().map(|row| row.length as i64).collect();
        let n_seen = lengths.iter().max().map_or(0, |length| length + 1);
        let are_side_by_side = slots.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let first = slots.first().copied().filter(|_| are_side_by_side);
        let lengths = Tensor::from_slice(&lengths).to_device(device);
        let places = Tensor::arange(n_seen, (Kind::Int64, device));
        // `[N, n_seen]`
        let distances = lengths.unsqueeze(1) - places.unsqueeze(0);
        let mut bias = masked(&distances.ge(0), kind).unsqueeze(1).unsqueeze(1);
        if let Some(by_distance) = bias_by_distance {
            let distances = distances.clamp_min(0).flatten(0, 1);
            let values = by_distance.index_select(1, &distances).to_kind(kind);
            let n_heads = values.size()[0];
            let values = values.view([n_heads, rows.len() as i64, 1, n_seen]);
            bias = values.transpose(0, 1) + bias;
        }
        Self {
            groups: Groups::new(&prompts, stack, kind, device),
            slab,
            slots: Tensor::from_slice(&slots).to_device(device),
            first,
            n_rows: rows.len() as i64,
            lengths,
            n_seen,
            bias,
            scale,
        }
    }

    /// Notes keys and values `[N, H, K]`, and gives those of all that the rows have generated,
    /// `[N, H, n_seen, K]`.
    fn noted(&mut self, layer: usize, key: &Tensor, value: &Tensor) -> [Tensor; 2] {
        let (keys, values) = self.slab.layer_mut(layer);
        [(keys, key), (values, value)].map(|(all, new)| {
            let at = [Some(&self.slots), None, Some(&self.lengths)];
            let _ = all.index_put_(&at, new, false);
            let rows = match self.first {
                Some(first) => all.narrow(0, first, self.n_rows),
                None => all.index_select(0, &self.slots),
            };
            rows.narrow(2, 0, self.n_seen)
        })
    }

    /// Queries `[N, H, K]` to `[N, Hkv, R, K]`: those that share keys side by side.
    fn by_key_head(query: &Tensor, key: &Tensor) -> Tensor {
        let (n, n_heads, width) = query.size3().expect("three dimensions");
        let n_kv_heads = key.size()[1];
        query.view([n, n_kv_heads, n_heads / n_kv_heads, width])
    }

    /// A row's prompt and what it has generated, as one past.
    pub(super) fn both(
        &mut self,
        layer: usize,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
    ) -> Tensor {
        let [keys, values] = self.noted(layer, key, value);
        let query = Self::by_key_head(query, key);
        let of_prompt = self.groups.scores(layer, &query, self.scale);
        let own = query.matmul(&keys.transpose(2, 3)) * self.scale + &self.bias;
        let n_prompt = of_prompt.size()[3];
        let weights = Tensor::cat(&[of_prompt, own], -1)
            .softmax(-1, Kind::Float)
            .to_kind(values.kind());
        let of_prompt = weights.narrow(3, 0, n_prompt).contiguous();
        let own = weights.narrow(3, n_prompt, self.n_seen);
        let attended = own.matmul(&values) + self.groups.attended(layer, &of_prompt);
        attended.flatten(1, 2)
    }
}

impl Attend for Batch<'_> {
    fn own(&mut self, layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor {
        let [keys, values] = self.noted(layer, key, value);
        let query = query.unsqueeze(2);
        let scale = Some(self.scale);
        Tensor::scaled_dot_product_attention(
            &query,
            &keys,
            &values,
            Some(&self.bias),
            0.0,
            false,
            scale,
            false,
        )
        .squeeze_dim(2)
    }

    fn prompt(&mut self, layer: usize, query: &Tensor) -> Tensor {
        let query = query.unsqueeze(2);
        self.groups.attend(layer, &query, self.scale).squeeze_dim(2)
    }
}
