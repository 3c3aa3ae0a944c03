//! A GGUF model in the terms of the published checkpoint: names, order of rows, configuration.

use std::collections::BTreeMap;

use super::config::{Config, LlamaConfig, Rope};
use super::gguf::{GgufFile, Metadata};
use super::tensors::{Entry, TensorFile};
use crate::error::{Error, Result};

/// A GGUF file whose tensors are named and ordered as `transformers` has them.
pub(crate) struct RenamedGguf {
    file: GgufFile,
    /// Published name to name in the file.
    names: BTreeMap<String, String>,
    /// Of rows of queries and keys, which llama.cpp keeps in pairs for models of its
    /// architecture `llama`; `None` for others.
    paired: Option<Paired>,
}

#[derive(Clone, Copy)]
struct Paired {
    n_heads: usize,
    n_kv_heads: usize,
}

impl RenamedGguf {
    pub(crate) fn new(file: GgufFile, config: &Config) -> Self {
        let Config::Llama(config) = config else {
            unreachable!("configurations from GGUF are those of the Llama family");
        };
        let names = file
            .entries()
            .into_keys()
            .map(|name| (published(&name), name))
            .collect();
        let paired = (!config.attention_bias).then_some(Paired {
            n_heads: config.n_heads,
            n_kv_heads: config.n_kv_heads,
        });
        Self {
            file,
            names,
            paired,
        }
    }
}

impl TensorFile for RenamedGguf {
    fn entries(&self) -> BTreeMap<String, Entry> {
        let mut entries = self.file.entries();
        self.names
            .iter()
            .filter_map(|(published, name)| Some((published.clone(), entries.remove(name)?)))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let data = self.file.read(&self.names[name])?;
        let n_heads = match self.paired {
            Some(paired) if name.ends_with("q_proj.weight") => paired.n_heads,
            Some(paired) if name.ends_with("k_proj.weight") => paired.n_kv_heads,
            _ => return Ok(data),
        };
        let n_rows = self.entries()[name].shape[0];
        Ok(unpair(&data, n_rows, n_heads))
    }
}

/// Within each head, rows `2i` and `2i + 1` of the file are rows `i` and `i + width / 2`.
fn unpair(data: &[f32], n_rows: usize, n_heads: usize) -> Vec<f32> {
    let width = n_rows / n_heads;
    let row_length = data.len() / n_rows;
    let mut out = Vec::with_capacity(data.len());
    for head in 0..n_heads {
        for half in 0..2 {
            for pair in 0..width / 2 {
                let row = head * width + 2 * pair + half;
                out.extend_from_slice(&data[row * row_length..][..row_length]);
            }
        }
    }
    out
}

fn published(name: &str) -> String {
    match name {
        "token_embd.weight" => return "model.embed_tokens.weight".to_owned(),
        "output_norm.weight" => return "model.norm.weight".to_owned(),
        "output.weight" => return "lm_head.weight".to_owned(),
        _ => {}
    }
    let mut parts = name.split('.');
    if let (Some("blk"), Some(layer), Some(part), Some(kind), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) {
        let part = match part {
            "attn_q" => "self_attn.q_proj",
            "attn_k" => "self_attn.k_proj",
            "attn_v" => "self_attn.v_proj",
            "attn_output" => "self_attn.o_proj",
            "attn_norm" => "input_layernorm",
            "ffn_norm" => "post_attention_layernorm",
            "ffn_gate" => "mlp.gate_proj",
            "ffn_up" => "mlp.up_proj",
            "ffn_down" => "mlp.down_proj",
            _ => return name.to_owned(),
        };
        return format!("model.layers.{layer}.{part}.{kind}");
    }
    name.to_owned()
}

/// The configuration that the metadata of a file describes.
pub(crate) fn config(file: &GgufFile) -> Result<Config> {
    let metadata = &file.metadata;
    let path = metadata.path();
    let architecture = metadata.text("general.architecture")?.unwrap_or("(none)");
    if !["llama", "qwen2"].contains(&architecture) {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            what: format!("GGUF architecture `{architecture}`"),
            supported: "llama, qwen2",
        });
    }
    let key = |name: &str| format!("{architecture}.{name}");
    let entries = file.entries();
    let embedding = entries
        .get("token_embd.weight")
        .filter(|entry| entry.shape.len() == 2)
        .ok_or_else(|| Error::malformed(path, "it has no embeddings, `token_embd.weight`"))?;
    refuse_scaled_rope(metadata, &key("rope.scaling.type"))?;
    let model_width = metadata.size(&key("embedding_length"))?;
    let n_heads = metadata.size(&key("attention.head_count"))?;
    let head_width = match metadata.integer(&key("attention.key_length"))? {
        Some(_) => metadata.size(&key("attention.key_length"))?,
        None => model_width / n_heads,
    };
    let n_kv_heads = match metadata.integer(&key("attention.head_count_kv"))? {
        Some(_) => metadata.size(&key("attention.head_count_kv"))?,
        None => n_heads,
    };
    let token = |name: &str| -> Result<Option<u32>> {
        let id = metadata.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
        Ok(id.and_then(|id| u32::try_from(id).ok()))
    };
    let config = LlamaConfig {
        vocabulary_size: embedding.shape[0],
        model_width,
        head_width,
        n_heads,
        n_kv_heads,
        feed_forward_width: metadata.size(&key("feed_forward_length"))?,
        n_layers: metadata.size(&key("block_count"))?,
        rope: Rope {
            theta: metadata.float(&key("rope.freq_base"))?.unwrap_or(10_000.0),
        },
        norm_epsilon: metadata
            .float(&key("attention.layer_norm_rms_epsilon"))?
            .unwrap_or(1e-6),
        tied: !entries.contains_key("output.weight"),
        attention_bias: architecture == "qwen2",
        max_positions: metadata.size(&key("context_length"))?,
        begin_token: token("bos")?,
        end_tokens: [token("eos")?, token("eot")?]
            .into_iter()
            .flatten()
            .collect(),
    };
    Ok(Config::Llama(config.check(path)?))
}

fn refuse_scaled_rope(metadata: &Metadata, key: &str) -> Result<()> {
    match metadata.text(key)? {
        None | Some("none") => Ok(()),
        Some(kind) => Err(Error::Unsupported {
            path: metadata.path().to_owned(),
            what: format!("rope scaling `{kind}`"),
            supported: "none",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_published_checkpoint() {
        let check = |name: &str, expected: &str| assert_eq!(published(name), expected);
        check("token_embd.weight", "model.embed_tokens.weight");
        check(
            "blk.12.attn_q.bias",
            "model.layers.12.self_attn.q_proj.bias",
        );
        check("rope_freqs.weight", "rope_freqs.weight");
    }

    #[test]
    fn pairs_of_rows_are_parted_within_each_head() {
        let rows: Vec<f32> = (0..8).map(|row| row as f32).collect();
        assert_eq!(unpair(&rows, 8, 2), [0., 2., 1., 3., 4., 6., 5., 7.]);
    }
}
