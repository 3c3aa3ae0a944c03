//! One candidate, one grader, one judgement.
//!
//! Which sessions and steps a problem needs depends on how its tests are written:
//!
//! | tests | `strict` | `apps-2021` |
//! |---|---|---|
//! | standard input | a fresh session a test, run as `__main__` | one session: load the rewritten module, call `code` for each test |
//! | call-based | a fresh session a test | one session for all tests |
//! | asserts, check function | one session, one step for each call (see `apart`) | as `strict` |
//! | differential | one session, one call an input | as `strict` |
//!
//! The first failing test decides the outcome, so stopping there changes nothing but the
//! list of test results. In `apps-2021` any exception outranks wrong results, and wrong
//! results of call-based tests do not stop the judging, as in the original.

use serde::{Deserialize, Serialize};

use crate::contract::{Executor, PluginError};
use crate::execution::{Grants, Limits, Step};
use crate::judge::asserts::{PlanCache, check_script};
use crate::judge::evalplus::{Benchmark, Oracle};
use crate::judge::packages::{TestCode, imports_package};
use crate::judge::reference::ReferenceResults;
use crate::judge::trial::{Trial, completed, module, result_of};
use crate::problem::{Problem, UnitTests, WhichTests};
use crate::value::Value;
use crate::verdict::{Grader, Judged, Judgement, Unjudged};

/// How thoroughly to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JudgeOptions {
    /// Stop at the first failing test. Off, the results of all tests are known (test-case
    /// average); the outcome is the same.
    pub early_stop: bool,
    /// Grade by MBPP's `challenge_test_list` too.
    pub challenge_tests: bool,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        Self {
            early_stop: true,
            challenge_tests: false,
        }
    }
}

/// Everything that stays the same from candidate to candidate.
pub struct Judge<'a> {
    executor: &'a dyn Executor,
    options: JudgeOptions,
    references: ReferenceResults,
    plans: PlanCache,
}

/// How a test that is Python code is kept out of a program's reach, from the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Calls in the program's guest, comparison on the host.
    Apart,
    /// In a clean guest that has the program's functions called.
    Tester,
    /// In the program's own interpreter.
    InPlace,
}

/// The ways of the hidden tests of `problem`; empty where tests are no code.
pub fn ways(problem: &Problem) -> Vec<Way> {
    PlanCache::default().get(problem).ways(&problem.tests)
}

impl<'a> Judge<'a> {
    pub fn new(executor: &'a dyn Executor, options: JudgeOptions) -> Self {
        Self {
            executor,
            options,
            references: ReferenceResults::default(),
            plans: PlanCache::default(),
        }
    }

    /// Judges `program` by the tests of `problem`.
    ///
    /// # Errors
    /// Trouble of the sandbox; a retry may succeed. Whatever the program does is a judgement.
    pub fn judge(
        &self,
        problem: &Problem,
        program: &str,
        grader: Grader,
        which: WhichTests,
        limits: &Limits,
    ) -> Result<Judged, PluginError> {
        let needs_packages = TestCode::of(problem).needs_packages(program, grader);
        let executor = suited(self.executor, needs_packages);
        let mut trial = Trial::new(program, executor, limits, self.options);
        let n_tests = match &problem.tests {
            UnitTests::StandardInput { tests } => {
                let tests = tests.of(which);
                match grader {
                    Grader::Strict => trial.stdin_strict(program, tests)?,
                    Grader::Apps2021 => trial.stdin_apps_2021(program, tests)?,
                }
                tests.len()
            }
            UnitTests::CallBased { function, tests } => {
                let tests = tests.of(which);
                match grader {
                    Grader::Strict => trial.calls_strict(program, function, tests)?,
                    Grader::Apps2021 => trial.calls_apps_2021(program, function, tests)?,
                }
                tests.len()
            }
            UnitTests::Asserts {
                setup,
                tests,
                challenge,
            } => {
                let mut statements: Vec<&str> =
                    tests.of(which).iter().map(String::as_str).collect();
                if self.options.challenge_tests && which == WhichTests::Hidden {
                    statements.extend(challenge.iter().map(String::as_str));
                }
                trial.asserts(program, setup, &statements, &self.plans.get(problem))?;
                statements.len()
            }
            UnitTests::CheckFunction {
                entry_point,
                source,
            } => {
                if which == WhichTests::Example {
                    0
                } else {
                    let script = check_script(source, entry_point);
                    trial.asserts(program, "", &[&script], &self.plans.get(problem))?;
                    1
                }
            }
            UnitTests::Differential {
                entry_point,
                reference,
                base,
                plus,
                absolute_tolerance,
            } => {
                if which == WhichTests::Example {
                    0
                } else {
                    let inputs: Vec<&[Value]> =
                        base.iter().chain(plus).map(Vec::as_slice).collect();
                    let expected = self.references.get(&problem.id, || {
                        let executor = suited(self.executor, imports_package(reference));
                        reference_results(executor, reference, entry_point, &inputs, limits)
                    })?;
                    match &*expected {
                        Err(detail) => {
                            return Ok(Judged {
                                judgement: Judgement::Unjudged {
                                    reason: Unjudged::BrokenReference {
                                        detail: detail.clone(),
                                    },
                                },
                                fuel: 0,
                            });
                        }
                        Ok(expected) => {
                            let benchmark = match problem.id.as_str() {
                                id if id.starts_with("HumanEval") => Benchmark::HumanEval,
                                id if id.starts_with("Mbpp") => Benchmark::Mbpp,
                                _ => Benchmark::Other,
                            };
                            let oracles =
                                inputs
                                    .iter()
                                    .zip(expected)
                                    .map(|(arguments, expected)| Oracle {
                                        benchmark,
                                        entry_point,
                                        arguments,
                                        expected,
                                        absolute_tolerance: *absolute_tolerance,
                                    });
                            trial.differential(program, oracles)?;
                        }
                    }
                    inputs.len()
                }
            }
        };
        Ok(trial.conclude(grader, n_tests))
    }
}

/// At least what a program gets, so that no setting makes a sound reference fail.
fn limits_of_reference(limits: &Limits) -> Limits {
    let generous = Limits::default().with_reference_seconds(60.0);
    Limits {
        fuel: limits.fuel.max(generous.fuel),
        memory_bytes: limits.memory_bytes.max(generous.memory_bytes),
        output_bytes: limits.output_bytes.max(generous.output_bytes),
        processor_time: limits.processor_time.max(generous.processor_time),
    }
}

fn suited(executor: &dyn Executor, needs_packages: bool) -> &dyn Executor {
    match executor.with_packages() {
        Some(with_packages) if needs_packages => with_packages,
        _ => executor,
    }
}

/// Results of the reference program, or why there are none.
fn reference_results(
    executor: &dyn Executor,
    reference: &str,
    entry_point: &str,
    inputs: &[&[Value]],
    limits: &Limits,
) -> Result<Result<Vec<Value>, String>, PluginError> {
    // The reference is trusted to end; slow inputs must not make a problem unjudgeable.
    let limits = limits_of_reference(limits);
    let mut session = executor.session(&limits, &Grants::default())?;
    let loaded = session.run(&module(reference))?;
    if let Err(cause) = completed(&loaded) {
        return Ok(Err(format!("loading it: {}", cause.label())));
    }
    let mut results = Vec::with_capacity(inputs.len());
    for (index, arguments) in inputs.iter().enumerate() {
        let execution = session.run(&Step::Call {
            function: entry_point,
            arguments,
        })?;
        match result_of(&execution) {
            Ok(value) => results.push(value.clone()),
            Err(cause) => return Ok(Err(format!("input {index}: {}", cause.label()))),
        }
    }
    Ok(Ok(results))
}
