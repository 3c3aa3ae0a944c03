//! The generated suite, as named datasets and as files.

use std::fs;
use std::path::Path;

use datasets::micro::{Settings, write};
use datasets::{Places, open};
use harness::problem::{Dataset, Difficulty, Problem, Split, UnitTests};
use tempfile::tempdir;

/// A change of these is another version of the suite, see [`Settings::DEFAULT`].
const DIGESTS: [&str; 2] = [
    "bb0c5ce5bb34d0e915413e2f9cc4ee13f0bb794a2d70ce0715b91bc468b88232",
    "4eefa6825eeec58272d892eca360d77939934f5a2ab1d2721b91413a14f351a6",
];

/// Of `micro-mbpp`'s test problems, which are those of its version 1.
const MBPP_TEST_DIGEST: &str = "70b57647426c2b367820eca8d3139fd1e85bbe464b1e74d70b839c935406c908";

const SMALL: Settings = Settings {
    seed: 5,
    n_train: 40,
    n_validation: 10,
    n_test: 20,
    n_mbpp_train: 15,
    n_mbpp: 20,
};

fn named() -> [Dataset; 2] {
    ["micro-apps", "micro-mbpp"].map(|name| open(name, &Places::default()).unwrap())
}

fn n_of(dataset: &Dataset, holds: impl Fn(&Problem) -> bool) -> usize {
    let problems = dataset.problems.iter();
    problems.filter(|problem| holds(problem)).count()
}

#[test]
fn rows_are_those_of_the_named_versions() {
    assert_eq!(named().map(|dataset| dataset.sha256), DIGESTS);
}

#[test]
fn every_row_is_a_problem() {
    let [apps, mbpp] = named();
    assert_eq!(apps.skipped, []);
    assert_eq!(
        [Split::Train, Split::Validation, Split::Test]
            .map(|split| n_of(&apps, |it| it.split == Some(split))),
        [6_000, 300, 500]
    );
    assert_eq!(apps.problems[42].id.as_str(), "micro/apps/train/0042");
    for problem in &apps.problems {
        let are_examples_recognized = match &problem.tests {
            UnitTests::StandardInput { tests } => tests.example == tests.hidden[..2],
            UnitTests::CallBased { tests, .. } => tests.example == tests.hidden[..2],
            other => panic!("{}: {other:?}", problem.id),
        };
        assert!(are_examples_recognized, "{}", problem.id);
        assert_eq!(problem.tests.n_hidden(), 8, "{}", problem.id);
        assert!(problem.reference_solutions.len() >= 2, "{}", problem.id);
    }

    assert_eq!(mbpp.skipped, []);
    assert_eq!(
        [Split::Train, Split::Validation, Split::Test]
            .map(|split| n_of(&mbpp, |it| it.split == Some(split))),
        [374, 0, 300]
    );
    let first = |split| mbpp.problems.iter().find(|it| it.split == Some(split));
    assert_eq!(first(Split::Train).unwrap().id.as_str(), "micro/mbpp/601");
    assert_eq!(first(Split::Test).unwrap().id.as_str(), "micro/mbpp/11");
    for problem in &mbpp.problems {
        assert_eq!(problem.tests.n_example(), 3, "{}", problem.id);
        assert_eq!(problem.tests.n_hidden(), 9, "{}", problem.id);
    }
}

#[test]
fn shares_are_those_intended() {
    for dataset in named() {
        let check = |n: usize, percent: usize| {
            let actual = 100.0 * n as f64 / dataset.problems.len() as f64;
            let name = &dataset.name;
            assert!(
                (actual - percent as f64).abs() < 4.0,
                "{name}: {actual}, not {percent}"
            );
        };
        let is_stdin = |it: &Problem| matches!(it.tests, UnitTests::StandardInput { .. });
        let percent_stdin = if dataset.name == "micro-apps" { 60 } else { 0 };
        check(n_of(&dataset, is_stdin), percent_stdin);
        for (level, percent) in Difficulty::ALL.into_iter().zip([50, 30, 20]) {
            check(n_of(&dataset, |it| it.difficulty == Some(level)), percent);
        }
        let is_guarded = |it: &Problem| it.statement.contains("(0 if the list is empty)");
        check(n_of(&dataset, is_guarded), 10);
    }
}

#[test]
fn seeds_decide_everything() {
    let folder = tempdir().unwrap();
    let texts = |settings: &Settings| -> Vec<String> {
        let written = write(folder.path(), settings).unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        written.iter().map(|file| read(&file.path)).collect()
    };
    let small = texts(&SMALL);
    assert_eq!(texts(&SMALL), small);
    let other = texts(&Settings { seed: 6, ..SMALL });
    assert!(
        small
            .iter()
            .zip(&other)
            .all(|(one, another)| one != another)
    );
    // A longer file starts like a shorter one.
    let more = texts(&Settings {
        n_train: 50,
        n_test: 30,
        ..SMALL
    });
    assert!(
        small
            .iter()
            .zip(&more)
            .all(|(few, many)| many.starts_with(few))
    );
}

#[test]
fn written_files_are_the_named_datasets() {
    let folder = tempdir().unwrap();
    let written = write(folder.path(), &Settings::DEFAULT).unwrap();
    let counts: Vec<usize> = written.iter().map(|file| file.n_problems).collect();
    assert_eq!(counts, [6_000, 300, 500, 374, 300]);
    assert_eq!(written[4].sha256, MBPP_TEST_DIGEST);
    for (set, named) in ["apps", "mbpp"].into_iter().zip(named()) {
        let path = folder.path().join(set);
        let read = open(path.to_str().unwrap(), &Places::default()).unwrap();
        assert_eq!(read.sha256, named.sha256);
        assert_eq!(read.skipped, []);
        // A folder is read file by file in the order of their names.
        for split in [Split::Train, Split::Validation, Split::Test] {
            let tests = |dataset: &Dataset| -> Vec<UnitTests> {
                let problems = dataset.problems.iter();
                let of_split = problems.filter(|it| it.split == Some(split));
                of_split.map(|it| it.tests.clone()).collect()
            };
            assert_eq!(tests(&read), tests(&named), "{set} {split}");
        }
    }
}

#[test]
fn files_without_rows_are_not_written() {
    let folder = tempdir().unwrap();
    let settings = Settings { n_test: 0, ..SMALL };
    let written = write(folder.path(), &settings).unwrap();
    let names: Vec<&Path> = written
        .iter()
        .map(|file| file.path.strip_prefix(folder.path()).unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "apps/train.jsonl",
            "apps/validation.jsonl",
            "mbpp/train.jsonl",
            "mbpp/test.jsonl"
        ]
        .map(Path::new)
    );
}
