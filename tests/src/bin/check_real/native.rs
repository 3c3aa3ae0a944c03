//! A third opinion: the same program under the `python3` of this machine.
//!
//! No sandbox: only for programs from the data folder, which were all run by others before.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::problem::{Problem, UnitTests};
use harness::value::Value;

use crate::cases::Rule;

/// Longest a single run may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Whether `program` passes the hidden tests of `problem`; `None` for kinds of tests that
/// only our own graders know.
pub(crate) fn passes(problem: &Problem, program: &str, rule: Rule) -> Result<Option<bool>> {
    match &problem.tests {
        UnitTests::StandardInput { tests } => {
            for test in &tests.hidden {
                let run = run(program, test.input.as_bytes())?;
                let accepted = run.succeeded
                    && match rule {
                        Rule::TrimmedText => run.stdout.trim() == test.expected.trim(),
                        Rule::Grader(_) => same_tokens(&test.expected, &run.stdout),
                    };
                if !accepted {
                    return Ok(Some(false));
                }
            }
            Ok(Some(true))
        }
        UnitTests::Asserts { setup, tests, .. } => {
            let source = format!("{program}\n{setup}\n{}\n", tests.hidden.join("\n"));
            Ok(Some(imported(&source)?))
        }
        UnitTests::CheckFunction {
            entry_point,
            source,
        } => {
            let source = format!("{program}\n{source}\ncheck({entry_point})\n");
            Ok(Some(imported(&source)?))
        }
        UnitTests::CallBased { function, tests } => {
            let tests: Vec<String> = tests
                .hidden
                .iter()
                .map(|test| {
                    let arguments = Value::List(test.arguments.clone());
                    format!("({arguments}, {})", test.expected)
                })
                .collect();
            let source = format!(
                "from typing import *\nimport collections, math, itertools, functools\n{program}\n\
                 def plain(x): return [plain(y) for y in x] if isinstance(x, (list, tuple)) else x\n\
                 inf, nan = float('inf'), float('nan')\n\
                 for arguments, expected in [{}]:\n    \
                 function = Solution().{function} if 'Solution' in globals() else {function}\n    \
                 assert plain(function(*arguments)) in (expected, *(expected if isinstance(expected, list) and len(expected) == 1 else ()))\n",
                tests.join(", ")
            );
            Ok(Some(imported(&source)?))
        }
        UnitTests::Differential { .. } => Ok(None),
    }
}

fn same_tokens(expected: &str, actual: &str) -> bool {
    let lines = |text: &str| -> Vec<Vec<String>> {
        text.trim()
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    };
    let close = |e: &String, a: &String| {
        e == a
            || (e.contains('.')
                && matches!((e.parse::<f64>(), a.parse::<f64>()), (Ok(e), Ok(a)) if (e - a).abs() <= 1e-6 + 1e-5 * e.abs()))
    };
    let (expected, actual) = (lines(expected), lines(actual));
    expected.len() == actual.len()
        && expected
            .iter()
            .zip(&actual)
            .all(|(e, a)| e.len() == a.len() && e.iter().zip(a).all(|(e, a)| close(e, a)))
}

/// Runs `source` to its end as a module that is not `__main__`.
fn imported(source: &str) -> Result<bool> {
    let driver = "import sys; code = sys.stdin.read(); sys.stdin = open('/dev/null'); exec(compile(code, 'candidate', 'exec'), {}); print('\\n#ran to the end')";
    let run = spawn(&["-c", driver], source.as_bytes())?;
    Ok(run.succeeded && run.stdout.ends_with("#ran to the end\n"))
}

struct Run {
    succeeded: bool,
    stdout: String,
}

fn run(program: &str, stdin: &[u8]) -> Result<Run> {
    let file = tempfile::Builder::new().suffix(".py").tempfile()?;
    std::fs::write(file.path(), program)?;
    let path = file.path().to_str().context("temporary path")?;
    spawn(&[path], stdin)
}

fn spawn(arguments: &[&str], stdin: &[u8]) -> Result<Run> {
    let mut child = Command::new("python3")
        .arg("-I")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start `python3`")?;
    let mut input = child.stdin.take().expect("stdin is piped");
    let mut output = child.stdout.take().expect("stdout is piped");
    let stdin = stdin.to_vec();
    // A program that does not read its input is no error.
    let writer = thread::spawn(move || drop(input.write_all(&stdin)));
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.read_to_end(&mut bytes);
        bytes
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    writer.join().expect("the writer does not panic");
    let stdout = reader.join().expect("the reader does not panic");
    Ok(Run {
        succeeded: status.is_some_and(|status| status.success()),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
    })
}
