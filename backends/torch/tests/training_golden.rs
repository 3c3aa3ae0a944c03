//! Losses and gradients of training, beside those that plain PyTorch gave, on record.

use std::collections::BTreeMap;
use std::path::Path;

use backend_torch::checkpoint::Array;
use backend_torch::train;
use harness::training::TrainingSettings;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixture::{case, numbers, random_numbers, write, write_weights};

/// Relative.
const LIMIT: f64 = 1e-4;

/// `training_golden.json`, as `parity/training.py` writes it.
#[derive(Deserialize)]
struct Golden {
    examples: Vec<Value>,
    samples: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    stage: Value,
    loss: f64,
    /// By name of the weights: the norm, and the sum with the weights `numbers("probe.NAME")`.
    gradients: BTreeMap<String, (f64, f64)>,
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let golden: Golden =
        serde_json::from_str(include_str!("training_golden.json")).expect("of parity.py");
    let _guard = random_numbers();
    for case in &golden.cases {
        let folder = tempfile::tempdir().unwrap();
        let settings = prepare(&golden, case, folder.path());
        let (loss, gradients) = train::gradients(&settings, &|path| Ok(path.to_owned())).unwrap();
        let name = format!("{}, {}", case.model, case.name);
        let error = (loss - case.loss).abs() / case.loss.abs();
        assert!(error < LIMIT, "{name}: {loss} for {}", case.loss);
        let names = |it: Vec<&String>| it.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(gradients.keys().collect()),
            names(case.gradients.keys().collect()),
            "{name}"
        );
        for (weights, (norm, sum)) in &case.gradients {
            let Array { shape, data } = &gradients[weights];
            let probe = numbers(&format!("probe.{weights}"), shape);
            let products = data.iter().zip(&probe);
            let found: f64 = products.map(|(x, p)| f64::from(*x) * f64::from(*p)).sum();
            let squares: f64 = data.iter().map(|x| f64::from(*x).powi(2)).sum();
            let (found_norm, limit) = (squares.sqrt(), LIMIT * norm.max(1e-6));
            assert!(
                (found_norm - norm).abs() < limit,
                "{name}: {weights}: {found_norm} {norm}"
            );
            // The weights of the sum are about 1 at most.
            let limit = 10.0 * limit;
            assert!(
                (found - sum).abs() < limit,
                "{name}: {weights}: {found} {sum}"
            );
        }
    }
}

/// Writes what a training learns from, as `settings` of `parity/training.py` does.
fn prepare(golden: &Golden, of: &Case, folder: &Path) -> TrainingSettings {
    let base = folder.join("base");
    std::fs::create_dir(&base).unwrap();
    let mut model = case(&of.model);
    model.config["dropout_rate"] = json!(0.0);
    write(&model, &base);
    if of.stage["name"] == "critic" {
        let n_classes = if of.stage["classes"] == "binary" {
            2
        } else {
            4
        };
        let shapes = [
            ("hidden.weight", vec![128, 48]),
            ("hidden.bias", vec![128]),
            ("output.weight", vec![n_classes, 128]),
            ("output.bias", vec![n_classes]),
        ];
        for (name, shape) in shapes {
            model.tensors.insert(format!("critic_head.{name}"), shape);
        }
        write_weights(&base, &model.tensors);
        let mut settings = of.stage.clone();
        settings.as_object_mut().unwrap().remove("name");
        std::fs::write(base.join("critic.json"), settings.to_string()).unwrap();
    }
    for (name, records) in [("examples", &golden.examples), ("samples", &golden.samples)] {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(folder.join(format!("{name}.jsonl")), lines).unwrap();
    }
    serde_json::from_value(json!({
        "stage": of.stage, "model": base, "out": folder,
        "data": {"examples": "examples.jsonl", "samples": "samples.jsonl"},
        "optimizer": {
            "learning-rate": 1e-3, "schedule": {"name": "constant"}, "warmup-steps": 0,
            "weight-decay": 0.0, "beta-1": 0.9, "beta-2": 0.999, "epsilon": 1e-8,
            "max-gradient-norm": null,
        },
        "batch": {
            "size": 6, "max-tokens": 90, "epochs": 1.0,
            "max-source-tokens": 60, "max-target-tokens": 24,
        },
        "checkpoints": {"every": 1, "keep-last": 1}, "seed": 0,
    }))
    .unwrap()
}
