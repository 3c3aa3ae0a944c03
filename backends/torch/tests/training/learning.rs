//! What is taught is learnt.

use harness::training::{
    Algorithm, Baseline, CriticSettings, Feedback, Pooling, Reduction, RlSettings, Schedule, Stage,
    TokenValue, TrainingSample,
};
use harness::verdict::Outcome;

use super::in_process::train;
use super::project::{CRITIC, Project, example, feedback, rl, sample, write_lines};
use super::results::series;
use crate::fixture::families;

#[test]
fn one_batch_is_learnt_by_heart() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        let mut settings = project.settings("out", Stage::Sft);
        // One program a problem.
        write_lines(&project.path("examples.jsonl"), (0..5).map(example));
        settings.batch.size = 5;
        settings.batch.steps = Some(120);
        settings.optimizer.schedule = Schedule::Constant;
        settings.checkpoints.every = 1000;
        settings.data.validation = None;
        settings.optimizer.learning_rate = 1e-2;
        train(&settings).unwrap();
        let losses = series(&settings.out, "loss");
        assert!(losses[0] > 1.0 && losses[119] < 0.1, "{losses:?}");
    }
}

#[test]
fn a_critic_learns_the_classes_of_one_batch() {
    let [case, _] = families();
    for pooling in [Pooling::Logits, Pooling::States, Pooling::LogitsWithPadding] {
        let project = Project::new(&case, 0.0);
        let critic = CriticSettings { pooling, ..CRITIC };
        let mut settings = project.settings("out", Stage::Critic(critic));
        settings.batch.size = 12;
        settings.batch.steps = Some(60);
        settings.checkpoints.every = 1000;
        settings.data.validation = settings.data.samples.clone();
        settings.optimizer.learning_rate = 1e-2;
        train(&settings).unwrap();
        let losses = series(&settings.out, "loss");
        assert!(losses[59] < 0.1, "{pooling:?}: {losses:?}");
        assert_eq!(series(&settings.out, "validation_accuracy"), [1.0]);
    }
}

#[test]
fn samples_that_passed_become_likely_and_others_do_not() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let of = |outcomes: [Outcome; 2]| {
        let samples = (0..2).map(|index| TrainingSample {
            feedback: Feedback {
                outcome: outcomes[index],
                ..feedback(Outcome::PassedTests, 0)
            },
            ..sample(index)
        });
        write_lines(&project.path("samples.jsonl"), samples);
        let algorithm = Algorithm::CodeRl {
            baseline: Baseline::None,
            token_value: TokenValue::None,
        };
        let mut settings = project.settings(
            &format!("{outcomes:?}"),
            Stage::Rl(RlSettings {
                ce_weight: 0.0,
                lint_penalty: 0.0,
                reduction: Reduction::TokenMean,
                ..rl(algorithm)
            }),
        );
        settings.batch.steps = Some(10);
        train(&settings).unwrap();
        series(&settings.out, "rl_loss")
    };
    let passed = of([Outcome::PassedTests; 2]);
    assert!(passed[9] < 0.5 * passed[0], "{passed:?}");
    // The loss of failures is `r log p`, which becomes smaller as they become unlikely.
    let failed = of([Outcome::FailedTests; 2]);
    assert!(failed[9] < failed[0] && failed[0] < 0.0, "{failed:?}");
}
