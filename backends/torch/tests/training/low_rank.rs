//! Low-rank updates of decoder-only models.

use harness::training::Stage;
use serde_json::{Value, json};

use super::in_process::{gradients, train};
use super::project::{CRITIC, LORA, Project};
use super::results::{assert_error, series, tensors};
use crate::fixture::families;

#[test]
fn low_rank_updates_are_merged_into_the_model_beside_them() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let mut settings = project.settings("out", Stage::Sft);
    settings.lora = Some(LORA);
    settings.data.validation = None;
    train(&settings).unwrap();
    let losses = series(&settings.out, "loss");
    assert!(losses[6] < losses[0], "{losses:?}");
    let (base, merged) = (
        tensors(&settings.model),
        tensors(&settings.out.join("model")),
    );
    let folder = settings.out.join("model/adapter");
    let bytes = std::fs::read(folder.join("adapter_model.safetensors")).unwrap();
    let adapter = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let matrix = |name: &str| {
        let view = adapter.tensor(name).unwrap();
        let numbers = view.data().chunks(4);
        let numbers: Vec<f32> = numbers
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        (numbers, view.shape().to_vec())
    };
    let mut n_changed = 0;
    for (name, weights) in &base {
        let layer = name.strip_suffix(".weight").unwrap();
        if !layer.ends_with("_proj") {
            assert_eq!(weights, &merged[name], "{name}");
            continue;
        }
        n_changed += 1;
        let (a, a_shape) = matrix(&format!("base_model.model.{layer}.lora_A.weight"));
        let (b, b_shape) = matrix(&format!("base_model.model.{layer}.lora_B.weight"));
        assert_eq!((a_shape[0], b_shape[1]), (3, 3));
        for (index, weight) in weights.iter().enumerate() {
            let (row, column) = (index / a_shape[1], index % a_shape[1]);
            let change: f32 = (0..3)
                .map(|k| 2.0 * b[row * 3 + k] * a[k * a_shape[1] + column])
                .sum();
            assert!(
                (weight + change - merged[name][index]).abs() < 1e-6,
                "{name}"
            );
        }
        assert!(b.iter().any(|x| *x != 0.0), "{name}");
    }
    assert_eq!((n_changed, adapter.names().len()), (21, 42));
    let config = std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        (&config["r"], &config["lora_alpha"]),
        (&json!(3), &json!(6))
    );
    // The optimizer knows of nothing else.
    let state = settings
        .out
        .join("checkpoints/step-00000007/optimizer.safetensors");
    let bytes = std::fs::read(state).unwrap();
    let state = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(state.names().len(), 84);
    assert!(state.names().iter().all(|name| name.contains("lora_")));
}

#[test]
fn a_model_begins_as_it_was_before_its_updates() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let mut settings = project.settings("none", Stage::Sft);
    let (whole, _) = gradients(&settings);
    settings.lora = Some(LORA);
    let (adapted, gradients) = gradients(&settings);
    assert_eq!(whole, adapted);
    assert!(gradients.keys().all(|name| name.contains("lora_")));
}

#[test]
fn low_rank_updates_are_refused_where_there_are_none() {
    let [t5, llama] = families();
    let project = Project::new(&t5, 0.0);
    let mut settings = project.settings("out", Stage::Sft);
    settings.lora = Some(LORA);
    assert_error(&settings, &["decoder-only", "`lora.rank`"]);
    let project = Project::new(&llama, 0.0);
    let mut settings = project.settings("out", Stage::Critic(CRITIC));
    settings.lora = Some(LORA);
    assert_error(&settings, &["critic", "`lora.rank`"]);
}
