//! `coderl cache`: sizes, ages, and that nothing else is touched.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use e2e::Coderl;
use harness::execution::Limits;
use harness::judge::{JudgeOptions, Judged, WhichTests};
use harness::problem::{Problem, ProblemId, TestSet, UnitTests};
use harness::store::{CacheKey, KeyContext, TestsDigest, VerdictCache};
use harness::verdict::{Grader, Judgement, Unjudged};

fn key(program: &str) -> CacheKey {
    let problem = Problem::with_tests(
        ProblemId::new("p"),
        UnitTests::StandardInput {
            tests: TestSet::default(),
        },
    );
    let context = KeyContext {
        options: JudgeOptions::default(),
        limits: Limits::default(),
        guest: "guest".to_owned(),
        guest_with_packages: None,
    };
    let tests = TestsDigest::new(&problem, WhichTests::Hidden);
    context.key(&tests, program, Grader::Strict)
}

#[test]
fn shows_prunes_and_clears() {
    let run = Coderl::new();
    let directory = run.path("cache");
    let path = directory.to_string_lossy().into_owned();
    let check = |arguments: &[&str], expected: &[&str]| {
        let done = run.run(&[&["cache", "--cache-dir", &path], arguments].concat());
        done.assert_exit(0);
        for text in expected {
            assert!(
                done.stdout.contains(text),
                "no `{text}` in\n{}",
                done.stdout
            );
        }
    };
    check(&["show"], &["verdicts                  0"]);
    assert!(!directory.exists(), "looking makes nothing");

    let judged = Judged {
        judgement: Judgement::Unjudged {
            reason: Unjudged::NoTests,
        },
        fuel: 1,
    };
    let (cache, _) = VerdictCache::open(&directory).unwrap();
    cache.put(&key("1"), &judged).unwrap();
    cache.put(&key("2"), &judged).unwrap();
    cache.flush().unwrap();
    for (name, days) in [("guest-01.cwasm", 40), ("guest-02.cwasm", 0)] {
        let file = File::create(directory.join(name)).unwrap();
        file.set_len(2048).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400))
            .unwrap();
    }
    let outdated = directory.join("numpy-guest-0123456789abcdef");
    fs::create_dir_all(outdated.join("lib")).unwrap();
    fs::write(outdated.join("guest.wasm"), [0; 1024]).unwrap();
    fs::write(outdated.join("lib/python.zip"), [0; 1024]).unwrap();
    fs::write(directory.join("notes.txt"), "mine").unwrap();

    check(
        &["show"],
        &[
            "compiled guests           2   4.00 KiB",
            "numpy guests              1   2.00 KiB",
            "verdicts                  2",
        ],
    );
    check(
        &["prune", "--older-than", "30d"],
        &["removed 1 compiled guest, 1 outdated numpy guest, 0 verdicts"],
    );
    assert_eq!(cache.get(&key("1")).unwrap(), Some(judged));
    assert!(!outdated.exists());
    check(
        &["clear"],
        &["removed 1 compiled guest, 0 outdated numpy guests, 2 verdicts"],
    );
    // The process that has it open sees it too, and goes on.
    assert_eq!(cache.get(&key("1")).unwrap(), None);
    cache
        .put(
            &key("3"),
            &Judged {
                judgement: Judgement::Unjudged {
                    reason: Unjudged::NoTests,
                },
                fuel: 2,
            },
        )
        .unwrap();
    assert!(directory.join("notes.txt").is_file());

    let done = run.run(&["cache", "prune", "--older-than", "soon"]);
    done.assert_exit(2);
}
