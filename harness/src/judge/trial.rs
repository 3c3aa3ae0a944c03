//! The steps of judging one candidate: sessions, steps, results of tests.

use std::collections::BTreeSet;

use crate::contract::{Executor, PluginError, Session};
use crate::execution::{Ending, Execution, Grants, Limits, Step};
use crate::judge::apps_2021::{self, OutputRule};
use crate::judge::evalplus::Oracle;
use crate::judge::strict;
use crate::judge::unsupported::{died_of, spoiled_by};
use crate::judge::{JudgeOptions, Judged};
use crate::problem::{CallTest, StdinTest};
use crate::value::Value;
use crate::verdict::{Cause, Difference, Grader, Judgement, Outcome, TestResult, Unjudged};

/// One candidate being judged.
pub(super) struct Trial<'a> {
    program: &'a str,
    pub(super) executor: &'a dyn Executor,
    pub(super) limits: &'a Limits,
    options: JudgeOptions,
    session: Option<Box<dyn Session + 'a>>,
    /// Whether the program was loaded into the current session; `None` before.
    loaded: Option<Result<(), Cause>>,
    pub(super) fuel: u64,
    /// What the current test died of for want of it, up to now.
    missed: BTreeSet<String>,
    /// The same of the first test that failed.
    needed: Vec<String>,
    results: Vec<TestResult>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        program: &'a str,
        executor: &'a dyn Executor,
        limits: &'a Limits,
        options: JudgeOptions,
    ) -> Self {
        Self {
            program,
            executor,
            limits,
            options,
            session: None,
            loaded: None,
            fuel: 0,
            missed: BTreeSet::new(),
            needed: Vec::new(),
            results: Vec::new(),
        }
    }

    fn open(&mut self) -> Result<(), PluginError> {
        // The old guest goes before the new one comes, so that one slot is enough.
        self.session = None;
        self.session = Some(self.executor.session(self.limits, &Grants::default())?);
        Ok(())
    }

    fn step(&mut self, step: &Step<'_>) -> Result<Execution, PluginError> {
        self.step_within(step, u64::MAX)
    }

    fn step_within(&mut self, step: &Step<'_>, fuel: u64) -> Result<Execution, PluginError> {
        let session = self.session.as_mut().expect("a session was opened");
        let execution = session.run_within(step, fuel)?;
        self.note(&execution);
        Ok(execution)
    }

    /// Takes down what a step cost and missed.
    pub(super) fn note(&mut self, execution: &Execution) {
        self.fuel += execution.fuel;
        let noted = &execution.unsupported;
        self.missed
            .extend(died_of(noted, self.program, &execution.ending));
        self.missed.extend(spoiled_by(noted, self.program));
    }

    fn pass(&mut self, rule: Option<OutputRule>) {
        self.missed.clear();
        self.results.push(TestResult {
            rule: rule.map(|rule| rule.name().to_owned()),
            ..TestResult::default()
        });
    }

    fn fail(&mut self, cause: Cause) {
        let missed = std::mem::take(&mut self.missed);
        if self.results.iter().all(|result| result.cause.is_none()) {
            self.needed = missed.into_iter().collect();
        }
        self.results.push(TestResult {
            cause: Some(cause),
            ..TestResult::default()
        });
    }

    /// Marks the last result as one that the program could have forged.
    pub(super) fn mark_in_place(&mut self) {
        if let Some(result) = self.results.last_mut() {
            result.in_place = true;
        }
    }

    /// Adds a result; tells whether to go on.
    pub(super) fn record(&mut self, result: Result<(), Cause>) -> bool {
        match result {
            Ok(()) => self.pass(None),
            Err(cause) => {
                self.fail(cause);
                return !self.options.early_stop;
            }
        }
        true
    }

    pub(super) fn stdin_strict(
        &mut self,
        program: &str,
        tests: &[StdinTest],
    ) -> Result<(), PluginError> {
        for test in tests {
            self.open()?;
            let execution = self.step(&Step::RunScript {
                source: program,
                stdin: test.input.as_bytes(),
            })?;
            let result = match completed(&execution) {
                // `sys.exit()` is an ordinary way to end a script.
                Ok(()) | Err(Cause::EarlyExit { status: 0 }) => {
                    strict::compare_output(&test.expected, &execution.stdout).map_err(wrong_answer)
                }
                Err(cause) => Err(cause),
            };
            if !self.record(result) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn calls_strict(
        &mut self,
        program: &str,
        function: &str,
        tests: &[CallTest],
    ) -> Result<(), PluginError> {
        for test in tests {
            self.open()?;
            let loaded = self.step(&Step::Load {
                prelude: CALL_BASED_PRELUDE,
                source: program,
                name: "candidate",
                instantiate: class_to_instantiate(program),
            })?;
            let result = match completed(&loaded) {
                Ok(()) => {
                    let mut arguments = test.arguments.clone();
                    if let Some(first) = arguments.first_mut()
                        && let Some(dict) = strict::with_integer_keys(first)
                    {
                        *first = dict;
                    }
                    let execution = self.step(&Step::Call {
                        function,
                        arguments: &arguments,
                    })?;
                    result_of(&execution).and_then(|actual| {
                        strict::compare_result(&test.expected, actual).map_err(wrong_answer)
                    })
                }
                Err(cause) => Err(cause),
            };
            if !self.record(result) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn differential<'o>(
        &mut self,
        program: &str,
        oracles: impl Iterator<Item = Oracle<'o>>,
    ) -> Result<(), PluginError> {
        for oracle in oracles {
            let step = Step::Call {
                function: oracle.entry_point,
                arguments: oracle.arguments,
            };
            let result = self
                .step_behind(program, "", &step, u64::MAX)?
                .and_then(|execution| {
                    let actual = result_of(&execution)?;
                    if oracle.accepts(actual) {
                        Ok(())
                    } else {
                        Err(wrong_result(oracle.expected, actual))
                    }
                });
            if !self.record(result) {
                break;
            }
        }
        Ok(())
    }

    /// Performs `step` in a session that holds the program and its setup. A step that ends
    /// the guest takes the session with it, so that the next one starts again.
    pub(super) fn step_behind(
        &mut self,
        program: &str,
        setup: &str,
        step: &Step<'_>,
        fuel: u64,
    ) -> Result<Result<Execution, Cause>, PluginError> {
        if self.loaded.is_none() {
            self.loaded = Some(self.load_with_setup(program, setup)?);
        }
        if let Some(Err(cause)) = &self.loaded {
            return Ok(Err(cause.clone()));
        }
        let execution = self.step_within(step, fuel)?;
        if matches!(
            execution.ending,
            Ending::LimitHit { .. } | Ending::Aborted { .. }
        ) {
            self.loaded = None;
        }
        Ok(Ok(execution))
    }

    fn load_with_setup(
        &mut self,
        program: &str,
        setup: &str,
    ) -> Result<Result<(), Cause>, PluginError> {
        self.open()?;
        let loaded = self.step(&module(program))?;
        if let Err(cause) = completed(&loaded) {
            return Ok(Err(cause));
        }
        if setup.trim().is_empty() {
            return Ok(Ok(()));
        }
        let execution = self.step(&Step::Execute { source: setup })?;
        Ok(completed(&execution).map_err(failed_assertion))
    }

    /// Loads a module as the grader of 2021 does. Whatever an `Exception` spoils counts as a
    /// compile error; what escapes the original's handler ends the grader itself, which
    /// CodeRL counts as a runtime error.
    fn load_apps_2021(
        &mut self,
        source: &str,
        instantiate: Option<&str>,
    ) -> Result<Result<(), Cause>, PluginError> {
        self.open()?;
        let loaded = self.step(&Step::Load {
            prelude: "",
            source,
            name: "tmp_sol",
            instantiate,
        })?;
        Ok(completed(&loaded).map_err(|cause| match cause {
            Cause::EarlyExit { .. } | Cause::Crash { .. } => cause,
            Cause::NotCompiled { .. } => cause,
            cause => Cause::NotLoaded {
                detail: cause.label().to_owned(),
            },
        }))
    }

    pub(super) fn stdin_apps_2021(
        &mut self,
        program: &str,
        tests: &[StdinTest],
    ) -> Result<(), PluginError> {
        if tests.is_empty() {
            return Ok(());
        }
        let source = apps_2021::stdin_module(program);
        if let Err(cause) = self.load_apps_2021(&source, None)? {
            self.fail(cause);
            return Ok(());
        }
        for test in tests {
            let execution = self.step(&Step::CallWithText {
                function: "code",
                input: &test.input,
            })?;
            // The original returns at the first exception and at the first wrong output.
            match completed(&execution) {
                Err(cause) => {
                    self.fail(cause);
                    break;
                }
                Ok(()) => {
                    let output = String::from_utf8_lossy(&execution.stdout);
                    match apps_2021::output_rule(&test.expected, &output) {
                        Some(OutputRule::BlankLines) => {
                            self.fail(Cause::Crash {
                                reason: "the grader of 2021 fails on output that is right but for blank lines".to_owned(),
                            });
                            break;
                        }
                        Some(rule) => self.pass(Some(rule)),
                        None => {
                            self.fail(wrong_answer(first_difference(&test.expected, &output)));
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn calls_apps_2021(
        &mut self,
        program: &str,
        function: &str,
        tests: &[CallTest],
    ) -> Result<(), PluginError> {
        if tests.is_empty() {
            return Ok(());
        }
        let source = apps_2021::call_based_module(program);
        if let Err(cause) = self.load_apps_2021(&source, class_to_instantiate(program))? {
            self.fail(cause);
            return Ok(());
        }
        for test in tests {
            let arguments = apps_2021::dict_quirks(&Value::List(test.arguments.clone()));
            let arguments = match &arguments {
                Some(Value::List(arguments)) => arguments,
                _ => &test.arguments,
            };
            let execution = self.step(&Step::Call {
                function,
                arguments,
            })?;
            let actual = match result_of(&execution) {
                Ok(actual) => actual,
                Err(cause) => {
                    self.fail(cause);
                    break;
                }
            };
            let quirky = apps_2021::dict_quirks(&test.expected);
            let expected = quirky.as_ref().unwrap_or(&test.expected);
            if apps_2021::call_result_accepted(expected, actual) {
                self.pass(None);
            } else {
                self.fail(wrong_result(expected, actual));
            }
        }
        Ok(())
    }

    pub(super) fn conclude(self, grader: Grader, n_tests: usize) -> Judged {
        let judgement = if n_tests == 0 {
            Judgement::Unjudged {
                reason: Unjudged::NoTests,
            }
        } else {
            let failures = || {
                self.results
                    .iter()
                    .filter_map(|result| result.cause.as_ref())
            };
            let cause = match grader {
                Grader::Strict => failures().next(),
                // First among the worst: `min_by_key` keeps the first of equals.
                Grader::Apps2021 => failures().min_by_key(|cause| cause.outcome()),
            };
            let outcome = cause.map_or(Outcome::PassedTests, Cause::outcome);
            if !self.needed.is_empty() {
                Judgement::Unjudged {
                    reason: Unjudged::Unsupported {
                        features: self.needed,
                    },
                }
            } else {
                Judgement::Judged {
                    outcome,
                    cause: cause.cloned(),
                    tests: self.results,
                    n_tests: u32::try_from(n_tests).unwrap_or(u32::MAX),
                }
            }
        };
        Judged {
            judgement,
            fuel: self.fuel,
        }
    }
}

/// A module in which functions under test are defined. It is not `__main__`, as under the
/// official graders of HumanEval and MBPP.
pub(super) fn module(source: &str) -> Step<'_> {
    Step::Load {
        prelude: "",
        source,
        name: "candidate",
        instantiate: None,
    }
}

/// Imports that call-based programs of APPS may take for granted, as on the sites from which
/// the problems come.
const CALL_BASED_PRELUDE: &str = "\
import bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, sys, typing
from collections import Counter, OrderedDict, defaultdict, deque
from functools import cmp_to_key, lru_cache, reduce
from typing import *
";

fn class_to_instantiate(program: &str) -> Option<&'static str> {
    program.contains("class Solution").then_some("Solution")
}

/// What an execution means when its result does not matter.
pub(super) fn completed(execution: &Execution) -> Result<(), Cause> {
    Err(match &execution.ending {
        Ending::Completed => return Ok(()),
        Ending::NotCompiled { exception } => Cause::NotCompiled {
            exception: exception.clone(),
        },
        Ending::Raised { exception } => Cause::Exception {
            exception: exception.clone(),
        },
        Ending::Exited { status } => Cause::EarlyExit { status: *status },
        Ending::Missing { name } => Cause::MissingFunction { name: name.clone() },
        Ending::LimitHit { limit } => (*limit).into(),
        Ending::Aborted { reason } => Cause::Crash {
            reason: reason.clone(),
        },
    })
}

/// The result of a call.
pub(super) fn result_of(execution: &Execution) -> Result<&Value, Cause> {
    completed(execution)?;
    execution.value.as_ref().ok_or_else(|| Cause::Crash {
        reason: "the guest returned no result".to_owned(),
    })
}

fn wrong_answer(difference: Difference) -> Cause {
    Cause::WrongAnswer {
        detail: Some(Box::new(difference)),
    }
}

fn wrong_result(expected: &Value, actual: &Value) -> Cause {
    wrong_answer(Difference {
        expected: expected.shortened(strict::HEAD_CHARS),
        actual: actual.shortened(strict::HEAD_CHARS),
        line: None,
    })
}

/// Where two texts part, for people: as the strict grader sees it, even where the lenient
/// rules look at something else.
fn first_difference(expected: &str, actual: &str) -> Difference {
    strict::compare_output(expected, actual.as_bytes())
        .err()
        .unwrap_or_else(|| Difference {
            expected: strict::shortened(expected),
            actual: strict::shortened(actual),
            line: None,
        })
}

/// An `AssertionError` raised by the test itself is a failed test; one raised inside the
/// program is an exception like any other.
pub(super) fn failed_assertion(cause: Cause) -> Cause {
    match cause {
        Cause::Exception { exception }
            if exception.class == "AssertionError" && exception.line.is_none() =>
        {
            Cause::FailedAssertion {
                line: None,
                message: exception.message,
            }
        }
        // A test that does not compile says nothing about the program's syntax.
        Cause::NotCompiled { exception } => Cause::Exception { exception },
        cause => cause,
    }
}
