//! Every form of recorded candidates, read from files as people have them.

use std::io::Write;

use backends::{Format, Replay};
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::problem::Split;

use crate::fixture::{folder, in_split, listing, problem, problems, write};

const HUMAN_EVAL: [&str; 3] = ["HumanEval/0", "HumanEval/1", "HumanEval/10"];

/// Reads `path` below a folder with `files`; returns candidates and form.
fn read(files: &[(&str, &str)], path: &str, ids: &[&str]) -> (Vec<String>, Format) {
    let folder = folder(files);
    let problems = problems(ids);
    let mut replay = Replay::open(&folder.path().join(path), &problems)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let format = replay.report().sources[0].format;
    (listing(&mut replay, &problems), format)
}

#[test]
fn human_eval_rows() {
    let rows = r#"{"task_id": "HumanEval/1", "completion": "    return 1\n"}
{"task_id": "HumanEval/0", "completion": "    return 0", "result": "passed", "passed": true}

{"completion": "", "task_id": "HumanEval/1", "score": NaN}
"#;
    assert_eq!(
        read(&[("samples.jsonl", rows)], "samples.jsonl", &HUMAN_EVAL),
        (
            vec![
                "HumanEval/0#0 +    return 0".to_owned(),
                "HumanEval/1#0 +    return 1\n".to_owned(),
                "HumanEval/1#1 +".to_owned(),
            ],
            Format::Rows
        )
    );
}

#[test]
fn evalplus_rows_and_rows_of_numbers() {
    let rows = "{\"task_id\": \"Mbpp/2\", \"solution\": \"a\", \"completion\": \"x\"}\r\n\
                {\"task_id\": 11, \"solution\": \"b\"}\r\n\
                {\"problem_id\": 7, \"solution\": \"c\", \"expected_outcome\": \"passed-tests\"}\r\n\
                {\"task_id\": \"MBPP/11\", \"solution\": null, \"completion\": \"d\"}";
    let ids = [
        "builtin/apps/0011",
        "builtin/apps/0007",
        "builtin/mbpp/2",
        "builtin/mbpp/11",
    ];
    let expected = [
        "builtin/apps/0007#0 c",
        "builtin/mbpp/2#0 a",
        "builtin/mbpp/11#0 b",
        "builtin/mbpp/11#1 +d",
    ];
    assert_eq!(read(&[("s", rows)], "s", &ids).0, expected);
    // The same as one array.
    let array = format!("[{}]", rows.replace("\r\n", ",\n"));
    assert_eq!(read(&[("s.json", &array)], "s.json", &ids).0, expected);
    // A file of one row, spread over lines.
    let row = "{\n \"task_id\": \"Mbpp/2\",\n \"solution\": \"a\"\n}";
    assert!(Replay::from_bytes(&[("s", row.as_bytes())], &problems(&ids)).is_err());
    let row = row.replace('\n', "");
    assert_eq!(read(&[("s", &row)], "s", &ids).0, ["builtin/mbpp/2#0 a"]);
}

#[test]
fn compressed_files_whatever_their_names() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"{\"task_id\": \"HumanEval/0\", \"solution\": \"a\"}\n")
        .unwrap();
    let bytes = gzip.finish().unwrap();
    let folder = folder(&[]);
    write(folder.path(), "samples.jsonl.gz", &bytes);
    write(
        folder.path(),
        "samples.txt",
        &[&bytes[..], &bytes[..]].concat(),
    );
    let problems = problems(&HUMAN_EVAL);
    for (name, n) in [("samples.jsonl.gz", 1), ("samples.txt", 2)] {
        let replay = Replay::open(&folder.path().join(name), &problems).unwrap();
        assert_eq!(replay.report().n_matched, n, "{name}");
        // The hash is that of the file on disk.
        let records = backends::source_records(&folder.path().join(name)).unwrap();
        assert_eq!(
            records[0].sha256,
            harness::store::sha256_of_file(&folder.path().join(name)).unwrap()
        );
    }
    let cut = &bytes[..bytes.len() - 9];
    let error = Replay::from_bytes(&[("cut.gz", cut)], &problems).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `cut.gz`");
}

#[test]
fn evalplus_folders() {
    let files = [
        ("s/HumanEval_10/10.py", "k"),
        ("s/HumanEval_10/2.py", "c"),
        ("s/HumanEval_10/0.py", "a"),
        ("s/HumanEval_10/notes.txt", "no program"),
        ("s/HumanEval_0/0.py", "z"),
        ("s/readme.md", "no program"),
    ];
    let expected = [
        "HumanEval/0#0 z",
        "HumanEval/10#0 a",
        "HumanEval/10#1 c",
        "HumanEval/10#2 k",
    ];
    let (candidates, format) = read(&files, "s", &HUMAN_EVAL);
    assert_eq!(candidates, expected);
    assert_eq!(format, Format::EvalPlusFolder);

    let folder = folder(&files);
    let replay = Replay::open(&folder.path().join("s"), &problems(&HUMAN_EVAL)).unwrap();
    assert_eq!(
        replay.report().ignored,
        ["HumanEval_10/notes.txt", "readme.md"]
    );
    let mbpp = read(&[("s/Mbpp_2/0.py", "a")], "s", &["Mbpp/2", "Mbpp/3"]);
    assert_eq!(mbpp.0, ["Mbpp/2#0 a"]);
}

#[test]
fn evalplus_results() {
    let results = r#"{"date": "2024-09-24 21:14", "hash": "84f4", "eval": {
        "HumanEval/0": [{"task_id": "HumanEval/0", "solution": "a", "base_status": "pass"},
                        {"task_id": "HumanEval/0", "solution": "b", "base_status": "fail"}],
        "HumanEval/10": [{"solution": "c"}]}}"#;
    assert_eq!(
        read(&[("r.json", results)], "r.json", &HUMAN_EVAL),
        (
            vec![
                "HumanEval/0#0 a".to_owned(),
                "HumanEval/0#1 b".to_owned(),
                "HumanEval/10#0 c".to_owned()
            ],
            Format::EvalPlusResults
        )
    );
}

#[test]
fn bigcode_generations_go_by_position() {
    let generations = r#"[["a", "b"], [], ["c"]]"#;
    let (candidates, format) = read(&[("g.json", generations)], "g.json", &HUMAN_EVAL);
    assert_eq!(
        candidates,
        ["HumanEval/0#0 a", "HumanEval/0#1 b", "HumanEval/10#0 c"]
    );
    assert_eq!(format, Format::Generations);
    // Fewer than the dataset has: its head.
    let head = read(&[("g.json", r#"[["a"]]"#)], "g.json", &HUMAN_EVAL);
    assert_eq!(head.0, ["HumanEval/0#0 a"]);
    // As many as the test split has.
    let problems = [
        in_split(problem("mbpp/1"), Split::Prompt),
        in_split(problem("mbpp/11"), Split::Test),
        in_split(problem("mbpp/12"), Split::Test),
        in_split(problem("mbpp/601"), Split::Train),
    ];
    let mut replay = Replay::from_bytes(&[("g.json", br#"[["a"], ["b"]]"#)], &problems).unwrap();
    assert_eq!(
        listing(&mut replay, &problems),
        ["mbpp/11#0 a", "mbpp/12#0 b"]
    );
    assert_eq!(
        replay.report().sources[0].numbering,
        Some("numbers are positions in the test split")
    );
}

#[test]
fn coderl_codes_and_all_codes() {
    let codes = [
        (
            "out/codes/10.json",
            r#"{"10": {"code": ["k"], "prompt": "…"}}"#,
        ),
        (
            "out/codes/2.json",
            r#"{"2": {"code": ["c", "d"], "prompt": "…"}}"#,
        ),
        (
            "out/codes/0.json",
            r#"{"0": {"code": ["a"], "prompt": "…"}}"#,
        ),
    ];
    let all_codes = r#"{"0": ["a"], "2": ["c", "d"], "10": ["k"]}"#;
    let apps = ["apps/test/0000", "apps/test/0002", "apps/test/0010"];
    let expected = [
        "apps/test/0000#0 a",
        "apps/test/0002#0 c",
        "apps/test/0002#1 d",
        "apps/test/0010#0 k",
    ];
    for path in ["out/codes", "out"] {
        let (candidates, format) = read(&codes, path, &apps);
        assert_eq!(candidates, expected, "{path}");
        assert_eq!(format, Format::CodeRlCodes);
    }
    let (candidates, format) = read(&[("all_codes.json", all_codes)], "all_codes.json", &apps);
    assert_eq!(candidates, expected);
    assert_eq!(format, Format::AllCodes);
    assert_eq!(
        read(&codes[1..2], "out/codes/2.json", &apps).0,
        expected[1..3]
    );

    // The APPS repository writes a string where one program was sampled.
    let greedy = r#"{"0": "a", "2": ["c"]}"#;
    assert_eq!(
        read(&[("all_codes.json", greedy)], "all_codes.json", &apps).0,
        ["apps/test/0000#0 a", "apps/test/0002#0 c"]
    );

    // Where the numbers are no ids, they are positions in the sorted list.
    let all_codes = r#"{"0": ["a"], "2": ["c"]}"#;
    let apps = ["apps/train/0001", "apps/train/2287", "apps/train/4184"];
    assert_eq!(
        read(&[("all_codes.json", all_codes)], "all_codes.json", &apps).0,
        ["apps/train/0001#0 a", "apps/train/4184#0 c"]
    );
}

#[test]
fn gen_solutions_in_a_tree() {
    let files = [
        (
            "APPS/train/0001/gen_solutions.json",
            r#"[{"code": "a", "result": true, "error_type": ""}, {"code": "b", "result": -2}]"#,
        ),
        ("APPS/train/0001/question.txt", "…"),
        (
            "APPS/train/4184/gen_solutions.json",
            r#"[{"code": "c", "result": false}]"#,
        ),
        ("APPS/train/0005/question.txt", "has none"),
    ];
    let ids = ["apps/train/0001", "apps/train/4184", "apps/test/0001"];
    let expected = [
        "apps/train/0001#0 a",
        "apps/train/0001#1 b",
        "apps/train/4184#0 c",
    ];
    for path in ["APPS", "APPS/train"] {
        let (candidates, format) = read(&files, path, &ids);
        assert_eq!(candidates, expected, "{path}");
        assert_eq!(format, Format::GenSolutions);
    }
    let one = read(&files, "APPS/train/0001/gen_solutions.json", &ids);
    assert_eq!(one.0, expected[..2]);
}

#[test]
fn own_records_keep_their_provenance_and_order() {
    let record = |index: u32, code: &str| {
        format!(
            "{{\"id\": {{\"problem\": \"HumanEval/0\", \"index\": {index}}}, \
              \"code\": {{\"form\": \"program\", \"text\": \"{code}\"}}, \
              \"provenance\": {{\"backend\": \"t5\", \"seed\": {index}}}}}\n"
        )
    };
    let text = [record(3, "d"), record(0, "a"), record(3, "d")].concat();
    // A run directory may hold other files.
    let folder = folder(&[("run/candidates.jsonl", &text), ("run/manifest.json", "{}")]);
    let problems = problems(&HUMAN_EVAL);
    for path in ["run", "run/candidates.jsonl"] {
        let mut replay = Replay::open(&folder.path().join(path), &problems).unwrap();
        assert_eq!(
            listing(&mut replay, &problems),
            ["HumanEval/0#0 a", "HumanEval/0#1 d"]
        );
        let candidates = crate::fixture::all(&mut replay, &problems[0]);
        assert_eq!(candidates[1].provenance.backend, "t5");
        assert_eq!(candidates[1].provenance.seed, Some(3));
        assert_eq!(replay.report().n_duplicates, 1);
        assert_eq!(replay.report().sources[0].format, Format::Candidates);
    }
    let text = [record(0, "a"), record(0, "b")].concat();
    let error = Replay::from_bytes(&[("c.jsonl", text.as_bytes())], &problems).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`c.jsonl`, row 2: candidate HumanEval/0#0 again, other than in row 1"
    );
}

#[test]
fn a_folder_of_rows() {
    let files = [
        ("s/b.jsonl", r#"{"task_id": 11, "solution": "b"}"#),
        ("s/a.jsonl", r#"{"problem_id": 11, "solution": "a"}"#),
        ("s/c.txt", "?"),
    ];
    let ids = ["apps/0011", "mbpp/11"];
    assert_eq!(read(&files, "s", &ids).0, ["apps/0011#0 a", "mbpp/11#0 b"]);
}
