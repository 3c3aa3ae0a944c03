//! Record files: appending, tearing, corruption, sorting.

use std::fs;

use harness::candidate::Candidate;
use harness::store::{RecordLog, RunDirectory};
use tempfile::TempDir;

use crate::fixture::{candidates, manifest, problems};

const PARTIAL: &str = "candidates.partial.jsonl";
const FINISHED: &str = "candidates.jsonl";

fn run(directory: &TempDir) -> RunDirectory {
    RunDirectory::create_or_resume(directory.path(), manifest()).unwrap()
}

fn ids(log: &RecordLog<Candidate>) -> Vec<String> {
    log.ids().map(ToString::to_string).collect()
}

#[test]
fn appends_survive_and_finishing_sorts() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let mut records = candidates(&problems(3), 2);
    records.reverse();
    let mut log = run.candidates().unwrap();
    log.append_all(&records[..4]).unwrap();
    log.append(&records[0]).unwrap();
    drop(log);

    let mut log = run.candidates().unwrap();
    assert!(!log.is_finished());
    assert_eq!(log.len(), 4);
    assert!(log.contains(&records[3].id));
    assert!(!log.contains(&records[4].id));
    log.append_all(&records).unwrap();
    log.finish().unwrap();
    assert!(log.is_finished());
    assert!(!directory.path().join(PARTIAL).exists());

    let log = run.candidates().unwrap();
    assert!(log.is_finished());
    let in_order = [
        "toy/0#0", "toy/0#1", "toy/1#0", "toy/1#1", "toy/2#0", "toy/2#1",
    ];
    assert_eq!(ids(&log), in_order);
    records.reverse();
    assert_eq!(run.read_candidates().unwrap(), records);
    let lines = fs::read_to_string(log.path()).unwrap();
    let line_of_first = serde_json::to_string(&records[0]).unwrap();
    assert_eq!(lines.lines().count(), 6);
    assert_eq!(lines.lines().next(), Some(line_of_first.as_str()));
}

#[test]
fn whatever_the_length_a_file_is_cut_to_whole_records_remain() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(1), 3);
    let mut log = run.candidates().unwrap();
    log.append_all(&records).unwrap();
    let path = log.path().to_owned();
    drop(log);
    let whole = fs::read(&path).unwrap();
    for len in 0..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let n_whole = whole[..len].iter().filter(|&&byte| byte == b'\n').count();
        // A reader beside the writer sees the same and changes nothing.
        assert_eq!(run.read_candidates().unwrap(), records[..n_whole]);
        assert_eq!(fs::read(&path).unwrap().len(), len);

        let mut log = run.candidates().unwrap();
        assert_eq!(log.len(), n_whole, "of {len} bytes");
        log.append_all(&records).unwrap();
        drop(log);
        assert!(fs::read(&path).unwrap() == whole, "after {len} bytes");
    }
}

#[test]
fn a_tail_of_zeros_as_after_a_loss_of_power_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(1), 2);
    let mut log = run.candidates().unwrap();
    log.append(&records[0]).unwrap();
    let path = log.path().to_owned();
    let mut content = fs::read(&path).unwrap();
    let whole = content.len();
    for tail in [&[0; 4096][..], b"\0\0\0\n"] {
        content.truncate(whole);
        content.extend_from_slice(tail);
        fs::write(&path, &content).unwrap();
        let mut log = run.candidates().unwrap();
        log.append(&records[1]).unwrap();
        drop(log);
        assert_eq!(run.read_candidates().unwrap(), records);
        fs::write(&path, &content[..whole]).unwrap();
    }
}

#[test]
fn a_corrupt_line_elsewhere_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(1), 3);
    let mut log = run.candidates().unwrap();
    log.append_all(&records).unwrap();
    let path = log.path().to_owned();
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let check = |content: String, line: usize| {
        fs::write(&path, &content).unwrap();
        let error = run.candidates().unwrap_err().to_string();
        let expected = format!("{PARTIAL}`, line {line}: ");
        assert!(error.contains(&expected), "{error}");
        let untouched = fs::read_to_string(&path).unwrap();
        assert_eq!(untouched, content);
    };
    check(
        format!("{}\n{}\n{}\n", lines[0], &lines[1][..9], lines[2]),
        2,
    );
    check(format!("\n{}\n", lines[0]), 1);
    // Not torn: a whole line of something else.
    check(format!("{}\n{{\"id\": 3}}\n", lines[0]), 2);
}

#[test]
fn appending_to_a_finished_log_reopens_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(2), 2);
    let mut log = run.candidates().unwrap();
    log.append_all(&records[1..]).unwrap();
    log.finish().unwrap();
    log.append(&records[2]).unwrap();
    assert!(log.is_finished(), "nothing new");
    log.append(&records[0]).unwrap();
    assert!(!log.is_finished());
    assert!(!directory.path().join(FINISHED).exists());
    drop(log);
    let mut log = run.candidates().unwrap();
    assert!(!log.is_finished());
    log.finish().unwrap();
    assert_eq!(run.read_candidates().unwrap(), records);
}

#[test]
fn dropped_records_are_gone_for_good_and_can_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(2), 2);
    for finish in [false, true] {
        let mut log = run.candidates().unwrap();
        log.append_all(&records).unwrap();
        if finish {
            log.finish().unwrap();
        }
        log.retain(|_| true).unwrap();
        assert_eq!(log.is_finished(), finish);
        log.retain(|record| record.id.index == 1).unwrap();
        assert!(!log.is_finished());
        assert_eq!(ids(&log), ["toy/0#1", "toy/1#1"]);
        log.append(&records[0]).unwrap();
        drop(log);
        let log = run.candidates().unwrap();
        assert_eq!(ids(&log), ["toy/0#0", "toy/0#1", "toy/1#1"]);
    }
}

#[test]
fn a_crash_between_finishing_and_tidying_leaves_the_finished_file() {
    let directory = tempfile::tempdir().unwrap();
    let run = run(&directory);
    let records = candidates(&problems(2), 2);
    let mut log = run.candidates().unwrap();
    log.append_all(&records).unwrap();
    let partial = fs::read(log.path()).unwrap();
    log.finish().unwrap();
    drop(log);
    fs::write(directory.path().join(PARTIAL), &partial[..20]).unwrap();
    let log = run.candidates().unwrap();
    assert!(log.is_finished());
    assert_eq!(log.len(), 4);
    assert!(!directory.path().join(PARTIAL).exists());
}
