//! What a person gets who asks for something wrong: the documented exit code, and a message
//! that names the thing and the way out. Nothing that was there is lost.

use std::fs;

use e2e::Coderl;

/// A dataset of one problem of our own in HumanEval's form.
const PROBLEM: &str = r#"{"task_id": "toy/0", "prompt": "def one():\n", "entry_point": "one", "canonical_solution": "    return 1\n", "test": "def check(candidate):\n    assert candidate() == 1\n"}"#;

fn fixture() -> Coderl {
    let run = Coderl::new();
    fs::write(run.path("problems.jsonl"), format!("{PROBLEM}\n")).unwrap();
    fs::write(
        run.path("samples.jsonl"),
        "{\"task_id\": \"toy/0\", \"completion\": \"    return 1\\n\"}\n",
    )
    .unwrap();
    run
}

#[test]
fn wrong_arguments_and_settings_exit_with_2() {
    let run = fixture();
    fs::write(run.path("typo.toml"), "tempereture = 0.2\n").unwrap();
    fs::write(run.path("range.toml"), "memory-mib = 1\n").unwrap();
    fs::write(run.path("syntax.toml"), "k = [1,\n").unwrap();
    let check = |arguments: &[&str], expected: &[&str]| {
        let done = run.run(arguments);
        done.assert_exit(2);
        for text in expected {
            assert!(
                done.stderr.contains(text),
                "{arguments:?}: no `{text}` in\n{}",
                done.stderr
            );
        }
    };
    check(&["scroe"], &["scroe", "score"]);
    check(&["score", "samples.jsonl"], &["no dataset", "--dataset"]);
    check(
        &["run", "problems.jsonl"],
        &["--samples", "--backend reference"],
    );
    check(
        &["run", "problems.jsonl", "--backend", "replay"],
        &["--samples"],
    );
    check(
        &["show-config", "--config", "typo.toml"],
        &["typo.toml", "tempereture", "temperature"],
    );
    check(
        &["show-config", "--config", "range.toml"],
        &["range.toml", "memory-mib", "64"],
    );
    check(
        &["show-config", "--config", "syntax.toml"],
        &["syntax.toml"],
    );
    check(&["show-config", "--timeout", "0"], &["timeout"]);
    check(&["show-config", "--k", "0"], &["--k"]);
    check(
        &["show-config", "--judge", "lenient"],
        &["lenient", "apps-2021"],
    );
    check(
        &["datasets", "show", "absent.jsonl"],
        &["absent.jsonl", "humaneval"],
    );
    check(
        &["datasets", "show", "builtin", "nothing"],
        &["nothing", "builtin"],
    );
    check(&["report", "nowhere"], &["nowhere", "manifest.json"]);
    check(
        &[
            "score",
            "samples.jsonl",
            "--dataset",
            "problems.jsonl",
            "--ids",
            "toy/1",
        ],
        &["toy/1", "toy/0"],
    );
    check(
        &[
            "score",
            "samples.jsonl",
            "--dataset",
            "problems.jsonl",
            "--guest",
            "absent.wasm",
        ],
        &["absent.wasm", "make guest"],
    );
}

#[test]
fn bad_data_exits_with_3() {
    let run = fixture();
    fs::write(run.path("empty.jsonl"), "").unwrap();
    fs::write(run.path("text.jsonl"), "hello\n").unwrap();
    fs::write(run.path("truncated.jsonl"), &PROBLEM[..80]).unwrap();
    fs::write(run.path("latin1.jsonl"), b"{\"task_id\": \"caf\xe9\"}\n").unwrap();
    fs::write(
        run.path("keys.jsonl"),
        "{\"task_id\": \"toy/0\", \"code\": \"x\"}\n",
    )
    .unwrap();
    fs::write(
        run.path("types.jsonl"),
        "{\"task_id\": \"toy/0\", \"completion\": 5}\n",
    )
    .unwrap();
    fs::write(
        run.path("stranger.jsonl"),
        "{\"task_id\": \"toy/0\", \"completion\": \"    return 1\\n\"}\n{\"task_id\": \"toy/7\", \"completion\": \"\"}\n",
    )
    .unwrap();
    let check = |arguments: &[&str], expected: &[&str]| {
        let done = run.run(arguments);
        done.assert_exit(3);
        for text in expected {
            assert!(
                done.stderr.contains(text),
                "{arguments:?}: no `{text}` in\n{}",
                done.stderr
            );
        }
    };
    for file in [
        "empty.jsonl",
        "text.jsonl",
        "truncated.jsonl",
        "latin1.jsonl",
    ] {
        check(&["datasets", "show", file], &[file]);
        check(&["score", file, "--dataset", "problems.jsonl"], &[file]);
    }
    check(
        &["score", "absent.jsonl", "--dataset", "problems.jsonl"],
        &["absent.jsonl"],
    );
    check(
        &["score", "keys.jsonl", "--dataset", "problems.jsonl"],
        &["keys.jsonl", "completion"],
    );
    check(
        &["score", "types.jsonl", "--dataset", "problems.jsonl"],
        &["types.jsonl", "completion"],
    );
    // What can be judged is judged, and the rest is told.
    check(
        &["score", "stranger.jsonl", "--dataset", "problems.jsonl"],
        &["toy/7"],
    );
    assert!(run.path("runs/problems-stranger/verdicts.jsonl").is_file());
}

#[test]
fn a_run_directory_is_not_mixed_with_other_settings() {
    let run = fixture();
    let score = |more: &[&str]| {
        let mut arguments = vec![
            "score",
            "samples.jsonl",
            "--dataset",
            "problems.jsonl",
            "--out",
            "run",
        ];
        arguments.extend(more);
        run.run(&arguments)
    };
    score(&[]).assert_exit(0);
    let before = fs::read(run.path("run/verdicts.jsonl")).unwrap();
    let done = score(&["--timeout", "1"]);
    done.assert_exit(2);
    assert!(
        done.stderr.contains("judging.limits.fuel"),
        "{}",
        done.stderr
    );
    assert_eq!(fs::read(run.path("run/verdicts.jsonl")).unwrap(), before);
    score(&["--timeout", "1", "--fresh"]).assert_exit(0);
}

#[test]
fn a_metric_that_cannot_be_computed_is_refused() {
    let run = fixture();
    let done = run.run(&[
        "score",
        "samples.jsonl",
        "--dataset",
        "problems.jsonl",
        "--k",
        "1,5",
        "--min",
        "pass@5=0.1",
    ]);
    done.assert_exit(4);
    assert!(done.stdout.contains("100.00"), "{}", done.stdout);
    assert!(done.stderr.contains("pass@5"), "{}", done.stderr);
}

#[test]
fn a_folder_of_several_datasets_says_what_there_is_to_choose() {
    let run = fixture();
    fs::create_dir_all(run.path("data/apps")).unwrap();
    fs::rename(run.path("problems.jsonl"), run.path("data/apps/a.jsonl")).unwrap();
    fs::write(
        run.path("data/apps/b.jsonl"),
        "{\"id\": \"b\", \"statement\": \"Print 1.\", \"tests\": [{\"input\": \"\", \"output\": \"1\"}]}\n",
    )
    .unwrap();
    fs::write(run.path("data/apps/c.jsonl"), "{\"neither\": 1}\n").unwrap();
    let listed = run.run(&["datasets", "list", "--data-dir", "data"]);
    listed.assert_exit(0);
    let line = "several datasets; name one of them: `data/apps/a.jsonl` (1 problem), \
                `data/apps/b.jsonl` (1 problem)";
    assert!(listed.stdout.contains(line), "{}", listed.stdout);
    assert!(!listed.stdout.contains("unreadable"), "{}", listed.stdout);
    let used = run.run(&[
        "run",
        "apps",
        "--backend",
        "reference",
        "--data-dir",
        "data",
    ]);
    used.assert_exit(3);
    assert!(used.stderr.contains(line), "{}", used.stderr);
}
