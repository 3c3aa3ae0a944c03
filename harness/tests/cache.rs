//! The verdict cache: what it remembers, what it refuses, what it survives.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use harness::execution::Limits;
use harness::judge::{JudgeOptions, Judged, WhichTests};
use harness::problem::{Problem, ProblemId, StdinTest, TestSet, UnitTests};
use harness::runner::{Event, Work};
use harness::store::{CacheKey, KeyContext, TestsDigest, VerdictCache};
use harness::value::Value;
use harness::verdict::{Grader, Judgement, Outcome, Unjudged};
use rusqlite::Connection;

use crate::fixture::{
    Scoring, assert_same_files, candidates, context, problem, problems, verdict_of,
};

fn key(program: &str) -> CacheKey {
    let tests = TestsDigest::new(&problem(0), WhichTests::Hidden);
    context().key(&tests, program, Grader::Strict)
}

fn judged(fuel: u64) -> Judged {
    Judged {
        judgement: Judgement::Judged {
            outcome: Outcome::PassedTests,
            cause: None,
            tests: Vec::new(),
            n_tests: 0,
        },
        fuel,
    }
}

fn open(directory: &Path) -> VerdictCache {
    let (cache, notice) = VerdictCache::open(directory).unwrap();
    assert_eq!(notice, None);
    cache
}

#[test]
fn remembers_across_handles_and_overwrites() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("a/b");
    let cache = open(&nested);
    assert_eq!(cache.get(&key("1")).unwrap(), None);
    cache.put(&key("1"), &judged(u64::MAX)).unwrap();
    cache.put(&key("2"), &judged(2)).unwrap();
    cache.flush().unwrap();
    let other = open(&nested);
    assert_eq!(other.get(&key("1")).unwrap(), Some(judged(u64::MAX)));
    other.put(&key("2"), &judged(3)).unwrap();
    drop(other);
    assert_eq!(cache.get(&key("2")).unwrap(), Some(judged(3)));
    assert_eq!(cache.get(&key("3")).unwrap(), None);
}

#[test]
fn trouble_is_not_remembered_and_other_reasons_are() {
    let directory = tempfile::tempdir().unwrap();
    let cache = open(directory.path());
    let unjudged = |reason| Judged {
        judgement: Judgement::Unjudged { reason },
        fuel: 0,
    };
    let trouble = unjudged(Unjudged::Infrastructure {
        detail: "slow".into(),
    });
    cache.put(&key("1"), &trouble).unwrap();
    cache.put(&key("2"), &unjudged(Unjudged::NoTests)).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.get(&key("1")).unwrap(), None);
    assert_eq!(
        cache.get(&key("2")).unwrap(),
        Some(unjudged(Unjudged::NoTests))
    );
}

#[test]
fn the_key_changes_with_everything_a_verdict_depends_on_and_nothing_else() {
    type Change = fn(&mut Problem, &mut KeyContext, &mut String, &mut Grader, &mut WhichTests);
    let key_after = |change: Change| {
        let (mut problem, mut context) = (problem(0), context());
        let mut program = "print(1)".to_owned();
        let (mut grader, mut tests) = (Grader::Strict, WhichTests::Hidden);
        change(
            &mut problem,
            &mut context,
            &mut program,
            &mut grader,
            &mut tests,
        );
        context.key(&TestsDigest::new(&problem, tests), &program, grader)
    };
    fn hidden(problem: &mut Problem) -> &mut Vec<StdinTest> {
        match &mut problem.tests {
            UnitTests::StandardInput { tests } => &mut tests.hidden,
            _ => unreachable!("the problem reads standard input"),
        }
    }
    fn example(problem: &mut Problem) -> &mut Vec<StdinTest> {
        match &mut problem.tests {
            UnitTests::StandardInput { tests } => &mut tests.example,
            _ => unreachable!("the problem reads standard input"),
        }
    }

    let same: [Change; 5] = [
        |_, _, _, _, _| {},
        |p, _, _, _, _| p.id = ProblemId::new("another"),
        |p, _, _, _, _| p.statement.push('!'),
        |p, _, _, _, _| *example(p) = hidden(p).clone(),
        |_, c, _, _, _| c.limits.processor_time *= 2,
    ];
    let different: [Change; 12] = [
        |_, _, p, _, _| p.push(' '),
        |_, _, _, g, _| *g = Grader::Apps2021,
        |_, _, _, _, t| *t = WhichTests::Example,
        |p, _, _, _, _| hidden(p)[0].input.push(' '),
        |p, _, _, _, _| hidden(p)[0].expected.push(' '),
        |p, _, _, _, _| hidden(p).clear(),
        |_, c, _, _, _| c.limits.fuel += 1,
        |_, c, _, _, _| c.limits.memory_bytes += 1,
        |_, c, _, _, _| c.limits.output_bytes += 1,
        |_, c, _, _, _| c.options.early_stop ^= true,
        |_, c, _, _, _| c.options.challenge_tests ^= true,
        |_, c, _, _, _| c.guest.push('2'),
    ];
    let base = key_after(|_, _, _, _, _| {});
    for (index, change) in same.into_iter().enumerate() {
        assert_eq!(key_after(change), base, "harmless change {index}");
    }
    let mut keys: Vec<CacheKey> = different.into_iter().map(key_after).collect();
    keys.push(base);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 13);
}

#[test]
fn every_style_of_tests_enters_the_key_with_all_it_runs_with() {
    let asserts = |setup: &str, test: &str, challenge: &str| UnitTests::Asserts {
        setup: setup.into(),
        tests: TestSet {
            example: Vec::new(),
            hidden: vec![test.into()],
        },
        challenge: vec![challenge.into()],
    };
    let check = |entry_point: &str, source: &str| UnitTests::CheckFunction {
        entry_point: entry_point.into(),
        source: source.into(),
    };
    let differential = |reference: &str, base: i64, tolerance: f64| UnitTests::Differential {
        entry_point: "f".into(),
        reference: reference.into(),
        base: vec![vec![Value::from(base)]],
        plus: Vec::new(),
        absolute_tolerance: tolerance,
    };
    let styles = [
        asserts("", "assert f()", ""),
        asserts("import re", "assert f()", ""),
        asserts("", "assert g()", ""),
        asserts("", "assert f()", "assert g()"),
        check("f", "def check(c): pass"),
        check("g", "def check(c): pass"),
        check("f", "def check(c): assert c()"),
        differential("def f(x): pass", 1, 0.0),
        differential("def f(x): return", 1, 0.0),
        differential("def f(x): pass", 2, 0.0),
        differential("def f(x): pass", 1, 1e-6),
    ];
    let n = styles.len();
    let mut keys: Vec<CacheKey> = styles
        .into_iter()
        .map(|tests| Problem {
            tests,
            ..problem(0)
        })
        .map(|problem| {
            let tests = TestsDigest::new(&problem, WhichTests::Hidden);
            context().key(&tests, "", Grader::Strict)
        })
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), n);
    // EvalPlus compares a few of its problems by rules of their own.
    let named = |id: &str| {
        let problem = Problem {
            id: ProblemId::new(id),
            tests: differential("def f(x): pass", 1, 0.0),
            ..problem(0)
        };
        TestsDigest::new(&problem, WhichTests::Hidden)
    };
    assert_ne!(named("HumanEval/32"), named("Mbpp/32"));
}

#[test]
fn a_context_is_made_of_typed_parts() {
    // Guards against a part that is left out of the serialised form of the key.
    let json = serde_json::to_value((Limits::default(), JudgeOptions::default())).unwrap();
    let keys = |index: usize| -> Vec<String> {
        json[index].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(0), ["fuel", "memory_bytes", "output_bytes"]);
    assert_eq!(keys(1), ["challenge-tests", "early-stop"]);
}

#[test]
fn a_corrupt_database_is_set_aside_with_a_notice() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("verdicts.sqlite");
    let garbage = b"this is no database, and long enough to be looked at ".repeat(200);
    for (number, damage) in [&garbage[..], b"short"].into_iter().enumerate() {
        fs::write(&database, damage).unwrap();
        let (cache, notice) = VerdictCache::open(directory.path()).unwrap();
        let notice = notice.expect("a notice");
        let aside = format!("verdicts.sqlite.corrupt-{}", number + 1);
        assert!(notice.contains(&aside), "{notice}");
        assert_eq!(fs::read(directory.path().join(aside)).unwrap(), damage);
        cache.put(&key("1"), &judged(1)).unwrap();
        drop(cache);
        assert_eq!(
            open(directory.path()).get(&key("1")).unwrap(),
            Some(judged(1))
        );
    }
}

#[test]
fn a_run_goes_on_when_the_database_breaks_under_it() {
    let cache_directory = tempfile::tempdir().unwrap();
    let problems = problems(40);
    let candidates = candidates(&problems, 20);
    let reference = tempfile::tempdir().unwrap();
    Scoring::new(&problems, &candidates)
        .run(reference.path(), verdict_of, &mut ())
        .unwrap();

    let cache = open(cache_directory.path());
    for number in 0..2000 {
        cache
            .put(&key(&number.to_string()), &judged(number))
            .unwrap();
    }
    cache.flush().unwrap();
    drop(cache);
    let database = cache_directory.path().join("verdicts.sqlite");
    let mut content = fs::read(&database).unwrap();
    assert!(content.len() > 100_000);
    // The header and the schema stay, so that it opens.
    content[8192..].fill(0xa5);
    fs::write(&database, content).unwrap();

    let cache = open(cache_directory.path());
    let directory = tempfile::tempdir().unwrap();
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.cache = Some(&cache);
    let mut failures = Vec::new();
    scoring
        .run(directory.path(), verdict_of, &mut |event: &Event<'_>| {
            if let Event::CacheFailed { error } = event {
                failures.push(harness::error_chain(error));
            }
        })
        .unwrap();
    assert_eq!(failures.len(), 1, "told once: {failures:?}");
    assert!(failures[0].contains("malformed"), "{failures:?}");
    assert_same_files(reference.path(), directory.path());
}

#[test]
fn several_handles_write_at_once() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let path = directory.path();
            scope.spawn(move || {
                let cache = open(path);
                for number in 0..300 {
                    let key = key(&format!("{writer} {number}"));
                    cache.put(&key, &judged(number)).unwrap();
                    if number % 10 == 0 {
                        cache.flush().unwrap();
                    }
                }
            });
        }
    });
    let cache = open(directory.path());
    for writer in 0..4 {
        for number in 0..300 {
            let key = key(&format!("{writer} {number}"));
            assert_eq!(cache.get(&key).unwrap(), Some(judged(number)));
        }
    }
}

#[test]
fn a_second_run_takes_its_verdicts_from_the_first() {
    let cache_directory = tempfile::tempdir().unwrap();
    let cache = open(cache_directory.path());
    let problems = problems(5);
    let candidates = candidates(&problems, 3);
    let mut scoring = Scoring::new(&problems, &candidates);
    scoring.cache = Some(&cache);
    let first = tempfile::tempdir().unwrap();
    let summary = scoring.run(first.path(), verdict_of, &mut ()).unwrap();
    assert_eq!((summary.judged, summary.cache_hits), (30, 0));

    let second = tempfile::tempdir().unwrap();
    let calls = AtomicUsize::new(0);
    let summary = scoring
        .run(
            second.path(),
            |work: &Work<'_>| {
                calls.fetch_add(1, Ordering::Relaxed);
                verdict_of(work)
            },
            &mut (),
        )
        .unwrap();
    assert_eq!(calls.into_inner(), 0);
    assert_eq!((summary.judged, summary.cache_hits), (0, 30));
    assert_same_files(first.path(), second.path());

    scoring.cache = None;
    let third = tempfile::tempdir().unwrap();
    let summary = scoring.run(third.path(), verdict_of, &mut ()).unwrap();
    assert_eq!((summary.judged, summary.cache_hits), (30, 0));
    assert_same_files(first.path(), third.path());
}

/// Times came with the second layout; what was there before is kept.
#[test]
fn a_cache_of_the_first_layout_is_taken_over_and_can_shrink() {
    let directory = tempfile::tempdir().unwrap();
    let cache = open(directory.path());
    cache.put(&key("1"), &judged(1)).unwrap();
    drop(cache);
    let database = Connection::open(directory.path().join("verdicts.sqlite")).unwrap();
    database
        .execute_batch("ALTER TABLE verdict DROP COLUMN stored; PRAGMA user_version = 1;")
        .unwrap();
    drop(database);

    let cache = open(directory.path());
    cache.put(&key("2"), &judged(2)).unwrap();
    cache.flush().unwrap();
    assert_eq!(cache.get(&key("1")).unwrap(), Some(judged(1)));
    assert_eq!(cache.size().unwrap().0, 2);
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    assert_eq!(cache.forget_before(now - hour).unwrap(), 0);
    assert_eq!(cache.forget_before(now + hour).unwrap(), 2);
    assert_eq!(cache.size().unwrap().0, 0);
    assert_eq!(cache.get(&key("1")).unwrap(), None);
}
