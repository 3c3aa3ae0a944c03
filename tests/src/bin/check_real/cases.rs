//! Programs with a verdict that somebody else recorded, from the files in the data folder.
//!
//! The layouts are those of the projects that published them; the data folder's README
//! describes each.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use datasets::Places;
use flate2::read::GzDecoder;
use harness::problem::{Problem, ProblemId, StdinTest, TestSet, UnitTests};
use harness::value::Value;
use harness::verdict::{Grader, Outcome};
use serde_json::Value as Json;

/// How a program is to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Grader(Grader),
    /// Trimmed standard output is the expected text: the judge of MapCoder.
    TrimmedText,
}

/// What the authors recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Passed(bool),
    Outcome(Outcome),
}

/// One program with its recorded verdict.
pub(crate) struct Case {
    /// File or folder the row comes from.
    pub(crate) set: String,
    pub(crate) problem: Problem,
    pub(crate) program: String,
    pub(crate) rule: Rule,
    pub(crate) recorded: Recorded,
}

/// All cases of the data folder, set by set.
pub(crate) fn all(data: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    cases.extend(code_chain(data)?);
    cases.extend(code_rl_train(data)?);
    cases.extend(code_rl_outputs(data)?);
    for folder in ["apps_train_stdin_qwen", "apps_train_stdin_mapcoder"] {
        for file in files(data, folder)? {
            cases.extend(map_coder_apps(folder, &file)?);
        }
    }
    for file in files(data, "mbpp_test_seeds")? {
        cases.extend(mbpp_seeds(&file)?);
    }
    for folder in ["mbpp_typed", "humaneval_mapcoder"] {
        for file in files(data, folder)? {
            cases.extend(check_functions(folder, &file)?);
        }
    }
    let human_eval = problems(&data.join("humaneval/HumanEval.jsonl.gz"))?;
    for file in files(data, "humaneval_gptneo")? {
        cases.extend(completions(&human_eval, &file)?);
    }
    let plus = problems(&data.join("evalplus/HumanEvalPlus.jsonl.gz"))?;
    for file in files(data, "humaneval_qwen25")? {
        cases.extend(eval_plus_results(&human_eval, &plus, &file)?);
    }
    Ok(cases)
}

/// The problems of a dataset file, all of which must load.
pub(crate) fn problems(path: &Path) -> Result<Vec<Problem>> {
    let dataset = datasets::open(&path.to_string_lossy(), &Places::default())
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(
        dataset.skipped.is_empty(),
        "{} rows of `{}` were skipped, the first because {}",
        dataset.skipped.len(),
        path.display(),
        dataset.skipped[0].reason
    );
    Ok(dataset.problems)
}

fn files(data: &Path, folder: &str) -> Result<Vec<PathBuf>> {
    let folder = data.join("samples").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("cannot list `{}`", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    Ok(files)
}

fn rows(path: &Path) -> Result<Vec<Json>> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    BufReader::new(GzDecoder::new(file))
        .lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(&line?)
                .with_context(|| format!("`{}`, row {}", path.display(), index + 1))
        })
        .collect()
}

fn text<'a>(row: &'a Json, key: &str) -> Result<&'a str> {
    row[key]
        .as_str()
        .with_context(|| format!("`{key}` is not a string"))
}

fn set_name(folder: &str, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split(".json").next().unwrap_or_default();
    format!("{folder}/{name}")
}

fn by_number(problems: &[Problem], number: u64) -> Result<&Problem> {
    problems
        .iter()
        .find(|problem| {
            let id = problem.id.as_str();
            id.rsplit('/').next().and_then(|id| id.parse().ok()) == Some(number)
        })
        .with_context(|| format!("no problem {number}"))
}

fn problem(id: &str, tests: UnitTests) -> Problem {
    Problem::with_tests(ProblemId::new(id), tests)
}

fn hidden<T>(tests: Vec<T>) -> TestSet<T> {
    TestSet {
        example: Vec::new(),
        hidden: tests,
    }
}

/// Programs of a chat model, judged by CodeChain's copy of the APPS grader. That copy puts
/// `"__main__"` in the place of `__name__` before it wraps a program that reads standard
/// input, so that guarded code runs; CodeRL's grader never runs it.
fn code_chain(data: &Path) -> Result<Vec<Case>> {
    let problems = problems(&data.join("apps/train_mini_val.jsonl.gz"))?;
    let mut cases = Vec::new();
    for row in rows(&data.join("samples/apps_train_gpt_codechain.jsonl.gz"))? {
        let number = row["problem_id"].as_u64().context("`problem_id`")?;
        let problem = by_number(&problems, number)?;
        let codes = row["gpt_codes"].as_array().context("`gpt_codes`")?;
        let flags = row["gpt_pass_flags"]
            .as_array()
            .context("`gpt_pass_flags`")?;
        for (code, flag) in codes.iter().zip(flags) {
            let code = code.as_str().context("`gpt_codes`")?;
            let program = match problem.tests {
                UnitTests::StandardInput { .. } => code.replace("__name__", "\"__main__\""),
                _ => code.to_owned(),
            };
            cases.push(Case {
                set: "apps_train_gpt_codechain".to_owned(),
                problem: problem.clone(),
                program,
                rule: Rule::Grader(Grader::Apps2021),
                recorded: Recorded::Passed(flag.as_bool().context("`gpt_pass_flags`")?),
            });
        }
    }
    Ok(cases)
}

/// Outcome of one of CodeRL's result codes.
fn outcome_of_code(code: &Json) -> Result<Outcome> {
    Ok(match (code.as_bool(), code.as_i64()) {
        (Some(true), _) => Outcome::PassedTests,
        (Some(false), _) => Outcome::FailedTests,
        (_, Some(-1)) => Outcome::RuntimeError,
        (_, Some(-2)) => Outcome::CompileError,
        _ => bail!("`{code}` is no result of CodeRL's grader"),
    })
}

/// CodeRL's sampled training programs.
fn code_rl_train(data: &Path) -> Result<Vec<Case>> {
    let root = data.join("apps/coderl_train");
    let mut cases = Vec::new();
    for problem in problems(&root)? {
        let number = problem.id.as_str().rsplit('/').next().unwrap_or_default();
        let path = root.join(number).join("gen_solutions.json");
        let rows: Vec<Json> = serde_json::from_str(
            &fs::read_to_string(&path)
                .with_context(|| format!("cannot read `{}`", path.display()))?,
        )?;
        for row in rows {
            cases.push(Case {
                set: "coderl_train".to_owned(),
                problem: problem.clone(),
                program: text(&row, "code")?.to_owned(),
                rule: Rule::Grader(Grader::Apps2021),
                recorded: Recorded::Outcome(outcome_of_code(&row["result"])?),
            });
        }
    }
    Ok(cases)
}

/// CodeRL's programs for test problem 0, judged on its example tests.
fn code_rl_outputs(data: &Path) -> Result<Vec<Case>> {
    let examples = rows(&data.join("apps/test_example_tests.jsonl.gz"))?
        .into_iter()
        .find(|row| row["problem"] == "0000")
        .context("no example tests for problem 0000")?;
    let examples: Json = serde_json::from_str(text(&examples, "example_input_output")?)?;
    let strings = |key: &str| -> Result<Vec<String>> {
        serde_json::from_value(examples[key].clone()).with_context(|| format!("`{key}`"))
    };
    let tests = strings("inputs")?
        .into_iter()
        .zip(strings("outputs")?)
        .map(|(input, expected)| StdinTest { input, expected })
        .collect();
    let problem = problem(
        "apps/test/0000",
        UnitTests::StandardInput {
            tests: hidden(tests),
        },
    );
    let outputs = data.join("apps/coderl_outputs");
    let read = |path: &str| -> Result<Json> {
        Ok(serde_json::from_str(&fs::read_to_string(
            outputs.join(path),
        )?)?)
    };
    let codes: Vec<String> = serde_json::from_value(read("codes/0.json")?["0"]["code"].take())?;
    let results: Vec<Vec<Json>> =
        serde_json::from_value(read("test_results/0.json")?["0"]["results"].take())?;
    codes
        .into_iter()
        .zip(results)
        .map(|(program, results)| {
            // The first result that is not a pass decides: the grader stops there.
            let outcomes: Vec<Outcome> =
                results.iter().map(outcome_of_code).collect::<Result<_>>()?;
            Ok(Case {
                set: "coderl_outputs".to_owned(),
                problem: problem.clone(),
                program,
                rule: Rule::Grader(Grader::Apps2021),
                recorded: Recorded::Outcome(outcomes.into_iter().min().context("no results")?),
            })
        })
        .collect()
}

/// Whole programs fed through standard input; some problems were call-based once.
fn map_coder_apps(folder: &str, file: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for row in rows(file)? {
        let mut tests = Vec::new();
        for test in row["test_list"].as_array().context("`test_list`")? {
            let outputs = test["output"].as_array().context("`output`")?;
            ensure!(outputs.len() == 1, "`output` has {} entries", outputs.len());
            let expected = match &outputs[0] {
                Json::String(text) => text.clone(),
                other => Value::from_json(other.to_string().as_bytes())
                    .map_err(anyhow::Error::msg)?
                    .to_string(),
            };
            tests.push(StdinTest {
                input: text(test, "input")?.to_owned(),
                expected,
            });
        }
        let codes = row["source_codes"].as_array().context("`source_codes`")?;
        cases.push(Case {
            set: set_name(folder, file),
            problem: problem(
                text(&row, "name")?,
                UnitTests::StandardInput {
                    tests: hidden(tests),
                },
            ),
            program: codes
                .last()
                .and_then(Json::as_str)
                .context("`source_codes`")?
                .to_owned(),
            rule: Rule::TrimmedText,
            recorded: Recorded::Passed(row["is_solved"].as_bool().context("`is_solved`")?),
        });
    }
    Ok(cases)
}

/// A program followed by source that tests it.
fn tested_by(id: &str, test: String) -> Problem {
    problem(
        id,
        UnitTests::Asserts {
            setup: String::new(),
            tests: hidden(vec![test]),
            challenge: Vec::new(),
        },
    )
}

/// What the authors of the `gpt-3.5-turbo-0613` file put in front of every program.
const SEED_HEADER: &str = "from typing import *\nimport math\nfrom heapq import *\nimport itertools\nimport re\nimport typing\nimport heapq\n";

fn mbpp_seeds(file: &Path) -> Result<Vec<Case>> {
    let set = set_name("mbpp_test_seeds", file);
    let header = if set.contains("gpt-3.5") {
        SEED_HEADER
    } else {
        ""
    };
    rows(file)?
        .iter()
        .map(|row| {
            Ok(Case {
                set: set.clone(),
                problem: tested_by(text(row, "task_id")?, text(row, "test")?.to_owned()),
                program: format!("{header}{}", text(row, "solution")?),
                rule: Rule::Grader(Grader::Strict),
                recorded: Recorded::Passed(row["is_solved"].as_bool().context("`is_solved`")?),
            })
        })
        .collect()
}

fn check_functions(folder: &str, file: &Path) -> Result<Vec<Case>> {
    rows(file)?
        .iter()
        .map(|row| {
            let program = match row["source_codes"].as_array() {
                Some(codes) => codes.last().and_then(Json::as_str).unwrap_or_default(),
                None => text(row, "solution")?,
            };
            let id = row["task_id"]
                .as_str()
                .map_or_else(|| text(row, "name"), Ok)?;
            let test = format!(
                "{}\ncheck({})\n",
                text(row, "test")?,
                text(row, "entry_point")?
            );
            Ok(Case {
                set: set_name(folder, file),
                problem: tested_by(id, test),
                program: format!("from typing import *\n{program}"),
                rule: Rule::Grader(Grader::Strict),
                recorded: Recorded::Passed(row["is_solved"].as_bool().context("`is_solved`")?),
            })
        })
        .collect()
}

fn completions(problems: &[Problem], file: &Path) -> Result<Vec<Case>> {
    rows(file)?
        .iter()
        .map(|row| {
            let id = text(row, "task_id")?;
            let problem = by_id(problems, id)?;
            Ok(Case {
                set: set_name("humaneval_gptneo", file),
                problem: problem.clone(),
                program: problem.program_from_completion(text(row, "completion")?),
                rule: Rule::Grader(Grader::Strict),
                recorded: Recorded::Passed(row["passed"].as_bool().context("`passed`")?),
            })
        })
        .collect()
}

fn by_id<'a>(problems: &'a [Problem], id: &str) -> Result<&'a Problem> {
    problems
        .iter()
        .find(|problem| problem.id.as_str() == id)
        .with_context(|| format!("no problem `{id}`"))
}

/// Two cases a row: the original tests, and EvalPlus's own verdict (base and plus inputs).
fn eval_plus_results(base: &[Problem], plus: &[Problem], file: &Path) -> Result<Vec<Case>> {
    let mut json = String::new();
    GzDecoder::new(File::open(file)?).read_to_string(&mut json)?;
    let results: Json = serde_json::from_str(&json)?;
    let mut cases = Vec::new();
    for (id, rows) in results["eval"].as_object().context("`eval`")? {
        for row in rows.as_array().context("rows of `eval`")? {
            let base_passed = text(row, "base_status")? == "pass";
            let plus_passed = text(row, "plus_status")? == "pass";
            let set = set_name("humaneval_qwen25", file);
            for (suffix, problems, passed) in [
                ("base", base, base_passed),
                ("plus", plus, base_passed && plus_passed),
            ] {
                cases.push(Case {
                    set: format!("{set}, {suffix}"),
                    problem: by_id(problems, id)?.clone(),
                    program: text(row, "solution")?.to_owned(),
                    rule: Rule::Grader(Grader::Strict),
                    recorded: Recorded::Passed(passed),
                });
            }
        }
    }
    Ok(cases)
}
