//! How a model is computed: what that may change, and what it may not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backend_torch::checkpoint::Array;
use harness::prompt::Prompt;
use harness::training::{
    CriticSettings, Device, Pooling, Precision, Schedule, Stage, TrainingExample, TrainingSettings,
};

use super::in_process::{gradients, train};
use super::project::{CODE_RL, CRITIC, GRPO, LORA, Project, example, rl, write_lines};
use super::results::{assert_same, series, tensors};
use crate::fixture::families;

fn stages(project: &Project) -> Vec<TrainingSettings> {
    let mut stages = vec![
        Stage::Sft,
        Stage::Critic(CRITIC),
        Stage::Rl(rl(CODE_RL)),
        Stage::Rl(rl(GRPO)),
    ];
    if project.is_encoder_decoder() {
        stages.push(Stage::Critic(CriticSettings {
            pooling: Pooling::LogitsWithPadding,
            ..CRITIC
        }));
    }
    let mut out: Vec<_> = stages
        .into_iter()
        .map(|stage| project.settings("none", stage))
        .collect();
    if !project.is_encoder_decoder() {
        let mut settings = project.settings("none", Stage::Sft);
        settings.lora = Some(LORA);
        out.push(settings);
    }
    out
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// Relative differences of gradients, by name; those that are next to nothing are left out.
fn differences(
    found: &BTreeMap<String, Array>,
    expected: &BTreeMap<String, Array>,
) -> BTreeMap<String, f64> {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let largest = expected
        .values()
        .map(|array| norm(array.data.iter().copied()))
        .fold(0.0, f64::max);
    let of_name = |(name, array): (&String, &Array)| {
        let pairs = array.data.iter().zip(&found[name].data);
        let difference = norm(pairs.map(|(a, b)| a - b));
        let size = norm(array.data.iter().copied()).max(1e-2 * largest);
        (name.clone(), difference / size)
    };
    expected.iter().map(of_name).collect()
}

#[test]
fn activations_that_are_computed_again_give_the_same_gradients() {
    for case in families() {
        // Dropout too, which has to be drawn again.
        let project = Project::new(&case, 0.1);
        project.critic();
        for kept in stages(&project) {
            let computed_again = TrainingSettings {
                gradient_checkpointing: true,
                ..kept.clone()
            };
            let (expected, found) = (gradients(&kept), gradients(&computed_again));
            let name = format!("{} {:?}", case.name, kept.stage);
            assert!(
                (found.0 - expected.0).abs() <= 1e-6 * expected.0.abs(),
                "{name}"
            );
            for (weights, difference) in differences(&found.1, &expected.1) {
                assert!(difference < 1e-5, "{name} {weights}: {difference}");
            }
        }
    }
}

#[test]
fn bfloat16_changes_gradients_by_its_rounding_alone() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        project.critic();
        for wide in stages(&project) {
            let narrow = TrainingSettings {
                precision: Precision::Bfloat16,
                ..wide.clone()
            };
            let (expected, found) = (gradients(&wide), gradients(&narrow));
            let name = format!("{} {:?}", case.name, wide.stage);
            let error = (found.0 - expected.0).abs() / expected.0.abs();
            // Eight bits of mantissa: 0.4 % for a number. It is at work, and no more than that.
            assert!(error > 0.0 && error < 2e-2, "{name}: {error}");
            if let Stage::Critic(_) = wide.stage {
                // By rounding, the maximum over tokens is at another one, and its gradient too.
                continue;
            }
            let differences = differences(&found.1, &expected.1);
            let mean = differences.values().sum::<f64>() / differences.len() as f64;
            assert!(mean > 1e-4 && mean < 0.1, "{name}: {mean} {differences:?}");
        }
    }
}

#[test]
fn a_model_learns_in_bfloat16_and_its_weights_are_float32() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        let of = |precision, out| {
            let mut settings = project.settings(out, Stage::Sft);
            settings.precision = precision;
            settings.batch.steps = Some(60);
            settings.optimizer.learning_rate = 1e-2;
            settings.optimizer.schedule = Schedule::Constant;
            settings.data.validation = None;
            train(&settings).unwrap();
            settings.out
        };
        let (wide, narrow) = (
            of(Precision::Float32, "wide"),
            of(Precision::Bfloat16, "narrow"),
        );
        let losses = |out: &Path| {
            let losses = series(out, "loss");
            (losses[0], losses[losses.len() - 1])
        };
        let ((first, last), (narrow_first, narrow_last)) = (losses(&wide), losses(&narrow));
        assert!(
            (narrow_first - first).abs() < 2e-2 * first,
            "{narrow_first} {first}"
        );
        assert!(last < 0.7 * first, "{first} {last}");
        let (gain, narrow_gain) = (first - last, narrow_first - narrow_last);
        assert!(narrow_gain > 0.8 * gain, "{narrow_gain} {gain}");
        // Rounded to bfloat16, the lower half of a number would be zero.
        let weights = tensors(&narrow.join("model"));
        let is_wide = |value: &f32| value.to_bits() & 0xffff != 0;
        assert!(weights.values().all(|values| values.iter().any(is_wide)));
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "says that it was skipped")]
fn a_gpu_gives_the_gradients_of_a_cpu() {
    if !tch::Cuda::is_available() {
        eprintln!("skipped: libtorch finds no GPU");
        return;
    }
    for case in families() {
        let project = Project::new(&case, 0.0);
        project.critic();
        for cpu in stages(&project) {
            let expected = gradients(&cpu);
            for (precision, limit) in [(Precision::Float32, 1e-3), (Precision::Bfloat16, 5e-2)] {
                for gradient_checkpointing in [false, true] {
                    let found = gradients(&TrainingSettings {
                        device: Device::Cuda,
                        precision,
                        gradient_checkpointing,
                        ..cpu.clone()
                    });
                    let differences = differences(&found.1, &expected.1);
                    let mean = differences.values().sum::<f64>() / differences.len() as f64;
                    assert!(mean < limit, "{precision:?}: {mean}");
                }
            }
        }
    }
}

#[test]
fn whole_trainings_are_the_same_with_activations_computed_again() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        let of = |gradient_checkpointing, out| {
            let mut settings = project.settings(out, Stage::Rl(rl(GRPO)));
            settings.gradient_checkpointing = gradient_checkpointing;
            settings.data.validation = None;
            train(&settings).unwrap();
            settings.out
        };
        let (kept, again) = (of(false, "kept"), of(true, "again"));
        let (expected, found) = (tensors(&kept.join("model")), tensors(&again.join("model")));
        for (name, values) in &expected {
            let pairs = values.iter().zip(&found[name]);
            let difference = norm(pairs.map(|(a, b)| a - b));
            assert!(
                difference < 1e-4 * norm(values.iter().copied()).max(1.0),
                "{name}"
            );
        }
        // And to the bit, from one run to the next.
        assert_same("again", &of(true, "once more"), &again);
    }
}

/// Peak memory of a training by a process of its own, in KiB.
fn peak(settings: &TrainingSettings) -> u64 {
    std::fs::create_dir_all(&settings.out).unwrap();
    let file = settings.out.join("settings.json");
    std::fs::write(&file, serde_json::to_string(settings).unwrap()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_coderl-torch"))
        .args(["--threads", "1", "train"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The kernel keeps the largest; read last shortly before the end.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        if let Some(size) = line.and_then(|line| line.split_whitespace().nth(1)) {
            peak = size.parse().unwrap();
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn activations_that_are_computed_again_are_not_kept() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let model = project.path("deep");
    let made = Command::new(env!("CARGO_BIN_EXE_coderl-torch"))
        .arg("new")
        .arg(&model)
        .args([
            "--layers",
            "8",
            "--model-width",
            "64",
            "--feed-forward-width",
            "256",
        ])
        .args(["--heads", "4", "--vocabulary", "260", "--tokenizer-from"])
        .arg(project.path("examples.jsonl"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    // A token a byte.
    let long = |index| {
        let text: String = (0..240)
            .map(|at| char::from(b'a' + (at * at + index) as u8 % 26))
            .collect();
        TrainingExample {
            prompt: Prompt::Text(text.clone()),
            program: text,
            ..example(index)
        }
    };
    let of = |n_examples: usize, gradient_checkpointing| {
        let mut settings = project.settings(&format!("{n_examples}"), Stage::Sft);
        write_lines(&project.path("examples.jsonl"), (0..n_examples).map(long));
        settings.out = project.path(&format!("{n_examples} {gradient_checkpointing}"));
        settings.model = model.clone();
        settings.gradient_checkpointing = gradient_checkpointing;
        settings.data.validation = None;
        settings.batch.size = n_examples as u32;
        settings.batch.max_tokens = 1_000_000;
        settings.batch.steps = Some(2);
        settings.batch.max_source_tokens = 300;
        settings.batch.max_target_tokens = 300;
        peak(&settings)
    };
    // Most of a small process is libtorch.
    let least = of(1, true);
    let (kept, again) = (of(12, false) - least, of(12, true).saturating_sub(least));
    assert!(
        2 * again < kept,
        "{again} KiB, and {kept} KiB with all activations"
    );
}
