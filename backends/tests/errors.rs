//! Wrong input: what is said.

use std::path::Path;

use backends::Replay;

use crate::fixture::{folder, problems, replay_text};

fn error_of(text: &str) -> String {
    match replay_text(text, &["HumanEval/0", "HumanEval/1"]) {
        Ok(replay) => panic!("{text:?} was read: {:?}", replay.report()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_no_known_form() {
    let check = |text: &str, detail: &str| {
        let message = error_of(text);
        let start = format!("`samples` holds no recorded candidates: {detail}; expected one of");
        assert!(message.starts_with(&start), "{text:?}: {message}");
        assert!(
            message.contains("`all_codes.json`") || message.contains("all_codes"),
            "{message}"
        );
    };
    check("", "it is empty");
    check(" \n\n", "it is empty");
    check(
        "hello\n",
        "it is not JSON: expected value at line 1 column 1",
    );
    check("12\n", "it is a number");
    check("\"a\"", "it is a string");
    check("[]", "it is an array of nothing");
    check("[1]", "it is an array of a number");
    check("{}", "its keys are none");
    check(
        "{\"prompt\": 1, \"task\": 2}",
        "its keys are `prompt`, `task`",
    );
    check(
        "{\"task_id\": 1}\n{\"task_id\": 2}\n",
        "the keys of its first row are `task_id`",
    );
    check(
        "[[\"a\"]",
        "it is not JSON: EOF while parsing a list at line 1 column 6",
    );
    check(
        "1\n{\"task_id\": \"HumanEval/0\", \"solution\": \"\"}",
        "its first row is a number",
    );
}

#[test]
fn what_is_wrong_in_a_known_form() {
    let check =
        |text: &str, message: &str| assert_eq!(error_of(text), format!("`samples`, {message}"));
    let good = "{\"task_id\": \"HumanEval/0\", \"completion\": \"\"}\n";
    let second = |row: &str| format!("{good}\n{row}\n");
    check(
        &second("{\"task_id\": \"HumanEval/1\", \"comp"),
        "row 3: not JSON: EOF while parsing a string at line 1 column 32",
    );
    check(
        &second("{\"completion\": \"\"}"),
        "row 3: key `task_id` (or `problem_id`) is missing",
    );
    check(
        &second("{\"task_id\": \"HumanEval/1\"}"),
        "row 3: key `solution` (or `completion`) is missing or null, expected a string",
    );
    check(
        &second("{\"task_id\": \"HumanEval/1\", \"completion\": null}"),
        "row 3: key `solution` (or `completion`) is missing or null, expected a string",
    );
    check(
        &second("{\"task_id\": \"HumanEval/1\", \"completion\": [\"a\"]}"),
        "row 3: key `completion` is an array, expected a string",
    );
    check(
        &second("{\"task_id\": null, \"completion\": \"\"}"),
        "row 3: key `task_id` is null, expected a string or an integer",
    );
    check(&second("[]"), "row 3: an array, expected an object");
    check(
        "[[\"a\"], \"b\"]",
        "element 1: a string, expected an array of programs",
    );
    check(
        "[[\"a\", 1]]",
        "element 0, program 1: a number, expected a string",
    );
    check(
        "{\"0\": [\"a\"], \"x\": []}",
        "key `x`: expected the number of a problem",
    );
    check(
        "{\"0\": [\"a\"], \"1\": null}",
        "key `1`: null, expected an array of programs",
    );
    check(
        "{\"0\": {\"code\": [\"a\"]}, \"1\": {}}",
        "key `1`: key `code` is missing, expected an array of programs",
    );
    check(
        "{\"0\": {\"code\": \"a\"}}",
        "key `0`, key `code`: a string, expected an array of programs",
    );
    check(
        "{\"eval\": {\"HumanEval/0\": [{}]}}",
        "key `eval`, `HumanEval/0`, result 0: key `solution` is missing or not a string",
    );
    check(
        "[{\"code\": \"a\", \"result\": true}, {}]",
        "element 1: key `code` is missing or not a string",
    );
    let record = "{\"id\": {\"problem\": \"HumanEval/0\", \"index\": 0}, \"code\": {\"form\": \"program\", \"text\": \"\"}, \"provenance\": {\"backend\": \"t5\"}}\n";
    check(
        &format!("{record}{}", record.replace("program\"", "module\"")),
        "row 2: not a candidate: unknown variant `module`, expected `program` or `completion` at line 1 column 72",
    );
}

#[test]
fn another_dataset() {
    assert_eq!(
        error_of(
            "{\"task_id\": \"Mbpp/2\", \"solution\": \"\"}\n{\"task_id\": \"Mbpp/3\", \"solution\": \"\"}"
        ),
        "none of the 2 programs in `samples` belongs to a problem of the dataset: they name \
         `Mbpp/2`, `Mbpp/3`, the dataset has `HumanEval/0`, `HumanEval/1`; is it the right dataset?"
    );
    assert_eq!(
        error_of("[[\"\"], [\"\"], [\"\"]]"),
        "`samples` lists programs for 3 problems by position, and the dataset has 2; score it \
         with the dataset, in the order, for which it was made"
    );
}

#[test]
fn files_and_folders() {
    let problems = problems(&["HumanEval/0"]);
    let message = |path: &Path| Replay::open(path, &problems).unwrap_err().to_string();
    assert_eq!(
        message(Path::new("no/such/file")),
        "cannot read `no/such/file`"
    );
    let folder = folder(&[
        ("empty/x.txt", ""),
        ("codes/0.json", "{\"code\": []}"),
        ("tree/0001/gen_solutions.json", "{}"),
    ]);
    let path = |name: &str| folder.path().join(name);
    assert!(
        message(&path("empty"))
            .contains("nothing in this folder has the name of a file of candidates")
    );
    let codes = message(&path("codes"));
    assert!(
        codes.contains("0.json` holds no recorded candidates: it is not `{number:"),
        "{codes}"
    );
    let tree = message(&path("tree"));
    assert!(
        tree.contains("gen_solutions.json` holds no recorded candidates: it is an object"),
        "{tree}"
    );
}
