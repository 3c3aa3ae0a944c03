//! Finds out what kind of checkpoint a path is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::Config;
use super::gguf::{GgufFile, Metadata};
use super::gguf_names::{self, RenamedGguf};
use super::pytorch::PytorchFile;
use super::safetensors::SafetensorsFile;
use super::tensors::{TensorFile, Tensors};
use crate::error::{Error, Result};

/// A checkpoint: what it is, and its tensors, not yet read.
pub struct Checkpoint {
    pub path: PathBuf,
    pub format: Format,
    pub config: Config,
    pub tensors: Tensors,
    pub tokenizer: TokenizerSource,
}

/// How the weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Safetensors,
    Pytorch,
    Gguf,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Pytorch => "pytorch_model.bin",
            Self::Gguf => "GGUF",
        }
    }
}

/// Where the tokenizer is described.
#[derive(Clone, Debug)]
pub enum TokenizerSource {
    Directory(PathBuf),
    Gguf(GgufTokenizer),
}

/// The part of a GGUF file's metadata that describes its tokenizer.
#[derive(Clone, Debug)]
pub struct GgufTokenizer(pub(crate) Metadata);

impl Checkpoint {
    /// Opens a directory as `transformers` writes it, or a GGUF file.
    ///
    /// # Errors
    /// Anything that is missing, damaged or not supported, by file and key.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            Self::open_directory(path)
        } else {
            Self::open_gguf(path)
        }
    }

    fn open_gguf(path: &Path) -> Result<Self> {
        let file = GgufFile::open(path)?;
        let config = gguf_names::config(&file)?;
        let tokenizer = TokenizerSource::Gguf(GgufTokenizer(file.metadata.clone()));
        let renamed: Box<dyn TensorFile> = Box::new(RenamedGguf::new(file, &config));
        Ok(Self {
            path: path.to_owned(),
            format: Format::Gguf,
            tensors: Tensors::new(path, vec![renamed])?,
            tokenizer,
            config,
        })
    }

    fn open_directory(path: &Path) -> Result<Self> {
        let config_file = path.join("config.json");
        if !config_file.is_file() {
            return Err(Error::NotRecognized {
                path: path.to_owned(),
                detail: "the directory has no `config.json`".to_owned(),
            });
        }
        let mut config = Config::read(&config_file)?;
        let generation = path.join("generation_config.json");
        if generation.is_file() {
            config.adopt_generation(&generation)?;
        }
        let (format, files) = weight_files(path)?;
        let opened = files
            .iter()
            .map(|file| {
                Ok(match format {
                    Format::Pytorch => Box::new(PytorchFile::open(file)?) as Box<dyn TensorFile>,
                    _ => Box::new(SafetensorsFile::open(file)?),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let named = match &files[..] {
            [file] => file,
            _ => path,
        };
        Ok(Self {
            path: path.to_owned(),
            format,
            tensors: Tensors::new(named, opened)?,
            tokenizer: TokenizerSource::Directory(path.to_owned()),
            config,
        })
    }
}

/// The files with weights: one, or those that an index lists.
fn weight_files(folder: &Path) -> Result<(Format, Vec<PathBuf>)> {
    const SINGLE: [(&str, Format); 2] = [
        ("model.safetensors", Format::Safetensors),
        ("pytorch_model.bin", Format::Pytorch),
    ];
    for (name, format) in SINGLE {
        let file = folder.join(name);
        if file.is_file() {
            return Ok((format, vec![file]));
        }
        let index = folder.join(format!("{name}.index.json"));
        if index.is_file() {
            return Ok((format, listed_files(folder, &index)?));
        }
    }
    Err(Error::NotRecognized {
        path: folder.to_owned(),
        detail: "the directory has neither `model.safetensors` nor `pytorch_model.bin`, nor an \
                 index of parts of one"
            .to_owned(),
    })
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

fn listed_files(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(index).map_err(Error::read(index))?;
    let parsed: Index =
        serde_json::from_str(&text).map_err(|error| Error::malformed(index, error.to_string()))?;
    let names: std::collections::BTreeSet<String> = parsed.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(Error::malformed(index, "it lists no files"));
    }
    names
        .into_iter()
        .map(|name| {
            // An index names its neighbours, and nothing outside of the checkpoint.
            if Path::new(&name).file_name() != Some(name.as_ref()) {
                let detail = format!("it lists `{name}`, which is no file beside it");
                return Err(Error::malformed(index, detail));
            }
            Ok(folder.join(name))
        })
        .collect()
}
