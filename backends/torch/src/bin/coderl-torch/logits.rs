//! `logits`: numbers to compare with other implementations.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result, ensure};
use backend_torch::checkpoint::{Checkpoint, Config};
use backend_torch::cpu::{self, Rows};
use backend_torch::decode::{Cache, Decoder, Prompt, StepRow};
use backend_torch::device::DeviceModel;
use backend_torch::layers::Mode;
use backend_torch::llama::Llama;
use backend_torch::parameters::Parameters;
use backend_torch::t5::T5;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::arguments::{Logits, Path};
use crate::model;

#[derive(Deserialize)]
struct Input {
    rows: Vec<Row>,
}

/// Logits `[B, T, V]` of rows.
type Forward = Box<dyn Fn(&[&Row]) -> Tensor>;

/// Tokens of one sequence.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    source: Vec<u32>,
    target: Vec<u32>,
}

pub(crate) fn logits(options: &Logits) -> Result<()> {
    let text = std::fs::read_to_string(&options.input)
        .with_context(|| format!("cannot read `{}`", options.input.display()))?;
    let input: Input =
        serde_json::from_str(&text).with_context(|| format!("`{}`", options.input.display()))?;
    ensure!(
        input.rows.iter().all(|row| !row.target.is_empty()),
        "a row has no target"
    );
    let checkpoint = model::open(&options.model)?;
    let (config, tensors) = (&checkpoint.config, &checkpoint.tensors);
    let rows = match options.path {
        Path::Decoder => {
            let model = cpu::load(config, tensors)?;
            by_decoder(&*model, &input.rows, options.prompt_tokens)?
        }
        Path::Device => {
            let model = DeviceModel::load(config, tensors, Device::Cpu, Kind::Float)?;
            by_decoder(&model, &input.rows, options.prompt_tokens)?
        }
        _ => by_tensors(&checkpoint, &input.rows, options.path)?,
    };
    let mut out = BufWriter::new(File::create(&options.output)?);
    for value in rows.into_iter().flatten() {
        out.write_all(&value.to_le_bytes())?;
    }
    out.flush()?;
    Ok(())
}

/// Logits of each row, token by token.
fn by_decoder(model: &dyn Decoder, rows: &[Row], n_prompt: usize) -> Result<Vec<Vec<f32>>> {
    let has_encoder = model.start_token().is_some();
    let mut out = vec![Vec::new(); rows.len()];
    let mut values = vec![0.0; model.vocabulary_size()];
    let mut begun: Vec<(usize, &[u32], Prompt, Cache)> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let (prompt, rest) = if has_encoder {
            (model.read(&row.source)?, &row.target[..])
        } else {
            let (prompt, rest) = row.target.split_at(n_prompt.clamp(1, row.target.len()));
            (model.read(prompt)?, rest)
        };
        if let Some(logits) = prompt.logits() {
            logits.copy_row(0, &mut values);
            out[index].extend_from_slice(&values);
        }
        begun.push((index, rest, prompt, model.new_cache(row.target.len())));
    }
    let mut logits = Rows::default();
    loop {
        begun.retain(|(_, rest, _, _)| !rest.is_empty());
        if begun.is_empty() {
            return Ok(out);
        }
        let mut steps: Vec<StepRow<'_>> = begun
            .iter_mut()
            .map(|(_, rest, prompt, cache)| StepRow {
                token: rest[0],
                prompt,
                cache,
            })
            .collect();
        model.step(&mut steps, &mut logits);
        drop(steps);
        for (row, (index, rest, _, _)) in begun.iter_mut().enumerate() {
            logits.copy_row(row, &mut values);
            out[*index].extend_from_slice(&values);
            *rest = &rest[1..];
        }
    }
}

fn by_tensors(checkpoint: &Checkpoint, rows: &[Row], path: Path) -> Result<Vec<Vec<f32>>> {
    let mut parameters = Parameters::new(Device::Cpu, Kind::Float);
    let tensors = &checkpoint.tensors;
    let forward: Forward = match &checkpoint.config {
        Config::T5(config) => {
            let model = T5::load(config, tensors, &mut parameters)?;
            Box::new(move |rows| {
                let sources: Vec<&[u32]> = rows.iter().map(|row| &row.source[..]).collect();
                let targets: Vec<&[u32]> = rows.iter().map(|row| &row.target[..]).collect();
                let (source, source_mask) = batch(&sources, path);
                let (target, target_mask) = batch(&targets, Path::PaddedRight);
                let states = model.encode(&source, Some(&source_mask), Mode::Evaluate);
                let states = model.decode(
                    &target,
                    Some(&target_mask),
                    &states,
                    Some(&source_mask),
                    Mode::Evaluate,
                );
                model.logits(&states)
            })
        }
        Config::Llama(config) => {
            let model = Llama::load(config, tensors, &mut parameters)?;
            Box::new(move |rows| {
                let targets: Vec<&[u32]> = rows.iter().map(|row| &row.target[..]).collect();
                let (tokens, mask) = batch(&targets, path);
                model.logits(&model.forward(&tokens, Some(&mask)))
            })
        }
    };
    let is_encoder_decoder = matches!(checkpoint.config, Config::T5(_));
    let _guard = tch::no_grad_guard();
    let together: Vec<Vec<&Row>> = match path {
        Path::PaddedLeft | Path::PaddedRight => vec![rows.iter().collect()],
        _ => rows.iter().map(|row| vec![row]).collect(),
    };
    let mut out = Vec::new();
    for rows in together {
        let logits = forward(&rows);
        let longest = logits.size()[1];
        for (index, row) in rows.iter().enumerate() {
            let n = row.target.len() as i64;
            let first = match path {
                Path::PaddedLeft if !is_encoder_decoder => longest - n,
                _ => 0,
            };
            let logits = logits.get(index as i64).narrow(0, first, n).contiguous();
            let mut values = vec![0.0; logits.numel()];
            let n_values = values.len();
            logits.f_copy_data(&mut values, n_values)?;
            out.push(values);
        }
    }
    Ok(out)
}

/// Token ids `[B, T]` and their mask, padded on one side.
fn batch(rows: &[&[u32]], path: Path) -> (Tensor, Tensor) {
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    // Padding is any token that is not looked at.
    let mut tokens = vec![3_i64; rows.len() * longest];
    let mut mask = vec![false; rows.len() * longest];
    for (index, row) in rows.iter().enumerate() {
        let first = match path {
            Path::PaddedLeft => longest - row.len(),
            _ => 0,
        };
        for (at, token) in row.iter().enumerate() {
            tokens[index * longest + first + at] = i64::from(*token);
            mask[index * longest + first + at] = true;
        }
    }
    let size = [rows.len() as i64, longest as i64];
    (
        Tensor::from_slice(&tokens).view(size),
        Tensor::from_slice(&mask).view(size),
    )
}
