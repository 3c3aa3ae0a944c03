//! `coderl verify`: no difference on an honest run, and every difference on others.

use std::fs;
use std::path::Path;

use e2e::{Coderl, Done};
use serde_json::Value as Json;

/// A run of two problems with four candidates each in `RUN`.
fn judged() -> Coderl {
    let run = Coderl::new();
    let problem = |id: &str, result: u32| {
        format!(
            "{{\"id\": \"{id}\", \"statement\": \"Write f.\", \"asserts\": [\"assert f(1) == {result}\", \
             \"assert f(2) == {}\"]}}\n",
            result + 1
        )
    };
    fs::write(
        run.path("problems.jsonl"),
        problem("plus-one", 2) + &problem("plus-two", 3),
    )
    .unwrap();
    let programs = [
        "def f(n): return n + 1",
        "def f(n): return n + 2",
        "def f(n): return n / 0",
        "def f(n) return n",
    ];
    let mut samples = String::new();
    for id in ["plus-one", "plus-two"] {
        for program in programs {
            samples += &format!("{{\"task_id\": \"{id}\", \"solution\": \"{program}\"}}\n");
        }
    }
    fs::write(run.path("samples.jsonl"), samples).unwrap();
    run.run(&[
        "score",
        "samples.jsonl",
        "-d",
        "problems.jsonl",
        "-o",
        "RUN",
    ])
    .assert_exit(0);
    run
}

/// Rewrites a JSON file, or one line of a JSON Lines file.
fn tamper(path: &Path, line: usize, change: impl Fn(&mut Json)) {
    let text = fs::read_to_string(path).unwrap();
    let is_lines = path.extension().is_some_and(|it| it == "jsonl");
    let mut parts: Vec<String> = if is_lines {
        text.lines().map(str::to_owned).collect()
    } else {
        vec![text]
    };
    let mut value: Json = serde_json::from_str(&parts[line]).unwrap();
    change(&mut value);
    parts[line] = value.to_string();
    fs::write(path, parts.join("\n") + "\n").unwrap();
}

fn json(done: &Done) -> Json {
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stdout))
}

#[test]
fn an_honest_run_has_no_differences() {
    let run = judged();
    let done = run.run(&["verify", "RUN", "--workers", "3"]);
    done.assert_exit(0);
    assert!(
        done.stdout
            .contains("8 verdicts compared, 0 with differences"),
        "{}",
        done.stdout
    );
    let files = ["verdicts.jsonl", "manifest.json"].map(|file| run.path("RUN").join(file));
    assert!(
        files.iter().all(|file| file.is_file()),
        "the run is as it was"
    );

    let sample = |seed: &str| {
        let arguments = ["verify", "RUN", "--sample", "3", "--seed", seed, "--json"];
        let done = run.run(&arguments);
        done.assert_exit(0);
        json(&done)
    };
    let report = sample("5");
    assert_eq!(report["n_candidates"], 8);
    assert_eq!(report["n_judged_again"], 3);
    assert_eq!(report["hidden_tests"]["n_compared"], 3);
    assert_eq!(report, sample("5"));
}

#[test]
fn differences_are_told_and_change_the_exit_code() {
    let run = judged();
    let verdicts = run.path("RUN/verdicts.jsonl");
    // What the cache would answer does not matter: it is not asked.
    tamper(&verdicts, 0, |verdict| {
        let fuel = verdict["fuel"].as_u64().unwrap();
        verdict["fuel"] = (fuel + 1).into();
    });
    tamper(&verdicts, 1, |verdict| {
        verdict["judgement"]["outcome"] = "passed-tests".into();
        verdict["judgement"]["cause"] = Json::Null;
    });
    let done = run.run(&["verify", "RUN"]);
    done.assert_exit(4);
    for text in [
        "plus-one",
        "passed-tests",
        "failed-tests",
        "8 verdicts compared, 2 with differences",
    ] {
        assert!(done.stdout.contains(text), "no {text} in\n{}", done.stdout);
    }
    let done = run.run(&["verify", "RUN", "--json"]);
    done.assert_exit(4);
    let differences = json(&done)["hidden_tests"]["differences"].clone();
    let aspects: Vec<&str> = differences
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["aspect"].as_str().unwrap())
        .collect();
    assert_eq!(aspects, ["fuel", "outcome", "cause"]);
}

#[test]
fn other_datasets_and_guests_are_refused_by_name() {
    let run = judged();
    let manifest = run.path("RUN/manifest.json");
    tamper(&manifest, 0, |manifest| {
        manifest["judging"]["guest"] = "another guest".into();
    });
    let done = run.run(&["verify", "RUN"]);
    done.assert_exit(2);
    for text in ["another guest", "--allow-other-guest"] {
        assert!(done.stderr.contains(text), "no {text} in\n{}", done.stderr);
    }
    let done = run.run(&["verify", "RUN", "--allow-other-guest"]);
    done.assert_exit(0);
    assert!(done.stderr.contains("another guest"), "{}", done.stderr);

    let problems = fs::read_to_string(run.path("problems.jsonl")).unwrap();
    fs::write(
        run.path("problems.jsonl"),
        problems.replace("f(2)", "f( 2)"),
    )
    .unwrap();
    let done = run.run(&["verify", "RUN", "--allow-other-guest"]);
    done.assert_exit(2);
    assert!(done.stderr.contains("SHA-256"), "{}", done.stderr);

    fs::write(run.path("moved.jsonl"), problems).unwrap();
    fs::remove_file(run.path("problems.jsonl")).unwrap();
    let done = run.run(&["verify", "RUN", "--allow-other-guest"]);
    assert!(done.stderr.contains("--dataset"), "{}", done.stderr);
    run.run(&["verify", "RUN", "--allow-other-guest", "-d", "moved.jsonl"])
        .assert_exit(0);
}

#[test]
fn a_run_without_verdicts_is_bad_data() {
    let run = judged();
    let arguments = ["generate", "problems.jsonl", "--samples", "samples.jsonl"];
    run.run(&[&arguments[..], &["-o", "UNJUDGED"]].concat())
        .assert_exit(0);
    let done = run.run(&["verify", "UNJUDGED"]);
    done.assert_exit(3);
    assert!(
        done.stderr.contains("coderl score UNJUDGED"),
        "{}",
        done.stderr
    );
    run.run(&["verify", "nowhere"]).assert_exit(2);
}
