//! Rounds of sampling and judging.

use std::collections::BTreeSet;

use backends::training::protocol::Program;
use harness::training::{Algorithm, OnlineSettings, RlSettings, Stage, TokenValue};

use super::in_process::{Interruption, by_length, train_with};
use super::project::{CODE_RL, GRPO, ONLINE, Project, rl};
use crate::fixture::families;

#[test]
fn rounds_without_a_single_verdict_are_survived() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    for algorithm in [CODE_RL, GRPO] {
        let algorithm = match algorithm {
            Algorithm::CodeRl { baseline, .. } => Algorithm::CodeRl {
                baseline,
                token_value: TokenValue::None,
            },
            other => other,
        };
        for ce_weight in [0.0, 1.0] {
            let mut settings = project.settings(
                &format!("{algorithm:?} {ce_weight}"),
                Stage::Rl(RlSettings {
                    online: Some(ONLINE),
                    ce_weight,
                    ..rl(algorithm)
                }),
            );
            settings.data.validation = None;
            let mut judge = |programs: &[Program]| vec![None; programs.len()];
            let (done, _) = train_with(&settings, &mut judge, Interruption::None);
            done.unwrap();
        }
    }
}

#[test]
fn a_problem_that_a_round_has_twice_gets_other_samples() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let online = OnlineSettings {
        rounds: 6,
        problems_per_round: 4,
        temperature: 2.0,
        ..ONLINE
    };
    let mut settings = project.settings(
        "out",
        Stage::Rl(RlSettings {
            online: Some(online),
            ..rl(GRPO)
        }),
    );
    settings.data.validation = None;
    let mut n_twice = 0;
    let mut judge = |programs: &[Program]| {
        let problems: BTreeSet<_> = programs.iter().map(|it| &it.problem).collect();
        let texts: BTreeSet<_> = programs.iter().map(|it| (&it.problem, &it.text)).collect();
        if problems.len() < 4 {
            n_twice += 1;
        }
        assert_eq!((programs.len(), texts.len()), (8, 8), "{programs:?}");
        by_length(programs)
    };
    let (done, _) = train_with(&settings, &mut judge, Interruption::None);
    done.unwrap();
    assert!(n_twice > 0, "another seed has such a round");
}

#[test]
fn harnesses_that_answer_nonsense_are_named() {
    let [_, case] = families();
    let project = Project::new(&case, 0.0);
    let settings = project.settings(
        "out",
        Stage::Rl(RlSettings {
            online: Some(ONLINE),
            ..rl(GRPO)
        }),
    );
    let mut judge = |_: &[Program]| Vec::new();
    let (done, _) = train_with(&settings, &mut judge, Interruption::None);
    let error = done.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("0 verdicts"), "{source}");
}
