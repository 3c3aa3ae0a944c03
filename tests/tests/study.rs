//! `coderl study` through the binary: a whole study without a trained model, interrupted, changed and
//! broken in several ways; and every study that is shipped, planned.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Coderl, Done, workspace};
use serde_json::Value;

/// Three problems of two levels: programs that print a digit, of which the toy writes a third right.
pub(crate) fn write_problems(coderl: &Coderl) {
    let levels = ["introductory", "introductory", "interview"];
    let line = |(digit, level): (usize, &str)| {
        format!(
            "{{\"id\": \"digit-{digit}\", \"statement\": \"Print {digit}.\", \"difficulty\": \
             \"{level}\", \"tests\": [{{\"input\": \"\", \"output\": \"{digit}\", \"example\": \
             true}}, {{\"input\": \"1\\n\", \"output\": \"{digit}\"}}]}}\n"
        )
    };
    let lines: String = levels.into_iter().enumerate().map(line).collect();
    fs::write(coderl.path("problems.jsonl"), lines).unwrap();
}

/// Samples are drawn once for each seed and judged; what is judged again is a checkpoint, and so
/// are the toy itself and the reference programs of the built-in suite.
fn study(mode: &str) -> String {
    format!(
        r#"
title = "Digits"
seeds = [1, 2]
control = "few"

[metrics]
k = [1, 2]
n-at-k = ["1@2"]
bootstrap-resamples = 200

[datasets.digits]
title = "three digits"
dataset = "problems.jsonl"

[strategies.plain]
n-samples = 4

[run]
no-cache = true

[stages.samples]
coderl = "sample"
dataset = "problems.jsonl"
backend = "process"
config = "child.toml"
n-samples = 6
no-baseline = true
seed = "${{seed}}"

[stages.scored]
coderl = "score"
samples = "@samples"
no-cache = true

[checkpoints.few]
title = "four samples"
samples = "@scored/candidates.jsonl"

[checkpoints.toy]
title = "the toy"
backend = "process"
command = "python3 child.py {mode}"

[ablation.n]
strategy = "plain"
checkpoints = ["toy"]
grid.n-samples = [2, 3]

[[tables]]
name = "table-2"
title = "Digits"
paper = "Table 2"
paper-rows = {{ few = "A: baseline", toy = "D: baseline, critic" }}
"#
    )
}

/// The toy without the mark of MBPP's prompts behind its programs, which print a digit then. The
/// child of the samples is named in a file that they read.
pub(crate) fn write_study(coderl: &Coderl, mode: &str) {
    let toy = workspace().join("backends/tests/children/toy.py");
    let toy = fs::read_to_string(toy).unwrap();
    let child = toy.replace("\\n[DONE]", "");
    assert_ne!(toy, child);
    fs::write(coderl.path("child.py"), child).unwrap();
    let config = format!("command = \"python3 child.py {mode}\"\n");
    fs::write(coderl.path("child.toml"), config).unwrap();
    fs::write(coderl.path("digits.toml"), study(mode)).unwrap();
}

fn edit(coderl: &Coderl, from: &str, to: &str) {
    let path = coderl.path("digits.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

const RUN: [&str; 3] = ["study", "run", "digits.toml"];

fn statuses(coderl: &Coderl) -> BTreeMap<String, String> {
    let done = coderl.run(&["study", "status", "digits.toml", "--json"]);
    done.assert_exit(0);
    let stages: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stages = stages.iter();
    stages
        .map(|it| (text(&it["stage"]), text(&it["status"])))
        .collect()
}

/// Names of the stages with this status.
fn with_status(coderl: &Coderl, status: &str) -> Vec<String> {
    let statuses = statuses(coderl).into_iter();
    statuses
        .filter(|(_, it)| it == status)
        .map(|(name, _)| name)
        .collect()
}

/// All judged runs below a study's directory, with their verdicts.
fn verdicts(coderl: &Coderl, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    fn visit(root: &std::path::Path, folder: PathBuf, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(root, path, found);
            } else if path.ends_with("verdicts.jsonl") {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let root = coderl.path(out);
    let mut found = BTreeMap::new();
    visit(&root, root.clone(), &mut found);
    found
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_study_is_done_once_and_reported() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "well");
    let plan = coderl.run(&["study", "run", "digits.toml", "--dry-run"]);
    plan.assert_exit(0);
    assert_says(
        &plan.stdout,
        &[
            "# samples/seed-1: waiting",
            "coderl score runs/digits/samples/seed-2 --no-cache",
            "--samples runs/digits/samples/seed-1/candidates.jsonl",
        ],
    );
    assert!(!coderl.path("runs").exists(), "nothing was done");

    let done = coderl.run(&[&RUN[..], &["--jobs", "2"]].concat());
    done.assert_exit(0);
    // Two seeds of samples and their verdicts, two of `few`, the toy with 4, 2 and 3 samples.
    let all = statuses(&coderl);
    assert_eq!(all.len(), 2 + 2 + 2 + 3, "{all:?}");
    assert!(all.values().all(|it| it == "done"), "{all:?}");
    assert_says(
        &done.stdout,
        &[
            "four samples",
            "the toy, n-samples 2",
            "pass@1, over the control",
        ],
    );
    let report = |file: &str| {
        let path = coderl.path("runs/digits/report").join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    assert_says(
        &report("README.md"),
        &["# Digits", "![", "introductory", "Provenance", "SHA-256"],
    );
    assert_says(
        &report("tables/seeds.digits.csv"),
        &["four samples,1,", "four samples,2,"],
    );
    let outcomes = report("tables/outcomes.digits.csv");
    assert_says(
        &outcomes,
        &["the toy,example,all,12,0,", "the toy,hidden,all,12,0,"],
    );
    for plot in ["pass-at-k.digits.svg", "outcomes.digits.png"] {
        assert!(
            coderl.path("runs/digits/report/plots").join(plot).is_file(),
            "{plot}"
        );
    }
    // The mean over two seeds of six samples each, from the verdicts alone.
    let n_passed = |seed: u32| {
        let file = format!("runs/digits/judged/digits/few/plain/seed-{seed}/verdicts.jsonl");
        let text = fs::read_to_string(coderl.path(&file)).unwrap();
        text.lines()
            .filter(|line| line.contains("\"passed-tests\""))
            .count()
    };
    let table: Value = serde_json::from_str(&report("tables/table-2.digits.json")).unwrap();
    let n_passed = n_passed(1) + n_passed(2);
    assert!(0 < n_passed && n_passed < 24, "{n_passed} of 24 passed");
    let shown = table["rows"][0]["pass@1"]["mean"].as_f64().unwrap();
    let expected = n_passed as f64 / 24.0;
    assert!(
        (shown - expected).abs() < 1e-12,
        "{shown} is not {expected}"
    );

    // Nothing is left to be done.
    let before = verdicts(&coderl, "runs/digits");
    let began = fs::read(coderl.path("runs/digits/logs/samples~seed-1.log")).unwrap();
    coderl.run(&RUN).assert_exit(0);
    assert_eq!(verdicts(&coderl, "runs/digits"), before);
    let now = fs::read(coderl.path("runs/digits/logs/samples~seed-1.log")).unwrap();
    assert_eq!(now, began, "no command was started");
    // The report is a function of the records.
    let page = report("README.md");
    coderl
        .run(&["study", "report", "digits.toml"])
        .assert_exit(0);
    assert_eq!(report("README.md"), page);
}

#[test]
fn killed_and_interrupted_it_goes_on_to_the_same_results() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "slow");
    let run = [&RUN[..], &["--seeds", "1"]].concat();
    coderl
        .run(&[&run[..], &["--out", "whole"]].concat())
        .assert_exit(0);
    let mut kills = 0;
    let done = loop {
        let patience = Duration::from_millis(900 + 500 * kills);
        match coderl.run_killed_after(&run, patience) {
            None => kills += 1,
            Some(done) => break done,
        }
        assert!(kills < 40, "the study makes no progress between kills");
    };
    done.assert_exit(0);
    assert!(kills > 0, "it was never killed");
    assert_eq!(verdicts(&coderl, "whole"), verdicts(&coderl, "runs/digits"));

    // Ctrl-C, as `kill -INT` sends it to the study alone.
    let mut command = coderl.command(&[&run[..], &["--out", "stopped"]].concat());
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = coderl.path("stopped/logs/samples~seed-1.log");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !begun.exists() {
        assert!(Instant::now() < deadline, "no stage was begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let stopped = Done::from(child.wait_with_output().unwrap());
    stopped.assert_exit(130);
    assert_says(
        &stopped.stderr,
        &["interrupted; the same command goes on from here"],
    );
    coderl
        .run(&[&run[..], &["--out", "stopped"]].concat())
        .assert_exit(0);
    assert_eq!(verdicts(&coderl, "whole"), verdicts(&coderl, "stopped"));
}

#[test]
fn a_change_is_done_again_and_nothing_else() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "well");
    coderl.run(&RUN).assert_exit(0);
    let before = verdicts(&coderl, "runs/digits");

    edit(
        &coderl,
        "grid.n-samples = [2, 3]",
        "grid.n-samples = [2, 5]",
    );
    assert_eq!(with_status(&coderl, "waiting"), ["judged/digits/toy/n.5"]);
    edit(&coderl, "n-samples = 6", "n-samples = 5");
    let stale = with_status(&coderl, "stale");
    let expected = ["judged/digits/few/plain", "samples", "scored"];
    let expected: Vec<String> = expected
        .iter()
        .flat_map(|name| [1, 2].map(|seed| format!("{name}/seed-{seed}")))
        .collect();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(stale, sorted);
    let shown = coderl.run(&["study", "status", "digits.toml"]);
    assert_says(
        &shown.stdout,
        &[
            "`--n-samples 5` was `--n-samples 6`",
            "`samples/seed-1` changed",
        ],
    );
    assert_says(&shown.stderr, &["judged/digits/toy/n.3"]);

    let done = coderl.run(&RUN);
    done.assert_exit(0);
    assert_says(&done.stderr, &["samples/seed-1: stale", "made again"]);
    assert!(
        coderl
            .path("runs/digits/stale/samples/seed-1.1/verdicts.jsonl")
            .is_file()
    );
    let after = verdicts(&coderl, "runs/digits");
    let same = PathBuf::from("judged/digits/toy/plain/verdicts.jsonl");
    assert_eq!(before[&same], after[&same]);
    let changed = PathBuf::from("samples/seed-1/verdicts.jsonl");
    assert_ne!(before[&changed], after[&changed]);
    assert!(statuses(&coderl).values().all(|it| it == "done"));

    // A file that a stage reads is part of it, and so are verdicts under other limits.
    let child = fs::read_to_string(coderl.path("child.toml")).unwrap();
    fs::write(
        coderl.path("child.toml"),
        format!("{child}\ntemperature = 0.5\n"),
    )
    .unwrap();
    assert!(with_status(&coderl, "stale").contains(&"samples/seed-2".to_owned()));
    fs::write(coderl.path("child.toml"), child).unwrap();
    assert!(with_status(&coderl, "stale").is_empty());
    edit(
        &coderl,
        "samples = \"@samples\"\n",
        "samples = \"@samples\"\ntimeout = 7\n",
    );
    let done = coderl.run(&RUN);
    done.assert_exit(0);
    assert_says(&done.stderr, &["what was added to it has other settings"]);
    assert!(coderl.path("runs/digits/stale/samples/seed-1.2").is_dir());
}

#[test]
fn a_failure_is_shown_and_the_rest_goes_on() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "well");
    let config = fs::read_to_string(coderl.path("child.toml")).unwrap();
    fs::write(
        coderl.path("child.toml"),
        "command = \"no-such-program-of-coderl\"\n",
    )
    .unwrap();
    let done = coderl.run(&RUN);
    assert_ne!(done.status, Some(0), "{}", done.stderr);
    assert_says(
        &done.stderr,
        &[
            "samples/seed-1: FAILED",
            "no-such-program-of-coderl",
            "again: coderl sample",
            "2 stages failed: samples/seed-1, samples/seed-2; 4 stages that need them were not tried",
            "not in the report: `judged/digits/few/plain/seed-1` (`samples/seed-1` is failed)",
        ],
    );
    assert_says(&done.stdout, &["the toy"]);
    let page = fs::read_to_string(coderl.path("runs/digits/report/README.md")).unwrap();
    assert_says(&page, &["about a part of the study"]);
    assert_eq!(with_status(&coderl, "done").len(), 3);
    // With the cause gone the same command does the rest.
    fs::write(coderl.path("child.toml"), config).unwrap();
    coderl.run(&RUN).assert_exit(0);
    assert!(statuses(&coderl).values().all(|it| it == "done"));
}

#[test]
fn results_that_do_not_belong_together_are_refused() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "well");
    coderl.run(&RUN).assert_exit(0);
    let path = coderl.path("runs/digits/judged/digits/toy/n.2/manifest.json");
    let honest = fs::read_to_string(&path).unwrap();
    for (pointer, value, part) in [
        (
            "/judging/guest",
            Value::from("another guest"),
            "judging.guest",
        ),
        ("/dataset/sha256", Value::from("00"), "dataset.sha256"),
        (
            "/judging/limits/fuel",
            Value::from(7),
            "judging.limits.fuel",
        ),
    ] {
        let mut manifest: Value = serde_json::from_str(&honest).unwrap();
        *manifest.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, manifest.to_string()).unwrap();
        let done = coderl.run(&["study", "report", "digits.toml"]);
        done.assert_exit(3);
        let toy = "judged/digits/toy/n.2";
        assert_says(&done.stderr, &["cannot stand in one table", toy, part]);
    }
}

#[test]
fn one_stage_and_what_it_needs() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    write_study(&coderl, "well");
    let wrong = coderl.run(&[&RUN[..], &["--only", "jugded/*"]].concat());
    wrong.assert_exit(2);
    assert_says(&wrong.stderr, &["no stage matches --only `jugded/*`"]);
    let only = ["--only", "scored/seed-2", "--no-report"];
    coderl.run(&[&RUN[..], &only].concat()).assert_exit(0);
    assert_eq!(
        with_status(&coderl, "done"),
        ["samples/seed-2", "scored/seed-2"]
    );
    let nothing = coderl.run(&["study", "report", "digits.toml"]);
    nothing.assert_exit(3);
    assert_says(
        &nothing.stderr,
        &["nothing of the study", "coderl study status"],
    );
    // One at a time works on a study.
    let lock = fs::File::options()
        .append(true)
        .open(coderl.path("runs/digits/run.lock"));
    let lock = lock.unwrap();
    lock.lock().unwrap();
    let locked = coderl.run(&RUN);
    locked.assert_exit(1);
    assert_says(&locked.stderr, &["in use by another process"]);
}

#[test]
fn what_is_wrong_in_a_file_is_told_before_anything_runs() {
    let coderl = Coderl::new();
    write_problems(&coderl);
    for (from, to, expected) in [
        (
            "n-samples = 6",
            "n-sampels = 6",
            "did you mean `n-samples`?",
        ),
        (
            "\"A: baseline\"",
            "\"A\"",
            "Table 2 has no row `A`; its rows are `A: baseline`",
        ),
        (
            "paper = \"Table 2\"",
            "paper = \"Table 77\"",
            "there is no `Table 77`",
        ),
        (
            "coderl = \"score\"",
            "coderl = \"skore\"",
            "did you mean `score`?",
        ),
    ] {
        write_study(&coderl, "well");
        edit(&coderl, from, to);
        let done = coderl.run(&RUN);
        done.assert_exit(2);
        assert_says(&done.stderr, &["`digits.toml`, line ", expected]);
    }
    assert!(!coderl.path("runs").exists());
    let none = coderl.run(&["study", "run", "none.toml"]);
    none.assert_exit(2);
    assert_says(&none.stderr, &["cannot read study file `none.toml`"]);
}

#[test]
fn every_shipped_study_can_be_planned() {
    let coderl = Coderl::new();
    let (mut n_studies, mut n_built_in) = (0, 0);
    for folder in ["studies", "studies/paper"] {
        for entry in fs::read_dir(workspace().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|it| it != "toml") {
                continue;
            }
            n_studies += 1;
            let text = fs::read_to_string(&path).unwrap();
            let file = path.display().to_string();
            let mut arguments = vec!["study", "run", &file, "--dry-run"];
            // Variables without a value.
            let sets: Vec<String> = text
                .lines()
                .filter_map(|line| line.strip_suffix(" = \"\""))
                .map(|name| format!("{name}=some/{name}"))
                .collect();
            arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
            let mini = [&arguments[..], &["--mini"]].concat();
            check_plan(&coderl, &arguments);
            check_plan(&coderl, &mini);
            // What takes models of the user's is there on the built-in suite, without any.
            if !sets.is_empty() {
                n_built_in += 1;
                let alone = ["study", "run", &file, "--dry-run"];
                let none = coderl.run(&alone);
                none.assert_exit(2);
                assert_says(&none.stderr, &["has no value", "--built-in"]);
                let built_in = [&alone[..], &["--built-in"]].concat();
                check_plan(&coderl, &built_in);
                check_plan(&coderl, &[&built_in[..], &["--mini"]].concat());
            }
        }
    }
    assert!(n_studies > 8, "{n_studies}");
    assert_eq!(n_built_in, 10, "tables 1 to 6, figures 5 to 8");
}

fn check_plan(coderl: &Coderl, arguments: &[&str]) {
    let done = coderl.run(arguments);
    assert_eq!(done.status, Some(0), "{arguments:?}: {}", done.stderr);
    assert!(done.stdout.contains("coderl run --"), "{}", done.stdout);
    assert!(!done.stderr.contains("left out"), "{}", done.stderr);
}

#[test]
fn an_included_file_lies_under_the_study() {
    let coderl = Coderl::new();
    write_study(&coderl, "well");
    let whole = fs::read_to_string(coderl.path("digits.toml")).unwrap();
    let planned = |arguments: &[&str]| coderl.run(&[&RUN[..], &["--dry-run"], arguments].concat());
    let before = planned(&[]);
    before.assert_exit(0);
    // The stages in a file of their own, one of them changed by the study.
    let at = whole.find("[stages.").unwrap();
    let end = whole.find("[checkpoints").unwrap();
    fs::create_dir(coderl.path("parts")).unwrap();
    let part = whole[at..end].replace("n-samples = 6", "n-samples = 9");
    assert_ne!(part, whole[at..end]);
    fs::write(coderl.path("parts/stages.toml"), &part).unwrap();
    let rest = [&whole[..at], &whole[end..]].concat();
    let study =
        format!("include = \"parts/stages.toml\"\n{rest}\n[stages.samples]\nn-samples = 6\n");
    fs::write(coderl.path("digits.toml"), &study).unwrap();
    let after = planned(&[]);
    after.assert_exit(0);
    assert_eq!(after.stdout, before.stdout);
    // What is wrong in it is named with its own lines.
    fs::write(
        coderl.path("parts/stages.toml"),
        format!("\n\n{part}\nfoo = 1\n"),
    )
    .unwrap();
    let done = planned(&[]);
    done.assert_exit(2);
    let line = part.lines().count() + 4;
    assert_says(
        &done.stderr,
        &[&format!("`parts/stages.toml`, line {line}: ")],
    );
    for (text, expected) in [
        (
            study.replace("parts/stages", "parts/none"),
            "cannot read `parts/none.toml`",
        ),
        (
            study.replace("\"parts/stages.toml\"", "7"),
            "should be a text",
        ),
    ] {
        fs::write(coderl.path("digits.toml"), text).unwrap();
        let done = planned(&[]);
        done.assert_exit(2);
        assert_says(
            &done.stderr,
            &["`digits.toml`, line 1: `include`: ", expected],
        );
    }
}
