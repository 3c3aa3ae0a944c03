//! Trainings that go to ruin end with an explanation, and say what there is to go on from.

use backends::training::protocol::Program;
use harness::training::{OnlineSettings, Reduction, RlSettings, Stage, TrainingSample};
use harness::verdict::Outcome;

use super::in_process::{Interruption, by_length, train, train_with};
use super::project::{CODE_RL, CRITIC, GRPO, ONLINE, Project, feedback, rl, sample, write_lines};
use super::results::{assert_error, series, tensors};
use crate::fixture::families;

#[test]
fn a_training_that_diverges_ends_with_advice() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    for stage in [Stage::Sft, Stage::Critic(CRITIC), Stage::Rl(rl(CODE_RL))] {
        let mut settings = project.settings("out", stage);
        settings.optimizer.learning_rate = 1e30;
        settings.optimizer.warmup_steps = 0;
        settings.optimizer.max_gradient_norm = None;
        let parts = [
            "diverged",
            "lower learning rate",
            "update ",
            "good checkpoint",
        ];
        assert_error(&settings, &parts);
        // No checkpoint holds numbers that are none.
        let checkpoints = settings.out.join("checkpoints");
        if checkpoints.exists() {
            for entry in std::fs::read_dir(checkpoints).unwrap() {
                for values in tensors(&entry.unwrap().path()).into_values() {
                    assert!(values.iter().all(|value| value.is_finite()));
                }
            }
        }
        std::fs::remove_dir_all(&settings.out).unwrap();
    }
}

#[test]
fn a_reward_that_collapses_ends_the_training() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let online = OnlineSettings {
        rounds: 20,
        ..ONLINE
    };
    let mut settings = project.settings(
        "out",
        Stage::Rl(RlSettings {
            online: Some(online),
            ..rl(GRPO)
        }),
    );
    settings.optimizer.learning_rate = 1e-6;
    settings.data.validation = None;
    let mut n_rounds = 0;
    let mut judge = |programs: &[Program]| {
        n_rounds += 1;
        let outcome = match n_rounds {
            1..=3 => Outcome::PassedTests,
            _ => Outcome::FailedTests,
        };
        vec![Some(feedback(outcome, 1)); programs.len()]
    };
    let (done, _) = train_with(&settings, &mut judge, Interruption::None);
    let text = done.unwrap_err().to_string();
    assert!(text.contains("reward has collapsed"), "{text}");
    assert!(
        text.contains("0.0 % of the samples passed in round 8"),
        "{text}"
    );
    // The last checkpoint of a model whose samples passed, however many came later.
    let good = settings.out.join("checkpoints/step-00000006");
    assert!(text.contains(&format!("`{}`", good.display())), "{text}");
    tensors(&good);
}

/// Nothing but failures, whose probability is taken away without bound.
#[test]
fn a_model_that_forgets_what_it_is_taught_ends_the_training() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let mut settings = project.settings("learnt", Stage::Sft);
    settings.optimizer.learning_rate = 1e-2;
    settings.batch.steps = Some(60);
    settings.data.validation = None;
    train(&settings).unwrap();
    let samples = (0..12).map(|index| TrainingSample {
        feedback: feedback(Outcome::CompileError, 0),
        baseline: Some(Outcome::PassedTests),
        ..sample(index)
    });
    write_lines(&project.path("samples.jsonl"), samples);
    let forgets = RlSettings {
        ce_weight: 0.01,
        lint_penalty: 0.0,
        reduction: Reduction::TokenMean,
        ..rl(CODE_RL)
    };
    let mut of_failures = project.settings("out", Stage::Rl(forgets));
    of_failures.model = settings.out.join("model");
    of_failures.data.validation = None;
    of_failures.checkpoints.every = 1;
    of_failures.optimizer.learning_rate = 2e-3;
    of_failures.batch.steps = Some(300);
    let (done, _) = train_with(&of_failures, &mut by_length, Interruption::None);
    let text = done.unwrap_err().to_string();
    for part in [
        "falling apart at update",
        "reference programs",
        "`rl.negative-weight`",
    ] {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    // The good checkpoint is older than the last ones, and knows what it was taught.
    let (_, good) = text
        .split_once("last good checkpoint is `")
        .expect("one is named");
    let (good, _) = good.split_once('`').unwrap();
    let nlls = series(&of_failures.out, "ce_nll");
    let step: usize = good.rsplit_once('-').unwrap().1.parse().unwrap();
    assert!(step + 2 < nlls.len(), "{step} of {}", nlls.len());
    assert!(
        nlls[step - 1] < 0.5 * nlls[nlls.len() - 1],
        "{step}: {nlls:?}"
    );
    tensors(std::path::Path::new(good));
    // Begun again, it comes to the same end.
    let (done, _) = train_with(&of_failures, &mut by_length, Interruption::None);
    assert_eq!(done.unwrap_err().to_string(), text);
    // Where the ruin is the result, it is there at the end.
    let Stage::Rl(forgets) = of_failures.stage else {
        unreachable!("it was one")
    };
    let mut to_the_end = project.settings(
        "ruined",
        Stage::Rl(RlSettings {
            stop_at_collapse: false,
            ..forgets
        }),
    );
    to_the_end.model = of_failures.model;
    to_the_end.data.validation = None;
    to_the_end.optimizer.learning_rate = 2e-3;
    // The learning rate falls with the share of updates that are done.
    to_the_end.batch.steps = of_failures.batch.steps;
    let (done, _) = train_with(&to_the_end, &mut by_length, Interruption::None);
    done.unwrap();
    let ruined = series(&to_the_end.out, "ce_nll");
    assert_eq!(ruined.len(), 300);
    assert_eq!(ruined[..nlls.len()], nlls, "until then it is the same");
}
