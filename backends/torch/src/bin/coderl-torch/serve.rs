//! `serve`: the protocol of the process backend on standard input and output.

use anyhow::{Context, Result};
use backend_torch::serve::Served;

use crate::arguments::Serve;
use crate::model;

pub(crate) fn serve(options: &Serve) -> Result<()> {
    let loaded = model::load(&options.model)?;
    let served = Served {
        model: &*loaded.model,
        tokenizer: &loaded.tokenizer,
        end_tokens: &loaded.end_tokens,
        name: options.model.clone(),
        sha256: model::digest(&model::path(&options.model)?)?,
        limits: options.limits.resolve(),
    };
    let input = std::io::BufReader::new(std::io::stdin());
    let mut output = std::io::stdout().lock();
    backend_torch::serve::serve(&served, input, &mut output).context("serving ended")
}
