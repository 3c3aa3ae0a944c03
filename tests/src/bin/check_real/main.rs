//! Scores real programs and compares with what others recorded.
//!
//! Two parts: the reference programs of every dataset in the data folder, and about 14,000
//! programs written by models, each with the verdict of its authors' own judge. Prints
//! agreement per set and every difference with its cause; where a difference could be
//! anybody's mistake, the machine's own `python3` is asked for a third opinion.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod cases;
mod native;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use harness::contract::{Executor, PluginError};
use harness::execution::{Grants, Limits, Step};
use harness::judge::{Judge, JudgeOptions, WhichTests};
use harness::problem::{Problem, UnitTests};
use harness::verdict::{Cause, Grader, Judgement, Outcome, TestResult};
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::cases::{Case, Recorded, Rule};
use crate::report::{Opinion, Row};

/// Compare our verdicts with recorded ones.
#[derive(Parser)]
struct Arguments {
    /// Folder with the benchmark data.
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Only sets whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Only programs whose text contains this, such as `numpy`.
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
    /// Also print every difference of sets that agree with `python3` here.
    #[arg(long)]
    verbose: bool,
    /// Judge nothing: count how the tests that are Python code are kept from programs.
    #[arg(long)]
    ways: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if !arguments.data.is_dir() {
        println!(
            "check-real: skipped, there is no data folder `{}`",
            arguments.data.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let sandbox = e2e::sandbox()?;
    let judge = Judge::new(
        &sandbox,
        JudgeOptions {
            challenge_tests: true,
            ..JudgeOptions::default()
        },
    );
    let wanted = |case: &Case| {
        arguments
            .only
            .as_ref()
            .is_none_or(|only| case.set.contains(only.as_str()))
            && arguments
                .containing
                .as_ref()
                .is_none_or(|text| case.program.contains(text.as_str()))
    };
    let mut all = references(&arguments.data)?;
    all.extend(cases::all(&arguments.data)?);
    all.retain(wanted);
    if arguments.ways {
        report::print_ways(&all);
        return Ok(ExitCode::SUCCESS);
    }
    println!("judging {} programs", all.len());
    let bar = ProgressBar::new(all.len() as u64).with_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} eta {eta}")
            .expect("the template is correct"),
    );
    let rows: Vec<Row> = all
        .par_iter()
        .progress_with(bar)
        .map(|case| row(case, &sandbox, &judge))
        .collect::<Result<_>>()?;
    let unexplained = report::print(&rows, arguments.verbose);
    Ok(if unexplained == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every reference program as a case that ought to pass.
fn references(data: &std::path::Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (file, graders) in [
        ("humaneval/HumanEval.jsonl.gz", &[Grader::Strict][..]),
        ("mbpp/mbpp.jsonl", &[Grader::Strict]),
        ("mbpp/sanitized-mbpp.json", &[Grader::Strict]),
        ("evalplus/HumanEvalPlus.jsonl.gz", &[Grader::Strict]),
        ("evalplus/MbppPlus.jsonl.gz", &[Grader::Strict]),
        (
            "evalplus/HumanEvalPlus-OriginFmt.jsonl.gz",
            &[Grader::Strict],
        ),
        ("evalplus/MbppPlus-OriginFmt.jsonl.gz", &[Grader::Strict]),
        (
            "apps/train_mini_val.jsonl.gz",
            &[Grader::Strict, Grader::Apps2021],
        ),
        ("apps/coderl_train", &[Grader::Strict, Grader::Apps2021]),
    ] {
        for problem in cases::problems(&data.join(file))? {
            for &grader in graders {
                for program in &problem.reference_solutions {
                    cases.push(Case {
                        set: format!("reference {file}, {grader}"),
                        problem: problem.clone(),
                        program: program.clone(),
                        rule: Rule::Grader(grader),
                        recorded: Recorded::Passed(true),
                    });
                }
            }
        }
    }
    Ok(cases)
}

fn row(case: &Case, sandbox: &dyn Executor, judge: &Judge<'_>) -> Result<Row> {
    let limits = limits(&case.problem);
    let judgement = match case.rule {
        Rule::Grader(grader) => judge
            .judge(
                &case.problem,
                &case.program,
                grader,
                WhichTests::Hidden,
                &limits,
            )
            .map(|judged| judged.judgement),
        Rule::TrimmedText => trimmed_text(&case.problem, &case.program, sandbox, judge, &limits),
    }
    .map_err(anyhow::Error::from_boxed)
    .with_context(|| format!("{}, problem {}", case.set, case.problem.id))?;
    let agrees = match case.recorded {
        Recorded::Passed(passed) => judgement.outcome().is_some() && judgement.passed() == passed,
        Recorded::Outcome(outcome) => judgement.outcome() == Some(outcome),
    };
    let recorded_pass = match case.recorded {
        Recorded::Passed(passed) => passed,
        Recorded::Outcome(outcome) => outcome == Outcome::PassedTests,
    };
    let opinion = if agrees {
        None
    } else {
        Some(
            match native::passes(&case.problem, &case.program, case.rule)? {
                None => Opinion::None,
                Some(passes) if passes == recorded_pass => Opinion::WithRecord,
                Some(_) => Opinion::WithUs,
            },
        )
    };
    Ok(Row {
        set: case.set.clone(),
        problem: case.problem.id.clone(),
        program: case.program.clone(),
        rule: case.rule,
        recorded: case.recorded,
        judgement,
        opinion,
    })
}

/// Time limits of the official graders, in reference seconds.
fn limits(problem: &Problem) -> Limits {
    let seconds = match problem.tests {
        UnitTests::StandardInput { .. } | UnitTests::CallBased { .. } => 4.0,
        UnitTests::Asserts { .. } | UnitTests::Differential { .. } => 10.0,
        UnitTests::CheckFunction { .. } => 3.0,
    };
    Limits::default().with_reference_seconds(seconds)
}

/// MapCoder's judge: whole programs, trimmed output compared as text.
fn trimmed_text(
    problem: &Problem,
    program: &str,
    sandbox: &dyn Executor,
    judge: &Judge<'_>,
    limits: &Limits,
) -> Result<Judgement, PluginError> {
    let UnitTests::StandardInput { tests } = &problem.tests else {
        unreachable!("MapCoder's programs read standard input");
    };
    for test in &tests.hidden {
        let execution = sandbox
            .session(limits, &Grants::default())?
            .run(&Step::RunScript {
                source: program,
                stdin: test.input.as_bytes(),
            })?;
        let text = String::from_utf8_lossy(&execution.stdout);
        if text.trim() != test.expected.trim() {
            // The strict grader knows why; where it accepts, the text alone differs.
            let judged =
                judge.judge(problem, program, Grader::Strict, WhichTests::Hidden, limits)?;
            if !judged.judgement.passed() {
                return Ok(judged.judgement);
            }
            let cause = Cause::WrongAnswer { detail: None };
            return Ok(Judgement::Judged {
                outcome: cause.outcome(),
                cause: Some(cause.clone()),
                tests: vec![TestResult {
                    cause: Some(cause),
                    ..TestResult::default()
                }],
                n_tests: u32::try_from(tests.hidden.len()).unwrap_or(u32::MAX),
            });
        }
    }
    Ok(Judgement::Judged {
        outcome: Outcome::PassedTests,
        cause: None,
        tests: Vec::new(),
        n_tests: u32::try_from(tests.hidden.len()).unwrap_or(u32::MAX),
    })
}
