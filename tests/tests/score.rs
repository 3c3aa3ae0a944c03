//! `coderl score` on a small file with a result computed by hand.

use std::fs;

use e2e::Coderl;

#[test]
fn pass_at_k_is_what_a_hand_computes() {
    let run = Coderl::new();
    let problem = |id: u32| {
        format!(
            r#"{{"task_id": "toy/{id}", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    return {id}\n", "test": "def check(candidate):\n    assert candidate() == {id}\n"}}"#
        )
    };
    fs::write(
        run.path("problems.jsonl"),
        format!("{}\n{}\n", problem(0), problem(1)),
    )
    .unwrap();
    // 3 of 4 right for the first problem, 1 of 4 for the second.
    let samples: String = [
        (0, "0"),
        (0, "0 "),
        (0, "0  "),
        (0, "5"),
        (1, "1"),
        (1, "2"),
        (1, "3"),
        (1, "4"),
    ]
    .iter()
    .map(|(id, value)| {
        format!("{{\"task_id\": \"toy/{id}\", \"completion\": \"    return {value}\\n\"}}\n")
    })
    .collect();
    fs::write(run.path("samples.jsonl"), samples).unwrap();
    let done = run.run(&[
        "score",
        "samples.jsonl",
        "--dataset",
        "problems.jsonl",
        "--k",
        "1,2,4",
    ]);
    done.assert_exit(0);
    // pass@1 = (3/4 + 1/4) / 2; pass@2 = (1 + 1/2) / 2; pass@4 = 1.
    for value in ["50.00", "75.00", "100.00"] {
        assert!(
            done.stdout.contains(value),
            "no {value} in\n{}",
            done.stdout
        );
    }
    let results =
        fs::read_to_string(run.path("runs/problems-samples/results/human-eval.jsonl")).unwrap();
    assert_eq!(results.lines().count(), 8);
    assert_eq!(results.matches("\"passed\":true").count(), 4);
}

#[test]
fn generate_then_score_is_the_same_as_score() {
    let run = Coderl::new();
    run.run(&["generate", "builtin", "--limit", "3", "--out", "stages"])
        .assert_exit(0);
    run.run(&["score", "stages"]).assert_exit(0);
    run.run(&["run", "builtin", "--limit", "3", "--out", "together"])
        .assert_exit(0);
    for file in ["candidates.jsonl", "verdicts.jsonl"] {
        let read = |out: &str| fs::read(run.path(out).join(file)).unwrap();
        assert!(read("stages") == read("together"), "`{file}` differs");
    }
    let compared = run.run(&["compare", "stages", "together"]);
    compared.assert_exit(0);
    assert!(compared.stdout.contains("0.00"), "{}", compared.stdout);
}

/// A reference is trusted; a run that gives programs more memory than usual gives it to the
/// reference too.
#[test]
fn references_get_the_memory_of_the_run() {
    let run = Coderl::new();
    fs::write(
        run.path("problems.jsonl"),
        "{\"task_id\": \"toy/0\", \"prompt\": \"def f(n):\\n\", \"entry_point\": \"f\", \
         \"canonical_solution\": \"    return len(bytearray(n << 20))\\n\", \"base_input\": [[700]], \
         \"plus_input\": [[1]], \"atol\": 0, \"contract\": \"\"}\n",
    )
    .unwrap();
    fs::write(
        run.path("samples.jsonl"),
        "{\"task_id\": \"toy/0\", \"solution\": \"def f(n):\\n    return n << 20\\n\"}\n",
    )
    .unwrap();
    let score = ["score", "samples.jsonl", "-d", "problems.jsonl", "--k", "1"];
    let check = |memory: &str, expected: &str| {
        let arguments = ["--memory-mib", memory, "-o", memory];
        run.run(&[&score[..], &arguments].concat()).assert_exit(0);
        let verdicts = fs::read_to_string(run.path(memory).join("verdicts.jsonl")).unwrap();
        assert!(verdicts.contains(expected), "{memory} MiB: {verdicts}");
    };
    check("256", "broken-reference");
    check("1500", "passed-tests");
}
