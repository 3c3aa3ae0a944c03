//! Validation of reinforcement learning: the best model on problems that are held out is kept.

use std::path::Path;

use backends::training::protocol::Program;
use harness::training::{
    Feedback, OnlineSettings, RlSettings, RlValidation, Stage, TrainingExample, TrainingSettings,
};
use harness::verdict::Outcome;
use serde_json::Value;

use super::in_process::{Interruption, by_length, train_with};
use super::project::{GRPO, ONLINE, Project, example, feedback, rl, write_lines};
use super::results::{series, tensors};
use crate::fixture::families;

const N_HELD_OUT: usize = 3;

/// Problems that are not learnt from.
fn hold_out(project: &Project) {
    let held_out = (0..N_HELD_OUT).map(|index| TrainingExample {
        id: serde_json::from_value(
            serde_json::json!({"problem": format!("held/{index}"), "index": 0}),
        )
        .unwrap(),
        program: String::new(),
        ..example(index)
    });
    write_lines(&project.path("held-out-examples.jsonl"), held_out);
}

fn is_validation(programs: &[Program]) -> bool {
    programs[0].problem.to_string().starts_with("held/")
}

fn summary(settings: &TrainingSettings) -> Value {
    let text = std::fs::read_to_string(settings.out.join("trained.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A training that is at its best in its second validation, and has the patience for three more.
fn check(settings: &TrainingSettings, every: u64) {
    let mut n_validations = 0;
    let mut texts: Vec<Vec<String>> = Vec::new();
    let mut judge = |programs: &[Program]| {
        if !is_validation(programs) {
            return by_length(programs);
        }
        assert_eq!(programs.len(), N_HELD_OUT * 2);
        texts.push(programs.iter().map(|it| it.text.clone()).collect());
        n_validations += 1;
        let of = |index| match (n_validations, index) {
            (2, 0) => Outcome::PassedTests,
            _ => Outcome::FailedTests,
        };
        let judged = (0..programs.len()).map(|index| Some(feedback(of(index), 0)));
        judged.collect::<Vec<Option<Feedback>>>()
    };
    let (done, _) = train_with(settings, &mut judge, Interruption::None);
    done.unwrap();
    let rewards = series(&settings.out, "validation_reward");
    // Before the first update, at the best, and three that were no better.
    assert_eq!(rewards.len(), 5, "{rewards:?}");
    assert!(
        (rewards[1] - (1.0 - 5.0 * 0.3) / 6.0).abs() < 1e-9,
        "{rewards:?}"
    );
    assert!((rewards[0] + 0.3).abs() < 1e-9, "{rewards:?}");
    let shares = series(&settings.out, "validation_passed");
    assert_eq!(shares[..2], [0.0, 1.0 / 6.0]);
    let summary = summary(settings);
    assert_eq!(summary["best_step"].as_f64(), Some(every as f64));
    assert_eq!(summary["validation_reward"].as_f64(), Some(rewards[1]));
    assert_eq!(summary["steps"].as_f64(), Some(every as f64 * 4.0));
    // The model is that of the best checkpoint, and not the last one.
    let of_step = |step: u64| tensors(&settings.out.join(format!("checkpoints/step-{step:08}")));
    let model = tensors(&settings.out.join("model"));
    assert!(model == of_step(every) && model != of_step(4 * every));
    // Samples are of the model as it is, with the same draws: some differ, some may not.
    assert!(texts.windows(2).any(|pair| pair[0] != pair[1]));
}

fn settings(project: &Project, out: &str, online: Option<OnlineSettings>) -> TrainingSettings {
    let validation = RlValidation {
        n_samples: 2,
        ..RlValidation::default()
    };
    let rl = RlSettings {
        online,
        validation,
        ..rl(GRPO)
    };
    let mut settings = project.settings(out, Stage::Rl(rl));
    settings.batch.steps = Some(100);
    settings.checkpoints.keep_last = 100;
    settings.checkpoints.patience = Some(3);
    settings
}

#[test]
fn the_model_with_the_best_reward_is_kept_and_training_ends_without_gain() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        hold_out(&project);
        check(&settings(&project, "offline", None), 2);
        let online = OnlineSettings {
            rounds: 50,
            ..ONLINE
        };
        check(&settings(&project, "online", Some(online)), 2);
    }
}

#[test]
fn a_model_that_only_becomes_worse_is_not_taken() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    hold_out(&project);
    let mut settings = settings(&project, "out", None);
    settings.batch.steps = Some(4);
    let mut n_validations = 0;
    let mut judge = |programs: &[Program]| {
        n_validations += 1;
        let outcome = match n_validations {
            1 => Outcome::PassedTests,
            _ => Outcome::FailedTests,
        };
        vec![Some(feedback(outcome, 0)); programs.len()]
    };
    let (done, _) = train_with(&settings, &mut judge, Interruption::None);
    done.unwrap();
    assert_eq!(summary(&settings)["best_step"].as_f64(), Some(0.0));
    let folder = |path: &Path| tensors(path);
    assert_eq!(folder(&settings.out.join("model")), folder(&settings.model));
}
