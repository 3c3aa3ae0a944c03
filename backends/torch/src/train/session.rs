//! What all stages share around their updates: going on where a training stopped, telling of
//! each update, and keeping checkpoints.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use backends::training::protocol::{FromTrainer, Metrics};
use harness::training::TrainingSettings;

use super::checkpoint::{Checkpoints, Progress, Saved, replace_folder, write_file};
use super::harness_link::HarnessLink;
use crate::checkpoint::Array;
use crate::error::{Error, Result};

/// Name of the file that says that a training is done.
const DONE: &str = "trained.json";
const METRICS: &str = "metrics.jsonl";
const BEST: &str = "best";

/// Mean loss over programs that are held out.
pub(super) const VALIDATION_LOSS: &str = "validation_loss";

/// A training in progress.
pub(super) struct Session<'a, 'b> {
    pub(super) settings: &'a TrainingSettings,
    pub(super) link: &'a mut HarnessLink<'b>,
    pub(super) progress: Progress,
    pub(super) n_steps: u64,
    checkpoints: Checkpoints,
    metrics: File,
    updated: Instant,
}

/// What a model was worth in validation.
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) better: Better,
}

/// Which of two measures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Lower,
    Higher,
}

impl Measure {
    /// Of programs that are held out: the lower the better.
    pub(super) fn loss(value: f64) -> Self {
        Self {
            name: VALIDATION_LOSS,
            value,
            better: Better::Lower,
        }
    }

    fn beats(&self, best: f64) -> bool {
        match self.better {
            Better::Lower => self.value < best,
            Better::Higher => self.value > best,
        }
    }
}

/// What a stage writes into a model folder besides the weights.
pub(super) trait Export {
    /// States of optimizers.
    fn optimizers(&self) -> BTreeMap<String, Array>;

    fn write(&self, folder: &Path) -> Result<()>;
}

/// The summary of a training that is done already.
pub(super) fn finished(settings: &TrainingSettings) -> Result<Option<BTreeMap<String, f64>>> {
    let path = settings.out.join(DONE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(Error::read(&path))?;
    serde_json::from_str(&text).map_err(|error| Error::malformed(&path, error.to_string()))
}

/// Folder of the trained model.
pub(super) fn model_folder(settings: &TrainingSettings) -> PathBuf {
    settings.out.join("model")
}

/// The last checkpoint of a training.
pub(super) fn saved(settings: &TrainingSettings) -> Result<Option<Saved>> {
    Checkpoints::new(&settings.out).last()
}

impl<'a, 'b> Session<'a, 'b> {
    pub(super) fn start(
        settings: &'a TrainingSettings,
        link: &'a mut HarnessLink<'b>,
        saved: Option<&Saved>,
        n_steps: u64,
        n_parameters: usize,
    ) -> Result<Self> {
        let progress = saved
            .map(|saved| saved.progress.clone())
            .unwrap_or_default();
        link.tell(&FromTrainer::Started {
            n_steps,
            resumed_at: progress.step,
            n_parameters: n_parameters as u64,
        })?;
        let metrics = metrics_up_to(&settings.out.join(METRICS), progress.n_metrics)?;
        Ok(Self {
            settings,
            link,
            progress,
            n_steps,
            checkpoints: Checkpoints::new(&settings.out),
            metrics,
            updated: Instant::now(),
        })
    }

    /// Begins an update: what was done before it does not count as its time.
    pub(super) fn begin_update(&mut self) {
        self.updated = Instant::now();
    }

    /// Notes an update that was made over `n_tokens` tokens, prompts included.
    pub(super) fn updated(
        &mut self,
        n_tokens: usize,
        mut values: BTreeMap<String, f64>,
    ) -> Result<()> {
        self.progress.step += 1;
        let seconds = self.updated.elapsed().as_secs_f64();
        self.updated = Instant::now();
        values.insert("tokens".to_owned(), n_tokens as f64);
        let speed = ("tokens_per_second".to_owned(), n_tokens as f64 / seconds);
        self.tell(values, speed)
    }

    /// Records numbers, and tells of them and of a speed. The file holds what the same settings give
    /// again, so no times.
    fn tell(&mut self, values: BTreeMap<String, f64>, speed: (String, f64)) -> Result<()> {
        let step = self.progress.step;
        let mut metrics = Metrics { step, values };
        self.record(&metrics)?;
        metrics.values.extend([speed]);
        self.link.tell(&FromTrainer::Progress(metrics))
    }

    /// As [`Session::measured`], of a round that took `seconds` to write so many tokens.
    pub(super) fn sampled(
        &mut self,
        values: BTreeMap<String, f64>,
        n_tokens: usize,
        seconds: f64,
    ) -> Result<()> {
        let speed = n_tokens as f64 / seconds;
        self.tell(values, ("sampled_tokens_per_second".to_owned(), speed))
    }

    /// More numbers that belong to the last update.
    pub(super) fn measured(&mut self, values: BTreeMap<String, f64>) -> Result<()> {
        let metrics = Metrics {
            step: self.progress.step,
            values,
        };
        self.record(&metrics)?;
        self.link.tell(&FromTrainer::Progress(metrics))
    }

    fn record(&mut self, metrics: &Metrics) -> Result<()> {
        let mut line = serde_json::to_string(metrics).expect("plain data");
        line.push('\n');
        self.progress.n_metrics += 1;
        self.metrics
            .write_all(line.as_bytes())
            .map_err(Error::write(&self.settings.out.join(METRICS)))
    }

    pub(super) fn is_done(&self) -> bool {
        self.progress.step >= self.n_steps || self.has_no_patience()
    }

    fn has_no_patience(&self) -> bool {
        let patience = self.settings.checkpoints.patience;
        patience.is_some_and(|patience| self.progress.n_without_gain >= patience.max(1))
    }

    /// Whether a checkpoint is due after the last update.
    pub(super) fn is_due(&self) -> bool {
        self.is_planned() || self.link.is_stopped()
    }

    /// Whether it is due whatever the harness asks for, and the model is validated.
    pub(super) fn is_planned(&self) -> bool {
        let every = u64::from(self.settings.checkpoints.every.max(1));
        self.progress.step.is_multiple_of(every) || self.progress.step >= self.n_steps
    }

    /// Notes what the model is worth, and keeps it where it is the best so far.
    pub(super) fn validated(&mut self, export: &dyn Export, found: &Measure) -> Result<()> {
        self.measured([(found.name.to_owned(), found.value)].into())?;
        if self
            .progress
            .best
            .is_some_and(|(_, best)| !found.beats(best))
        {
            self.progress.n_without_gain += 1;
            return Ok(());
        }
        self.progress.best = Some((self.progress.step, found.value));
        self.progress.n_without_gain = 0;
        replace_folder(&self.best_folder(), |folder| export.write(folder))
    }

    fn best_folder(&self) -> PathBuf {
        self.settings.out.join(BEST)
    }

    /// Keeps a checkpoint.
    pub(super) fn keep(&mut self, export: &dyn Export) -> Result<()> {
        if !self.progress.is_ill {
            self.progress.last_good = Some(self.progress.step);
        }
        self.metrics
            .sync_all()
            .map_err(Error::write(&self.settings.out.join(METRICS)))?;
        self.checkpoints.save(
            &self.progress,
            &export.optimizers(),
            self.settings.checkpoints.keep_last,
            |folder| export.write(folder),
        )?;
        if self.link.is_stopped() && self.progress.step < self.n_steps {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    /// Puts the best model, else the last, in its place.
    pub(super) fn finish(&mut self, export: &dyn Export, measure: &str) -> Result<()> {
        let best = self.best_folder();
        let model = model_folder(self.settings);
        let mut summary = BTreeMap::new();
        match self.progress.best {
            Some((step, value)) => {
                summary.insert("best_step".to_owned(), step as f64);
                summary.insert(measure.to_owned(), value);
                // Where it is not, a training that was killed here has moved it already.
                if best.is_dir() {
                    if model.exists() {
                        fs::remove_dir_all(&model).map_err(Error::write(&model))?;
                    }
                    fs::rename(&best, &model).map_err(Error::write(&model))?;
                }
            }
            None => replace_folder(&model, |folder| export.write(folder))?,
        }
        summary.insert("steps".to_owned(), self.progress.step as f64);
        let text = serde_json::to_string_pretty(&summary).expect("plain data");
        write_file(&self.settings.out.join(DONE), text.as_bytes())?;
        self.link.tell(&FromTrainer::Done { model, summary })
    }
}

/// What there is to go on from after a training that went to ruin.
pub(super) fn good_model(settings: &TrainingSettings) -> Result<String> {
    let best = settings.out.join(BEST);
    let best = match best.is_dir() {
        true => format!(", and the best model in validation is `{}`", best.display()),
        false => String::new(),
    };
    Ok(match Checkpoints::new(&settings.out).last_good()? {
        Some(place) => format!("the last good checkpoint is `{}`{best}", place.display()),
        None => format!("there is no good checkpoint yet{best}"),
    })
}

/// Opens the file of metrics with its first `n_lines` alone: what was noted behind the checkpoint
/// that training goes on from is noted again.
fn metrics_up_to(path: &Path, n_lines: u64) -> Result<File> {
    let kept: String = match fs::read_to_string(path) {
        Ok(text) => text
            .split_inclusive('\n')
            .take(usize::try_from(n_lines).unwrap_or(usize::MAX))
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::read(path)(error)),
    };
    let new = path.with_extension("jsonl.new");
    write_file(&new, kept.as_bytes())?;
    fs::rename(&new, path).map_err(Error::write(path))?;
    OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(Error::write(path))
}
