//! The forward pass of the decoder for rows that each stand somewhere else, without gradients.

use tch::Tensor;

use super::attention::Attention;
use super::block::Block;
use super::model::T5;
use super::positions::{BiasDirection, bucket_of_distance};
use crate::layers::split_heads;

/// What rows attend to.
pub(crate) trait Attend {
    /// The row's own past: given the number of the layer and queries, keys and values
    /// `[N, H, K]` of the rows, what the queries attend to, `[N, H, K]`.
    fn own(&mut self, layer: usize, query: &Tensor, key: &Tensor, value: &Tensor) -> Tensor;

    /// The row's prompt: given the number of the layer and queries `[N, H, K]`, the same.
    fn prompt(&mut self, layer: usize, query: &Tensor) -> Tensor;
}

impl T5 {
    /// Decoder states `[N, D]` behind the last norm of tokens `[N]` (int64).
    pub(crate) fn rows(&self, tokens: &Tensor, attend: &mut dyn Attend) -> Tensor {
        let mut x = Tensor::embedding(&self.embedding, tokens, -1, false, false);
        for (index, block) in self.decoder.blocks.iter().enumerate() {
            x = block.rows(index, &x, attend);
        }
        self.decoder.norm.forward(&x)
    }

    /// For each layer of the decoder, keys and values `[B, H, S, K]` of encoder states `[B, S, D]`.
    pub(crate) fn cross_memory(&self, states: &Tensor) -> Vec<(Tensor, Tensor)> {
        let blocks = self.decoder.blocks.iter();
        blocks
            .filter_map(|block| block.cross_attention.as_ref())
            .map(|(_, attention)| {
                let width = attention.head_width;
                let key = split_heads(&attention.key.forward(states), width);
                let value = split_heads(&attention.value.forward(states), width);
                (key.contiguous(), value.contiguous())
            })
            .collect()
    }

    /// What is added to the scores of keys `0..n` tokens before a query of the decoder, `[H, n]`.
    pub(crate) fn bias_by_distance(&self, n: usize) -> Tensor {
        let (before, _) = bucket_of_distance(&self.config, BiasDirection::Causal, n);
        let buckets = Tensor::from_slice(&before).to_device(self.embedding.device());
        let bias = &self.decoder.position_bias;
        Tensor::embedding(bias, &buckets, -1, false, false).transpose(0, 1)
    }
}

impl Block {
    fn rows(&self, index: usize, x: &Tensor, attend: &mut dyn Attend) -> Tensor {
        let (norm, attention) = &self.self_attention;
        let normal = norm.forward(x);
        let query = attention.heads(&attention.query.forward(&normal));
        let key = attention.heads(&attention.key.forward(&normal));
        let value = attention.heads(&attention.value.forward(&normal));
        let attended = attend.own(index, &query, &key, &value);
        let mut x = x + attention.joined(&attended);
        if let Some((norm, attention)) = &self.cross_attention {
            let query = attention.heads(&attention.query.forward(&norm.forward(&x)));
            x += attention.joined(&attend.prompt(index, &query));
        }
        let normal = self.feed_forward_norm.forward(&x);
        x + self
            .feed_forward
            .forward(&normal, 0.0, crate::layers::Mode::Evaluate)
    }
}

impl Attention {
    /// `[N, H × K]` to `[N, H, K]`.
    fn heads(&self, projected: &Tensor) -> Tensor {
        projected.view([projected.size()[0], -1, self.head_width as i64])
    }

    /// What is added to the states `[N, D]`, of `[N, H, K]`.
    fn joined(&self, attended: &Tensor) -> Tensor {
        self.output
            .forward(&attended.reshape([attended.size()[0], -1]))
    }
}
