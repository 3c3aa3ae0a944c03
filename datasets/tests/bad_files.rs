//! Files that are wrong in one way or another: a row either loads or is listed, and the
//! count adds up.

use std::fs;
use std::io::Write;
use std::path::Path;

use datasets::{Places, open};
use harness::problem::{Dataset, UnitTests};

fn opened(path: &Path) -> Result<Dataset, String> {
    open(&path.to_string_lossy(), &Places::default()).map_err(|error| error.to_string())
}

/// Writes `content` as `name` and opens it.
fn file(name: &str, content: &[u8]) -> Result<Dataset, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    opened(&path)
}

fn skipped(dataset: &Dataset) -> Vec<(&str, &str)> {
    dataset
        .skipped
        .iter()
        .map(|skipped| (skipped.id.as_str(), skipped.reason.as_str()))
        .collect()
}

const APPS_ROW: &str = r#"{"problem_id": 1, "question": "Q", "input_output": "{\"inputs\": [\"1\"], \"outputs\": [\"2\"]}"}"#;

#[test]
fn apps_rows_load_or_are_listed() {
    let rows = [
        r#"{"problem_id": 0, "question": "cut o"#,
        APPS_ROW,
        "",
        r#"{"problem_id": 2, "question": "Q", "input_output": "", "solutions": ""}"#,
        r#"{"problem_id": 3, "question": "Q", "input_output": "{\"inputs\": [\"1\"], \"outputs\": []}"}"#,
        r#"{"problem_id": 4, "question": "Q", "input_output": "{\"inputs\": [\"1"}"#,
        r#"{"problem_id": 5, "question": "Q", "input_output": "", "difficulty": "easy"}"#,
        r#"{"problem_id": 6, "input_output": ""}"#,
        r#"{"problem_id": 7, "question": 7, "input_output": ""}"#,
        r#"{"question": "Q", "input_output": ""}"#,
        r#"{"problem_id": 1, "question": "again", "input_output": ""}"#,
        r#"{"problem_id": 8, "question": "Q", "input_output": "", "solutions": "[1]"}"#,
        "[1, 2]",
        "\u{0}",
    ]
    .join("\n");
    let mut content = rows.into_bytes();
    content.extend_from_slice(b"\n{\"problem_id\": 9, \"question\": \"\xff\"}\n");
    let dataset = file("train.jsonl", &content).unwrap();
    assert_eq!(dataset.problems.len() + dataset.skipped.len(), 14);
    let ids: Vec<&str> = dataset
        .problems
        .iter()
        .map(|problem| problem.id.as_str())
        .collect();
    assert_eq!(ids, ["apps/train/0001", "apps/train/0002"]);
    assert_eq!(dataset.problems[1].tests.n_hidden(), 0);
    let reasons = [
        (
            "`train.jsonl` row 1",
            "not JSON: EOF while parsing a string at line 1 column 36",
        ),
        (
            "apps/train/0003",
            "`train.jsonl` row 4: key `input_output`: 1 `inputs` and 0 `outputs`",
        ),
        (
            "apps/train/0004",
            "`train.jsonl` row 5: key `input_output`: not JSON: EOF while parsing a string at line 1 column 14",
        ),
        (
            "apps/train/0005",
            "`train.jsonl` row 6: key `difficulty`: `easy` is not one of `introductory`, `interview`, `competition`",
        ),
        (
            "apps/train/0006",
            "`train.jsonl` row 7: key `question` is missing",
        ),
        (
            "apps/train/0007",
            "`train.jsonl` row 8: key `question` holds an integer, expected a string",
        ),
        ("`train.jsonl` row 9", "key `problem_id` is missing"),
        (
            "apps/train/0001",
            "`train.jsonl` row 10: the id occurs before",
        ),
        (
            "apps/train/0008",
            "`train.jsonl` row 11: key `solutions`: an entry that is not a string",
        ),
        ("`train.jsonl` row 12", "a list instead of a JSON object"),
        (
            "`train.jsonl` row 13",
            "not JSON: expected value at line 1 column 1",
        ),
        ("`train.jsonl` row 14", "not UTF-8 at byte 31"),
    ];
    assert_eq!(skipped(&dataset), reasons);
}

#[test]
fn files_that_are_no_dataset_are_errors() {
    let check = |name: &str, content: &[u8], expected: &str| {
        let error = file(name, content).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check("a.jsonl", b"", "`a.jsonl` has no rows");
    check("a.jsonl", b"\n \n", "`a.jsonl` has no rows");
    check("a.json", b"[]", "`a.json` has no rows");
    check("a.jsonl", b"hello\nworld\n", "`a.jsonl`, row 1: not JSON");
    check(
        "a.jsonl",
        b"hello\nworld\n",
        "expected JSON Lines (an object a line)",
    );
    check(
        "a.json",
        b"[{\"problem_id\": 1}, ",
        "`a.json`, row 1: not JSON: EOF",
    );
    check(
        "a.jsonl",
        b"{\"a\": 1, \"b\": 2}\n",
        "`a.jsonl`, row 1: keys `a`, `b`; expected one of these forms: APPS",
    );
    check("a.jsonl", b"\xff\xfe", "not UTF-8 at byte 0");
    check(
        "a.parquet",
        b"PAR1 and no more",
        "is not readable as Parquet",
    );
    check("a.gz", b"\x1f\x8b nothing", "cannot read");
    let missing = open("no/such/file.jsonl", &Places::default())
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("no dataset `no/such/file.jsonl`"),
        "{missing}"
    );
    assert!(missing.contains("`mbpp-sanitized`"), "{missing}");
    let absent = open("mbpp", &Places::default()).unwrap_err().to_string();
    assert!(absent.contains("coderl datasets fetch mbpp"), "{absent}");
}

#[test]
fn names_of_files_do_not_matter() {
    let zipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(APPS_ROW.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let array = format!("\u{feff} [{APPS_ROW}]");
    for content in [APPS_ROW.as_bytes(), array.as_bytes(), &zipped] {
        let dataset = file("anything", content).unwrap();
        assert_eq!((dataset.problems.len(), dataset.skipped.len()), (1, 0));
        assert_eq!(dataset.problems[0].id.as_str(), "apps/0001");
    }
    // A damaged end is one skipped row.
    let cut = {
        let rows: String = (0..4000)
            .map(|number| {
                APPS_ROW.replace(
                    "\"problem_id\": 1",
                    &format!("\"problem_id\": {}", number * 7919),
                ) + "\n"
            })
            .collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(rows.as_bytes()).unwrap();
        let mut bytes = encoder.finish().unwrap();
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let dataset = file("cut.jsonl.gz", &cut).unwrap();
    assert!(dataset.problems.len() > 100);
    assert_eq!(dataset.skipped.len(), 1);
    assert!(
        dataset.skipped[0]
            .reason
            .contains("the rest of the file is damaged"),
        "{dataset:?}"
    );
}

#[test]
fn problem_directories_load_or_are_listed() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = root.path().join("train").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write(
        "0000/question.txt",
        b"Q\n-----Example-----\nInput\n1\n\nOutput\n2\n",
    );
    write(
        "0000/input_output.json",
        br#"{"inputs": ["1\n"], "outputs": ["2\n"]}"#,
    );
    write(
        "0000/metadata.json",
        br#"{"difficulty": "interview", "url": "u"}"#,
    );
    write("0000/gen_solutions.json", b"whatever CodeRL writes");
    write("0000/baseline_solutions.json", b"\xff");
    write(
        "0000/example_input_output.json",
        br#"{"inputs": ["7"], "outputs": ["8"]}"#,
    );
    write("0001/question.txt", b"no tests, no solutions, no metadata");
    write("0002/question.txt", b"\xe9");
    write("0003/solutions.json", b"[]");
    write("0004/question.txt", b"Q");
    write("0004/solutions.json", b"[\"print(1)");
    write("0005/question.txt", b"Q");
    write("0005/metadata.json", br#"{"difficulty": 3}"#);
    write("notes/readme.txt", b"not a problem");
    let dataset = opened(root.path()).unwrap();
    assert_eq!(dataset.name, "apps");
    let ids: Vec<&str> = dataset
        .problems
        .iter()
        .map(|problem| problem.id.as_str())
        .collect();
    assert_eq!(ids, ["apps/train/0000", "apps/train/0001"]);
    let UnitTests::StandardInput { tests } = &dataset.problems[0].tests else {
        panic!("standard input")
    };
    assert_eq!(
        (tests.example[0].input.as_str(), tests.hidden.len()),
        ("7", 1)
    );
    let reasons: Vec<(&str, String)> = dataset
        .skipped
        .iter()
        .map(|skipped| {
            let reason = skipped
                .reason
                .split(": ")
                .skip(1)
                .collect::<Vec<_>>()
                .join(": ");
            (skipped.id.as_str(), reason)
        })
        .collect();
    let expected = [
        ("apps/train/0002", "`question.txt` is not UTF-8 at byte 0"),
        ("apps/train/0003", "`question.txt` is missing"),
        (
            "apps/train/0004",
            "`solutions.json`: not JSON: EOF while parsing a string at line 1 column 10",
        ),
        (
            "apps/train/0005",
            "`metadata.json`: key `difficulty` holds an integer, expected a string",
        ),
    ];
    assert_eq!(
        reasons,
        expected.map(|(id, reason)| (id, reason.to_owned()))
    );

    // One split, one problem, and what is neither.
    assert_eq!(
        opened(&root.path().join("train")).unwrap().problems.len(),
        2
    );
    assert_eq!(
        opened(&root.path().join("train/0000"))
            .unwrap()
            .problems
            .len(),
        1
    );
    let error = opened(&root.path().join("train/notes")).unwrap_err();
    assert!(
        error.contains("expected problem directories with `question.txt`"),
        "{error}"
    );
}

#[test]
fn a_row_of_100_megabytes_is_one_row() {
    // One test with an input of 50 MB and many tests with numbers, 100 MB together.
    let long = "9 ".repeat(25_000_000);
    let numbers: Vec<String> = (0..5_000_000)
        .map(|number| format!("{}", 100_000_000 + number))
        .collect();
    let numbers = numbers.join(" ");
    let row = format!(
        r#"{{"problem_id": 1, "question": "Q", "input_output": "{{\"inputs\": [\"{long}\\n\", \"{numbers}\"], \"outputs\": [\"\", 123456789012345678901234567890]}}"}}"#
    );
    let n_bytes = row.len();
    assert!(n_bytes > 90_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.jsonl");
    fs::write(
        &path,
        format!(
            "{row}\n{}\n",
            APPS_ROW.replace("\"problem_id\": 1", "\"problem_id\": 2")
        ),
    )
    .unwrap();
    drop(row);
    let start = std::time::Instant::now();
    let dataset = opened(&path).unwrap();
    let elapsed = start.elapsed();
    assert_eq!((dataset.problems.len(), dataset.skipped.len()), (2, 0));
    let UnitTests::StandardInput { tests } = &dataset.problems[0].tests else {
        panic!("standard input")
    };
    assert_eq!(tests.hidden[0].input.len(), long.len() + 1);
    assert_eq!(tests.hidden[1].expected, "123456789012345678901234567890");
    // Anything quadratic would take hours.
    assert!(elapsed.as_secs() < 30, "{elapsed:?}");
}

#[test]
fn a_folder_of_two_datasets_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("train.jsonl", APPS_ROW);
    write("test.jsonl", APPS_ROW);
    let dataset = opened(folder.path()).unwrap();
    let ids: Vec<&str> = dataset
        .problems
        .iter()
        .map(|problem| problem.id.as_str())
        .collect();
    assert_eq!(ids, ["apps/test/0001", "apps/train/0001"]);
    write(
        "zmore.jsonl",
        r#"{"task_id": 1, "text": "T", "code": "", "test_list": []}"#,
    );
    let error = opened(folder.path()).unwrap_err();
    for part in [
        "several datasets",
        "train.jsonl` (1 problem)",
        "zmore.jsonl` (1 problem)",
    ] {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
}

#[test]
fn the_documented_form_is_the_one_that_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/problem-format.md");
    let document = fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = document
        .split("```json\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap())
        .collect();
    assert_eq!(rows.len(), 4);
    let dataset = file("mine.jsonl", rows.join("\n").as_bytes()).unwrap();
    assert_eq!(dataset.skipped, []);
    assert_eq!(dataset.problems.len(), 4);
    // Every key that the table names is allowed: the message lists them.
    let wrong = [
        r#"{"id": 1, "statement": "", "tests": [], "x": 1}"#,
        r#"{"id": 2, "statement": "", "function": "f", "tests": [], "x": 1}"#,
        r#"{"id": 3, "statement": "", "asserts": [], "x": 1}"#,
        r#"{"id": 4, "statement": "", "check": "", "entry_point": "f", "x": 1}"#,
    ];
    let dataset = file("mine.jsonl", wrong.join("\n").as_bytes()).unwrap();
    let allowed: String = dataset
        .skipped
        .iter()
        .map(|skipped| skipped.reason.as_str())
        .collect();
    let table = document.split("## Keys").nth(1).unwrap();
    let keys = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next())
        .flat_map(|cell| cell.split(", "))
        .map(|key| key.trim().trim_matches('`'));
    for key in keys.clone() {
        assert!(allowed.contains(&format!("`{key}`")), "{key}");
    }
    assert_eq!(keys.count(), 16);
}
