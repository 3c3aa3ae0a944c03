//! Recorded programs of other people, where the data is at hand.

use std::path::PathBuf;

use backends::{Format, Replay};

use crate::fixture::problems;

/// The folder of benchmark data: `CODERL_DATA`, or `../shared/data` beside the repository.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("CODERL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

#[expect(clippy::print_stderr, reason = "a notice that a check was skipped")]
fn skipped() {
    eprintln!("skipped: no benchmark data (set CODERL_DATA)");
}

fn check(path: &str, ids: &[&str], format: Format, n_programs: usize, n_matched: usize) {
    let Some(data) = data() else {
        return skipped();
    };
    let replay = Replay::open(&data.join(path), &problems(ids))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let report = replay.report();
    assert_eq!(report.sources[0].format, format, "{path}");
    assert_eq!(
        (report.n_programs, report.n_matched, report.n_unmatched()),
        (n_programs, n_matched, n_programs - n_matched),
        "{path}"
    );
}

fn human_eval() -> Vec<String> {
    (0..164).map(|n| format!("HumanEval/{n}")).collect()
}

fn texts(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

#[test]
fn results_of_human_eval() {
    let path = "samples/humaneval_gptneo/gpt-neo-125M-apps.jsonl.gz";
    check(path, &texts(&human_eval()), Format::Rows, 820, 820);
    check(
        "humaneval/example_samples.jsonl",
        &["test/0"],
        Format::Rows,
        6,
        6,
    );
}

#[test]
fn results_of_evalplus() {
    let path = "samples/humaneval_qwen25/7b-base_eval_results.json.gz";
    check(path, &texts(&human_eval()), Format::EvalPlusResults, 82, 82);
}

#[test]
fn samples_of_mbpp() {
    let ids: Vec<String> = (1..=974).map(|n| format!("mbpp/{n}")).collect();
    let path = "samples/mbpp_test_seeds/codellama.jsonl.gz";
    check(path, &texts(&ids), Format::Rows, 250, 250);
    check(path, &texts(&ids[..500]), Format::Rows, 250, 245);
}

#[test]
fn outputs_of_coderl() {
    let train = ["apps/train/0001", "apps/train/2287", "apps/train/4184"];
    check("apps/coderl_train", &train, Format::GenSolutions, 44, 44);
    let test = ["apps/test/0000", "apps/test/0001"];
    check("apps/coderl_outputs", &test, Format::CodeRlCodes, 10, 10);
}
