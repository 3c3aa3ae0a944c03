//! The forward pass for rows that each stand somewhere else, without gradients.

use tch::Tensor;

use super::model::{Layer, Llama, rotate, rotation};
use crate::checkpoint::LlamaConfig;

impl Llama {
    /// States `[N, D]` behind the last norm of tokens `[N]` at `positions` `[N]` (int64 both).
    ///
    /// `attend` is asked for each layer: given its number, queries `[N, H, K]`, keys and values
    /// `[N, Hkv, K]`, it answers with what the queries attend to, `[N, H, K]`.
    pub(crate) fn rows(
        &self,
        tokens: &Tensor,
        positions: &Tensor,
        attend: &mut dyn FnMut(usize, &Tensor, &Tensor, &Tensor) -> Tensor,
    ) -> Tensor {
        let mut x = Tensor::embedding(&self.embedding, tokens, -1, false, false);
        let rotation = rotation(&self.config, &positions.unsqueeze(0), x.kind());
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.rows(&self.config, &x, &rotation, &mut |query, key, value| {
                attend(index, query, key, value)
            });
        }
        self.norm.forward(&x)
    }
}

impl Layer {
    fn rows(
        &self,
        config: &LlamaConfig,
        x: &Tensor,
        (cosine, sine): &(Tensor, Tensor),
        attend: &mut dyn FnMut(&Tensor, &Tensor, &Tensor) -> Tensor,
    ) -> Tensor {
        let n = x.size()[0];
        let normal = self.attention_norm.forward(x);
        let split = |projected: Tensor| projected.view([n, -1, config.head_width as i64]);
        let value = split(self.value.forward(&normal));
        // Rows stand where a sequence has its tokens: `[1, H, N, K]`.
        let turn = |heads: Tensor| {
            let turned = rotate(&heads.transpose(0, 1).unsqueeze(0), (cosine, sine));
            turned.squeeze_dim(0).transpose(0, 1).to_kind(value.kind())
        };
        let query = turn(split(self.query.forward(&normal)));
        let key = turn(split(self.key.forward(&normal)));
        let attended = attend(&query, &key, &value).reshape([n, -1]);
        let x = x + self.attention_output.forward(&attended);
        let normal = self.feed_forward_norm.forward(&x);
        let gated = self.gate.forward(&normal).silu() * self.up.forward(&normal);
        x + self.down.forward(&gated)
    }
}
