//! The runner: same files whatever the order, retries, repetitions, cancelling.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use harness::candidate::Candidate;
use harness::contract::{Generator, PluginError};
use harness::judge::{Judged, WhichTests};
use harness::problem::{Problem, UnitTests};
use harness::runner::{
    Event, Generate, GenerateEvent, GenerateSummary, ScoreSummary, Work, generate, score,
};
use harness::store::{RunDirectory, StoredRun, VerdictCache};
use harness::verdict::{Judgement, Unjudged};
use harness::{Error, ErrorClass};

use crate::fixture::{
    BOTH, Scoring, assert_same_files, candidate, candidates, manifest, number, problems, verdict_of,
};

/// Answers late by a time that shuffles the order of results.
fn sleepy(work: &Work<'_>) -> Result<Judged, PluginError> {
    thread::sleep(Duration::from_micros(number(work) % 3000));
    verdict_of(work)
}

#[test]
fn files_do_not_depend_on_the_number_of_workers() {
    let problems = problems(12);
    let candidates = candidates(&problems, 4);
    let reference = tempfile::tempdir().unwrap();
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.workers = 1;
    let mut order = Vec::new();
    let summary = scoring
        .run(reference.path(), verdict_of, &mut |event: &Event<'_>| {
            if let Event::Judged { verdict } = event {
                order.push((verdict.candidate.clone(), verdict.grader));
            }
        })
        .unwrap();
    assert_eq!(summary.judged, 96);
    assert!(order.is_sorted(), "one worker works in order");

    let mut shuffled: Vec<Candidate> = candidates.clone();
    shuffled.sort_by_key(|candidate| candidate.id.to_string().bytes().rev().collect::<Vec<_>>());
    assert_ne!(shuffled, candidates);
    for workers in [1, 2, 7] {
        let directory = tempfile::tempdir().unwrap();
        let mut scoring = Scoring::new(&problems, &shuffled);
        scoring.workers = workers;
        let mut order = Vec::new();
        scoring
            .run(directory.path(), sleepy, &mut |event: &Event<'_>| {
                if let Event::Judged { verdict } = event {
                    order.push((verdict.candidate.clone(), verdict.grader));
                }
            })
            .unwrap();
        assert_eq!(order.len(), 96);
        if workers == 7 {
            assert!(!order.is_sorted(), "results came out of order");
        }
        assert_same_files(reference.path(), directory.path());
    }
}

/// A worker that meets a long one last would keep the others waiting.
#[test]
fn largest_budgets_come_first() {
    let mut problems = problems(5);
    for (problem, n_tests) in problems.iter_mut().zip([1, 3, 2, 3, 1]) {
        let UnitTests::StandardInput { tests } = &mut problem.tests else {
            unreachable!("the fixture reads standard input")
        };
        let test = tests.hidden[0].clone();
        tests.hidden = vec![test; n_tests];
    }
    let candidates = candidates(&problems, 2);
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.workers = 1;
    let directory = tempfile::tempdir().unwrap();
    let mut order: Vec<String> = Vec::new();
    scoring
        .run(directory.path(), verdict_of, &mut |event: &Event<'_>| {
            if let Event::Judged { verdict } = event {
                order.push(verdict.candidate.to_string());
            }
        })
        .unwrap();
    order.dedup(); // two graders each
    let expected = [1, 3, 2, 0, 4]
        .iter()
        .flat_map(|problem| (0..2).map(move |index| format!("toy/{problem}#{index}")))
        .collect::<Vec<String>>();
    assert_eq!(order, expected);

    scoring.workers = 5;
    let other = tempfile::tempdir().unwrap();
    scoring.run(other.path(), sleepy, &mut ()).unwrap();
    assert_same_files(directory.path(), other.path());
}

#[test]
fn a_second_call_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(2);
    let candidates = candidates(&problems, 2);
    let scoring = Scoring::new(&problems, &candidates);
    scoring.run(directory.path(), verdict_of, &mut ()).unwrap();
    let summary = scoring
        .run(directory.path(), |_| panic!("nothing to judge"), &mut ())
        .unwrap();
    let expected = ScoreSummary {
        total: 8,
        already_done: 8,
        ..ScoreSummary::default()
    };
    assert_eq!(summary, expected);
}

#[test]
fn equal_work_is_judged_once() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(2);
    // Programs 0 and 2 of each problem are equal; across problems the tests differ.
    let candidates: Vec<Candidate> = problems
        .iter()
        .flat_map(|problem| {
            ["print(1)", "print(2)", "print(1)"]
                .iter()
                .zip(0..)
                .map(|(program, index)| candidate(problem, index, program))
        })
        .collect();
    let calls = Mutex::new(Vec::new());
    let mut started = None;
    let summary = Scoring::new(&problems, &candidates)
        .run(
            directory.path(),
            |work: &Work<'_>| {
                calls.lock().unwrap().push(work.candidate.id.to_string());
                verdict_of(work)
            },
            &mut |event: &Event<'_>| {
                if let Event::Started {
                    total, distinct, ..
                } = event
                {
                    started = Some((*total, *distinct));
                }
            },
        )
        .unwrap();
    assert_eq!(started, Some((12, 8)));
    assert_eq!((summary.judged, summary.repeated), (8, 4));
    let mut calls = calls.into_inner().unwrap();
    calls.sort();
    calls.dedup();
    assert_eq!(calls, ["toy/0#0", "toy/0#1", "toy/1#0", "toy/1#1"]);
    let verdicts = StoredRun::read(directory.path()).unwrap().verdicts;
    assert_eq!(verdicts.len(), 12);
    assert_eq!(verdicts[0].judgement, verdicts[4].judgement);
    assert_eq!(verdicts[0].fuel, verdicts[4].fuel);
    assert_eq!(verdicts[4].candidate.to_string(), "toy/0#2");
}

#[test]
fn trouble_is_retried_and_recorded_and_does_not_change_verdicts() {
    let problems = problems(4);
    let candidates = candidates(&problems, 2);
    let reference = tempfile::tempdir().unwrap();
    Scoring::new(&problems, &candidates)
        .run(reference.path(), verdict_of, &mut ())
        .unwrap();

    let mut directories = Vec::new();
    for workers in [1, 7] {
        let directory = tempfile::tempdir().unwrap();
        let tried: Mutex<BTreeSet<String>> = Mutex::default();
        let mut scoring = Scoring::new(&problems, &candidates);
        scoring.workers = workers;
        let mut n_retried = 0;
        let summary = scoring
            .run(
                directory.path(),
                |work: &Work<'_>| {
                    thread::sleep(Duration::from_micros(number(work) % 500));
                    let name = format!("{} {}", work.candidate.id, work.grader);
                    let is_first = tried.lock().unwrap().insert(name);
                    match (is_first, number(work) % 3) {
                        (true, 0) => Err("the worker died".into()),
                        (true, 1) => panic!("a bug in the judge"),
                        _ => verdict_of(work),
                    }
                },
                &mut |event: &Event<'_>| {
                    n_retried += usize::from(matches!(event, Event::Retried { .. }));
                },
            )
            .unwrap();
        assert!(summary.failed_attempts > 4, "{summary:?}");
        assert_eq!(n_retried, summary.failed_attempts);
        assert_eq!(summary.infrastructure_failures, 0);
        let stored = StoredRun::read(directory.path()).unwrap();
        assert_eq!(stored.events.len(), summary.failed_attempts);
        for detail in ["the worker died", "the judge panicked: a bug in the judge"] {
            assert!(stored.events.iter().any(|event| event.detail == detail));
        }
        let expected = StoredRun::read(reference.path()).unwrap().verdicts;
        assert_eq!(stored.verdicts, expected);
        directories.push(directory);
    }
    assert_same_files(directories[0].path(), directories[1].path());
}

#[test]
fn lasting_trouble_leaves_a_candidate_unjudged_until_asked_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache_directory = tempfile::tempdir().unwrap();
    let (cache, _) = VerdictCache::open(cache_directory.path()).unwrap();
    let problems = problems(2);
    let candidates = candidates(&problems, 1);
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.cache = Some(&cache);
    let calls = AtomicUsize::new(0);
    let failing = |work: &Work<'_>| {
        if work.candidate.id.problem.as_str() == "toy/0" {
            calls.fetch_add(1, Ordering::Relaxed);
            let source = std::io::Error::other("no memory");
            return Err(Box::new(source) as PluginError);
        }
        verdict_of(work)
    };
    let summary = scoring.run(directory.path(), failing, &mut ()).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 6, "three tries, two graders");
    assert_eq!(summary.infrastructure_failures, 2);
    let stored = StoredRun::read(directory.path()).unwrap();
    assert!(stored.is_finished);
    assert_eq!(stored.events.len(), 6);
    let reason = Unjudged::Infrastructure {
        detail: "no memory".to_owned(),
    };
    assert_eq!(stored.verdicts[0].judgement, Judgement::Unjudged { reason });

    // Left as it is by default, and judged when asked for: it was not cached.
    let summary = scoring.run(directory.path(), verdict_of, &mut ()).unwrap();
    assert_eq!(summary.already_done, 4);
    scoring.retry_infrastructure = true;
    let summary = scoring.run(directory.path(), verdict_of, &mut ()).unwrap();
    assert_eq!(
        (summary.already_done, summary.judged, summary.cache_hits),
        (2, 2, 0)
    );
    let stored = StoredRun::read(directory.path()).unwrap();
    assert!(
        stored
            .verdicts
            .iter()
            .all(|it| it.judgement.outcome().is_some())
    );
    assert_eq!(stored.events.len(), 6, "history stays");
}

#[test]
fn cancelling_keeps_what_is_done_and_the_next_call_goes_on() {
    let problems = problems(10);
    let candidates = candidates(&problems, 4);
    let reference = tempfile::tempdir().unwrap();
    Scoring::new(&problems, &candidates)
        .run(reference.path(), verdict_of, &mut ())
        .unwrap();

    let directory = tempfile::tempdir().unwrap();
    let mut n_calls = 0;
    let judged_before: Mutex<BTreeSet<String>> = Mutex::default();
    loop {
        n_calls += 1;
        let cancel = AtomicBool::new(false);
        let mut scoring = Scoring::new(&problems, &candidates);
        scoring.cancel = &cancel;
        let mut n_judged = 0;
        let summary = scoring
            .run(
                directory.path(),
                |work: &Work<'_>| {
                    let name = format!("{} {}", work.candidate.id, work.grader);
                    assert!(judged_before.lock().unwrap().insert(name), "judged twice");
                    sleepy(work)
                },
                &mut |event: &Event<'_>| {
                    if let Event::Judged { .. } = event {
                        n_judged += 1;
                        cancel.store(n_judged >= 15, Ordering::Relaxed);
                    }
                },
            )
            .unwrap();
        assert_eq!(
            StoredRun::read(directory.path()).unwrap().is_finished,
            !summary.cancelled
        );
        if !summary.cancelled {
            break;
        }
        assert!(summary.judged >= 15);
    }
    assert!((3..=6).contains(&n_calls), "{n_calls} calls");
    assert_same_files(reference.path(), directory.path());
}

#[test]
fn a_cancel_after_the_last_item_is_no_cancel() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(1);
    let candidates = candidates(&problems, 1);
    let cancel = AtomicBool::new(false);
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.cancel = &cancel;
    let mut n_judged = 0;
    let summary = scoring
        .run(directory.path(), verdict_of, &mut |event: &Event<'_>| {
            n_judged += usize::from(matches!(event, Event::Judged { .. }));
            cancel.store(n_judged == 2, Ordering::Relaxed);
        })
        .unwrap();
    assert!(!summary.cancelled);
    assert!(StoredRun::read(directory.path()).unwrap().is_finished);
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let problems = problems(2);
    let check = |candidates: &[Candidate], expected: &str| {
        let directory = tempfile::tempdir().unwrap();
        let error = Scoring::new(&problems[..1], candidates)
            .run(directory.path(), verdict_of, &mut ())
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::Data);
        assert_eq!(error.to_string(), expected);
    };
    check(
        &candidates(&problems, 1),
        "candidate toy/1#0 belongs to no problem of the selection",
    );
    let twice = candidate(&problems[0], 0, "print(1)");
    check(&[twice.clone(), twice], "candidate toy/0#0 occurs twice");
}

#[test]
fn example_verdicts_have_their_own_file() {
    let directory = tempfile::tempdir().unwrap();
    let problems = problems(2);
    let candidates = candidates(&problems, 1);
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let never = AtomicBool::new(false);
    score(
        &harness::runner::Score {
            problems: &problems,
            candidates: &candidates,
            graders: &BOTH[..1],
            tests: WhichTests::Example,
            context: &crate::fixture::context(),
            cache: None,
            workers: NonZeroUsize::MIN,
            retry_infrastructure: false,
            cancel: &never,
        },
        |work: &Work<'_>| {
            assert_eq!(work.tests, WhichTests::Example);
            verdict_of(work)
        },
        &mut run.verdicts(WhichTests::Example).unwrap(),
        &mut run.events().unwrap(),
        &mut (),
    )
    .unwrap();
    let stored = StoredRun::read(directory.path()).unwrap();
    assert_eq!(stored.example_verdicts.len(), 2);
    assert!(stored.verdicts.is_empty() && !stored.is_finished);
}

/// Makes `offered` candidates for each problem, and counts how often it is asked.
struct Counting {
    offered: usize,
    asked: usize,
}

impl Generator for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        self.asked += 1;
        if problem.id.as_str() == "toy/7" {
            return Err("no row for it".into());
        }
        let n = u32::try_from(n.min(self.offered)).unwrap();
        Ok(candidates(std::slice::from_ref(problem), n))
    }
}

/// Generates without listening.
fn make(
    run: &RunDirectory,
    request: &Generate<'_>,
    generator: &mut dyn Generator,
) -> Result<GenerateSummary, Error> {
    generate(
        request,
        generator,
        &mut run.candidates()?,
        &mut run.generation_events()?,
        &mut |_| {},
    )
}

#[test]
fn generating_stores_resumes_and_tells_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let problems = problems(4);
    let mut generator = Counting {
        offered: 3,
        asked: 0,
    };
    let cancel = AtomicBool::new(false);
    let mut seen = 0;
    let summary = generate(
        &Generate {
            problems: &problems,
            n: Some(3),
            cancel: &cancel,
        },
        &mut generator,
        &mut run.candidates().unwrap(),
        &mut run.generation_events().unwrap(),
        &mut |event| {
            if let GenerateEvent::Complete { n, .. } = event {
                assert_eq!(*n, 3);
                seen += 1;
                cancel.store(seen == 2, Ordering::Relaxed);
            }
        },
    )
    .unwrap();
    assert!(summary.cancelled);
    assert_eq!((summary.n_candidates, generator.asked), (6, 2));

    cancel.store(false, Ordering::Relaxed);
    let mut go_on = |n| {
        let cancel = &cancel;
        let problems = &problems;
        make(
            &run,
            &Generate {
                problems,
                n,
                cancel,
            },
            &mut generator,
        )
        .unwrap()
    };
    let summary = go_on(Some(3));
    assert_eq!((summary.n_candidates, summary.cancelled), (12, false));
    assert_eq!(summary.short, []);
    assert_eq!(go_on(Some(3)), summary, "complete");
    assert_eq!(generator.asked, 4, "no problem twice");
    assert_eq!(run.read_candidates().unwrap(), candidates(&problems, 3));
}

#[test]
fn fewer_candidates_than_asked_for_are_listed_and_all_there_are_is_fine() {
    let problems = problems(2);
    let never = AtomicBool::new(false);
    for (n, short) in [(Some(5), vec![2, 2]), (None, vec![])] {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
        let mut generator = Counting {
            offered: 2,
            asked: 0,
        };
        let cancel = &never;
        let problems = &problems;
        let summary = make(
            &run,
            &Generate {
                problems,
                n,
                cancel,
            },
            &mut generator,
        )
        .unwrap();
        assert_eq!(summary.n_candidates, 4);
        let counts: Vec<usize> = summary.short.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, short);
    }
}

#[test]
fn a_generator_that_fails_leaves_what_it_made() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let mut generator = Counting {
        offered: 1,
        asked: 0,
    };
    let never = AtomicBool::new(false);
    let request = Generate {
        problems: &problems(9),
        n: None,
        cancel: &never,
    };
    let error = make(&run, &request, &mut generator).unwrap_err();
    assert!(matches!(&error, Error::Generate { problem, .. } if problem.as_str() == "toy/7"));
    assert_eq!(
        harness::error_chain(&error),
        "generating candidates for problem `toy/7`: no row for it"
    );
    assert_eq!(run.read_candidates().unwrap().len(), 7);
}
