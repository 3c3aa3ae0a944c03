//! Worker processes of the binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// One less than the attempts that are made for a candidate, which may meet all of them.
const KILLS: usize = 2;

const PATIENCE: Duration = Duration::from_secs(60);

/// Processes whose parent is `parent`.
fn children(parent: u32) -> BTreeSet<u32> {
    let tasks = format!("/proc/{parent}/task");
    let mut found = BTreeSet::new();
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            list.split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    found
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "still waiting for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn kill(process: u32) {
    let done = Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

/// A run of the built-in suite, into `out`, that judges everything anew.
fn scoring(out: &str) -> Vec<&str> {
    let fixed = "run builtin --timeout 0.5 --judge both --no-cache --no-report --workers 2 --out";
    fixed.split(' ').chain([out]).collect()
}

fn start(coderl: &e2e::Coderl, out: &str) -> Child {
    coderl
        .command(&scoring(out))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn workers_die_with_the_harness() {
    let coderl = e2e::Coderl::new();
    let mut harness = start(&coderl, "run");
    wait_for("workers", || children(harness.id()).len() >= 2);
    let workers = children(harness.id());
    kill(harness.id());
    harness.wait().unwrap();
    for worker in workers {
        wait_for("the end of a worker", || {
            !Path::new(&format!("/proc/{worker}")).exists()
        });
    }
    // Their folders stay until somebody else comes by.
    let prefix = format!("coderl-worker-{}-", harness.id());
    let folders = || {
        fs::read_dir(std::env::temp_dir())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .count()
    };
    assert!(folders() >= 2);
    coderl.run(&["doctor"]);
    assert_eq!(folders(), 0);
}

#[test]
fn killed_workers_cost_retries_and_no_verdict() {
    let coderl = e2e::Coderl::new();
    let calm = coderl.run(&scoring("calm"));
    assert_eq!(calm.status, Some(0), "{}", calm.stderr);
    let mut harness = start(&coderl, "run");
    // A worker that dies while it starts costs nothing: let them come to their work.
    thread::sleep(Duration::from_secs(1));
    let mut killed = 0;
    while harness.try_wait().unwrap().is_none() {
        if killed < KILLS
            && let Some(worker) = children(harness.id()).first()
        {
            kill(*worker);
            killed += 1;
        }
        thread::sleep(Duration::from_millis(300));
    }
    assert!(
        killed > 0,
        "the run was over before a worker could be killed"
    );
    assert!(harness.wait().unwrap().success());
    let verdicts = |run: &str| fs::read(coderl.path(run).join("verdicts.jsonl")).unwrap();
    assert!(verdicts("calm") == verdicts("run"), "verdicts differ");
    let events = fs::read_to_string(coderl.path("run").join("events.jsonl")).unwrap();
    assert!(
        events.lines().count() > 0,
        "no event tells of {killed} kills"
    );
    assert!(events.contains("worker"), "{events}");
}
