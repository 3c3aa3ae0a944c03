//! Pages of several runs, made from run directories on disk. What a browser makes of a page is
//! tested from the outside (`tests/tests/page.rs`).

use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use harness::candidate::{Candidate, CandidateId, Code, Provenance};
use harness::config::Selection;
use harness::execution::Limits;
use harness::judge::JudgeOptions;
use harness::problem::{Difficulty, Problem, ProblemId, StdinTest, TestSet, UnitTests, WhichTests};
use harness::store::{
    DatasetRecord, JudgingRecord, Manifest, ProblemSummary, RunDirectory, keep_problem_texts,
    write_records,
};
use harness::training::{CriticScore, Origin};
use harness::verdict::{Cause, Difference, Grader, Judgement, Outcome, TestResult, Verdict};
use reports::ReportError;
use reports::page::{Block, Page, PageRun, Section, write_page};
use reports::plot::TrainingCurve;
use serde_json::{Value, json};

#[test]
fn a_problem_of_two_runs_is_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    let path = folder.path().join("index.html");
    write_page(&page, &path).unwrap();
    let html = fs::read_to_string(&path).unwrap();
    assert!(html.contains("<p>One paragraph with <code>a name</code>.</p>"));
    assert!(html.contains("Learning curves over updates: loss"));

    let index: Value = serde_json::from_str(element(&html, "index")).unwrap();
    assert_eq!(
        index["ids"],
        json!(["a", "b", "c"]),
        "c is in one run alone"
    );
    assert_eq!(index["levels"], json!([0, 3, 3]));
    assert_eq!(index["views"][0]["label"], "first");
    assert_eq!(index["views"][0]["candidates"], json!([2, 2, 0]));
    assert_eq!(index["views"][1]["candidates"], json!([2, 2, 2]));
    // Worst first: the last is of those that passed.
    assert_eq!(index["views"][1]["outcomes"][3], json!([1, 1, 1]));
    assert_eq!(index["views"][1]["outcomes"][2], json!([1, 1, 0]));
    assert_eq!(
        index["views"][1]["unjudged"],
        json!([0, 0, 1]),
        "it has no verdict"
    );

    let problem = chunk(&html, 0);
    assert_eq!(problem["statement"], "Print a.");
    let [first, second] = [0, 1].map(|run| &problem["runs"][run]);
    assert_eq!(
        first["programs"].as_array().unwrap().len(),
        1,
        "both are equal"
    );
    assert_eq!(second["programs"].as_array().unwrap().len(), 2);
    assert_eq!(
        second["tests"]["1"],
        json!({"input": "in 1", "expected": "a"})
    );
    let failed = &second["candidates"][1]["verdicts"][0];
    assert_eq!(failed["outcome"], "failed-tests");
    assert_eq!(failed["failedTest"], 1);
    assert_eq!(failed["tests"], "pf");
    assert_eq!(failed["difference"]["actual"], "b");
    // The critic read the second program of the second run.
    assert_eq!(first["candidates"][1]["critic"], Value::Null);
    let critic = &second["candidates"][1]["critic"];
    assert_eq!(critic["tokens"], json!(["print", "(1)", ""]));
    assert_eq!(critic["values"], json!([[50, 50], [25, 75], [100, 0]]));

    // The same records, the same bytes; and nothing is left beside the page.
    write_page(&page, &path).unwrap();
    assert!(fs::read_to_string(&path).unwrap() == html);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["critic_scores.jsonl", "index.html", "one", "two"]);
}

#[test]
fn errors_name_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut page = page(folder.path());
    let path = folder.path().join("index.html");
    page.runs[1].label = "first".to_owned();
    let error = write_page(&page, &path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot make the page: two runs are called `first`"
    );
    page.runs[1].label = "second".to_owned();
    page.runs[1].directory = folder.path().join("none");
    let error = write_page(&page, &path).unwrap_err();
    assert!(matches!(&error, ReportError::Run { path, .. } if path.ends_with("none")));
    assert!(!path.exists());
}

fn page(folder: &Path) -> Page {
    write_run(&folder.join("one"), &["a", "b"], &["print(1)", "print(1)"]);
    write_run(
        &folder.join("two"),
        &["a", "b", "c"],
        &["print(1)", "print(2)"],
    );
    let scores = folder.join("critic_scores.jsonl");
    let odds = [[0.0, 0.0], [0.0, 3.0_f32.ln()], [60.0, 0.0]];
    write_records(
        &scores,
        vec![CriticScore {
            id: id("a", 1),
            origin: Origin::Sampled,
            token_ids: vec![1, 2, 0],
            token_texts: ["print", "(1)", ""].map(str::to_owned).into(),
            prompt_ids: None,
            logits: odds.map(Vec::from).into(),
            predicted: 0,
            probabilities: vec![0.9, 0.1],
        }],
    )
    .unwrap();
    let losses = (1..=9).map(|step| (step, 1.0 / step as f64)).collect();
    let run = |label: &str, name: &str, critic_scores| PageRun {
        label: label.to_owned(),
        directory: folder.join(name),
        critic_scores,
    };
    Page {
        title: "Two runs".to_owned(),
        subtitle: String::new(),
        facts: vec![("seed".to_owned(), "0".to_owned())],
        sections: vec![Section {
            id: "words".to_owned(),
            title: "Words".to_owned(),
            blocks: vec![
                Block::Text("One paragraph with `a name`.".to_owned()),
                Block::Curves(vec![TrainingCurve {
                    label: "sft".to_owned(),
                    values: [("loss".to_owned(), losses)].into(),
                }]),
            ],
        }],
        runs: vec![
            run("first", "one", None),
            run("second", "two", Some(scores)),
        ],
    }
}

/// Each problem has a candidate that passes and one that fails its second test, but for `c`,
/// whose second one was not judged yet.
fn write_run(path: &Path, problems: &[&str], programs: &[&str]) {
    let problems: Vec<Problem> = problems.iter().map(|name| problem(name)).collect();
    let mut manifest = Manifest::new(
        "0.1.0",
        Default::default(),
        DatasetRecord {
            name: "letters".to_owned(),
            path: None,
            sha256: "0".repeat(64),
            n_problems: problems.len(),
            n_skipped: 0,
            n_selected: problems.len(),
            selection: Selection::default(),
            excluded: None,
        },
    );
    manifest.judging = Some(JudgingRecord {
        graders: vec![Grader::Strict],
        limits: Limits::default(),
        options: JudgeOptions::default(),
        guest: "none".to_owned(),
        guest_with_packages: None,
        judge: "none".to_owned(),
    });
    let run = RunDirectory::create_or_resume(path, manifest).unwrap();
    let summaries: Vec<ProblemSummary> = problems.iter().map(ProblemSummary::from).collect();
    let mut log = run.problems().unwrap();
    log.append_all(&summaries).unwrap();
    log.finish().unwrap();
    let mut candidates = run.candidates().unwrap();
    let mut verdicts = run.verdicts(WhichTests::Hidden).unwrap();
    for problem in &problems {
        for (index, program) in programs.iter().enumerate() {
            let id = id(problem.id.as_str(), index as u32);
            candidates
                .append(&Candidate {
                    id: id.clone(),
                    code: Code::Program((*program).to_owned()),
                    provenance: Provenance::default(),
                })
                .unwrap();
            if index == 0 || problem.id.as_str() != "c" {
                verdicts.append(&verdict(id, index == 0)).unwrap();
            }
        }
    }
    // Left unfinished, as by a run that is still at work.
    verdicts.sync().unwrap();
    candidates.finish().unwrap();
    keep_problem_texts(path, &problems).unwrap();
}

fn id(problem: &str, index: u32) -> CandidateId {
    CandidateId {
        problem: ProblemId::new(problem),
        index,
    }
}

fn problem(name: &str) -> Problem {
    let test = |n: u32| StdinTest {
        input: format!("in {n}"),
        expected: name.to_owned(),
    };
    let tests = UnitTests::StandardInput {
        tests: TestSet {
            example: Vec::new(),
            hidden: vec![test(0), test(1)],
        },
    };
    Problem {
        statement: format!("Print {name}."),
        difficulty: (name == "a").then_some(Difficulty::Introductory),
        ..Problem::with_tests(ProblemId::new(name), tests)
    }
}

fn verdict(candidate: CandidateId, passed: bool) -> Verdict {
    let cause = (!passed).then(|| Cause::WrongAnswer {
        detail: Some(Box::new(Difference {
            expected: "a".to_owned(),
            actual: "b".to_owned(),
            line: Some(1),
        })),
    });
    Verdict {
        candidate,
        grader: Grader::Strict,
        judgement: Judgement::Judged {
            outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
            cause: cause.clone(),
            tests: vec![
                TestResult::default(),
                TestResult {
                    cause,
                    ..TestResult::default()
                },
            ],
            n_tests: 2,
        },
        fuel: 1,
    }
}

/// Content of the element with this id.
fn element<'a>(html: &'a str, id: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("id=\"{id}\">")).unwrap();
    rest.split_once('<').unwrap().0
}

fn chunk(html: &str, position: usize) -> Value {
    let packed = STANDARD
        .decode(element(html, &format!("p{position}")))
        .unwrap();
    let mut json = String::new();
    DeflateDecoder::new(&*packed)
        .read_to_string(&mut json)
        .unwrap();
    serde_json::from_str(&json).unwrap()
}
