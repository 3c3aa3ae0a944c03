//! Numbers of `transformers`, on record.

use backend_torch::checkpoint::{Checkpoint, Config};
use backend_torch::cpu::Rows;
use backend_torch::decode::StepRow;
use backend_torch::layers::Mode;
use backend_torch::llama::Llama;
use backend_torch::parameters::Parameters;
use backend_torch::t5::T5;
use tch::{Device, Kind, Tensor};

use crate::fixture::{Case, Loaded, Row, decode, golden, limits, load, request, write};

/// What float32 may differ by.
const LIMIT: f64 = 1e-4;

#[test]
fn logits_of_the_decoder_are_those_of_transformers() {
    for case in golden().cases {
        let loaded = load(&case);
        for (row, expected) in case.rows.iter().zip(&case.logits) {
            compare(&case, &by_decoder(&loaded, row), expected);
        }
    }
}

#[test]
fn logits_of_tensors_are_those_of_transformers() {
    for case in golden().cases {
        for (row, expected) in case.rows.iter().zip(&case.logits) {
            compare(&case, &by_tensors(&case, row), expected);
        }
    }
}

#[test]
fn greedy_text_is_that_of_transformers() {
    for case in golden().cases {
        let loaded = load(&case);
        let mut request = request(case.rows[1].prompt(), 60);
        request.decoding.min_new_tokens = 60;
        let (candidates, _) = decode(&loaded, limits(4), vec![request]);
        assert_eq!(candidates[0].tokens, case.greedy, "{}", case.name);
    }
}

fn compare(case: &Case, found: &[Vec<f32>], expected: &[Vec<f64>]) {
    assert_eq!(found.len(), expected.len(), "{}", case.name);
    for (found, expected) in found.iter().zip(expected) {
        for (column, expected) in case.columns.iter().zip(expected) {
            let difference = (f64::from(found[*column]) - expected).abs();
            assert!(difference < LIMIT, "{}: {difference}", case.name);
        }
    }
}

/// Logits at each token of `target`.
fn by_decoder(loaded: &Loaded, row: &Row) -> Vec<Vec<f32>> {
    let model = &*loaded.model;
    let mut values = vec![0.0; model.vocabulary_size()];
    let mut out = Vec::new();
    let (prompt, rest) = if row.source.is_empty() {
        let (first, rest) = row.target.split_at(1);
        (model.read(first).unwrap(), rest)
    } else {
        (model.read(&row.source).unwrap(), &row.target[..])
    };
    if let Some(logits) = prompt.logits() {
        logits.copy_row(0, &mut values);
        out.push(values.clone());
    }
    let mut cache = model.new_cache(rest.len());
    let mut logits = Rows::default();
    for token in rest {
        let mut step = [StepRow {
            token: *token,
            prompt: &prompt,
            cache: &mut cache,
        }];
        model.step(&mut step, &mut logits);
        logits.copy_row(0, &mut values);
        out.push(values.clone());
    }
    out
}

fn by_tensors(case: &Case, row: &Row) -> Vec<Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    write(case, folder.path());
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let mut parameters = Parameters::new(Device::Cpu, Kind::Float);
    let _guard = tch::no_grad_guard();
    let ids = |tokens: &[u32]| {
        let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
        Tensor::from_slice(&ids).unsqueeze(0)
    };
    let target = ids(&row.target);
    let logits = match &checkpoint.config {
        Config::T5(config) => {
            let model = T5::load(config, &checkpoint.tensors, &mut parameters).unwrap();
            let states = model.encode(&ids(&row.source), None, Mode::Evaluate);
            let states = model.decode(&target, None, &states, None, Mode::Evaluate);
            model.logits(&states)
        }
        Config::Llama(config) => {
            let model = Llama::load(config, &checkpoint.tensors, &mut parameters).unwrap();
            model.logits(&model.forward(&target, None))
        }
    };
    Vec::<Vec<f32>>::try_from(logits.get(0)).unwrap()
}
