//! One process at a time, one set of settings a directory.

use std::fs;

use harness::candidate::Code;
use harness::judge::WhichTests;
use harness::store::{CRITIC_SCORES, Manifest, RunDirectory, StoredRun};
use harness::verdict::Grader;
use harness::{Error, ErrorClass};

use crate::fixture::{Scoring, candidates, files, manifest, problems, verdict_of};

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let first = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    for second in [
        RunDirectory::create_or_resume(directory.path(), manifest()),
        RunDirectory::start_over(directory.path(), manifest()),
        RunDirectory::open(directory.path()),
    ] {
        let error = second.unwrap_err();
        assert!(matches!(error, Error::Locked { .. }));
        assert!(
            error.to_string().contains("in use by another process"),
            "{error}"
        );
        assert!(error.to_string().contains("--out"), "{error}");
    }
    // Reading is not refused.
    assert_eq!(
        StoredRun::read(directory.path()).unwrap().manifest,
        manifest()
    );
    drop(first);
    RunDirectory::open(directory.path()).unwrap();
}

#[test]
fn every_difference_is_named() {
    let directory = tempfile::tempdir().unwrap();
    drop(RunDirectory::create_or_resume(directory.path(), manifest()).unwrap());
    let check = |change: fn(&mut Manifest), expected: &[&str]| {
        let mut other = manifest();
        change(&mut other);
        let error = RunDirectory::create_or_resume(directory.path(), other).unwrap_err();
        let Error::OtherRun { differences, .. } = &error else {
            panic!("{error}")
        };
        let keys: Vec<&str> = differences.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, expected);
        assert_eq!(error.class(), ErrorClass::Usage);
        let text = error.to_string();
        assert!(text.contains("--out") && text.contains("--fresh"), "{text}");
        // And nothing has changed.
        assert_eq!(
            StoredRun::read(directory.path()).unwrap().manifest,
            manifest()
        );
    };
    check(|m| m.coderl_version = "0.2.0".into(), &["coderl_version"]);
    check(|m| m.dataset.sha256 = "ff".repeat(32), &["dataset.sha256"]);
    check(
        |m| {
            m.dataset.selection.limit = std::num::NonZeroUsize::new(3);
            m.dataset.n_selected = 3;
        },
        &["dataset.n_selected", "dataset.selection.limit"],
    );
    check(
        |m| m.generation.as_mut().unwrap().sources[0].sha256 = "22".repeat(32),
        &["generation.sources"],
    );
    check(
        |m| m.generation.as_mut().unwrap().seed = 1,
        &["generation.seed"],
    );
    check(
        |m| {
            let judging = m.judging.as_mut().unwrap();
            judging.graders = vec![Grader::Strict];
            judging.limits.fuel += 1;
            judging.limits.memory_bytes += 1;
            judging.options.early_stop = false;
            judging.guest = "guest 2".into();
            judging.judge = "another".into();
        },
        &[
            "judging.graders",
            "judging.guest",
            "judging.judge",
            "judging.limits.fuel",
            "judging.limits.memory_bytes",
            "judging.options.early-stop",
        ],
    );
}

#[test]
fn differences_show_both_values() {
    let mut other = manifest();
    other.dataset.name = "mbpp".into();
    let [difference] = &manifest().differences(&other)[..] else {
        panic!("one difference")
    };
    assert_eq!(difference.stored, "`toy`");
    assert_eq!(difference.requested, "`mbpp`");
}

#[test]
fn paths_times_and_clocks_do_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    drop(RunDirectory::create_or_resume(directory.path(), manifest()).unwrap());
    let mut other = manifest();
    other.created = "2030-01-01T00:00:00Z".into();
    other.dataset.path = Some("elsewhere/toy.jsonl".into());
    other.generation.as_mut().unwrap().sources[0].path = "elsewhere.jsonl".into();
    other.judging.as_mut().unwrap().limits.processor_time = std::time::Duration::from_secs(1);
    let run = RunDirectory::create_or_resume(directory.path(), other).unwrap();
    assert_eq!(run.manifest().created, manifest().created, "begun then");
}

#[test]
fn a_later_stage_adds_its_part() {
    let directory = tempfile::tempdir().unwrap();
    let generating = Manifest {
        judging: None,
        ..manifest()
    };
    drop(RunDirectory::create_or_resume(directory.path(), generating.clone()).unwrap());
    let judging = Manifest {
        generation: None,
        ..manifest()
    };
    drop(RunDirectory::create_or_resume(directory.path(), judging).unwrap());
    let run = RunDirectory::create_or_resume(directory.path(), generating).unwrap();
    assert_eq!(*run.manifest(), manifest());
    drop(run);
    assert_eq!(
        *RunDirectory::open(directory.path()).unwrap().manifest(),
        manifest()
    );
}

#[test]
fn starting_over_discards_records_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(2);
    let candidates = candidates(&problems, 1);
    Scoring::new(&problems, &candidates)
        .run(directory.path(), verdict_of, &mut ())
        .unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    // Of candidates that are gone: the new ones have the same names.
    fs::write(directory.path().join(CRITIC_SCORES), "").unwrap();
    let mut other = manifest();
    other.generation.as_mut().unwrap().seed = 7;
    let run = RunDirectory::start_over(directory.path(), other.clone()).unwrap();
    assert_eq!(*run.manifest(), other);
    let names: Vec<String> = files(directory.path()).into_keys().collect();
    assert_eq!(names, ["manifest.json", "notes.txt"]);
    assert!(run.verdicts(WhichTests::Hidden).unwrap().is_empty());
}

#[test]
fn a_finished_run_reads_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(3);
    let candidates = candidates(&problems, 2);
    Scoring::new(&problems, &candidates)
        .run(directory.path(), verdict_of, &mut ())
        .unwrap();
    let names: Vec<String> = files(directory.path()).into_keys().collect();
    let expected = [
        "candidates.jsonl",
        "events.jsonl",
        "manifest.json",
        "problems.jsonl",
        "skipped.jsonl",
        "verdicts.jsonl",
    ];
    assert_eq!(names, expected);
    let stored = StoredRun::read(directory.path()).unwrap();
    assert!(stored.is_finished);
    assert_eq!(stored.candidates, candidates);
    assert_eq!(stored.problems.len(), 3);
    assert_eq!(stored.skipped.len(), 2);
    assert_eq!(stored.skipped[0].reason, "no statement");
    assert_eq!(stored.problems[1].difficulty, problems[1].difficulty);
    assert_eq!(stored.problems[1].n_hidden_tests, 1);
    assert_eq!(stored.verdicts.len(), 12);
    assert!(stored.example_verdicts.is_empty());
    assert!(stored.events.is_empty());
}

#[test]
fn other_programs_under_stored_ids_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let mut candidates = candidates(&problems(2), 2);
    run.candidates()
        .unwrap()
        .append_all(&candidates[..3])
        .unwrap();
    run.check_candidates(&candidates).unwrap();
    candidates[2].code = Code::Program("print(0)".into());
    let error = run.check_candidates(&candidates).unwrap_err().to_string();
    assert!(
        error.contains("candidate toy/1#0 with another program"),
        "{error}"
    );
}

#[test]
fn directories_that_hold_something_else_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let error = RunDirectory::open(path).unwrap_err();
    assert!(matches!(error, Error::NoRun { .. }), "{error}");
    assert!(matches!(StoredRun::read(path), Err(Error::NoRun { .. })));
    assert!(files(path).is_empty(), "looking leaves nothing behind");

    fs::write(path.join("verdicts.jsonl"), "").unwrap();
    let error = RunDirectory::create_or_resume(path, manifest()).unwrap_err();
    assert!(matches!(error, Error::OrphanRecords { .. }), "{error}");

    fs::write(path.join("manifest.json"), "{\"format_version\": 99}").unwrap();
    let error = RunDirectory::create_or_resume(path, manifest()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("in format 99 and this version reads format 1"),
        "{error}"
    );

    fs::write(path.join("manifest.json"), "{\"format_version\": 1}").unwrap();
    let error = RunDirectory::open(path).unwrap_err();
    assert!(matches!(error, Error::CorruptFile { .. }), "{error}");
    assert!(
        error.to_string().contains("manifest.json`: missing field"),
        "{error}"
    );
    RunDirectory::start_over(path, manifest()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunDirectory::create_or_resume(file.join("run"), manifest()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Environment);
    let text = harness::error_chain(&error);
    assert!(
        text.contains("cannot create directory") && text.contains("file/run"),
        "{text}"
    );
}
