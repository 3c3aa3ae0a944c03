//! A problem as a folder of APPS.

use harness::problem::{Problem, UnitTests};
use serde_json::json;

use crate::export::value_json::{quoted, to_json};

/// The files of the problem's folder, by name. Problems whose tests are code have no
/// `input_output.json`: APPS has no such tests.
pub fn problem_files(problem: &Problem) -> Vec<(&'static str, String)> {
    let mut files = vec![("question.txt", problem.statement.clone())];
    if !problem.reference_solutions.is_empty() {
        let solutions = serde_json::to_string(&problem.reference_solutions);
        files.push(("solutions.json", solutions.expect("texts are JSON")));
    }
    if let Some(code) = &problem.starter_code {
        files.push(("starter_code.py", code.clone()));
    }
    let metadata = json!({
        "difficulty": problem.difficulty.map(|difficulty| difficulty.name()),
        "url": problem.url,
    });
    files.push(("metadata.json", metadata.to_string()));
    let lists = |inputs: Vec<String>, outputs: Vec<String>| {
        let (inputs, outputs) = (inputs.join(", "), outputs.join(", "));
        format!("\"inputs\": [{inputs}], \"outputs\": [{outputs}]}}")
    };
    match &problem.tests {
        UnitTests::StandardInput { tests } => {
            let inputs = tests.hidden.iter().map(|test| quoted(&test.input));
            let outputs = tests.hidden.iter().map(|test| quoted(&test.expected));
            let rest = lists(inputs.collect(), outputs.collect());
            files.push(("input_output.json", format!("{{{rest}")));
        }
        UnitTests::CallBased { function, tests } => {
            let inputs = tests.hidden.iter().map(|test| {
                let arguments: Vec<String> = test.arguments.iter().map(to_json).collect();
                format!("[{}]", arguments.join(", "))
            });
            let outputs = tests.hidden.iter().map(|test| to_json(&test.expected));
            let rest = lists(inputs.collect(), outputs.collect());
            let text = format!("{{\"fn_name\": {}, {rest}", quoted(function));
            files.push(("input_output.json", text));
        }
        _ => {}
    }
    files
}
