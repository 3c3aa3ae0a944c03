//! The generated suite through the binary: its programs in the real sandbox, and its texts.

use e2e::Coderl;
use harness::store::StoredRun;

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
        let is_test = |id: &str| id.contains("/test/") || id.starts_with("micro/mbpp/");
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
