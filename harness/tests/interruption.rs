//! Real processes, killed at any moment or out of disk, then resumed.
//!
//! The child is this test binary, told by environment variables to be one.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use harness::candidate::Candidate;
use harness::contract::{Generator, PluginError};
use harness::judge::Judged;
use harness::problem::Problem;
use harness::runner::{Generate, Work, generate};
use harness::store::{RunDirectory, StoredRun, VerdictCache};

use crate::fixture::{
    Scoring, assert_same_files, candidates, files, manifest, number, problems, verdict_of,
};

const RUN: &str = "TEST_CHILD_RUN";
const CACHE: &str = "TEST_CHILD_CACHE";
const CALLS: &str = "TEST_CHILD_CALLS";

const N_PROBLEMS: usize = 40;
const N_SAMPLES: u32 = 5;

/// A generator that takes its time.
struct Slow;

impl Generator for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn generate(&mut self, problem: &Problem, _: usize) -> Result<Vec<Candidate>, PluginError> {
        thread::sleep(Duration::from_millis(1));
        Ok(candidates(std::slice::from_ref(problem), N_SAMPLES))
    }
}

/// Generates and scores in `path`; `on_call` hears of each call of the judge.
fn run_all(
    path: &Path,
    cache: Option<&VerdictCache>,
    workers: usize,
    on_call: impl Fn(&Work<'_>) + Sync,
) -> Result<(), harness::Error> {
    let problems = problems(N_PROBLEMS);
    let never = AtomicBool::new(false);
    let run = RunDirectory::create_or_resume(path, manifest())?;
    generate(
        &Generate {
            problems: &problems,
            n: Some(N_SAMPLES),
            cancel: &never,
        },
        &mut Slow,
        &mut run.candidates()?,
        &mut run.generation_events()?,
        &mut |_| {},
    )?;
    let candidates = run.read_candidates()?;
    drop(run);
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.workers = workers;
    scoring.cache = cache;
    let judge = |work: &Work<'_>| -> Result<Judged, PluginError> {
        on_call(work);
        thread::sleep(Duration::from_micros(number(work) % 4000));
        verdict_of(work)
    };
    scoring.run(path, judge, &mut ())?;
    Ok(())
}

/// Not a test of its own: the process that gets killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(RUN) else {
        return;
    };
    let cache = std::env::var_os(CACHE).map(|path| VerdictCache::open(Path::new(&path)).unwrap().0);
    let calls = std::env::var_os(CALLS).map(|path| {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
    });
    let result = run_all(Path::new(&path), cache.as_ref(), 3, |work| {
        if let Some(mut calls) = calls.as_ref() {
            calls.write_all(call_name(work).as_bytes()).unwrap();
        }
    });
    if let Err(error) = result {
        panic!("run failed: {}", harness::error_chain(&error));
    }
}

fn call_name(work: &Work<'_>) -> String {
    format!("{} {}\n", work.candidate.id, work.grader)
}

fn start(program: &mut Command, run: &Path) -> Child {
    program
        .args(["interruption::child", "--exact", "--nocapture"])
        .env(RUN, run)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn this_binary() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// Verdicts stored in `path` as names of calls.
fn stored_calls(path: &Path) -> BTreeSet<String> {
    // Killed before there was a manifest: nothing is stored.
    StoredRun::read(path).map_or_else(
        |_| BTreeSet::new(),
        |run| {
            run.verdicts
                .iter()
                .map(|verdict| format!("{} {}", verdict.candidate, verdict.grader))
                .collect()
        },
    )
}

#[test]
fn killed_at_random_moments_and_resumed_it_leaves_the_same_files() {
    let reference = tempfile::tempdir().unwrap();
    run_all(reference.path(), None, 1, |_| {}).unwrap();

    for with_cache in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run");
        let calls = directory.path().join("calls");
        fs::write(&calls, "").unwrap();
        let mut n_kills = 0;
        // Moments from before the manifest exists to the middle of scoring.
        let mut delay = Duration::from_millis(2);
        loop {
            let stored = stored_calls(&run);
            let n_calls_before = fs::read_to_string(&calls).unwrap().lines().count();
            let mut command = this_binary();
            command.env(CALLS, &calls);
            if with_cache {
                command.env(CACHE, directory.path().join("cache"));
            }
            let mut child = start(&mut command, &run);
            thread::sleep(delay);
            // On Unix this is SIGKILL.
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            let calls_now = fs::read_to_string(&calls).unwrap();
            for call in calls_now.lines().skip(n_calls_before) {
                assert!(
                    !stored.contains(call),
                    "`{call}` was stored and judged again"
                );
            }
            assert!(
                stored_calls(&run).is_superset(&stored),
                "stored work is lost"
            );
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.code(), None, "killed, not failed: {output:?}");
            n_kills += 1;
            assert!(n_kills < 400, "no progress");
            // Of no pattern with the work, and long enough to end at last.
            delay =
                Duration::from_micros(delay.as_micros() as u64 * 7 % 61_000 + 1000 + n_kills * 300);
        }
        assert!(n_kills >= 8, "only {n_kills} kills");
        assert_same_files(reference.path(), &run);
    }
}

#[test]
fn two_processes_share_a_cache_and_not_a_run() {
    let reference = tempfile::tempdir().unwrap();
    run_all(reference.path(), None, 1, |_| {}).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|name| directory.path().join(name));
    let cache = directory.path().join("cache");
    let children = runs
        .each_ref()
        .map(|run| start(this_binary().env(CACHE, &cache), run));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    for run in &runs {
        assert_same_files(reference.path(), run);
    }
    // Whoever came first, all is cached now.
    let (cache, notice) = VerdictCache::open(&cache).unwrap();
    assert_eq!(notice, None);
    let third = directory.path().join("c");
    run_all(&third, Some(&cache), 2, |work| {
        panic!("judged {}", call_name(work))
    })
    .unwrap();
    assert_same_files(reference.path(), &third);

    let _run = RunDirectory::open(&runs[0]).unwrap();
    let output = start(&mut this_binary(), &runs[0])
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("in use by another process"), "{message}");
}

/// The system refuses writes beyond a size, as it does on a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_that_names_the_file_and_loses_nothing() {
    let reference = tempfile::tempdir().unwrap();
    run_all(reference.path(), None, 2, |_| {}).unwrap();
    let sizes = files(reference.path());
    assert!(sizes["verdicts.jsonl"].len() > 60 * 1024);

    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    // Units of 512 bytes; ignored, the signal becomes an error of the write.
    let script = "trap '' XFSZ; ulimit -f 80; exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap());
    let output = start(&mut shell, &run).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(101));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("run failed: cannot write `"), "{message}");
    assert!(message.contains("verdicts.partial.jsonl`: "), "{message}");

    let stored = StoredRun::read(&run).unwrap();
    assert!(stored.verdicts.len() > 100);
    assert!(!stored.is_finished);
    run_all(&run, None, 2, |work| {
        let name = call_name(work);
        let is_stored = stored
            .verdicts
            .iter()
            .any(|verdict| format!("{} {}\n", verdict.candidate, verdict.grader) == name);
        assert!(!is_stored, "{name} was stored");
    })
    .unwrap();
    assert_same_files(reference.path(), &run);
}
