//! Checkpoints of a training: a model directory as `transformers` reads it, and beside the
//! weights what is needed to go on to the same numbers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Array, SafetensorsFile, Tensors};
use crate::error::{Error, Result};

const STATE: &str = "trainer.json";
const OPTIMIZER: &str = "optimizer.safetensors";

/// Where a training stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Updates made.
    pub(super) step: u64,
    /// Lines of `metrics.jsonl`.
    #[serde(default)]
    pub(super) n_metrics: u64,
    /// The checkpoint that was best in validation: its step, and what was measured.
    #[serde(default)]
    pub(super) best: Option<(u64, f64)>,
    /// Checkpoints since then.
    #[serde(default)]
    pub(super) n_without_gain: u32,
    /// Whether the model is falling apart.
    #[serde(default)]
    pub(super) is_ill: bool,
    /// The last checkpoint of a model that was not. It is kept however many come after it.
    #[serde(default)]
    pub(super) last_good: Option<u64>,
    /// What else a stage has to remember.
    #[serde(default)]
    pub(super) notes: BTreeMap<String, f64>,
}

/// The folder of checkpoints of a training.
pub(super) struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    pub(super) fn new(out: &Path) -> Self {
        Self {
            folder: out.join("checkpoints"),
        }
    }

    fn place(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}"))
    }

    /// Writes a checkpoint; it is there as a whole or not at all. `write_model` fills a folder
    /// with the model.
    pub(super) fn save(
        &self,
        progress: &Progress,
        optimizers: &BTreeMap<String, Array>,
        keep_last: u32,
        write_model: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        replace_folder(&self.place(progress.step), |folder| {
            write_model(folder)?;
            write_tensors(&folder.join(OPTIMIZER), optimizers)?;
            let text = serde_json::to_string_pretty(progress).expect("plain data");
            write_file(&folder.join(STATE), text.as_bytes())
        })?;
        for step in self.steps()?.iter().rev().skip(keep_last.max(1) as usize) {
            if Some(*step) != progress.last_good {
                let place = self.place(*step);
                fs::remove_dir_all(&place).map_err(Error::write(&place))?;
            }
        }
        Ok(())
    }

    /// The folder of the last checkpoint whose model was not falling apart.
    pub(super) fn last_good(&self) -> Result<Option<PathBuf>> {
        let step = match self.last_progress()? {
            Some(progress) => progress.last_good,
            None => None,
        };
        Ok(step
            .map(|step| self.place(step))
            .filter(|place| place.is_dir()))
    }

    fn last_progress(&self) -> Result<Option<Progress>> {
        let Some(step) = self.steps()?.pop() else {
            return Ok(None);
        };
        let state = self.place(step).join(STATE);
        let text = fs::read_to_string(&state).map_err(Error::read(&state))?;
        let progress = serde_json::from_str(&text)
            .map_err(|error| Error::malformed(&state, error.to_string()))?;
        Ok(Some(progress))
    }

    /// The steps of complete checkpoints, in order.
    fn steps(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::read(&self.folder)(error)),
        };
        let mut steps = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::read(&self.folder))?.file_name();
            let step = name.to_str().and_then(|name| name.strip_prefix("step-"));
            steps.extend(step.and_then(|step| step.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// The last checkpoint.
    pub(super) fn last(&self) -> Result<Option<Saved>> {
        let Some(progress) = self.last_progress()? else {
            return Ok(None);
        };
        let place = self.place(progress.step);
        let optimizer = place.join(OPTIMIZER);
        let file = Box::new(SafetensorsFile::open(&optimizer)?);
        Ok(Some(Saved {
            model: place,
            progress,
            optimizers: Tensors::new(&optimizer, vec![file])?,
        }))
    }
}

/// A checkpoint that was found.
pub(super) struct Saved {
    /// Folder of the model.
    pub(super) model: PathBuf,
    pub(super) progress: Progress,
    pub(super) optimizers: Tensors,
}

/// Fills a new folder and puts it in the place of `folder`.
pub(super) fn replace_folder(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().expect("folders of a training lie in one");
    let name = folder
        .file_name()
        .expect("and have names")
        .to_string_lossy();
    fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let new = parent.join(format!(".{name}.new"));
    if new.exists() {
        // Of a training that was killed here.
        fs::remove_dir_all(&new).map_err(Error::write(&new))?;
    }
    fs::create_dir(&new).map_err(Error::write(&new))?;
    fill(&new)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::write(folder))?;
    }
    fs::rename(&new, folder).map_err(Error::write(folder))?;
    // The rename lasts when the parent is on disk.
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(Error::write(parent))
}

pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    File::create(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(Error::write(path))
}

/// Writes a safetensors file in float32.
///
/// # Errors
/// A disk that cannot be written.
pub fn write_tensors(path: &Path, arrays: &BTreeMap<String, Array>) -> Result<()> {
    let bytes: BTreeMap<&str, Vec<u8>> = arrays
        .iter()
        .map(|(name, array)| {
            let bytes = array.data.iter().flat_map(|value| value.to_le_bytes());
            (name.as_str(), bytes.collect())
        })
        .collect();
    let views = arrays.iter().map(|(name, array)| {
        let view = TensorView::new(Dtype::F32, array.shape.clone(), &bytes[name.as_str()])
            .expect("as many bytes as the shape says");
        (name.as_str(), view)
    });
    // What `transformers` looks for before it reads a file.
    let format = [("format".to_owned(), "pt".to_owned())].into();
    let data = safetensors::serialize(views, Some(format))
        .map_err(|error| Error::malformed(path, error.to_string()))?;
    write_file(path, &data)
}
