//! The generated suite through the binary: its programs in the real sandbox, and its texts.

use std::collections::BTreeSet;

use e2e::Coderl;
use harness::store::StoredRun;
use serde_json::Value;

#[test]
fn reference_programs_of_the_generated_suite_pass() {
    let run = Coderl::new();
    for (dataset, limit) in [("micro-apps", "40"), ("micro-mbpp", "20")] {
        let done = run.run(&[
            "run",
            dataset,
            "--backend",
            "reference",
            "--judge",
            "both",
            "--limit",
            limit,
            "--k",
            "1",
            "--no-cache",
            "--out",
            dataset,
            "--min",
            "pass@1=1.0",
        ]);
        done.assert_exit(0);
        let stored = StoredRun::read(&run.path(dataset)).unwrap();
        assert_eq!(stored.problems.len().to_string(), limit);
        // Test is what a run takes of them unless it says otherwise.
        let is_test = |id: &str| match id.strip_prefix("micro/mbpp/") {
            Some(task) => (11..511).contains(&task.parse::<u32>().unwrap()),
            None => id.contains("/test/"),
        };
        assert!(stored.problems.iter().all(|it| is_test(it.id.as_str())));
    }
}

#[test]
fn splits_are_selectable_and_prompts_short() {
    let run = Coderl::new();
    let generate = |split: &str| {
        let done = run.run(&[
            "generate",
            "micro-apps",
            "--backend",
            "reference",
            "--split",
            split,
            "--limit",
            "3",
            "--out",
            split,
        ]);
        done.assert_exit(0);
        let stored = StoredRun::read(&run.path(split)).unwrap();
        let first = format!("micro/apps/{split}/0000");
        assert_eq!(stored.problems[0].id.as_str(), first);
    };
    generate("train");
    generate("validation");

    let prompt = |dataset: &str, id: &str| {
        let done = run.run(&["prompt", dataset, id, "--template", "micro"]);
        done.assert_exit(0);
        done.stdout
    };
    let text = prompt("micro-mbpp", "micro/mbpp/11");
    assert!(text.starts_with("Write a function to "), "{text}");
    assert!(text.contains("\nUse Call-Based format: "), "{text}");
    for number in 0..8 {
        let text = prompt("micro-apps", &format!("micro/apps/test/{number:04}"));
        assert!(
            !text.contains("Example") && text.contains("\nUse "),
            "{text}"
        );
    }
}

#[test]
fn other_sizes_are_written_as_files() {
    let run = Coderl::new();
    let sizes = [
        "--n-train",
        "5",
        "--n-validation",
        "0",
        "--n-test",
        "4",
        "--n-mbpp",
        "3",
    ];
    let write = |seed: &str, out: &str| {
        let command = ["datasets", "micro", "--out", out, "--seed", seed];
        run.run(&[&command[..], &sizes].concat()).assert_exit(0);
        std::fs::read(run.path(out).join("apps/train.jsonl")).unwrap()
    };
    assert_eq!(write("3", "a"), write("3", "b"));
    assert_ne!(write("3", "a"), write("4", "c"));
    let done = run.run(&[
        "run",
        "a/apps",
        "--backend",
        "reference",
        "--split",
        "test",
        "--out",
        "run",
        "--min",
        "pass@1=1.0",
    ]);
    done.assert_exit(0);
    let done = run.run(&["datasets", "micro", "--out", "d", "--n-mbpp", "501"]);
    done.assert_exit(2);
    assert!(done.stderr.contains("at most 500"), "{}", done.stderr);
}

#[test]
fn reference_programs_become_a_corpus() {
    let run = Coderl::new();
    let corpus = |arguments: &[&str]| {
        let command = [
            "corpus",
            "programs",
            "micro-apps",
            "--limit",
            "30",
            "--out",
            "c/all.jsonl",
        ];
        run.run(&[&command[..], arguments].concat()).assert_exit(0);
        let text = std::fs::read_to_string(run.path("c/all.jsonl")).unwrap();
        let texts = text.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| record[name].as_str().unwrap().to_owned();
            (field("id"), field("text"))
        });
        texts.collect::<Vec<_>>()
    };
    let train = corpus(&[]);
    assert!(train.len() > 60, "{}", train.len());
    assert_eq!(train[0].0, "micro/apps/train/0000/0");
    let distinct: BTreeSet<&String> = train.iter().map(|(_, text)| text).collect();
    assert_eq!(distinct.len(), train.len());
    // Test problems are taken where they are asked for, and nowhere else.
    let test = corpus(&["--split", "test"]);
    assert!(test[0].0.starts_with("micro/apps/test/"), "{test:?}");

    let none = run.run(&["corpus", "programs", "--out", "d.jsonl"]);
    none.assert_exit(2);
    assert!(
        none.stderr.contains("no dataset; name one"),
        "{}",
        none.stderr
    );
    std::fs::write(
        run.path("own.jsonl"),
        "{\"id\": \"a\", \"statement\": \"s\", \"tests\": [{\"input\": \"\", \"output\": \"1\"}]}\n",
    )
    .unwrap();
    let empty = run.run(&["corpus", "programs", "own.jsonl", "--out", "d.jsonl"]);
    empty.assert_exit(3);
    assert!(
        empty.stderr.contains("have no reference programs"),
        "{}",
        empty.stderr
    );
    assert!(!run.path("d.jsonl").exists());
}
