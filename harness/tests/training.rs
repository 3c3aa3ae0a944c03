//! Training: layers of settings, and the directory.

use std::fs;
use std::path::Path;

use harness::candidate::CandidateId;
use harness::problem::ProblemId;
use harness::prompt::Prompt;
use harness::store::{TrainingDirectory, TrainingManifest, read_record_file};
use harness::training::{
    Algorithm, Baseline, DataFiles, Preset, ResolvedTraining, Schedule, Stage, StageName,
    TokenValue, TrainingExample, TrainingSettings,
};
use harness::{Error, ErrorClass};

const STAGES: [StageName; 5] = [
    StageName::Pretrain,
    StageName::Sft,
    StageName::Critic,
    StageName::Rl,
    StageName::Repair,
];

fn with_model(mut resolved: ResolvedTraining) -> ResolvedTraining {
    resolved.set_text("model", "m").unwrap();
    resolved
}

fn settings(resolved: &ResolvedTraining) -> TrainingSettings {
    let settings = resolved.settings(Path::new("out"), DataFiles::default());
    settings.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn defaults_and_presets_are_complete_for_every_stage() {
    for stage in STAGES {
        for dataset in ["apps", "mbpp"] {
            for preset in [None, Some(Preset::Paper), Some(Preset::Small)] {
                let mut resolved = with_model(ResolvedTraining::new(stage, dataset, preset));
                settings(&resolved);
                resolved.data().unwrap();
                // As files they are as good as any: no key of theirs is unknown.
                for text in [
                    harness::training::default_training_toml(),
                    include_str!("../src/training/settings_files/paper.toml"),
                    include_str!("../src/training/settings_files/small.toml"),
                ] {
                    resolved.add_file(Path::new("f"), text, dataset).unwrap();
                }
            }
        }
    }
}

#[test]
fn imitation_is_trained_as_in_the_paper() {
    let apps = with_model(ResolvedTraining::new(StageName::Sft, "apps", None));
    let apps = settings(&apps);
    assert_eq!(
        (apps.batch.size, apps.batch.epochs, apps.batch.steps),
        (64, 10.0, None)
    );
    assert_eq!(
        (apps.batch.max_source_tokens, apps.batch.max_target_tokens),
        (600, 512)
    );
    assert_eq!(
        (apps.optimizer.learning_rate, apps.optimizer.warmup_steps),
        (2e-5, 500)
    );
    assert_eq!(
        apps.optimizer.schedule,
        Schedule::Polynomial {
            power: 0.5,
            end: 1e-5
        }
    );
    assert_eq!(apps.optimizer.max_gradient_norm, Some(1.0));

    let mbpp = with_model(ResolvedTraining::new(
        StageName::Sft,
        "data/mbpp.jsonl",
        None,
    ));
    let mbpp = settings(&mbpp);
    assert_eq!((mbpp.batch.size, mbpp.batch.epochs), (32, 60.0));
    assert_eq!(
        (mbpp.batch.max_source_tokens, mbpp.batch.max_target_tokens),
        (382, 306)
    );
    assert_eq!(mbpp.optimizer.schedule, Schedule::Constant);
    assert_eq!(mbpp.optimizer.warmup_steps, 0);
}

#[test]
fn reinforcement_is_that_of_the_paper_until_something_else_is_asked_for() {
    let mut resolved = with_model(ResolvedTraining::new(StageName::Rl, "apps", None));
    let rl = |resolved: &ResolvedTraining| match settings(resolved).stage {
        Stage::Rl(rl) => rl,
        other => panic!("{other:?}"),
    };
    let paper = rl(&resolved);
    let critic = Algorithm::CodeRl {
        baseline: Baseline::Greedy,
        token_value: TokenValue::Critic,
    };
    assert_eq!(paper.algorithm, critic);
    assert_eq!(
        (paper.rl_weight, paper.ce_weight, paper.online),
        (1.0, 1.0, None)
    );

    resolved.set("rl.algorithm.name", "grpo").unwrap();
    resolved.set("rl.algorithm.kl-weight", "0").unwrap();
    resolved.set("rl.online.enabled", "true").unwrap();
    resolved.set("rl.online.top-k", "50").unwrap();
    let grpo = rl(&resolved);
    assert_eq!(
        grpo.algorithm,
        Algorithm::Grpo {
            clip: 0.2,
            kl_weight: 0.0
        }
    );
    assert_eq!(grpo.online.unwrap().top_k, Some(50));
    assert_eq!(resolved.origin("rl.online.top-k"), "command line");
    assert_eq!(resolved.origin("rl.online.rounds"), "default");
}

#[test]
fn wrong_settings_are_named_with_their_place() {
    let check = |text: &str, expected: &[&str]| {
        let mut resolved = with_model(ResolvedTraining::new(StageName::Sft, "apps", None));
        let added = resolved.add_file(Path::new("my.toml"), text, "apps");
        let error = added
            .and_then(|()| {
                resolved
                    .settings(Path::new("out"), DataFiles::default())
                    .map(drop)
            })
            .and_then(|()| resolved.data().map(drop))
            .expect_err(text);
        assert_eq!(error.class(), ErrorClass::Usage);
        let error = error.to_string();
        for expected in expected.iter().chain(&["`my.toml`"]) {
            assert!(error.contains(expected), "no `{expected}` in {error}");
        }
    };
    check("[optimizer", &["not TOML"]);
    check(
        "[optimiser]\nepsilon = 1",
        &["`optimiser.epsilon`", "`optimizer.epsilon`"],
    );
    check("[stages.stf]\nseed = 1", &["`stf` is not one of", "`sft`"]);
    check("[stages.sft.batch]\nsise = 1", &["`stages.sft.batch.sise`"]);
    check("seed = -1", &["`seed`: is -1"]);
    check("seed = \"one\"", &["`seed`", "invalid type"]);
    check(
        "[optimizer]\nlearning-rate = nan",
        &["`optimizer.learning-rate`"],
    );
    check(
        "[optimizer.schedule]\nname = \"cosine\"",
        &["`optimizer.schedule", "cosine"],
    );
    check(
        "[data]\nvalidation-share = 1.0",
        &["`data.validation-share`: is 1"],
    );
    check("[data]\ntemplate = \"poem\"", &["`data.template`", "poem"]);
}

fn example(problem: &str, program: &str) -> TrainingExample {
    TrainingExample {
        id: CandidateId {
            problem: ProblemId::new(problem),
            index: 0,
        },
        prompt: Prompt::Text("Do it.".to_owned()),
        program: program.to_owned(),
    }
}

#[test]
fn files_are_sorted_and_kept_for_the_training_that_was_begun_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training");
    let begin = |examples: Vec<TrainingExample>, rate: &str| -> Result<(), Error> {
        let directory = TrainingDirectory::open(&path)?;
        let mut resolved = with_model(ResolvedTraining::new(StageName::Sft, "apps", None));
        resolved.set("optimizer.learning-rate", rate)?;
        let mut manifest = TrainingManifest::new("1", "sft");
        let file = directory.write_data("examples.jsonl", examples)?;
        manifest.files.insert("examples.jsonl".to_owned(), file);
        let settings = resolved.settings(&path, DataFiles::default())?;
        directory.begin_or_resume(&settings, &manifest)
    };
    let both = || vec![example("b", "2"), example("a", "1")];
    begin(both(), "1e-3").unwrap();
    let read = || -> Vec<TrainingExample> {
        read_record_file(&path.join("examples.jsonl"))
            .unwrap()
            .unwrap()
    };
    assert_eq!(read(), [example("a", "1"), example("b", "2")]);
    let again = vec![example("a", "1"), example("b", "2")];
    begin(again, "1e-3").unwrap();

    let message = |result: Result<(), Error>| result.unwrap_err().to_string();
    let error = message(begin(both(), "1e-4"));
    assert!(
        error.contains("optimizer.learning-rate: `0.001` in the directory"),
        "{error}"
    );
    let error = message(begin(vec![example("a", "3")], "1e-3"));
    assert!(error.contains("files.examples.jsonl: 2 records"), "{error}");
    assert_eq!(read().len(), 2, "what was refused changed nothing");
    let error = message(begin(vec![example("a", "1"), example("a", "2")], "1e-3"));
    assert!(error.contains("same id"), "{error}");

    let directory = TrainingDirectory::open(&path).unwrap();
    assert!(matches!(
        TrainingDirectory::open(&path),
        Err(Error::Locked { .. })
    ));
    fs::create_dir_all(path.join("checkpoints/10")).unwrap();
    directory.discard().unwrap();
    drop(directory);
    assert!(!path.join("checkpoints").exists());
    begin(vec![example("a", "3")], "1e-4").unwrap();
}
