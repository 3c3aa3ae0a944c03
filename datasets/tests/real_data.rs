//! Counts of the published files. Skipped with a notice where they are absent: benchmark
//! text is no part of the project.

use std::path::PathBuf;

use datasets::Places;
use datasets::example_tests::{Agreement, ReleasedExamples, compare_with_released};
use harness::problem::{Dataset, Difficulty, Problem, Split, UnitTests};

fn data_dir() -> Option<PathBuf> {
    let root = std::env::var_os("CODERL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    if root.join("mbpp").is_dir() {
        return Some(root);
    }
    let notice = format!("skipped: no real data at `{}`\n", root.display());
    std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes()).expect("stderr is open");
    None
}

fn check(name: &str, path: Option<&str>, n_problems: usize, more: impl FnOnce(&Dataset)) {
    let Some(data_dir) = data_dir() else { return };
    let what = path.map_or_else(
        || name.to_owned(),
        |path| data_dir.join(path).to_string_lossy().into_owned(),
    );
    let places = Places {
        data_dir: Some(data_dir),
        hub_cache: None,
    };
    let dataset = datasets::open(&what, &places).unwrap();
    assert_eq!(dataset.name, name);
    assert_eq!(dataset.skipped, [], "{what}");
    assert_eq!(dataset.problems.len(), n_problems, "{what}");
    more(&dataset);
}

fn count(dataset: &Dataset, holds: impl Fn(&Problem) -> bool) -> usize {
    dataset
        .problems
        .iter()
        .filter(|problem| holds(problem))
        .count()
}

fn n_hidden(dataset: &Dataset) -> usize {
    dataset
        .problems
        .iter()
        .map(|problem| problem.tests.n_hidden())
        .sum()
}

#[test]
fn humaneval() {
    check("humaneval", None, 164, |dataset| {
        assert_eq!(
            dataset.sha256,
            "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"
        );
        assert_eq!(dataset.problems[0].id.as_str(), "HumanEval/0");
        assert_eq!(count(dataset, |p| p.reference_solutions.len() == 1), 164);
    });
    check(
        "humaneval",
        Some("humaneval/example_problem.jsonl"),
        1,
        |dataset| assert_eq!(dataset.problems[0].id.as_str(), "test/0"),
    );
}

#[test]
fn mbpp() {
    check("mbpp", None, 974, |dataset| {
        let of = |split| count(dataset, |p| p.split == Some(split));
        assert_eq!(
            [Split::Prompt, Split::Test, Split::Validation, Split::Train].map(of),
            [10, 500, 90, 374]
        );
        assert_eq!(n_hidden(dataset), 3 * 974);
        let with_setup = count(
            dataset,
            |p| matches!(&p.tests, UnitTests::Asserts { setup, .. } if !setup.is_empty()),
        );
        let with_challenge = count(
            dataset,
            |p| matches!(&p.tests, UnitTests::Asserts { challenge, .. } if !challenge.is_empty()),
        );
        assert_eq!((with_setup, with_challenge), (2, 11));
    });
    check("mbpp-sanitized", None, 427, |_| {});
}

#[test]
fn evalplus() {
    check("humaneval-plus", None, 164, |_| {});
    check("mbpp-plus", None, 378, |dataset| {
        assert_eq!(
            count(dataset, |p| matches!(
                p.tests,
                UnitTests::Differential { .. }
            )),
            378
        );
    });
    let path = "evalplus/HumanEvalPlus-OriginFmt.jsonl.gz";
    check("humaneval-plus", Some(path), 164, |dataset| {
        assert_eq!(
            count(dataset, |p| matches!(
                p.tests,
                UnitTests::CheckFunction { .. }
            )),
            164
        );
    });
    let path = "evalplus/MbppPlus-OriginFmt.jsonl.gz";
    check("mbpp-plus", Some(path), 378, |dataset| {
        assert_eq!(dataset.problems[0].id.as_str(), "Mbpp/2");
        assert_eq!(n_hidden(dataset), 378);
    });
}

#[test]
fn apps_rows() {
    check(
        "apps",
        Some("apps/train_mini_val.jsonl.gz"),
        75,
        |dataset| {
            assert_eq!(dataset.problems[1].id.as_str(), "apps/train/0001");
            for difficulty in Difficulty::ALL {
                assert_eq!(count(dataset, |p| p.difficulty == Some(difficulty)), 25);
            }
            assert_eq!(n_hidden(dataset), 478);
            assert_eq!(
                count(dataset, |p| matches!(p.tests, UnitTests::CallBased { .. })),
                6
            );
            let n_solutions: usize = dataset
                .problems
                .iter()
                .map(|problem| problem.reference_solutions.len())
                .sum();
            assert_eq!(n_solutions, 1031);
        },
    );
    check("apps", Some("apps/test_canonical.jsonl"), 5, |dataset| {
        assert_eq!(count(dataset, |p| p.split == Some(Split::Test)), 5);
        assert_eq!(count(dataset, |p| p.reference_solutions.is_empty()), 5);
    });
    let path = "apps/test_stdin_selected.jsonl.gz";
    check("apps-selected", Some(path), 75, |dataset| {
        assert_eq!(n_hidden(dataset), 1655);
        assert_eq!(count(dataset, |p| p.tests.n_example() > 0), 75);
    });
}

#[test]
fn apps_directories() {
    check("apps", Some("apps/coderl_train"), 3, |dataset| {
        let ids: Vec<&str> = dataset
            .problems
            .iter()
            .map(|problem| problem.id.as_str())
            .collect();
        assert_eq!(
            ids,
            ["apps/train/0001", "apps/train/2287", "apps/train/4184"]
        );
        assert!(matches!(
            &dataset.problems[2].tests,
            UnitTests::CallBased { .. }
        ));
        assert!(dataset.problems[2].starter_code.is_some());
    });
    check("apps", Some("apps/coderl_train/0001"), 1, |dataset| {
        assert_eq!(dataset.problems[0].id.as_str(), "apps/train/0001");
    });
    // The same problem in both forms.
    let Some(data_dir) = data_dir() else { return };
    let open = |path: &str| {
        datasets::open(&data_dir.join(path).to_string_lossy(), &Places::default()).unwrap()
    };
    let from_tree = &open("apps/coderl_train/0001").problems[0];
    let from_row = &open("apps/train_mini_val.jsonl.gz").problems[1];
    assert_eq!(from_tree, from_row);
}

#[test]
fn example_tests() {
    let Some(data_dir) = data_dir() else { return };
    let open = |path: &str| {
        datasets::open(&data_dir.join(path).to_string_lossy(), &Places::default())
            .unwrap()
            .problems
    };
    let mut problems = open("apps/test_stdin_selected.jsonl.gz");
    problems.extend(open("apps/test_canonical.jsonl"));
    let released =
        ReleasedExamples::read(&data_dir.join("apps/test_example_tests.jsonl.gz")).unwrap();
    let report = compare_with_released(&problems, &released);
    let mut stderr = std::io::stderr();
    std::io::Write::write_fmt(&mut stderr, format_args!("{report}")).unwrap();
    let count = |kind| {
        let at = Agreement::ALL.iter().position(|k| *k == kind).unwrap();
        report.by_agreement[at].len()
    };
    assert_eq!(report.n_problems, 80);
    assert_eq!(count(Agreement::Exact) + count(Agreement::Whitespace), 80);
    // The others are problems with several right answers.
    assert_eq!((report.ours.confirmed, report.ours.contradicted), (200, 8));
    assert_eq!(report.ours, report.theirs);
}
