//! `train` and `critic-score`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, PipeReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use backend_torch::checkpoint::{Array, Checkpoint};
use backend_torch::device;
use backend_torch::tokenizer::Tokenizer;
use backend_torch::train::{self, Computing, Critic, HarnessLink};
use backends::training::protocol::ToTrainer;
use harness::training::{BatchSettings, TrainingSample, TrainingSettings};

use crate::arguments::{CriticScore, Gradients, Train};
use crate::model;

pub(crate) fn train(options: &Train, has_threads: bool) -> Result<()> {
    let settings = read(&options.settings)?;
    let mut output = std::io::stdout().lock();
    let stop = Arc::new(AtomicBool::new(false));
    let mut input = listen(&stop)?;
    let mut link = HarnessLink::new(&mut output, &mut input).stopped_by(&stop);
    if !has_threads {
        tch::set_num_threads(threads_for(&model::path(
            &settings.model.to_string_lossy(),
        )?)?);
    }
    train::train(&settings, &resolve, &mut link)?;
    Ok(())
}

/// Numbers for `parity/training.py`.
pub(crate) fn gradients(options: &Gradients) -> Result<()> {
    let settings = read(&options.settings)?;
    let (loss, mut arrays) = train::gradients(&settings, &resolve)?;
    let loss = Array {
        shape: vec![1],
        data: vec![loss as f32],
    };
    arrays.insert("loss".to_owned(), loss);
    train::write_tensors(&options.out, &arrays)?;
    Ok(())
}

fn read(path: &Path) -> Result<TrainingSettings> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))
}

fn resolve(model: &Path) -> Result<PathBuf, backend_torch::Error> {
    let name = model.to_string_lossy();
    model::path(&name).map_err(|error| backend_torch::Error::Request {
        detail: format!("{error:#}"),
    })
}

/// Standard input, read on a thread of its own, so that being asked to stop is heard at once.
fn listen(stop: &Arc<AtomicBool>) -> Result<BufReader<PipeReader>> {
    let (input, mut answers) = std::io::pipe()?;
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name("harness".to_owned())
        .spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if matches!(serde_json::from_str(&line), Ok(ToTrainer::Stop)) {
                    stop.store(true, Ordering::Relaxed);
                } else if writeln!(answers, "{line}").is_err() {
                    return;
                }
            }
        })?;
    Ok(BufReader::new(input))
}

/// Threads that training a model is fastest with: the passes of a small one are over before a
/// second thread has woken up.
fn threads_for(model: &Path) -> Result<i32> {
    const SMALL: usize = 20_000_000;
    let checkpoint = Checkpoint::open(model)?;
    let n: usize = checkpoint
        .tensors
        .list()
        .map(|(_, shape, _)| shape.iter().product::<usize>())
        .sum();
    let cores = std::thread::available_parallelism()?.get();
    Ok(if n < SMALL { 1 } else { i32::try_from(cores)? })
}

/// Scores this many samples before it writes them.
const CHUNK: usize = 1024;

pub(crate) fn critic_score(options: &CriticScore) -> Result<()> {
    let checkpoint = model::open(&options.critic)?;
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    let critic = Critic::load(&checkpoint, Computing::on(device::find(options.device)?))?;
    let settings = BatchSettings {
        size: 0,
        max_tokens: options.max_tokens,
        epochs: 0.0,
        steps: None,
        max_source_tokens: options.max_source_tokens,
        max_target_tokens: options.max_target_tokens,
        as_released: options.as_released,
    };
    let samples = &options.samples;
    let file =
        File::open(samples).with_context(|| format!("cannot read `{}`", samples.display()))?;
    let out = &options.out;
    let new = out.with_extension("jsonl.new");
    let cannot_write = || format!("cannot write `{}`", out.display());
    let mut writer = BufWriter::new(File::create(&new).with_context(cannot_write)?);
    let mut lines = BufReader::new(file).lines().enumerate();
    loop {
        let mut chunk: Vec<TrainingSample> = Vec::new();
        for (index, line) in lines.by_ref().take(CHUNK) {
            let line = line.with_context(|| format!("cannot read `{}`", samples.display()))?;
            chunk.push(
                serde_json::from_str(&line)
                    .with_context(|| format!("`{}`, line {}", samples.display(), index + 1))?,
            );
        }
        if chunk.is_empty() {
            break;
        }
        for scores in train::score_samples(&critic, &tokenizer, &chunk, &settings)? {
            serde_json::to_writer(&mut writer, &scores).with_context(cannot_write)?;
            writer.write_all(b"\n").with_context(cannot_write)?;
        }
    }
    let file = writer.into_inner().with_context(cannot_write)?;
    file.sync_all().with_context(cannot_write)?;
    std::fs::rename(&new, out).with_context(cannot_write)?;
    Ok(())
}
