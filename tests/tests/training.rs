//! `coderl train`, `sample` and `critic-score`, with a trainer that learns nothing.

mod damage;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::{Coderl, Done, workspace};
use serde_json::Value;

fn trainer(run: &Coderl, arguments: &str, mode: &str) -> Command {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = run.command(&arguments);
    command
        .env(
            "CODERL_TORCH",
            workspace().join("backends/tests/children/trainer.py"),
        )
        .env("CODERL_TOY_TRAINER", mode);
    command
}

fn run(coderl: &Coderl, arguments: &str) -> Done {
    run_mode(coderl, arguments, "well")
}

fn run_mode(coderl: &Coderl, arguments: &str, mode: &str) -> Done {
    trainer(coderl, arguments, mode)
        .output()
        .map(Done::from)
        .expect("the binary starts")
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn records(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn assert_says(done: &Done, texts: &[&str]) {
    for text in texts {
        assert!(
            done.stderr.contains(text),
            "no `{text}` in\n{}",
            done.stderr
        );
    }
}

#[test]
fn imitation_has_every_reference_program_and_goes_on_where_it_was() {
    let coderl = Coderl::new();
    let train = "train sft builtin --model m --preset small --out sft --steps 6";
    let failed = run_mode(&coderl, train, "fail");
    failed.assert_exit(3);
    assert_says(
        &failed,
        &["the trainer failed", "the moon is in the wrong phase"],
    );
    let first = fs::read(coderl.path("sft/settings.json")).unwrap();

    let done = run(&coderl, train);
    done.assert_exit(0);
    assert_says(&done, &["6 updates of 123 parameters; 2 were made before"]);
    assert!(
        done.stdout.starts_with("model: sft/model\nloss: 0.16"),
        "{}",
        done.stdout
    );
    assert_eq!(fs::read(coderl.path("sft/settings.json")).unwrap(), first);
    assert_eq!(records(&coderl.path("sft/metrics.jsonl")).len(), 6);

    let examples = records(&coderl.path("sft/examples.jsonl"));
    let problems: std::collections::BTreeSet<&str> = examples
        .iter()
        .map(|example| example["id"]["problem"].as_str().unwrap())
        .collect();
    assert_eq!(problems.len(), 40);
    let prompt = examples[0]["prompt"]["text"].as_str().unwrap();
    assert!(prompt.starts_with("\nQUESTION:\n"), "{prompt}");
    let settings = json(&coderl.path("sft/settings.json"));
    assert_eq!(settings["stage"]["name"], "sft");
    assert_eq!(settings["optimizer"]["learning-rate"], 1e-3);
    assert_eq!(settings["batch"]["steps"], 6);

    // One event file, with the updates of both processes.
    let events: Vec<_> = fs::read_dir(coderl.path("sft/tensorboard"))
        .unwrap()
        .collect();
    assert_eq!(events.len(), 1);
    let bytes = fs::read(events[0].as_ref().unwrap().path()).unwrap();
    let n_losses = bytes
        .windows(6)
        .filter(|window| window == b"\x0a\x04loss")
        .count();
    assert_eq!(n_losses, 6);
}

#[test]
fn other_settings_and_other_data_are_another_training() {
    let coderl = Coderl::new();
    let train = "train sft builtin --model m --out sft";
    run(&coderl, train).assert_exit(0);
    let done = run(
        &coderl,
        &format!("{train} --learning-rate 1e-4 --set batch.size=8"),
    );
    done.assert_exit(2);
    assert_says(
        &done,
        &[
            "optimizer.learning-rate: `0.00002`",
            "batch.size: `64`",
            "--fresh",
        ],
    );
    let done = run(&coderl, &format!("{train} --limit 3"));
    done.assert_exit(2);
    assert_says(&done, &["files.examples.jsonl"]);
    // What was refused changed nothing.
    run(&coderl, train).assert_exit(0);
    let fresh = format!("{train} --learning-rate 1e-4 --limit 3 --fresh");
    run(&coderl, &fresh).assert_exit(0);
    let examples = records(&coderl.path("sft/examples.jsonl"));
    let mut problems: Vec<&Value> = examples.iter().map(|e| &e["id"]["problem"]).collect();
    problems.dedup();
    assert_eq!(problems.len(), 3);
    // A folder with other things in it is nobody's training.
    fs::create_dir(coderl.path("other")).unwrap();
    fs::write(coderl.path("other/notes.txt"), "mine").unwrap();
    let done = run(&coderl, "train sft builtin --model m --out other --fresh");
    done.assert_exit(2);
    assert_says(&done, &["`other` is not empty and holds no training"]);
}

#[test]
fn settings_come_from_defaults_preset_file_and_command_line() {
    let coderl = Coderl::new();
    fs::write(
        coderl.path("mine.toml"),
        "[optimizer]\nweight-decay = 0.1\n[stages.sft.batch]\nsize = 5\nepochs = 3\n\
         [stages.critic.batch]\nsize = 6\n",
    )
    .unwrap();
    let done = run(
        &coderl,
        "train sft builtin --preset small --config mine.toml --set batch.epochs=2 \
         --show-settings --seed 9",
    );
    done.assert_exit(0);
    for line in [
        "batch.size = 5  # `mine.toml`",
        "batch.epochs = 2  # command line",
        "optimizer.weight-decay = 0.1  # `mine.toml`",
        "optimizer.learning-rate = 0.001  # preset `small`",
        "optimizer.beta-2 = 0.999  # default",
        "seed = 9  # command line",
    ] {
        assert!(
            done.stdout.contains(line),
            "no `{line}` in\n{}",
            done.stdout
        );
    }
    let check = |arguments: &str, texts: &[&str]| {
        let done = run(&coderl, &format!("train sft builtin --out x {arguments}"));
        done.assert_exit(2);
        assert_says(&done, texts);
    };
    check(
        "--model m --set batch.sise=3",
        &["unknown key `batch.sise`", "did you mean `batch.size`"],
    );
    check(
        "--model m --set batch.size=0",
        &["`batch.size`: is 0; allowed is 1 or more"],
    );
    check(
        "--model m --set batch.size=many",
        &["command line: `batch.size`", "invalid type"],
    );
    check(
        "--model m --device tpu",
        &["`device`", "unknown variant `tpu`"],
    );
    check("", &["`model`: is not set"]);
    assert!(!coderl.path("x").exists());
    run(&coderl, "train sft").assert_exit(2);
}

/// A judged run of the toy model with its greedy programs.
fn samples(coderl: &Coderl) {
    let toy = workspace().join("backends/tests/children/toy.py");
    let command = format!("python3 '{}' well", toy.display());
    let mut sample = trainer(
        coderl,
        "sample builtin --backend process -n 3 --out samples --model toy",
        "well",
    );
    let done = Done::from(sample.args(["--command", &command]).output().unwrap());
    done.assert_exit(0);
    run(coderl, "score samples --no-report").assert_exit(0);
}

#[test]
fn samples_become_lessons_for_critic_actor_and_repair() {
    let coderl = Coderl::new();
    samples(&coderl);
    for (folder, n) in [("samples", 120), ("samples/baseline", 40)] {
        assert_eq!(
            records(&coderl.path(folder).join("verdicts.jsonl")).len(),
            n,
            "{folder}"
        );
    }
    let greedy = json(&coderl.path("samples/baseline/manifest.json"));
    assert_eq!(
        greedy["generation"]["model"]["decoding"]["method"]["name"],
        "greedy"
    );

    run(
        &coderl,
        "train critic --samples samples --model m --out critic",
    )
    .assert_exit(0);
    let of_critic = records(&coderl.path("critic/samples.jsonl"));
    let held_out = records(&coderl.path("critic/validation.jsonl"));
    let problems = |records: &[Value]| -> std::collections::BTreeSet<String> {
        records
            .iter()
            .map(|record| record["id"]["problem"].to_string())
            .collect()
    };
    assert!(problems(&of_critic).is_disjoint(&problems(&held_out)));
    assert_eq!(problems(&of_critic).len() + problems(&held_out).len(), 40);
    let mut n_by_origin: BTreeMap<String, usize> = BTreeMap::new();
    for sample in of_critic.iter().chain(&held_out) {
        *n_by_origin.entry(sample["origin"].to_string()).or_default() += 1;
        if sample["origin"] == "reference" {
            assert_eq!(sample["feedback"]["outcome"], "passed-tests");
        }
    }
    assert_eq!(n_by_origin["\"sampled\""], 120);

    // Token values are needed and not there yet.
    let rl = "train rl --samples samples --model m --out rl";
    let done = run(&coderl, rl);
    done.assert_exit(2);
    assert_says(
        &done,
        &[
            "0 of 120 samples have critic scores",
            "coderl critic-score samples",
        ],
    );
    let done = run(
        &coderl,
        "critic-score samples --critic critic/model --references",
    );
    done.assert_exit(0);
    for text in [
        "120 sampled programs",
        "reference programs",
        "expected calibration error",
    ] {
        assert!(
            done.stdout.contains(text),
            "no `{text}` in\n{}",
            done.stdout
        );
    }
    run(&coderl, rl).assert_exit(0);
    let of_actor = records(&coderl.path("rl/samples.jsonl"));
    assert_eq!(of_actor.len(), 120);
    for sample in &of_actor {
        assert!(sample["baseline"].is_string(), "{sample}");
        let expected = match sample["feedback"]["outcome"].as_str().unwrap() {
            "passed-tests" => 0.75,
            "compile-error" => 0.25,
            _ => 0.0,
        };
        let values = sample["token_values"].as_array().unwrap();
        assert_eq!(values.len(), 3);
        assert!(
            (values[0].as_f64().unwrap() - expected).abs() < 1e-6,
            "{sample}"
        );
    }
    assert!(!records(&coderl.path("rl/examples.jsonl")).is_empty());

    run(
        &coderl,
        "train repair --samples samples --model m --out repair",
    )
    .assert_exit(0);
    let repairs = records(&coderl.path("repair/examples.jsonl"));
    let n_wrong = of_actor
        .iter()
        .filter(|sample| sample["feedback"]["outcome"] != "passed-tests")
        .count();
    assert_eq!(repairs.len(), n_wrong);
    let prompt = repairs[0]["prompt"]["text"].as_str().unwrap();
    assert!(prompt.ends_with("\nCORRECTED ANSWER:\n"), "{prompt}");
}

#[test]
fn problems_that_are_held_out_are_judged_while_the_model_learns() {
    let coderl = Coderl::new();
    samples(&coderl);
    let rl = "train rl --samples samples --model m --baseline group --token-value none \
              --set data.validation-share=0.3 --set rl.validation.problems=5 --workers 2 --out rl";
    let done = run(&coderl, rl);
    done.assert_exit(0);
    assert_says(&done, &["5 records held out"]);
    let held_out = records(&coderl.path("rl/validation.jsonl"));
    assert_eq!(held_out.len(), 5);
    for example in &held_out {
        assert_eq!(example["program"], "");
    }
    let ids = |records: &[Value]| -> std::collections::BTreeSet<String> {
        let problems = records.iter().map(|it| it["id"]["problem"].to_string());
        problems.collect()
    };
    let learnt = ids(&records(&coderl.path("rl/samples.jsonl")));
    assert!(learnt.is_disjoint(&ids(&held_out)));
    let judged = json(&coderl.path("rl/judged.json"));
    let judged = judged.as_array().unwrap();
    // Two programs of each, and one of a problem that does not exist.
    assert_eq!(judged.len(), 11);
    for pair in &judged[..10] {
        // An empty program defines nothing and prints nothing.
        let outcome = pair[1]["outcome"].as_str().unwrap();
        match pair[0]["index"].as_u64() {
            Some(1) => assert_eq!(outcome, "runtime-error", "{pair}"),
            _ => assert!(
                ["runtime-error", "failed-tests"].contains(&outcome),
                "{pair}"
            ),
        }
    }
    // Without being asked for, nothing is tried.
    let rl = rl.replace("--set rl.validation.problems=5", "--fresh");
    let done = run(&coderl, &rl);
    done.assert_exit(0);
    assert_says(&done, &["held out, which nothing is tried on"]);
    assert!(!coderl.path("rl/judged.json").exists());
}

#[test]
fn rounds_are_judged_while_the_model_learns() {
    let coderl = Coderl::new();
    let done = run(
        &coderl,
        "train rl builtin --online --algorithm grpo --model m --out rl --workers 2",
    );
    done.assert_exit(0);
    let judged = json(&coderl.path("rl/judged.json"));
    let mut n_passed = 0;
    for pair in judged.as_array().unwrap() {
        let (program, feedback) = (&pair[0], &pair[1]);
        if program["problem"] == "no/such" {
            assert!(feedback.is_null());
        } else if program["index"] == 1 {
            assert_eq!(feedback["outcome"], "runtime-error", "{pair}");
            assert_eq!(feedback["error"], "NameError");
            assert_eq!(feedback["error_line"], 2);
        } else {
            assert_eq!(feedback["outcome"], "passed-tests", "{pair}");
            n_passed += 1;
        }
    }
    assert!(n_passed >= 40, "{n_passed}");
    let settings = json(&coderl.path("rl/settings.json"));
    assert_eq!(settings["stage"]["algorithm"]["name"], "grpo");
    assert_eq!(settings["stage"]["online"]["n-samples"], 12);

    let done = run(&coderl, "train rl builtin --online --model m --out other");
    done.assert_exit(2);
    assert_says(&done, &["`rl.critic`: is not set"]);
    let done = run(
        &coderl,
        "train rl builtin --model m --out other --token-value none",
    );
    done.assert_exit(2);
    assert_says(&done, &["--samples RUN", "--online"]);
}

#[test]
fn a_corpus_is_read_where_it_lies() {
    let coderl = Coderl::new();
    let texts: String = (0..50)
        .map(|n| format!("{{\"id\": \"{n}.py\", \"text\": \"x = {n}\"}}\n"))
        .collect();
    fs::write(coderl.path("corpus.jsonl"), texts).unwrap();
    run(&coderl, "train pretrain corpus.jsonl --model m --out pre").assert_exit(0);
    let settings = json(&coderl.path("pre/settings.json"));
    let examples = settings["data"]["examples"].as_str().unwrap();
    assert!(Path::new(examples).is_absolute() && examples.ends_with("corpus.jsonl"));
    let parts = "train pretrain corpus.jsonl --model m --out parts --validation-share 0.3";
    run(&coderl, parts).assert_exit(0);
    let n = |name: &str| records(&coderl.path("parts").join(name)).len();
    assert_eq!(n("examples.jsonl") + n("validation.jsonl"), 50);
}

#[test]
fn ctrl_c_leaves_a_training_that_goes_on() {
    let coderl = Coderl::new();
    let train = "train sft builtin --model m --out sft --steps 1000";
    let mut child = trainer(&coderl, train, "slow").spawn().unwrap();
    let metrics = coderl.path("sft/metrics.jsonl");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !metrics.exists() {
        assert!(Instant::now() < deadline, "it never began");
        std::thread::sleep(Duration::from_millis(50));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let n_before = records(&metrics).len();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(records(&metrics).len(), n_before, "the trainer outlived it");
    let mut child = trainer(&coderl, train, "slow").spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while records(&metrics).len() == n_before {
        assert!(Instant::now() < deadline, "it did not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Killed outright, the trainer goes with it.
    child.kill().unwrap();
    child.wait().unwrap();
    let n_before = records(&metrics).len();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(
        records(&metrics).len() <= n_before + 1,
        "the trainer outlived it"
    );
}

#[test]
fn a_trainer_that_talks_nonsense_is_an_error() {
    let coderl = Coderl::new();
    let done = run_mode(&coderl, "train sft builtin --model m --out sft", "rubbish");
    done.assert_exit(1);
    assert_says(&done, &["not in the protocol", "Epoch 1 of 3"]);
}

#[test]
fn a_run_becomes_coderls_folders_and_a_run_again() {
    let coderl = Coderl::new();
    samples(&coderl);
    let scores = "critic-score samples --critic c";
    run(&coderl, scores).assert_exit(0);
    run(&coderl, "export coderl-tree samples --out tree").assert_exit(0);
    let folder = coderl.path("tree/apps");
    let n = fs::read_dir(&folder).unwrap().count();
    assert_eq!(n, 24);
    run(
        &coderl,
        &format!("import coderl-tree {} --out again", folder.display()),
    )
    .assert_exit(0);
    let verdicts = records(&coderl.path("again/verdicts.jsonl"));
    assert_eq!(verdicts.len(), n * 3);
    let outcome = |record: &Value| record["judgement"]["outcome"].as_str().unwrap().to_owned();
    let there: BTreeMap<String, String> = records(&coderl.path("samples/verdicts.jsonl"))
        .iter()
        .map(|verdict| {
            let id = verdict["candidate"]["problem"].as_str().unwrap();
            let index = verdict["candidate"]["index"].to_string();
            (format!("{id}#{index}"), outcome(verdict))
        })
        .collect();
    for verdict in &verdicts {
        let id = verdict["candidate"]["problem"].as_str().unwrap();
        let index = verdict["candidate"]["index"].to_string();
        assert_eq!(there[&format!("builtin/{id}#{index}")], outcome(verdict));
    }
    assert_eq!(
        records(&coderl.path("again/baseline/verdicts.jsonl")).len(),
        n
    );
    // It can be learnt from, and is not judged anew by accident.
    run(
        &coderl,
        "train rl --samples again --model m --token-value none --out rl",
    )
    .assert_exit(0);
    run(&coderl, "score again").assert_exit(2);
}

#[test]
#[expect(clippy::print_stderr, reason = "a notice that a check was skipped")]
fn released_folders_are_lessons() {
    let data = std::env::var_os("CODERL_DATA").map_or_else(
        || workspace().join("../shared/data"),
        std::path::PathBuf::from,
    );
    let tree = data.join("apps/coderl_train");
    if !tree.is_dir() {
        eprintln!("skipped: no benchmark data (set CODERL_DATA)");
        return;
    }
    let coderl = Coderl::new();
    run(
        &coderl,
        &format!("import coderl-tree {} --out released", tree.display()),
    )
    .assert_exit(0);
    assert_eq!(records(&coderl.path("released/candidates.jsonl")).len(), 44);
    run(&coderl, "train rl --samples released --model m --out rl").assert_exit(0);
    let samples = records(&coderl.path("rl/samples.jsonl"));
    assert_eq!(samples.len(), 44);
    for sample in &samples {
        let n_values = sample["token_values"].as_array().unwrap().len();
        assert!((2..=512).contains(&n_values), "{n_values}");
        assert!(sample["baseline"].is_string());
    }
    // Written again, what was read.
    run(&coderl, "export coderl-tree released --out tree").assert_exit(0);
    let folder = coderl.path("tree/train/0001");
    let name = "gen_solutions.json";
    assert_eq!(
        json(&folder.join(name)),
        json(&tree.join("0001").join(name))
    );
    assert!(folder.join("gen_solutions_critic_scores.pkl").is_file());
    // A poisoned file is named, and nothing is executed.
    let poisoned = coderl.path("poisoned/0001");
    fs::create_dir_all(&poisoned).unwrap();
    for entry in fs::read_dir(tree.join("0001")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, poisoned.join(path.file_name().unwrap())).unwrap();
    }
    let pickle = b"\x80\x02cposix\nsystem\nX\x0a\x00\x00\x00touch mark\x85R.";
    fs::write(poisoned.join("gen_solutions_critic_scores.pkl"), pickle).unwrap();
    let done = run(&coderl, "import coderl-tree poisoned --out never");
    done.assert_exit(3);
    assert_says(
        &done,
        &[
            "gen_solutions_critic_scores.pkl",
            "`posix.system`",
            "nothing was executed",
        ],
    );
    assert!(!coderl.path("mark").exists());
}
