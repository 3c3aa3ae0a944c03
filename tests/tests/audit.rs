//! `coderl audit` on problems whose faults are known, and `--exclude-broken`.

use std::collections::BTreeMap;
use std::fs;

use e2e::Coderl;
use harness::audit::{AuditRecord, Evidence, Need, Solvable, TestsState};
use harness::store::read_audit;
use harness::verdict::Grader;

const SOUND: &str = r#"{"id": "sound", "statement": "Print a pair; if there are several, print any.", "tests": [{"input": "1\n", "output": "1 2"}, {"input": "2\n", "output": "2 3"}], "solutions": ["n = int(input())\nprint(n, n + 1)", "n = int(input())\nprint(n + 1, n)", "import sys, threading\nsys.setrecursionlimit(10**6)\ndef main():\n    n = int(input())\n    print(n, n + 1)\nmain()"]}"#;
const UNSOLVED: &str = r#"{"id": "unsolved", "statement": "Double.", "function": "f", "tests": [{"arguments": [1], "result": 2}], "solutions": ["def f(n): return n + 2", "from fractions import gcd\ndef f(n): return 2 * n"]}"#;
const CONTRADICTORY: &str = r#"{"id": "contradictory", "statement": "Which?", "asserts": ["assert f(1) == 2", "assert f(1)==3"], "solutions": ["def f(n): return n + 1"]}"#;
const EMPTY: &str =
    r#"{"id": "empty", "statement": "Anything.", "tests": [], "solutions": ["print(1)"]}"#;
const LENIENT: &str = r#"{"id": "lenient", "statement": "Print both.", "tests": [{"input": "", "output": "1\n2\n"}], "solutions": ["print(2)\nprint(1)"]}"#;
const FOREIGN: &str = r#"{"id": "foreign", "statement": "Learn.", "tests": [{"input": "", "output": "1"}], "solutions": ["import torch\nprint(1)"]}"#;
const WITHOUT: &str =
    r#"{"id": "without", "statement": "Print 1.", "tests": [{"input": "", "output": "1"}]}"#;

fn fixture() -> Coderl {
    let run = Coderl::new();
    let rows = [
        SOUND,
        UNSOLVED,
        CONTRADICTORY,
        EMPTY,
        LENIENT,
        FOREIGN,
        WITHOUT,
    ];
    fs::write(run.path("mine.jsonl"), rows.join("\n") + "\n").unwrap();
    let samples: String = [
        "sound",
        "unsolved",
        "contradictory",
        "empty",
        "lenient",
        "without",
    ]
    .iter()
    .map(|id| format!("{{\"task_id\": \"{id}\", \"solution\": \"print(1)\"}}\n"))
    .collect();
    fs::write(run.path("samples.jsonl"), samples).unwrap();
    run
}

fn audited(run: &Coderl) -> BTreeMap<String, AuditRecord> {
    run.run(&["audit", "mine.jsonl"]).assert_exit(0);
    read_audit(&run.path("audits/mine.jsonl"))
        .unwrap()
        .into_iter()
        .map(|record| (record.problem.to_string(), record))
        .collect()
}

#[test]
fn every_fault_is_found() {
    let run = fixture();
    let records = audited(&run);
    assert_eq!(records.len(), 7);
    let state = |id: &str| (records[id].solvable, records[id].tests);
    assert_eq!(state("sound"), (Solvable::Yes, TestsState::Sound));
    assert_eq!(state("unsolved"), (Solvable::No, TestsState::Sound));
    assert_eq!(
        state("contradictory"),
        (Solvable::No, TestsState::Contradictory)
    );
    assert_eq!(state("empty"), (Solvable::Unknown, TestsState::Empty));
    assert_eq!(state("lenient"), (Solvable::Yes, TestsState::Sound));
    assert_eq!(state("foreign"), (Solvable::Unknown, TestsState::Sound));
    assert_eq!(state("without"), (Solvable::Unknown, TestsState::Sound));

    let passed = |id: &str, grader: Grader| records[id].of(grader).unwrap().passed;
    assert_eq!(passed("sound", Grader::Strict), 2);
    assert_eq!(passed("lenient", Grader::Strict), 0);
    assert_eq!(passed("lenient", Grader::Apps2021), 1);
    let lenient = &records["lenient"].graders[0];
    assert_eq!(lenient.causes["wrong answer"], 1);
    assert_eq!(records["contradictory"].graders.len(), 1, "code is code");

    let sound = &records["sound"];
    let several = sound.several_answers.as_ref().unwrap();
    assert_eq!(several.evidence, Evidence::SomePass);
    assert_eq!(sound.needs[&Need::Threads], 1);
    assert_eq!(sound.needs[&Need::DeepRecursion], 1);
    let fuel = sound.fuel.unwrap();
    // Two passing references, two tests each, a step a test.
    assert_eq!(fuel.n_steps, 4);
    assert!(0 < fuel.p99 && fuel.p99 <= fuel.max, "{fuel:?}");
    assert_eq!(records["unsolved"].needs[&Need::RemovedPython], 1);
    assert_eq!(records["unsolved"].fuel, None);
    assert_eq!(records["foreign"].unsupported, ["module torch"]);
}

#[test]
fn the_file_depends_on_nothing_but_the_dataset_and_is_continued() {
    let run = fixture();
    audited(&run);
    let file = |path: &str| fs::read(run.path(path)).unwrap();
    let whole = file("audits/mine.jsonl");
    // A file of the first problems is completed; what is there is not audited again.
    let part = [
        "audit",
        "mine.jsonl",
        "--out",
        "part.jsonl",
        "--workers",
        "1",
    ];
    run.run(&[&part[..], &["--limit", "3"]].concat())
        .assert_exit(0);
    assert_eq!(read_audit(&run.path("part.jsonl")).unwrap().len(), 3);
    run.run(&part).assert_exit(0);
    assert!(file("part.jsonl") == whole);
    // A change of limits is another audit.
    run.run(&[&part[..], &["--timeout", "1"]].concat())
        .assert_exit(0);
    assert!(file("part.jsonl") != whole);
    run.run(&["audit", "mine.jsonl", "--out", "part.txt"])
        .assert_exit(2);
}

#[test]
fn one_process_at_a_time_makes_an_audit() {
    let run = fixture();
    fs::create_dir(run.path("audits")).unwrap();
    let lock = fs::File::create(run.path("audits/.mine.lock")).unwrap();
    lock.lock().unwrap();
    let done = run.run(&["audit", "mine.jsonl"]);
    done.assert_exit(1);
    assert!(
        done.stderr.contains("another process") && done.stderr.contains("audits/mine.jsonl"),
        "{}",
        done.stderr
    );
    run.run(&["audit", "mine.jsonl", "--out", "other.jsonl"])
        .assert_exit(0);
    drop(lock);
    audited(&run);
}

#[test]
fn broken_problems_are_left_out_and_the_run_remembers() {
    let run = fixture();
    audited(&run);
    let score = [
        "score",
        "samples.jsonl",
        "-d",
        "mine.jsonl",
        "--exclude-broken",
        "audits/mine.jsonl",
    ];
    let done = run.run(&[&score[..], &["-o", "RUN"]].concat());
    assert!(
        done.stderr
            .contains("left out 4 problems: 2 that no reference solves, 2 with missing"),
        "{}",
        done.stderr
    );
    let problems = fs::read_to_string(run.path("RUN/problems.jsonl")).unwrap();
    let left: Vec<bool> = ["sound", "foreign", "without", "unsolved", "lenient"]
        .iter()
        .map(|id| problems.contains(&format!("\"{id}\"")))
        .collect();
    assert_eq!(left, [true, true, true, false, false]);
    let manifest = fs::read_to_string(run.path("RUN/manifest.json")).unwrap();
    assert!(manifest.contains("\"n_excluded\": 4"), "{manifest}");

    // `lenient` is solvable where the lenient grader judges too.
    let both = run.run(&[&score[..], &["-o", "BOTH", "--judge", "both"]].concat());
    assert!(
        both.stderr.contains("left out 3 problems"),
        "{}",
        both.stderr
    );

    // Without the audit, or with another one, it is another run.
    let without = run.run(&["score", "samples.jsonl", "-d", "mine.jsonl", "-o", "RUN"]);
    without.assert_exit(2);
    assert!(without.stderr.contains("excluded"), "{}", without.stderr);
    let mut audit = fs::read_to_string(run.path("audits/mine.jsonl")).unwrap();
    audit = audit.replace("\"n_infrastructure\":0", "\"n_infrastructure\":1");
    fs::write(run.path("audits/other.jsonl"), audit).unwrap();
    let mut other = score;
    other[5] = "audits/other.jsonl";
    let other = run.run(&[&other[..], &["-o", "RUN"]].concat());
    other.assert_exit(2);
    assert!(other.stderr.contains("sha256"), "{}", other.stderr);
    // The run itself knows its audit.
    let again = run.run(&["score", "RUN"]);
    assert!(
        again.stderr.contains("left out 4 problems"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_report_can_leave_them_out_afterwards() {
    let run = fixture();
    audited(&run);
    run.run(&["score", "samples.jsonl", "-d", "mine.jsonl", "-o", "RUN"]);
    let done = run.run(&["report", "RUN", "--exclude-broken", "audits/mine.jsonl"]);
    done.assert_exit(0);
    let page = fs::read_to_string(run.path("RUN/report/README.md")).unwrap();
    assert!(page.contains("4 broken problems"), "{page}");
}

#[test]
fn an_audit_of_something_else_is_refused() {
    let run = fixture();
    audited(&run);
    let changed = fs::read_to_string(run.path("mine.jsonl")).unwrap();
    fs::write(run.path("mine.jsonl"), changed.replace("2 3", "2 4")).unwrap();
    let score = [
        "score",
        "samples.jsonl",
        "-d",
        "mine.jsonl",
        "--exclude-broken",
    ];
    let done = run.run(&[&score[..], &["audits/mine.jsonl"]].concat());
    done.assert_exit(3);
    assert!(done.stderr.contains("`sound`"), "{}", done.stderr);
    let done = run.run(&[&score[..], &["absent.jsonl"]].concat());
    done.assert_exit(2);
    assert!(done.stderr.contains("coderl audit"), "{}", done.stderr);
    fs::write(run.path("empty.jsonl"), "").unwrap();
    let done = run.run(&[&score[..], &["empty.jsonl"]].concat());
    done.assert_exit(3);
}
