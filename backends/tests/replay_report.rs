//! Nothing is lost without a word.

use backends::Replay;
use harness::problem::ProblemId;

use crate::fixture::{listing, problems, replay_text};

const ROWS: &str = r#"{"task_id": "HumanEval/0", "solution": "a"}
{"task_id": "HumanEval/7", "solution": "b"}
{"task_id": "HumanEval/0", "solution": "a"}
{"task_id": "HumanEval/2", "solution": "\ud800"}
{"task_id": "HumanEval/x", "solution": "c"}
"#;

#[test]
fn counts_add_up_and_misfits_are_named() {
    let replay = replay_text(ROWS, &["HumanEval/0", "HumanEval/1", "HumanEval/2"]).unwrap();
    let report = replay.report();
    assert_eq!(report.n_programs, 5);
    assert_eq!(report.n_matched, 3);
    assert_eq!(report.n_unmatched(), 2);
    assert_eq!(report.without_candidates, [ProblemId::new("HumanEval/1")]);
    assert_eq!(report.n_repeated, 1);
    assert_eq!(report.n_repaired, 1);
    assert_eq!(report.candidates_per_problem, Some((1, 2)));
    assert_eq!(
        report.sources(),
        ["5 programs from `samples` (JSON lines with `completion` or `solution`)"]
    );
    assert_eq!(
        report.warnings(),
        [
            "2 of 5 programs belong to no problem of the dataset and are left out: `samples`, \
             row 2: `HumanEval/7`: no such problem; `samples`, row 5: `HumanEval/x`: no such problem",
            "1 problems have no candidates: `HumanEval/1`",
            "problems have 1 to 2 candidates",
            "1 programs repeat an earlier one of their problem; they are kept as samples",
            "1 texts are not Unicode; U+FFFD stands for what could not be read",
        ]
    );
}

#[test]
fn only_the_first_misfits_are_named() {
    let rows: String = (0..30)
        .map(|n| format!("{{\"task_id\": \"HumanEval/{n}\", \"solution\": \"\"}}\n"))
        .collect();
    let replay = replay_text(&rows, &["HumanEval/0"]).unwrap();
    assert_eq!(replay.report().n_unmatched(), 29);
    assert_eq!(replay.report().unmatched.first.len(), 8);
    assert!(replay.report().warnings()[0].ends_with("; …"));
}

#[test]
fn a_number_that_may_mean_two_problems_is_left_out() {
    let replay = replay_text(
        "{\"problem_id\": 1, \"solution\": \"\"}\n{\"problem_id\": \"train/1\", \"solution\": \"\"}\n",
        &["apps/train/0001", "apps/test/0001"],
    )
    .unwrap();
    assert_eq!(replay.report().n_matched, 1);
    assert_eq!(
        replay.report().unmatched.first,
        ["`samples`, row 1: `1`: may be any of `apps/train/0001`, `apps/test/0001`"]
    );
    // `problem_id` is no word of MBPP.
    let error = replay_text("{\"problem_id\": 1, \"solution\": \"\"}\n", &["mbpp/1"]).unwrap_err();
    assert!(
        error.to_string().starts_with("none of the 1 programs"),
        "{error}"
    );
}

#[test]
fn a_file_that_fits_gives_no_warning() {
    let replay = replay_text("[[\"a\"], [\"b\"]]", &["HumanEval/0", "HumanEval/1"]).unwrap();
    assert_eq!(replay.report().warnings(), [""; 0]);
    assert_eq!(
        replay.report().sources(),
        ["2 programs from `samples` (bigcode generations; numbers are positions in the dataset)"]
    );
}

#[test]
fn later_files_follow_earlier_ones() {
    let problems = problems(&["HumanEval/0", "HumanEval/1"]);
    let first: &[u8] = b"{\"task_id\": \"HumanEval/0\", \"solution\": \"a\"}";
    let second: &[u8] = b"[[\"b\", \"c\"], [\"d\"]]";
    let mut replay =
        Replay::from_bytes(&[("first", first), ("second", second)], &problems).unwrap();
    assert_eq!(
        listing(&mut replay, &problems),
        [
            "HumanEval/0#0 a",
            "HumanEval/0#1 b",
            "HumanEval/0#2 c",
            "HumanEval/1#0 d"
        ]
    );
}
