//! Whole trainings of tiny models: what they learn, that they are repeatable, that they go on
//! where they stopped, and what they refuse.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufReader, Error as IoError, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_torch::Result;
use backend_torch::checkpoint::{Array, Checkpoint};
use backend_torch::train::{self, HarnessLink};
use backends::training::protocol::{FromTrainer, Program, ToTrainer};
use harness::candidate::CandidateId;
use harness::problem::ProblemId;
use harness::prompt::Prompt;
use harness::training::{
    Algorithm, Baseline, BatchSettings, CheckpointSettings, ClassSet, CorpusText, CriticAlignment,
    CriticSettings, DataFiles, Device, Feedback, LoraSettings, OnlineSettings, OptimizerSettings,
    Origin, Pooling, PretrainObjective, Reduction, RlSettings, Schedule, Stage, StepOrder,
    TokenValue, TrainingExample, TrainingSample, TrainingSettings,
};
use harness::verdict::Outcome;
use serde::Serialize;
use serde_json::{Value, json};

use crate::fixture::{Case, families, random_numbers, write};

// --- Models and data --------------------------------------------------------------------------

/// A folder with a model and data to train it on.
struct Project {
    folder: tempfile::TempDir,
}

const N_PROBLEMS: usize = 5;

fn outcome(index: usize) -> Outcome {
    Outcome::ALL[index % 4]
}

fn problem(index: usize) -> ProblemId {
    ProblemId::new(format!("test/{index}"))
}

fn prompt(index: usize) -> Prompt {
    Prompt::Text(format!("{} of {index}", "add ".repeat(1 + index % 3)))
}

fn program(index: usize) -> String {
    format!("a={index}\n{}print(a)", "a+=1\n".repeat(index % 3))
}

fn example(index: usize) -> TrainingExample {
    TrainingExample {
        id: CandidateId {
            problem: problem(index % N_PROBLEMS),
            index: (index / N_PROBLEMS) as u32,
        },
        prompt: prompt(index % N_PROBLEMS),
        program: program(index),
    }
}

fn feedback(outcome: Outcome, length: usize) -> Feedback {
    Feedback {
        outcome,
        n_passed: (length % 3) as u32,
        n_tests: 3,
        error: None,
        error_line: Some(1 + (length % 2) as u32),
        n_lint_findings: Some((length % 2) as u32),
    }
}

fn sample(index: usize) -> TrainingSample {
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

fn write_lines<T: Serialize>(path: &Path, records: impl IntoIterator<Item = T>) {
    let lines = records.into_iter();
    let lines = lines.map(|record| serde_json::to_string(&record).unwrap() + "\n");
    std::fs::write(path, lines.collect::<String>()).unwrap();
}

impl Project {
    fn new(case: &Case, dropout: f64) -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A training into `out` of this stage: three updates an epoch, two epochs.
    fn settings(&self, out: &str, stage: Stage) -> TrainingSettings {
        let (examples, samples, validation) = match &stage {
            Stage::Pretrain { .. } => ("corpus.jsonl", None, None),
            Stage::Sft => ("examples.jsonl", None, Some("held-out-examples.jsonl")),
            Stage::Critic(_) => (
                "examples.jsonl",
                Some("samples.jsonl"),
                Some("held-out-samples.jsonl"),
            ),
            Stage::Rl(_) => ("examples.jsonl", Some("samples.jsonl"), None),
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
            seed: 5,
        }
    }

    /// A trained critic, by the name of its folder.
    fn critic(&self) -> PathBuf {
        let settings = self.settings("critic", Stage::Critic(CRITIC));
        train(&settings).unwrap();
        settings.out.join("model")
    }
}

/// The tokenizer of the fixture has none.
fn add_sentinels(path: &Path) {
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

const CRITIC: CriticSettings = CriticSettings {
    classes: ClassSet::Outcomes,
    pooling: Pooling::Logits,
    alignment: CriticAlignment::AfterToken,
};

fn rl(algorithm: Algorithm) -> RlSettings {
    RlSettings {
        algorithm,
        rl_weight: 1.0,
        ce_weight: 1.0,
        ce_on_samples: false,
        negative_weight: 1.0,
        reduction: Reduction::Sum,
        order: StepOrder::Joint,
        lint_penalty: 0.1,
        online: None,
        critic: None,
    }
}

const CODE_RL: Algorithm = Algorithm::CodeRl {
    baseline: Baseline::Greedy,
    token_value: TokenValue::Critic,
};
const PPO: Algorithm = Algorithm::Ppo {
    baseline: Baseline::Group,
    token_value: TokenValue::Distance,
    clip: 0.2,
    kl_weight: 0.1,
};
const GRPO: Algorithm = Algorithm::Grpo {
    clip: 0.2,
    kl_weight: 0.05,
};
const RLTF: Algorithm = Algorithm::Rltf {
    fine_weight: 0.5,
    adaptive_weight: 0.5,
};

const ONLINE: OnlineSettings = OnlineSettings {
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
fn stages(project: &Project) -> Vec<(&'static str, TrainingSettings)> {
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

const LORA: LoraSettings = LoraSettings {
    rank: 3,
    alpha: 6.0,
};

impl Project {
    fn is_encoder_decoder(&self) -> bool {
        let text = std::fs::read_to_string(self.path("base/config.json")).unwrap();
        text.contains("\"t5\"")
    }
}

// --- A harness in this process ----------------------------------------------------------------

type Judge<'a> = &'a mut dyn FnMut(&[Program]) -> Vec<Option<Feedback>>;

/// What the trainer writes to, and answers with.
struct Listener<'a> {
    judge: Judge<'a>,
    line: Vec<u8>,
    answers: Rc<RefCell<VecDeque<u8>>>,
    events: Rc<RefCell<Vec<FromTrainer>>>,
    interruption: Interruption,
    stop: &'a AtomicBool,
}

/// What happens once an update was told of.
#[derive(Clone, Copy)]
enum Interruption {
    None,
    /// The harness asks to stop.
    Stop(u64),
    /// The harness is gone.
    Death(u64),
}

impl Write for Listener<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let event: FromTrainer = serde_json::from_slice(&self.line).unwrap();
            self.line.clear();
            if let FromTrainer::Judge { id, programs } = &event {
                let feedback = (self.judge)(programs);
                let answer = ToTrainer::Judged { id: *id, feedback };
                let mut answers = self.answers.borrow_mut();
                answers.extend(serde_json::to_vec(&answer).unwrap());
                answers.push_back(b'\n');
            }
            if let FromTrainer::Progress(metrics) = &event {
                match self.interruption {
                    Interruption::Stop(step) if metrics.step >= step => {
                        self.stop.store(true, Ordering::Relaxed);
                    }
                    Interruption::Death(step) if metrics.step >= step => {
                        return Err(IoError::from(ErrorKind::BrokenPipe));
                    }
                    _ => {}
                }
            }
            self.events.borrow_mut().push(event);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Answers(Rc<RefCell<VecDeque<u8>>>);

impl Read for Answers {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

/// A judge that goes by the text alone.
fn by_length(programs: &[Program]) -> Vec<Option<Feedback>> {
    let judged = programs.iter().map(|program| {
        let length = program.text.len();
        // Some cannot be judged.
        (length % 11 != 3).then(|| feedback(outcome(length), length))
    });
    judged.collect()
}

fn train_with(
    settings: &TrainingSettings,
    judge: Judge<'_>,
    interruption: Interruption,
) -> (Result<()>, Vec<FromTrainer>) {
    let _guard = random_numbers();
    // Two have nothing to do on models of this size.
    tch::set_num_threads(1);
    let stop = AtomicBool::new(false);
    let answers = Rc::new(RefCell::new(VecDeque::new()));
    let events = Rc::new(RefCell::new(Vec::new()));
    let mut listener = Listener {
        judge,
        line: Vec::new(),
        answers: Rc::clone(&answers),
        events: Rc::clone(&events),
        interruption,
        stop: &stop,
    };
    let mut input = BufReader::new(Answers(answers));
    let mut link = HarnessLink::new(&mut listener, &mut input).stopped_by(&stop);
    let done = train::train(settings, &|path| Ok(path.to_owned()), &mut link);
    let events = events.borrow().clone();
    (done, events)
}

fn train(settings: &TrainingSettings) -> Result<()> {
    train_with(settings, &mut by_length, Interruption::None).0
}

fn gradients(settings: &TrainingSettings) -> (f64, BTreeMap<String, Array>) {
    let _guard = random_numbers();
    tch::set_num_threads(1);
    train::gradients(settings, &|path| Ok(path.to_owned())).unwrap()
}

// --- What came of it --------------------------------------------------------------------------

/// Contents of the trained model and of the numbers on the way, by path.
fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![out.join("model")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inner = path.strip_prefix(out).unwrap().to_owned();
                files.insert(inner, std::fs::read(&path).unwrap());
            }
        }
    }
    for name in ["metrics.jsonl", "trained.json"] {
        files.insert(name.into(), std::fs::read(out.join(name)).unwrap());
    }
    files
}

fn assert_same(name: &str, found: &Path, expected: &Path) {
    let (found, expected) = (results(found), results(expected));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{name}"
    );
    for (path, bytes) in &expected {
        if bytes != &found[path] {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            if path.ends_with("metrics.jsonl") {
                assert_eq!(text(&found[path]), text(bytes), "{name}");
            }
            panic!("{name}: `{}` differs", path.display());
        }
    }
}

fn metrics(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The values of a key on the way.
fn series(out: &Path, key: &str) -> Vec<f64> {
    let lines = metrics(out).into_iter();
    lines.filter_map(|line| line[key].as_f64()).collect()
}

// --- Learning ---------------------------------------------------------------------------------

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

// --- Repeatable -------------------------------------------------------------------------------

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

// --- Checkpoints ------------------------------------------------------------------------------

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

// --- Low-rank updates -------------------------------------------------------------------------

fn tensors(folder: &Path) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let listed = checkpoint.tensors.list();
    let listed: Vec<(String, Vec<usize>)> = listed
        .map(|(name, shape, _)| (name.to_owned(), shape.to_vec()))
        .collect();
    listed
        .into_iter()
        .map(|(name, shape)| {
            let data = checkpoint.tensors.take(&name, &shape).unwrap().data;
            (name, data)
        })
        .collect()
}

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

// --- What is refused --------------------------------------------------------------------------

fn assert_error(settings: &TrainingSettings, parts: &[&str]) {
    let error = train(settings).expect_err("a training that cannot be");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    assert!(!settings.out.join("trained.json").exists());
}

#[test]
fn a_training_that_diverges_ends_with_advice() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    for stage in [Stage::Sft, Stage::Critic(CRITIC), Stage::Rl(rl(CODE_RL))] {
        let mut settings = project.settings("out", stage);
        settings.optimizer.learning_rate = 1e30;
        settings.optimizer.warmup_steps = 0;
        settings.optimizer.max_gradient_norm = None;
        assert_error(&settings, &["diverged", "lower learning rate", "update "]);
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
}

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
            let settings = project.settings(
                &format!("{algorithm:?} {ce_weight}"),
                Stage::Rl(RlSettings {
                    online: Some(ONLINE),
                    ce_weight,
                    ..rl(algorithm)
                }),
            );
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
    let settings = project.settings(
        "out",
        Stage::Rl(RlSettings {
            online: Some(online),
            ..rl(GRPO)
        }),
    );
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
fn files_that_are_not_as_they_should_be_are_named() {
    let [case, _] = families();
    let project = Project::new(&case, 0.0);
    let good = serde_json::to_string(&sample(0)).unwrap();
    let lines = |bad: &str| format!("{good}\n{bad}\n");
    let check = |stage: Stage, text: Option<String>, parts: &[&str]| {
        let mut settings = project.settings("out", stage);
        let path = project.path("poisoned.jsonl");
        match text {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => _ = std::fs::remove_file(&path),
        }
        settings.data.samples = Some(path.clone());
        settings.data.examples = Some(path);
        if let Stage::Rl(_) = settings.stage {
            settings.data.examples = Some(project.path("examples.jsonl"));
        }
        assert_error(&settings, parts);
    };
    let stages = [Stage::Sft, Stage::Critic(CRITIC), Stage::Rl(rl(CODE_RL))];
    for stage in &stages {
        check(stage.clone(), None, &["poisoned.jsonl", "cannot read"]);
        let empty = Some(String::new());
        check(stage.clone(), empty, &["poisoned.jsonl", "no records"]);
        let cut = lines(&good[..good.len() / 2]);
        check(stage.clone(), Some(cut), &["poisoned.jsonl", "line 2"]);
        let typed = lines(&good.replace("\"program\":\"", "\"program\":7,\"x\":\""));
        check(stage.clone(), Some(typed), &["poisoned.jsonl", "line 2"]);
        let binary = format!("{good}\n\u{0}\u{1}\n");
        check(stage.clone(), Some(binary), &["poisoned.jsonl", "line 2"]);
    }
    let rl = &stages[2];
    let with_values = |values: Value| {
        let mut record = serde_json::to_value(sample(1)).unwrap();
        record["token_values"] = values;
        Some(lines(&record.to_string()))
    };
    let n = sample(1).program.len() + 1;
    let first = |value: Value| {
        let mut values = vec![json!(0.5); n];
        values[1] = value;
        with_values(json!(values))
    };
    check(
        rl.clone(),
        first(json!(null)),
        &["poisoned.jsonl", "line 2"],
    );
    let text = first(json!("NaN"));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2"]);
    let text = first(json!(0.375)).map(|text| text.replace("0.375", "NaN"));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2"]);
    check(
        rl.clone(),
        first(json!(1e39)),
        &["poisoned.jsonl", "line 2"],
    );
    for value in [json!(-0.5), json!(1.5)] {
        check(
            rl.clone(),
            first(value),
            &["`test/1#0`", "token value 2", "probabilities"],
        );
    }
    let short = with_values(json!([0.5, 0.5]));
    check(
        rl.clone(),
        short,
        &["`test/1#0`", "2 token values", &format!("{n} tokens")],
    );
    let none = with_values(json!(null));
    check(rl.clone(), none, &["`test/1#0`", "no token values"]);
    let mut record = serde_json::to_value(sample(1)).unwrap();
    record["baseline"] = json!(null);
    let text = Some(lines(&record.to_string()));
    check(rl.clone(), text, &["`test/1`", "no greedy baseline"]);
    record["feedback"]["outcome"] = json!("splendid");
    let text = Some(lines(&record.to_string()));
    check(rl.clone(), text, &["poisoned.jsonl", "line 2", "splendid"]);
}

#[test]
fn a_corpus_of_which_nothing_can_be_learnt_is_refused() {
    let [t5, llama] = families();
    let stage = Stage::Pretrain {
        objective: PretrainObjective::MaskedSpan,
    };
    let project = Project::new(&t5, 0.0);
    let settings = project.settings("out", stage.clone());
    let text = CorpusText {
        id: "short".to_owned(),
        text: "a".to_owned(),
    };
    write_lines(&project.path("corpus.jsonl"), [text]);
    assert_error(&settings, &["no text of the corpus"]);
    let project = Project::new(&llama, 0.0);
    assert_error(&project.settings("out", stage), &["encoder-decoders"]);
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
