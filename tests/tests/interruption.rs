//! `kill -9` at random moments: a run goes on where it was, and ends in the same files.

use std::fs;
use std::time::Duration;

use e2e::Coderl;

/// Programs that differ, pass and fail, on one problem of our own.
fn write_samples(run: &Coderl, n: usize) {
    let problem = r#"{"task_id": "toy/0", "prompt": "def double(x):\n", "entry_point": "double", "canonical_solution": "    return 2 * x\n", "test": "def check(candidate):\n    assert candidate(4) == 8\n    assert candidate(-1) == -2\n"}"#;
    fs::write(run.path("problems.jsonl"), format!("{problem}\n")).unwrap();
    let samples: String = (0..n)
        .map(|index| {
            let body = ["return 2 * x", "return x * x", "return y", "return ("][index % 4];
            format!("{{\"task_id\": \"toy/0\", \"completion\": \"    {body}\\n# {index}\\n\"}}\n")
        })
        .collect();
    fs::write(run.path("samples.jsonl"), samples).unwrap();
}

#[test]
fn killed_again_and_again_a_run_ends_in_the_same_files() {
    let run = Coderl::new();
    write_samples(&run, 2000);
    let arguments = |out| {
        [
            "score",
            "samples.jsonl",
            "--dataset",
            "problems.jsonl",
            "--no-cache",
            "--k",
            "1,10",
            "--out",
            out,
        ]
    };
    run.run(&arguments("whole")).assert_exit(0);

    // A small generator of our own: the moments are random, the test is repeatable.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut kills = 0_u64;
    loop {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // More with each kill, so that a busy machine gets there too.
        let patience = Duration::from_millis(100 + state % 900 + 25 * kills);
        match run.run_killed_after(&arguments("killed"), patience) {
            None => kills += 1,
            Some(done) => {
                done.assert_exit(0);
                break;
            }
        }
        assert!(kills < 200, "the run makes no progress between kills");
    }
    assert!(kills > 0, "the run was never killed");
    for file in [
        "candidates.jsonl",
        "verdicts.jsonl",
        "problems.jsonl",
        "results/human-eval.jsonl",
    ] {
        let read = |out: &str| fs::read(run.path(out).join(file)).unwrap();
        assert!(
            read("whole") == read("killed"),
            "`{file}` differs after {kills} kills"
        );
    }
}
