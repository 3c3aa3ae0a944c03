//! One seed, one result: whatever interrupts a training, and however its batches are cut.

use std::collections::BTreeSet;
use std::path::Path;

use harness::training::{CriticAlignment, CriticSettings, Pooling, Stage, TrainingSettings};

use super::in_process::{Interruption, by_length, gradients, train, train_with};
use super::project::{CODE_RL, CRITIC, GRPO, Project, rl, stages};
use super::results::{assert_same, results};
use crate::fixture::families;

#[test]
fn trainings_are_repeatable_and_go_on_where_they_stopped() {
    for case in families() {
        // Dropout, so that its random numbers have to be the same again.
        let project = Project::new(&case, 0.1);
        project.critic();
        for (name, settings) in stages(&project) {
            let name = format!("{}: {name}", case.name);
            let run = |out: &str, interruptions: &[Interruption]| {
                let settings = TrainingSettings {
                    out: project.path("outs").join(&name).join(out),
                    ..settings.clone()
                };
                for interruption in interruptions {
                    let (done, _) = train_with(&settings, &mut by_length, *interruption);
                    assert!(done.is_err(), "{name} was not interrupted");
                }
                train(&settings).unwrap_or_else(|error| panic!("{name}: {error}"));
                settings.out
            };
            let whole = run("whole", &[]);
            assert_same(&name, &run("again", &[]), &whole);
            // At an update with a checkpoint of its own, and one without.
            for step in [3, 4] {
                let stopped = run(&format!("stopped-{step}"), &[Interruption::Stop(step)]);
                assert_same(&format!("{name}, stopped at {step}"), &stopped, &whole);
            }
            let killed = [Interruption::Death(1), Interruption::Death(5)];
            let killed = run("killed", &killed);
            assert_same(&format!("{name}, killed"), &killed, &whole);
        }
    }
}

#[test]
fn other_seeds_give_other_models() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let mut models = BTreeSet::new();
    for seed in [1, 2] {
        let mut settings = project.settings(&format!("{seed}"), Stage::Sft);
        settings.seed = seed;
        train(&settings).unwrap();
        models.insert(results(&settings.out).remove(Path::new("model/model.safetensors")));
    }
    assert_eq!(models.len(), 2);
}

#[test]
fn what_a_pass_holds_makes_no_difference() {
    for case in families() {
        let project = Project::new(&case, 0.0);
        let mut stages: Vec<_> = vec![Stage::Sft, Stage::Rl(rl(CODE_RL)), Stage::Rl(rl(GRPO))];
        for pooling in [Pooling::Logits, Pooling::States] {
            stages.push(Stage::Critic(CriticSettings { pooling, ..CRITIC }));
        }
        if project.is_encoder_decoder() {
            for alignment in [CriticAlignment::AfterToken, CriticAlignment::BeforeToken] {
                stages.push(Stage::Critic(CriticSettings {
                    pooling: Pooling::LogitsWithPadding,
                    alignment,
                    ..CRITIC
                }));
            }
        }
        for stage in stages {
            let of = |max_tokens| {
                let mut settings = project.settings("none", stage.clone());
                settings.batch.max_tokens = max_tokens;
                gradients(&settings)
            };
            let (one, many) = (of(1_000_000), of(1));
            assert!(
                (one.0 - many.0).abs() < 1e-5 * one.0.abs().max(1.0),
                "{stage:?}"
            );
            for (name, gradient) in &one.1 {
                let other = &many.1[name].data;
                let largest = gradient.data.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
                for (a, b) in gradient.data.iter().zip(other) {
                    let difference = (a - b).abs();
                    assert!(
                        difference <= 1e-4 * largest + 1e-7,
                        "{stage:?} {name} {a} {b}"
                    );
                }
            }
        }
    }
}
