//! From what a user names to a loaded model.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use backend_torch::checkpoint::Checkpoint;
use backend_torch::cpu::{self, CpuModel};
use backend_torch::places::{KNOWN, KnownModel, cache_dir};
use backend_torch::tokenizer::Tokenizer;

/// A model that is ready to decode.
pub(crate) struct Loaded {
    pub(crate) model: Box<dyn CpuModel>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) end_tokens: Vec<u32>,
}

pub(crate) fn load(name: &str) -> Result<Loaded> {
    let checkpoint = open(name)?;
    // The tokenizer first: it takes no time, and often is what does not fit.
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    Ok(Loaded {
        model: cpu::load(&checkpoint)?,
        tokenizer,
        end_tokens: checkpoint.config.end_tokens().to_vec(),
    })
}

pub(crate) fn open(name: &str) -> Result<Checkpoint> {
    Ok(Checkpoint::open(&path(name)?)?)
}

/// The file or directory of a model.
pub(crate) fn path(name: &str) -> Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.exists() {
        return Ok(path);
    }
    match KnownModel::named(name) {
        Some(known) => {
            let path = known.path(&cache()?);
            if !path.is_file() {
                bail!("model `{name}` is not fetched yet; run `coderl models fetch {name}`");
            }
            Ok(path)
        }
        None => {
            let names: Vec<&str> = KNOWN.iter().map(|model| model.name).collect();
            bail!(
                "there is no file or directory `{name}`, and no known model of that name; known: \
                 {}",
                names.join(", ")
            )
        }
    }
}

pub(crate) fn cache() -> Result<PathBuf> {
    cache_dir(|name| std::env::var(name).ok())
        .context("cannot find the user's cache directory; set HOME")
}
