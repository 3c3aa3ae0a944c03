//! `show`: what a checkpoint is.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use backend_torch::checkpoint::{Activation, Checkpoint, Config};
use backend_torch::tokenizer::Tokenizer;
use serde_json::json;

use crate::arguments::Show;
use crate::model;

pub(crate) fn show(options: &Show) -> Result<()> {
    let checkpoint = model::open(&options.model)?;
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config);
    let mut out = std::io::stdout().lock();
    let facts = facts(&checkpoint, tokenizer.as_ref());
    if options.json {
        let object: BTreeMap<_, _> = facts.into_iter().collect();
        writeln!(out, "{}", json!(object))?;
    } else {
        for (name, value) in facts {
            writeln!(out, "{name:<18} {value}")?;
        }
    }
    if options.tensors {
        for (name, shape, element) in checkpoint.tensors.list() {
            writeln!(out, "{element:<6} {shape:?} {name}")?;
        }
    }
    Ok(())
}

fn facts(
    checkpoint: &Checkpoint,
    tokenizer: Result<&Tokenizer, &backend_torch::Error>,
) -> Vec<(&'static str, String)> {
    let n_parameters: usize = checkpoint
        .tensors
        .list()
        .map(|(_, shape, _)| shape.iter().product::<usize>())
        .sum();
    let mut elements: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, element) in checkpoint.tensors.list() {
        *elements.entry(element).or_default() += 1;
    }
    let elements: Vec<String> = elements
        .into_iter()
        .map(|(element, n)| format!("{n} {element}"))
        .collect();
    let mut facts = vec![
        ("path", checkpoint.path.display().to_string()),
        ("format", checkpoint.format.name().to_owned()),
        ("parameters", format!("{:.1} M", n_parameters as f64 / 1e6)),
        ("tensors", elements.join(", ")),
    ];
    match &checkpoint.config {
        Config::T5(config) => facts.extend([
            ("architecture", "T5 encoder-decoder".to_owned()),
            (
                "layers",
                format!(
                    "{} encoder, {} decoder",
                    config.n_encoder_layers, config.n_decoder_layers
                ),
            ),
            ("model width", config.model_width.to_string()),
            (
                "heads",
                format!("{} of width {}", config.n_heads, config.head_width),
            ),
            ("feed-forward", {
                let activation = match config.activation {
                    Activation::Relu => "ReLU",
                    Activation::GatedGelu => "gated GELU",
                };
                format!("{}, {activation}", config.feed_forward_width)
            }),
            ("embeddings", embeddings(config.tied)),
        ]),
        Config::Llama(config) => facts.extend([
            (
                "architecture",
                match config.attention_bias {
                    true => "Qwen2 decoder".to_owned(),
                    false => "Llama decoder".to_owned(),
                },
            ),
            ("layers", config.n_layers.to_string()),
            ("model width", config.model_width.to_string()),
            (
                "heads",
                format!(
                    "{} of width {}, {} for keys and values",
                    config.n_heads, config.head_width, config.n_kv_heads
                ),
            ),
            (
                "feed-forward",
                format!("{}, SwiGLU", config.feed_forward_width),
            ),
            ("embeddings", embeddings(config.tied)),
            ("context", format!("{} tokens", config.max_positions)),
            ("rope theta", config.rope.theta.to_string()),
        ]),
    }
    let end: Vec<String> = checkpoint
        .config
        .end_tokens()
        .iter()
        .map(u32::to_string)
        .collect();
    facts.extend([
        (
            "vocabulary",
            format!("{} embeddings", checkpoint.config.vocabulary_size()),
        ),
        ("end tokens", end.join(", ")),
        (
            "tokenizer",
            match tokenizer {
                Ok(tokenizer) => format!(
                    "{} tokens, {} chat template",
                    tokenizer.n_tokens(),
                    match tokenizer.chat_template() {
                        Some(_) => "with a",
                        None => "no",
                    }
                ),
                Err(error) => format!("not usable: {error}"),
            },
        ),
    ]);
    facts
}

fn embeddings(tied: bool) -> String {
    if tied { "tied" } else { "not tied" }.to_owned()
}
