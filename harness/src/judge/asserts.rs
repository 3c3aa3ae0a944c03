//! Judging by tests that are Python code (MBPP, HumanEval). How test code is read, and why,
//! is told in [`super::apart`].

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::contract::PluginError;
use crate::execution::{Ending, Exception, Execution, Grants, Question, Reply, Step};
use crate::judge::apart::{self, Condition, Failure, Surroundings, TestPlan, TesterScript};
use crate::judge::judging::Way;
use crate::judge::trial::{Trial, completed, failed_assertion, result_of};
use crate::problem::{Problem, ProblemId, UnitTests};
use crate::value::Value;
use crate::verdict::Cause;

/// The plans of one problem's tests.
pub(super) struct Plans {
    tests: UnitTests,
    by_source: HashMap<String, TestPlan>,
}

/// Plans by problem, made when first asked for.
#[derive(Default)]
pub(super) struct PlanCache(RwLock<HashMap<ProblemId, Arc<Plans>>>);

impl PlanCache {
    pub(super) fn get(&self, problem: &Problem) -> Arc<Plans> {
        let plans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Different problems may have one id where several datasets meet.
        if let Some(plans) = plans.get(&problem.id)
            && plans.tests == problem.tests
        {
            return Arc::clone(plans);
        }
        drop(plans);
        let plans = Arc::new(Plans::new(problem));
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(problem.id.clone(), Arc::clone(&plans));
        plans
    }
}

impl Plans {
    fn new(problem: &Problem) -> Self {
        let (setup, entry_point, sources) = match &problem.tests {
            UnitTests::Asserts {
                setup,
                tests,
                challenge,
            } => {
                let sources = tests.hidden.iter().chain(&tests.example).chain(challenge);
                (setup.as_str(), None, sources.cloned().collect())
            }
            UnitTests::CheckFunction {
                entry_point,
                source,
            } => {
                let script = check_script(source, entry_point);
                ("", Some(entry_point.as_str()), vec![script])
            }
            _ => ("", None, Vec::new()),
        };
        let surroundings = Surroundings {
            setup,
            entry_point,
            completion_prefix: problem.completion_prefix.as_deref(),
            reference_solutions: &problem.reference_solutions,
        };
        let plan = |source: String| {
            let plan = TestPlan::new(&source, &surroundings);
            (source, plan)
        };
        Self {
            tests: problem.tests.clone(),
            by_source: sources.into_iter().map(plan).collect(),
        }
    }
}

impl Plans {
    pub(super) fn ways(&self, tests: &UnitTests) -> Vec<Way> {
        let way = |source: &String| {
            self.by_source.get(source).map(|plan| match plan {
                TestPlan::Apart(_) => Way::Apart,
                TestPlan::Tester(_) => Way::Tester,
                TestPlan::InPlace => Way::InPlace,
            })
        };
        match tests {
            UnitTests::Asserts { tests, .. } => tests.hidden.iter().filter_map(way).collect(),
            UnitTests::CheckFunction {
                entry_point,
                source,
            } => way(&check_script(source, entry_point))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The script that calls the check function of `source`.
pub(super) fn check_script(source: &str, entry_point: &str) -> String {
    format!("{source}\ncheck({entry_point})\n")
}

/// A program and the code in front of its tests.
#[derive(Clone, Copy)]
struct Behind<'b> {
    program: &'b str,
    setup: &'b str,
}

/// What a test that asked for something else wants to become.
enum Tested {
    Judged(Result<(), Cause>),
    /// The test gave a function an object of its own that is no data.
    Untransferable,
}

impl Trial<'_> {
    /// Judges by each of `sources`, which are among those of `plans`.
    pub(super) fn asserts(
        &mut self,
        program: &str,
        setup: &str,
        sources: &[&str],
        plans: &Plans,
    ) -> Result<(), PluginError> {
        let behind = Behind { program, setup };
        for source in sources {
            let plan = plans.by_source.get(*source).unwrap_or(&TestPlan::InPlace);
            let tested = match plan {
                TestPlan::Apart(conditions) => Tested::Judged(self.apart(behind, conditions)?),
                TestPlan::Tester(script) => self.tested(behind, script)?,
                TestPlan::InPlace => Tested::Untransferable,
            };
            let (result, in_place) = match tested {
                Tested::Judged(result) => (result, false),
                Tested::Untransferable => (self.in_place(behind, source)?, true),
            };
            let go_on = self.record(result);
            if in_place {
                self.mark_in_place();
            }
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// One budget for all calls of a test, as if it ran in one piece.
    fn apart(
        &mut self,
        behind: Behind<'_>,
        conditions: &[Condition],
    ) -> Result<Result<(), Cause>, PluginError> {
        let Behind { program, setup } = behind;
        let mut left = self.limits.fuel;
        if conditions.is_empty() {
            // Nothing is asked of the program but to load.
            let nothing = Step::Execute { source: "" };
            let loaded = self.step_behind(program, setup, &nothing, left)?;
            return Ok(loaded.map(|_| ()));
        }
        for condition in conditions {
            let mut value_of = |expression: &str| {
                let step = Step::Evaluate { expression };
                let execution = self
                    .step_behind(program, setup, &step, left)
                    .map_err(Trouble::Plugin)?
                    .map_err(Trouble::Cause)?;
                left = left.saturating_sub(execution.fuel);
                match result_of(&execution) {
                    Ok(value) => Ok(value.clone()),
                    Err(cause) => Err(Trouble::Cause(cause)),
                }
            };
            let cause = match apart::evaluate(condition, &mut value_of) {
                Ok(Ok(())) => continue,
                Ok(Err(message)) => Cause::FailedAssertion {
                    line: None,
                    message,
                },
                Err(Failure::Subject(Trouble::Plugin(error))) => return Err(error),
                Err(Failure::Subject(Trouble::Cause(cause))) => cause,
                Err(Failure::Exception(exception)) => Cause::Exception { exception },
            };
            return Ok(Err(cause));
        }
        Ok(Ok(()))
    }

    /// Runs a script in a guest of its own that calls functions of the program through us.
    fn tested(&mut self, behind: Behind<'_>, script: &TesterScript) -> Result<Tested, PluginError> {
        let Behind { program, setup } = behind;
        let mut left = self.limits.fuel;
        // Loads the program even if the script never calls it, and finds what it must define.
        let required = format!("({}),", script.required.join(", "));
        let step = match script.required.is_empty() {
            true => Step::Execute { source: "" },
            false => Step::Execute { source: &required },
        };
        match self.step_behind(program, setup, &step, left)? {
            Ok(execution) => {
                if let Err(cause) = completed(&execution) {
                    return Ok(Tested::Judged(Err(cause)));
                }
            }
            Err(cause) => return Ok(Tested::Judged(Err(cause))),
        }

        let mut tester = self.executor.session(self.limits, &Grants::default())?;
        let mut asked = Asked::default();
        let execution = {
            let mut answer = |question: Question| -> Result<Reply, PluginError> {
                if question.holds_object_of_test() {
                    asked.untransferable = true;
                    return Ok(Reply::Stop);
                }
                let step = Step::Answer {
                    question: &question,
                };
                let reply = match self.step_behind(program, setup, &step, left)? {
                    Ok(execution) => {
                        left = left.saturating_sub(execution.fuel);
                        reply_of(&execution)
                    }
                    Err(cause) => Err(cause),
                };
                Ok(match reply {
                    Ok(reply) => {
                        if let Reply::Raised { exception } = &reply {
                            asked.raised = Some(exception.clone());
                        }
                        reply
                    }
                    Err(cause) => {
                        asked.ended = Some(cause);
                        Reply::Stop
                    }
                })
            };
            let step = Step::Test {
                prelude: &script.prelude,
                source: &script.source,
                functions: &script.functions,
            };
            tester.run_answering(&step, u64::MAX, Some(&mut answer))?
        };
        self.note(&execution);
        if asked.untransferable {
            return Ok(Tested::Untransferable);
        }
        if let Some(cause) = asked.ended {
            return Ok(Tested::Judged(Err(cause)));
        }
        Ok(Tested::Judged(completed(&execution).map_err(|cause| {
            match (failed_assertion(cause), asked.raised) {
                // What the program raised is told with its line there.
                (Cause::FailedAssertion { message, .. }, Some(exception))
                    if exception.class == "AssertionError" && exception.message == message =>
                {
                    Cause::Exception { exception }
                }
                (Cause::Exception { exception }, Some(raised))
                    if exception.class == raised.class && exception.message == raised.message =>
                {
                    Cause::Exception { exception: raised }
                }
                (cause, _) => cause,
            }
        })))
    }

    /// Runs the test behind the program, in its interpreter. That the end was reached is
    /// known by bytes that the program has not seen before.
    fn in_place(
        &mut self,
        behind: Behind<'_>,
        source: &str,
    ) -> Result<Result<(), Cause>, PluginError> {
        let Behind { program, setup } = behind;
        let mut secret = [0; 16];
        getrandom::fill(&mut secret)?;
        let step = Step::ExecuteToEnd {
            source,
            secret: &secret,
        };
        let ran = self.step_behind(program, setup, &step, u64::MAX)?;
        Ok(ran.and_then(|ran| {
            completed(&ran).map_err(failed_assertion)?;
            match &ran.value {
                Some(Value::Bytes(value)) if *value == secret => Ok(()),
                _ => Err(Cause::Crash {
                    reason: "the test did not come to its end".to_owned(),
                }),
            }
        }))
    }
}

enum Trouble {
    Plugin(PluginError),
    Cause(Cause),
}

/// What happened while a tester asked.
#[derive(Default)]
struct Asked {
    untransferable: bool,
    /// The last exception that a function of the program raised.
    raised: Option<Exception>,
    /// What ended the program's guest, and with it the test.
    ended: Option<Cause>,
}

const CONTAINERS: [&str; 5] = ["list", "tuple", "set", "frozenset", "dict"];

impl Question {
    fn holds_object_of_test(&self) -> bool {
        let keywords = self.keywords.iter().map(|(_, value)| value);
        self.arguments.iter().chain(keywords).any(holds_object)
    }
}

/// Whether `value` has an object in it that is the test's own. Data that is nested too deep to
/// be sent is none: the program may have made it, and must not choose the way of a test.
fn holds_object(value: &Value) -> bool {
    match value {
        Value::Opaque { type_name, .. } => {
            type_name != Question::OBJECT_OF_THE_PROGRAM && !CONTAINERS.contains(&&**type_name)
        }
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.iter().any(holds_object)
        }
        Value::Dict(pairs) => pairs
            .iter()
            .any(|(key, value)| holds_object(key) || holds_object(value)),
        _ => false,
    }
}

/// The reply to a question, or what ended the program while it was answered.
fn reply_of(execution: &Execution) -> Result<Reply, Cause> {
    match &execution.ending {
        Ending::Raised { exception } => {
            return Ok(Reply::Raised {
                exception: exception.clone(),
            });
        }
        Ending::Missing { name } => return Ok(Reply::Missing { name: name.clone() }),
        _ => {}
    }
    let malformed = || Cause::Crash {
        reason: "the guest returned no result".to_owned(),
    };
    let Value::Tuple(parts) = result_of(execution)? else {
        return Err(malformed());
    };
    let [value, arguments] = parts.as_slice() else {
        return Err(malformed());
    };
    Ok(Reply::Returned {
        value: value.clone(),
        arguments: match arguments {
            Value::None => None,
            Value::List(arguments) => Some(arguments.clone()),
            _ => return Err(malformed()),
        },
    })
}
