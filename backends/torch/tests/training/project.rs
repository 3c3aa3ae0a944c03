//! Models of the fixture, data to train them on, and the ways to do that.

use std::path::{Path, PathBuf};

use harness::candidate::CandidateId;
use harness::problem::ProblemId;
use harness::prompt::Prompt;
use harness::training::{
    Algorithm, Baseline, BatchSettings, CheckpointSettings, ClassSet, CorpusText, CriticAlignment,
    CriticSettings, DataFiles, Device, Feedback, LoraSettings, OnlineSettings, OptimizerSettings,
    Origin, Pooling, Precision, PretrainObjective, Reduction, RlSettings, RlValidation, Schedule,
    Stage, StepOrder, TokenValue, TrainingExample, TrainingSample, TrainingSettings,
};
use harness::verdict::Outcome;
use serde::Serialize;
use serde_json::{Value, json};

use super::in_process::train;
use crate::fixture::{Case, write};

/// A folder with a model and data to train it on.
pub(super) struct Project {
    folder: tempfile::TempDir,
}

pub(super) const N_PROBLEMS: usize = 5;

pub(super) fn outcome(index: usize) -> Outcome {
    Outcome::ALL[index % 4]
}

pub(super) fn problem(index: usize) -> ProblemId {
    ProblemId::new(format!("test/{index}"))
}

pub(super) fn prompt(index: usize) -> Prompt {
    Prompt::Text(format!("{} of {index}", "add ".repeat(1 + index % 3)))
}

pub(super) fn program(index: usize) -> String {
    format!("a={index}\n{}print(a)", "a+=1\n".repeat(index % 3))
}

pub(super) fn example(index: usize) -> TrainingExample {
    TrainingExample {
        id: CandidateId {
            problem: problem(index % N_PROBLEMS),
            index: (index / N_PROBLEMS) as u32,
        },
        prompt: prompt(index % N_PROBLEMS),
        program: program(index),
    }
}

pub(super) fn feedback(outcome: Outcome, length: usize) -> Feedback {
    Feedback {
        outcome,
        n_passed: (length % 3) as u32,
        n_tests: 3,
        error: None,
        error_line: Some(1 + (length % 2) as u32),
        n_lint_findings: Some((length % 2) as u32),
    }
}

pub(super) fn sample(index: usize) -> TrainingSample {
    let TrainingExample {
        id,
        prompt,
        program,
    } = example(index);
    let n_tokens = program.len() + 1;
    TrainingSample {
        id,
        prompt,
        feedback: feedback(outcome(index * 7 / 3), program.len()),
        origin: Origin::Sampled,
        baseline: Some(outcome(index % N_PROBLEMS)),
        token_values: Some((0..n_tokens).map(|at| 1.0 / (at + 1) as f32).collect()),
        program,
    }
}

pub(super) fn write_lines<T: Serialize>(path: &Path, records: impl IntoIterator<Item = T>) {
    let lines = records.into_iter();
    let lines = lines.map(|record| serde_json::to_string(&record).unwrap() + "\n");
    std::fs::write(path, lines.collect::<String>()).unwrap();
}

impl Project {
    pub(super) fn new(case: &Case, dropout: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        let model = this.path("base");
        std::fs::create_dir(&model).unwrap();
        let mut case = case.clone();
        case.config["dropout_rate"] = json!(dropout);
        write(&case, &model);
        add_sentinels(&model.join("tokenizer.json"));
        write_lines(&this.path("examples.jsonl"), (0..12).map(example));
        write_lines(&this.path("held-out-examples.jsonl"), (12..15).map(example));
        write_lines(&this.path("samples.jsonl"), (0..12).map(sample));
        write_lines(&this.path("held-out-samples.jsonl"), (12..15).map(sample));
        let text = |index: usize| CorpusText {
            id: format!("text {index}"),
            text: program(index).repeat(4),
        };
        write_lines(&this.path("corpus.jsonl"), (0..6).map(text));
        this
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A training into `out` of this stage: three updates an epoch, two epochs.
    pub(super) fn settings(&self, out: &str, stage: Stage) -> TrainingSettings {
        let (examples, samples, validation) = match &stage {
            Stage::Pretrain { .. } => ("corpus.jsonl", None, None),
            Stage::Sft => ("examples.jsonl", None, Some("held-out-examples.jsonl")),
            Stage::Critic(_) => (
                "examples.jsonl",
                Some("samples.jsonl"),
                Some("held-out-samples.jsonl"),
            ),
            Stage::Rl(_) => (
                "examples.jsonl",
                Some("samples.jsonl"),
                Some("held-out-examples.jsonl"),
            ),
        };
        TrainingSettings {
            stage,
            model: self.path("base"),
            out: self.path(out),
            data: DataFiles {
                examples: Some(self.path(examples)),
                samples: samples.map(|name| self.path(name)),
                validation: validation.map(|name| self.path(name)),
            },
            optimizer: OptimizerSettings {
                learning_rate: 3e-3,
                schedule: Schedule::Polynomial {
                    power: 0.5,
                    end: 1e-3,
                },
                warmup_steps: 2,
                weight_decay: 0.05,
                beta_1: 0.9,
                beta_2: 0.999,
                epsilon: 1e-8,
                max_gradient_norm: Some(1.0),
            },
            batch: BatchSettings {
                size: 4,
                max_tokens: 120,
                epochs: 2.0,
                steps: Some(7),
                max_source_tokens: 30,
                max_target_tokens: 24,
                as_released: false,
            },
            checkpoints: CheckpointSettings {
                every: 2,
                keep_last: 2,
                patience: None,
            },
            lora: None,
            device: Device::Cpu,
            precision: Precision::Float32,
            gradient_checkpointing: false,
            seed: 5,
        }
    }

    /// A trained critic, by the name of its folder.
    pub(super) fn critic(&self) -> PathBuf {
        let settings = self.settings("critic", Stage::Critic(CRITIC));
        train(&settings).unwrap();
        settings.out.join("model")
    }
}

/// The tokenizer of the fixture has none.
pub(super) fn add_sentinels(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut description: Value = serde_json::from_str(&text).unwrap();
    for index in 0..5 {
        let mut token = description["added_tokens"][0].clone();
        token["id"] = json!(319 - index);
        token["content"] = json!(format!("<extra_id_{index}>"));
        description["added_tokens"]
            .as_array_mut()
            .unwrap()
            .push(token);
    }
    std::fs::write(path, description.to_string()).unwrap();
}

pub(super) const CRITIC: CriticSettings = CriticSettings {
    classes: ClassSet::Outcomes,
    pooling: Pooling::Logits,
    alignment: CriticAlignment::AfterToken,
};

pub(super) fn rl(algorithm: Algorithm) -> RlSettings {
    RlSettings {
        algorithm,
        rl_weight: 1.0,
        ce_weight: 1.0,
        ce_on_samples: false,
        negative_weight: 1.0,
        reduction: Reduction::Sum,
        order: StepOrder::Joint,
        lint_penalty: 0.1,
        stop_at_collapse: true,
        online: None,
        critic: None,
        validation: RlValidation::default(),
    }
}

pub(super) const CODE_RL: Algorithm = Algorithm::CodeRl {
    baseline: Baseline::Greedy,
    token_value: TokenValue::Critic,
};
pub(super) const PPO: Algorithm = Algorithm::Ppo {
    baseline: Baseline::Group,
    token_value: TokenValue::Distance,
    clip: 0.2,
    kl_weight: 0.1,
};
pub(super) const GRPO: Algorithm = Algorithm::Grpo {
    clip: 0.2,
    kl_weight: 0.05,
};
pub(super) const RLTF: Algorithm = Algorithm::Rltf {
    fine_weight: 0.5,
    adaptive_weight: 0.5,
};

pub(super) const ONLINE: OnlineSettings = OnlineSettings {
    rounds: 4,
    problems_per_round: 3,
    n_samples: 2,
    temperature: 1.0,
    top_p: 1.0,
    top_k: None,
    epochs_per_round: 1,
    critic_epochs_per_round: 0,
};

/// Every way to train, by name.
pub(super) fn stages(project: &Project) -> Vec<(&'static str, TrainingSettings)> {
    let mut out = vec![
        ("sft", Stage::Sft),
        ("rl code-rl", Stage::Rl(rl(CODE_RL))),
        ("rl ppo", Stage::Rl(rl(PPO))),
        ("rl grpo", Stage::Rl(rl(GRPO))),
        ("rl rltf", Stage::Rl(rl(RLTF))),
    ];
    out.push((
        "rl code-rl in turns by tokens",
        Stage::Rl(RlSettings {
            reduction: Reduction::TokenMean,
            order: StepOrder::Alternate,
            ce_on_samples: true,
            ..rl(CODE_RL)
        }),
    ));
    let online = |algorithm, online| {
        Stage::Rl(RlSettings {
            online: Some(online),
            critic: Some(project.path("critic/model")),
            ..rl(algorithm)
        })
    };
    let learning = OnlineSettings {
        critic_epochs_per_round: 2,
        ..ONLINE
    };
    let twice = OnlineSettings {
        epochs_per_round: 2,
        ..ONLINE
    };
    out.push(("online code-rl, critic learns", online(CODE_RL, learning)));
    out.push(("online ppo", online(PPO, twice.clone())));
    out.push(("online grpo", online(GRPO, twice)));
    out.push(("online rltf", online(RLTF, ONLINE)));
    out.push(("critic", Stage::Critic(CRITIC)));
    if project.is_encoder_decoder() {
        let masked = PretrainObjective::MaskedSpan;
        out.push(("pretrain spans", Stage::Pretrain { objective: masked }));
        let next = PretrainObjective::NextToken;
        out.push(("pretrain next", Stage::Pretrain { objective: next }));
    }
    let named = |(name, stage)| (name, project.settings("", stage));
    let mut out: Vec<_> = out.into_iter().map(named).collect();
    let mut settings = project.settings("", Stage::Rl(rl(PPO)));
    settings.precision = Precision::Bfloat16;
    settings.gradient_checkpointing = true;
    out.push(("rl ppo, bfloat16, checkpointing", settings));
    if !project.is_encoder_decoder() {
        let mut settings = project.settings("", Stage::Sft);
        settings.lora = Some(LORA);
        out.push(("sft, low rank", settings));
        let mut settings = project.settings("", online(GRPO, ONLINE));
        settings.lora = Some(LORA);
        out.push(("online grpo, low rank", settings));
    }
    out
}

pub(super) const LORA: LoraSettings = LoraSettings {
    rank: 3,
    alpha: 6.0,
};

impl Project {
    pub(super) fn is_encoder_decoder(&self) -> bool {
        let text = std::fs::read_to_string(self.path("base/config.json")).unwrap();
        text.contains("\"t5\"")
    }
}
