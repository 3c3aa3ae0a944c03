//! What becomes of candidates that cannot be judged, whether by bad luck or on purpose.

use std::fs;

use e2e::Coderl;

#[test]
fn becoming_unjudged_does_not_raise_pass_at_k() {
    let run = Coderl::new();
    fs::write(
        run.path("problems.jsonl"),
        "{\"id\": \"one\", \"statement\": \"Print 1.\", \"tests\": [{\"input\": \"\", \"output\": \"1\"}]}\n",
    )
    .unwrap();
    // One right, one wrong, and two that ask for what no guest has once they know nothing.
    let samples: String = ["print(1)", "print(2)", "import torch", "import torchvision"]
        .iter()
        .map(|program| format!("{{\"task_id\": \"one\", \"solution\": \"{program}\"}}\n"))
        .collect();
    fs::write(run.path("samples.jsonl"), samples).unwrap();
    let check = |arguments: &[&str], expected: &[&str], absent: &[&str]| {
        let done = run.run(arguments);
        done.assert_exit(0);
        // The first table is about pass@k; notes are wrapped.
        let table = done.stdout.split("Outcomes in").next().unwrap();
        let shown = table.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in expected {
            assert!(shown.contains(text), "no `{text}` in\n{}", done.stdout);
        }
        for text in absent {
            assert!(!shown.contains(text), "`{text}` in\n{}", done.stdout);
        }
    };
    let score = ["score", "samples.jsonl", "-d", "problems.jsonl", "--k", "1"];
    check(
        &[&score[..], &["-o", "RUN"]].concat(),
        &["25.00", "counted as failed", "pass@1 75.00"],
        &["50.00"],
    );
    // The worst case stands beside the value.
    check(
        &["report", "RUN", "--unjudged", "excluded"],
        &["50.00 worst 25.00", "left out", "pass@1 25.00 to 75.00"],
        &["counted as failed"],
    );
    check(
        &[&score[..], &["-o", "OTHER", "--unjudged", "excluded"]].concat(),
        &["50.00 worst 25.00"],
        &[],
    );
    // The run remembers what it was asked for, and a report may ask for something else.
    check(&["report", "OTHER"], &["50.00 worst 25.00"], &[]);
    check(
        &["report", "OTHER", "--unjudged", "failed"],
        &["25.00"],
        &["50.00"],
    );
    // Thresholds see the value.
    run.run(&[&score[..], &["-o", "RUN", "--min", "pass@1=0.4"]].concat())
        .assert_exit(4);
}
