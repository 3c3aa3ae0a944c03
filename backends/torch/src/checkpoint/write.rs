//! A checkpoint as a directory that `transformers` loads: `config.json`,
//! `generation_config.json`, `model.safetensors` in float32, and the files of the tokenizer.
//!
//! The directory appears whole: it is written beside its place and moved there.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::config::Config;
use super::open::TokenizerSource;
use super::tensors::{Array, Tensors};
use crate::error::{Error, Result};
use crate::tokenizer;

/// Tensors to be written, in float32, one at a time: models may be larger than memory.
pub trait TensorSource {
    /// Published names and shapes.
    fn shapes(&self) -> BTreeMap<String, Vec<usize>>;

    /// The elements of one of them, in row-major order.
    ///
    /// # Errors
    /// What reading it may meet.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}

/// What becomes of a directory that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused; an empty one is used.
    Keep,
    /// It goes when the new one is complete.
    Replace,
}

/// Writes the directory `folder`. `tokenizer` is copied where it is a directory, and put into
/// `tokenizer.json` and `tokenizer_config.json` where it comes from a GGUF file.
///
/// What [`super::Checkpoint::open`] makes of the result has this configuration, these tensors
/// and a tokenizer that gives the same ids.
///
/// # Errors
/// A directory that is there already, tensors or tokenizers that cannot be read, and a disk
/// that cannot be written.
pub fn write_directory(
    folder: &Path,
    config: &Config,
    tensors: &dyn TensorSource,
    tokenizer: &TokenizerSource,
    existing: Existing,
) -> Result<()> {
    if existing == Existing::Keep && is_in_use(folder) {
        return Err(Error::AlreadyThere {
            path: folder.to_owned(),
        });
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let beside = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .tempdir_in(parent)
        .map_err(Error::write(parent))?;
    // A folder of its own: temporary ones can be read by nobody else.
    let new = beside.path().join("new");
    fs::create_dir(&new).map_err(Error::write(&new))?;
    write_json(&new.join("config.json"), &config.to_json())?;
    write_json(
        &new.join("generation_config.json"),
        &config.generation_json(),
    )?;
    tokenizer::write_files(tokenizer, config, &new)?;
    write_safetensors(&new.join("model.safetensors"), tensors)?;
    for file in files_of(&new)? {
        sync(&file)?;
    }
    sync_folder(&new)?;
    let old = beside.path().join("old");
    let is_there = fs::symlink_metadata(folder).is_ok();
    if is_there {
        fs::rename(folder, &old).map_err(Error::write(folder))?;
    }
    // A crash here leaves both on disk, and neither in its place.
    if let Err(error) = fs::rename(&new, folder) {
        if is_there {
            fs::rename(&old, folder).map_err(Error::write(folder))?;
        }
        return Err(Error::write(folder)(error));
    }
    sync_folder(parent)
}

fn is_in_use(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        // A file, or something that cannot be looked into.
        Err(_) => fs::symlink_metadata(folder).is_ok(),
    }
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(Error::read(folder))
}

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("JSON values are JSON");
    fs::write(path, text + "\n").map_err(Error::write(path))
}

fn write_safetensors(path: &Path, tensors: &dyn TensorSource) -> Result<()> {
    let shapes = tensors.shapes();
    let mut end = 0;
    let entries = shapes
        .iter()
        .map(|(name, shape)| {
            let begin = end;
            end += shape.iter().product::<usize>() * size_of::<f32>();
            let info = TensorInfo {
                dtype: Dtype::F32,
                shape: shape.clone(),
                data_offsets: (begin, end),
            };
            (name.clone(), info)
        })
        .collect();
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(format), entries)
        .map_err(|error| Error::malformed(path, format!("header: {error}")))?;
    let mut header = serde_json::to_vec(&metadata).expect("a header is JSON");
    // Tensors begin at a multiple of eight, as the reference implementation has it.
    header.resize(header.len().next_multiple_of(8), b' ');
    let file = File::create(path).map_err(Error::write(path))?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let mut write = |bytes: &[u8]| writer.write_all(bytes).map_err(Error::write(path));
    write(&(header.len() as u64).to_le_bytes())?;
    write(&header)?;
    for (name, shape) in &shapes {
        let data = tensors.read(name)?;
        assert_eq!(
            data.len(),
            shape.iter().product::<usize>(),
            "`{name}` has as many elements as its shape"
        );
        for chunk in data.chunks(1 << 16) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|it| it.to_le_bytes()).collect();
            write(&bytes)?;
        }
    }
    writer.flush().map_err(Error::write(path))
}

fn sync(file: &Path) -> Result<()> {
    File::open(file)
        .and_then(|file| file.sync_all())
        .map_err(Error::write(file))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    sync(folder)
}

/// Folders cannot be opened as files here; the file system orders renames itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    Ok(())
}

impl TensorSource for BTreeMap<String, Array> {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.iter()
            .map(|(name, array)| (name.clone(), array.shape.clone()))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self[name].data.clone())
    }
}

/// A checkpoint copied, whatever its format.
impl TensorSource for Tensors {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.list()
            .map(|(name, shape, _)| (name.to_owned(), shape.to_vec()))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let shape = self.shapes().remove(name).unwrap_or_default();
        Ok(self.take(name, &shape)?.data)
    }
}
