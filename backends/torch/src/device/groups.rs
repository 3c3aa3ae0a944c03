//! Rows by their prompts, so that the keys and values of a prompt are read once for all its rows.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::model::DevicePrompt;
use crate::layers::masked;

/// Keys and values of several prompts, padded to the longest.
pub(super) struct Stack {
    ids: Vec<u64>,
    /// For each layer keys and values, `[G, H, P, K]` each.
    layers: Vec<(Tensor, Tensor)>,
    /// What is added to scores of keys, `[G, 1, 1, P]`: they are hidden where a prompt is padded.
    hidden: Option<Tensor>,
}

impl Stack {
    fn new(prompts: &[Arc<DevicePrompt>], kind: Kind) -> Self {
        let longest = prompts.iter().map(|prompt| prompt.length).max();
        let longest = longest.unwrap_or_default() as i64;
        let padded = |tensor: &Tensor| {
            let missing = longest - tensor.size()[2];
            match missing {
                0 => tensor.shallow_clone(),
                _ => tensor.constant_pad_nd([0, 0, 0, missing]),
            }
        };
        let all: Vec<_> = prompts.iter().map(|prompt| prompt.layers()).collect();
        let n_layers = all.first().map_or(0, |layers| layers.len());
        let together = |of: &dyn Fn(&(Tensor, Tensor)) -> Tensor, layer: usize| {
            let mut parts: Vec<Tensor> = all.iter().map(|layers| of(&layers[layer])).collect();
            match parts.len() {
                1 => parts.remove(0),
                _ => Tensor::cat(&parts, 0),
            }
        };
        let layers: Vec<(Tensor, Tensor)> = (0..n_layers)
            .map(|layer| {
                let keys = together(&|(keys, _)| padded(keys), layer);
                let values = together(&|(_, values)| padded(values), layer);
                (keys, values)
            })
            .collect();
        let device = layers[0].0.device();
        let is_ragged = prompts.iter().any(|it| it.length as i64 != longest);
        let hidden = is_ragged.then(|| {
            let lengths: Vec<i64> = prompts.iter().map(|it| it.length as i64).collect();
            let lengths = Tensor::from_slice(&lengths).to_device(device);
            let places = Tensor::arange(longest, (Kind::Int64, device));
            let may_see = places.unsqueeze(0).less_tensor(&lengths.unsqueeze(1));
            masked(&may_see, kind).unsqueeze(1).unsqueeze(1)
        });
        Self {
            ids: prompts.iter().map(|prompt| prompt.id).collect(),
            layers,
            hidden,
        }
    }
}

/// How the rows of a batch belong to prompts.
pub(super) struct Groups<'a> {
    stack: &'a Stack,
    n_groups: i64,
    /// Rows of the largest group.
    size: i64,
    /// The row at each place of a group, `[G × M]`; some row at a place without one.
    rows: Tensor,
    /// Place of each row, `[N]`.
    places: Tensor,
    /// What is added to scores of each row, `[N, 1, 1, P]`.
    hidden_of_rows: Option<Tensor>,
}

impl<'a> Groups<'a> {
    /// Of the prompts of rows, in the order of these. `stack` is that of the step before.
    pub(super) fn new(
        prompts: &[&Arc<DevicePrompt>],
        stack: &'a mut Option<Stack>,
        kind: Kind,
        device: Device,
    ) -> Self {
        let mut distinct: Vec<Arc<DevicePrompt>> = Vec::new();
        let mut members: Vec<Vec<i64>> = Vec::new();
        let mut place_of: Vec<(usize, usize)> = Vec::new();
        for (row, prompt) in prompts.iter().enumerate() {
            let group = distinct.iter().position(|it| it.id == prompt.id);
            let group = group.unwrap_or_else(|| {
                distinct.push(Arc::clone(prompt));
                members.push(Vec::new());
                distinct.len() - 1
            });
            place_of.push((group, members[group].len()));
            members[group].push(row as i64);
        }
        let is_same = |stack: &Stack| {
            let ids = distinct.iter().map(|prompt| &prompt.id);
            stack.ids.iter().eq(ids)
        };
        if stack.as_ref().is_some_and(|stack| !is_same(stack)) {
            // First, so that two are never there at once.
            *stack = None;
        }
        let stack = stack.get_or_insert_with(|| Stack::new(&distinct, kind));
        let size = members.iter().map(Vec::len).max().unwrap_or_default();
        for group in &mut members {
            group.resize(size, group[0]);
        }
        let places = place_of.iter();
        let places: Vec<i64> = places
            .map(|(group, at)| (group * size + at) as i64)
            .collect();
        let groups: Vec<i64> = place_of.iter().map(|(group, _)| *group as i64).collect();
        let hidden = stack.hidden.as_ref();
        Self {
            n_groups: distinct.len() as i64,
            size: size as i64,
            rows: Tensor::from_slice(&members.concat()).to_device(device),
            places: Tensor::from_slice(&places).to_device(device),
            hidden_of_rows: hidden
                .map(|it| it.index_select(0, &Tensor::from_slice(&groups).to_device(device))),
            stack,
        }
    }

    /// `[N, H, R, X]` of rows to `[G, H, M × R, X]` of groups.
    fn grouped(&self, x: &Tensor) -> Tensor {
        let (_, n_heads, n_queries, width) = x.size4().expect("four dimensions");
        x.index_select(0, &self.rows)
            .view([self.n_groups, self.size, n_heads, n_queries, width])
            .transpose(1, 2)
            .reshape([self.n_groups, n_heads, self.size * n_queries, width])
    }

    /// The inverse, where each head has `n_queries` for a row.
    fn of_rows(&self, x: &Tensor, n_queries: i64) -> Tensor {
        let (_, n_heads, _, width) = x.size4().expect("four dimensions");
        x.view([self.n_groups, n_heads, self.size, n_queries, width])
            .transpose(1, 2)
            .reshape([-1, n_heads, n_queries, width])
            .index_select(0, &self.places)
    }

    /// Scores `[N, H, R, P]` of queries `[N, H, R, K]` and the keys of their prompts.
    pub(super) fn scores(&self, layer: usize, query: &Tensor, scale: f64) -> Tensor {
        let n_queries = query.size()[2];
        let keys = &self.stack.layers[layer].0;
        let scores = self.grouped(query).matmul(&keys.transpose(2, 3));
        let scores = self.of_rows(&scores, n_queries) * scale;
        match &self.hidden_of_rows {
            Some(hidden) => scores + hidden,
            None => scores,
        }
    }

    /// What is attended to, `[N, H, R, K]`, given weights `[N, H, R, P]`.
    pub(super) fn attended(&self, layer: usize, weights: &Tensor) -> Tensor {
        let values = &self.stack.layers[layer].1;
        let attended = self.grouped(weights).matmul(values);
        self.of_rows(&attended, weights.size()[2])
    }

    /// The same of queries that see nothing but prompts: attention in one.
    pub(super) fn attend(&self, layer: usize, query: &Tensor, scale: f64) -> Tensor {
        let (keys, values) = &self.stack.layers[layer];
        let attended = Tensor::scaled_dot_product_attention(
            &self.grouped(query),
            keys,
            values,
            self.stack.hidden.as_ref(),
            0.0,
            false,
            Some(scale),
            false,
        );
        self.of_rows(&attended, query.size()[2])
    }
}
