//! Runs whose files are damaged.

use std::fs;

use e2e::Coderl;
use serde_json::Value;

use super::{assert_says, run, samples};

/// What is wrong with a file of a run is told with its name and line, before anything is learnt.
#[test]
fn damage_to_a_run_is_named() {
    let coderl = Coderl::new();
    samples(&coderl);
    run(
        &coderl,
        "train critic --samples samples --model m --out critic",
    )
    .assert_exit(0);
    run(&coderl, "critic-score samples --critic critic/model").assert_exit(0);
    let lines = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(coderl.path("samples").join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let check = |name: &str, change: &dyn Fn(&mut Vec<String>), texts: &[&str]| {
        let sound = lines(name);
        let mut damaged = sound.clone();
        change(&mut damaged);
        let path = coderl.path("samples").join(name);
        // The last line as `change` leaves it: with its end, or without.
        fs::write(&path, damaged.join("\n")).unwrap();
        let done = run(
            &coderl,
            "train rl --samples samples --model m --out rl --fresh",
        );
        done.assert_exit(3);
        assert_says(&done, texts);
        assert_says(&done, &[name]);
        assert!(!coderl.path("rl/settings.json").exists(), "{name}");
        fs::write(&path, sound.join("\n") + "\n").unwrap();
    };
    let ended = |lines: &mut Vec<String>| lines.push(String::new());
    let replaced = |line: usize, from: &'static str, to: &'static str| {
        move |lines: &mut Vec<String>| {
            assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
            lines[line - 1] = lines[line - 1].replacen(from, to, 1);
            ended(lines);
        }
    };
    let cut = |lines: &mut Vec<String>| {
        let last = lines.last_mut().unwrap();
        last.truncate(last.len() / 2);
    };
    let elsewhere = replaced(5, "\"problem\":\"builtin", "\"problem\":\"elsewhere");
    for name in ["candidates.jsonl", "verdicts.jsonl", "critic_scores.jsonl"] {
        check(
            name,
            &cut,
            &[&format!("line {}", lines(name).len()), "cut off"],
        );
        check(name, &replaced(7, "\"index\":", "\"index\":-"), &["line 7"]);
    }
    check("candidates.jsonl", &elsewhere, &["line 5", "`elsewhere/"]);
    check("verdicts.jsonl", &elsewhere, &["line 5", "`elsewhere/"]);
    // Numbers that are none, and too few of them.
    let bad = |change: fn(&mut Value)| {
        move |lines: &mut Vec<String>| {
            let mut record: Value = serde_json::from_str(&lines[2]).unwrap();
            change(&mut record["logits"]);
            lines[2] = record.to_string();
            ended(lines);
        }
    };
    let scores = "critic_scores.jsonl";
    check(
        scores,
        &bad(|logits| logits[1][0] = Value::Null),
        &["line 3"],
    );
    check(
        scores,
        &bad(|logits| logits[1][0] = "NaN".into()),
        &["line 3"],
    );
    check(
        scores,
        &bad(|logits| logits[1] = Value::Array(Vec::new())),
        &["line 3", "token 2"],
    );
    let shorter = bad(|logits| _ = logits.as_array_mut().unwrap().pop());
    check(
        scores,
        &shorter,
        &["line 3", "logits of 2 tokens, and 3 tokens"],
    );
    // Undamaged, the same command learns.
    run(
        &coderl,
        "train rl --samples samples --model m --out rl --fresh",
    )
    .assert_exit(0);
}
