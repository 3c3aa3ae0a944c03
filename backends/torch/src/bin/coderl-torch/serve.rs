//! `serve`: the protocol of the process backend on standard input and output.

use anyhow::{Context, Result};
use backend_torch::checkpoint::Checkpoint;
use backend_torch::decode::Guide;
use backend_torch::device;
use backend_torch::serve::critic::{self, ServedCritic};
use backend_torch::serve::{Served, ServedGuide};
use backend_torch::tokenizer::Tokenizer;
use backend_torch::train::{Computing, Critic};
use harness::training::BatchSettings;

use crate::arguments::Serve;
use crate::model;

pub(crate) fn serve(options: &Serve) -> Result<()> {
    let path = model::path(&options.model)?;
    let input = std::io::BufReader::new(std::io::stdin());
    let mut output = std::io::stdout().lock();
    if Critic::is_in(&path) {
        let checkpoint = Checkpoint::open(&path)?;
        let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
        let served = ServedCritic {
            critic: &Critic::load(
                &checkpoint,
                Computing::on(device::find(options.computing.device)?),
            )?,
            tokenizer: &tokenizer,
            lengths: BatchSettings {
                size: 0,
                // One program at a time, of any length.
                max_tokens: u32::MAX,
                epochs: 0.0,
                steps: None,
                max_source_tokens: options.max_source_tokens,
                max_target_tokens: options.max_target_tokens,
                as_released: false,
            },
            name: options.model.clone(),
            sha256: model::digest(&path)?,
            tokenizer_sha256: tokenizer.digest(),
        };
        return critic::serve(&served, input, &mut output).context("serving ended");
    }
    let loaded = model::load(&options.model, options.computing)?;
    let critic = options
        .critic
        .as_deref()
        .map(|name| model::load_guide(name, &loaded))
        .transpose()?;
    let guide = match (&options.critic, &critic) {
        (Some(name), Some(critic)) => Some(ServedGuide {
            guide: Guide {
                critic,
                max_program: options.max_target_tokens as usize,
            },
            max_prompt: options.max_source_tokens as usize,
            sha256: model::digest(&model::path(name)?)?,
        }),
        _ => None,
    };
    let served = Served {
        model: &*loaded.model,
        tokenizer: &loaded.tokenizer,
        end_tokens: &loaded.end_tokens,
        name: options.model.clone(),
        sha256: model::digest(&path)?,
        tokenizer_sha256: loaded.tokenizer.digest(),
        limits: options.limits.resolve(options.computing.device),
        guide,
    };
    backend_torch::serve::serve(&served, input, &mut output).context("serving ended")
}
