//! What is kept, and when a training ends.

use std::collections::BTreeSet;
use std::path::Path;

use backends::training::protocol::FromTrainer;
use harness::training::{Schedule, Stage, TrainingExample};
use serde_json::{Value, json};

use super::in_process::{Interruption, by_length, train, train_with};
use super::project::{Project, example, write_lines};
use super::results::{results, series};
use crate::fixture::families;

#[test]
fn the_last_checkpoints_are_kept() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let settings = project.settings("out", Stage::Sft);
    train(&settings).unwrap();
    let entries = std::fs::read_dir(settings.out.join("checkpoints")).unwrap();
    let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    let expected = ["step-00000006", "step-00000007"];
    assert_eq!(names, expected.map(Into::into).into());
}

#[test]
fn training_ends_when_the_validation_loss_does_not_fall() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let mut settings = project.settings("out", Stage::Sft);
    // Other texts than those that are learnt.
    let other = TrainingExample {
        program: "~~~~~~~~".to_owned(),
        ..example(0)
    };
    write_lines(&project.path("held-out-examples.jsonl"), [other]);
    settings.optimizer.learning_rate = 1e-2;
    settings.batch.steps = Some(100);
    settings.checkpoints.patience = Some(3);
    train(&settings).unwrap();
    let losses = series(&settings.out, "validation_loss");
    let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b]));
    let best = best.unwrap();
    assert_eq!(losses.len(), best + 4, "{losses:?}");
    let text = std::fs::read_to_string(settings.out.join("trained.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["best_step"], json!((best as f64 + 1.0) * 2.0));
    // The best model is there, and not the last one.
    let before = results(&settings.out);
    settings.batch.steps = Some((best as u32 + 1) * 2);
    settings.optimizer.schedule = Schedule::Constant;
    // A training that was killed before it noted that it is done.
    std::fs::remove_file(settings.out.join("trained.json")).unwrap();
    train(&settings).unwrap();
    assert_eq!(
        results(&settings.out)[Path::new("model/model.safetensors")],
        before[Path::new("model/model.safetensors")]
    );
}

#[test]
fn a_training_that_is_done_is_not_made_again() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let settings = project.settings("out", Stage::Sft);
    train(&settings).unwrap();
    let before = results(&settings.out);
    let (done, events) = train_with(&settings, &mut by_length, Interruption::None);
    done.unwrap();
    assert!(
        matches!(events[..], [FromTrainer::Done { .. }]),
        "{events:?}"
    );
    assert_eq!(results(&settings.out), before);
}
