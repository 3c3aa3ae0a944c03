//! From what a user names to a loaded model.

use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use backend_torch::checkpoint::Checkpoint;
use backend_torch::cpu::{self, CpuCritic};
use backend_torch::decode::{Decoder, check_vocabulary};
use backend_torch::device::{self, DeviceModel};
use backend_torch::places::{KNOWN, KnownModel, cache_dir};
use backend_torch::tokenizer::Tokenizer;
use harness::training::{Device, Precision};
use sha2::{Digest, Sha256};

use crate::arguments::Computing;

/// A model that is ready to decode.
pub(crate) struct Loaded {
    pub(crate) model: Box<dyn Decoder>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) end_tokens: Vec<u32>,
}

pub(crate) fn load(name: &str, computing: Computing) -> Result<Loaded> {
    let checkpoint = open(name)?;
    // The tokenizer first: it takes no time, and often is what does not fit.
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    Ok(Loaded {
        model: decoder(&checkpoint, computing)?,
        tokenizer,
        end_tokens: checkpoint.config.end_tokens().to_vec(),
    })
}

fn decoder(checkpoint: &Checkpoint, computing: Computing) -> Result<Box<dyn Decoder>> {
    let Computing { device, precision } = computing;
    let (config, tensors) = (&checkpoint.config, &checkpoint.tensors);
    match (device, precision) {
        (Device::Cpu, Precision::Float32) => Ok(cpu::load(config, tensors)?),
        (Device::Cpu, Precision::Bfloat16) => bail!(
            "bfloat16 is for GPUs; on a processor models decode in float32: leave `--precision` \
             away, or add `--device cuda`"
        ),
        (Device::Cuda, precision) => Ok(Box::new(DeviceModel::load(
            config,
            tensors,
            device::find(device)?,
            device::kind(precision),
        )?)),
    }
}

/// A critic that is ready to guide `loaded`.
pub(crate) fn load_guide(name: &str, loaded: &Loaded) -> Result<CpuCritic> {
    let path = path(name)?;
    let load = || -> Result<CpuCritic, backend_torch::Error> {
        let checkpoint = Checkpoint::open(&path)?;
        let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
        let critic = CpuCritic::load(&checkpoint)?;
        check_vocabulary((&*loaded.model, &loaded.tokenizer), (&critic, &tokenizer))?;
        Ok(critic)
    };
    load().with_context(|| format!("`{name}` cannot guide this model"))
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

/// SHA-256 of a checkpoint, as hex: of the file, or of names and contents of the files of a
/// directory that say what the model does.
pub(crate) fn digest(path: &Path) -> Result<String> {
    const SUFFIXES: [&str; 6] = ["bin", "jinja", "json", "model", "safetensors", "txt"];
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let file = entry?.path();
            let suffix = file.extension().and_then(|suffix| suffix.to_str());
            if file.is_file() && suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix)) {
                files.push(file);
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let mut digest = Sha256::new();
    for file in files {
        if path.is_dir() {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            digest.update(name.as_bytes());
            digest.update(std::fs::metadata(&file)?.len().to_le_bytes());
        }
        let mut reader = std::io::BufReader::with_capacity(1 << 20, File::open(&file)?);
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            digest.update(bytes);
            let n = bytes.len();
            reader.consume(n);
        }
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

pub(crate) fn cache() -> Result<PathBuf> {
    cache_dir(|name| std::env::var(name).ok())
        .context("cannot find the user's cache directory; set HOME")
}
