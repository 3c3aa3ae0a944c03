//! Evaluating expressions, and testers that have functions called in another guest.

use harness::contract::Session;
use harness::execution::{Ending, Execution, Limit, Limits, Question, Reply, Step};
use harness::value::Value;

use crate::support::{session, session_with};

fn loaded(source: &str) -> Box<dyn Session> {
    let mut session = session();
    let step = Step::Load {
        prelude: "",
        source,
        name: "candidate",
        instantiate: None,
    };
    assert_eq!(session.run(&step).unwrap().ending, Ending::Completed);
    session
}

fn exception(execution: &Execution) -> (&str, &str) {
    match &execution.ending {
        Ending::Raised { exception } => (&exception.class, &exception.message),
        ending => panic!("{ending:?}"),
    }
}

#[test]
fn an_expression_is_evaluated_in_the_programs_namespace() {
    let mut program = loaded("calls = []\ndef f(*x):\n    calls.append(x)\n    return x");
    let mut check = |expression: &str, expected: Value| {
        let execution = program.run(&Step::Evaluate { expression }).unwrap();
        assert_eq!(execution.ending, Ending::Completed, "{expression}");
        assert_eq!(execution.value, Some(expected), "{expression}");
    };
    let tuple = |items: &[i64]| Value::Tuple(items.iter().map(|&i| i.into()).collect());
    check("f(1, 2)", tuple(&[1, 2]));
    check("f(1,  # one\n2)", tuple(&[1, 2]));
    check("f()  # none", tuple(&[]));
    check("'é' 'x'", "éx".into());
    check("len(calls)", 3.into());
    check("set(f(1, 1))", Value::Set(vec![1.into()]));
    check("not not (f()\n)", Value::Bool(false));
    let mut error = |expression: &str| {
        let execution = program.run(&Step::Evaluate { expression }).unwrap();
        exception(&execution).0.to_owned()
    };
    assert_eq!(error("missing(1)"), "NameError");
    assert_eq!(error("f(1"), "SyntaxError");
    assert_eq!(error("f(1 / 0)"), "ZeroDivisionError");
}

#[test]
fn a_step_can_have_a_part_of_the_budget() {
    let mut program = loaded("def f():\n    while True: pass");
    let step = Step::Evaluate { expression: "f()" };
    let execution = program.run_within(&step, 100_000_000).unwrap();
    assert_eq!(execution.ending, Ending::LimitHit { limit: Limit::Fuel });
    assert_eq!(execution.fuel, 100_000_000);
}

/// Runs `test` against `program`, in which it may call `f` and `g`.
fn test_against(program: &str, test: &str) -> (Execution, Vec<Question>) {
    let mut program = loaded(program);
    let mut questions = Vec::new();
    let mut answer = |question: Question| {
        let step = Step::Answer {
            question: &question,
        };
        let execution = program.run(&step)?;
        questions.push(question.clone());
        Ok(match execution.ending {
            Ending::Completed => {
                let Some(Value::Tuple(parts)) = execution.value else {
                    panic!("{execution:?}")
                };
                Reply::Returned {
                    value: parts[0].clone(),
                    arguments: match &parts[1] {
                        Value::None => None,
                        Value::List(arguments) => Some(arguments.clone()),
                        other => panic!("{other:?}"),
                    },
                }
            }
            Ending::Raised { exception } => Reply::Raised { exception },
            Ending::Missing { name } => Reply::Missing { name },
            _ => Reply::Stop,
        })
    };
    let step = Step::Test {
        prelude: "import math",
        source: test,
        functions: &["f".to_owned(), "g".to_owned()],
    };
    let execution = session()
        .run_answering(&step, u64::MAX, Some(&mut answer))
        .unwrap();
    (execution, questions)
}

fn passes(program: &str, test: &str) {
    let (execution, _) = test_against(program, test);
    assert_eq!(execution.ending, Ending::Completed, "{test}");
}

fn raises(program: &str, test: &str, expected: (&str, &str)) {
    let (execution, _) = test_against(program, test);
    assert_eq!(exception(&execution), expected, "{test}");
}

#[test]
fn a_tester_calls_functions_of_another_guest() {
    let program = "def f(x, y=0):\n    return x + y\n";
    passes(
        program,
        "for x in range(50):\n    assert f(x, y=1) == x + 1",
    );
    passes(
        program,
        "assert list(map(f, [1, 2])) == [1, 2]\nassert f.__name__ == 'f'",
    );
    passes(
        program,
        "assert f([1.5, None], []) == [1.5, None] and math.pi > 3",
    );
    raises(program, "assert f(1) == 2, 'no'", ("AssertionError", "no"));
    raises(program, "g(1)", ("NameError", "name 'g' is not defined"));
    let (_, questions) = test_against(program, "f(1, y={'a': (2,)})");
    let expected = Question {
        function: "f".to_owned(),
        arguments: vec![1.into()],
        keywords: vec![(
            "y".to_owned(),
            Value::Dict(vec![("a".into(), Value::Tuple(vec![2.into()]))]),
        )],
    };
    assert_eq!(questions, [expected]);
}

#[test]
fn exceptions_of_the_program_reach_the_test() {
    let program = "\
class Mine(KeyError):
    pass
def f(x):
    if x == 1: raise Mine('a')
    if x == 2: return b'\\xff'.decode()
    if x == 3: raise KeyboardInterrupt
    if x == 4: raise ExceptionGroup('g', [ValueError()])
    return int(x)
";
    passes(
        program,
        "try:\n    f(1)\nexcept KeyError as e:\n    assert type(e).__name__ == 'Mine' and str(e) == \"'a'\"\nelse:\n    assert False",
    );
    passes(
        program,
        "try:\n    f(2)\nexcept UnicodeDecodeError:\n    pass",
    );
    passes(
        program,
        "try:\n    f(3)\nexcept KeyboardInterrupt:\n    pass",
    );
    passes(program, "try:\n    f(4)\nexcept Exception:\n    pass");
    raises(
        "def f(x): raise StopIteration",
        "for x in map(f, [1]):\n    assert x == 2",
        ("StopIteration", ""),
    );
    raises(
        program,
        "f('x')",
        ("ValueError", "invalid literal for int() with base 10: 'x'"),
    );
}

#[test]
fn changes_of_arguments_are_seen() {
    let program = "\
def f(x, *more):
    if isinstance(x, list):
        x.append(0); x.sort()
        for item in x:
            if isinstance(item, list): item.append(9)
    elif isinstance(x, dict):
        x['new'] = x.pop('old', None)
    else:
        x.add(7)
def g(x):
    x[0][0] = 5
";
    passes(program, "x = [3, 1]\nf(x)\nassert x == [0, 1, 3]");
    passes(program, "x = {'old': [1]}\nf(x)\nassert x == {'new': [1]}");
    passes(program, "x = {1}\nf(x)\nassert x == {1, 7}");
    passes(
        program,
        "row = [1]\nx = [row, [2]]\ng(x)\nassert row == [5] and x[0] is row",
    );
}

#[test]
fn objects_of_the_program_are_inert() {
    let program = "\
class Liar:
    def __eq__(self, other): return True
    def __repr__(self): return '42'
def f(): return Liar()
def g(x): return x
";
    passes(
        program,
        "a = f()\nassert a != 42 and 42 != a and a == a and a != f()",
    );
    raises(program, "assert f() == 42", ("AssertionError", ""));
    let (_, questions) = test_against(program, "g(f())\ng(print)");
    let type_names: Vec<_> = questions
        .iter()
        .flat_map(|question| &question.arguments)
        .map(|argument| match argument {
            Value::Opaque { type_name, .. } => type_name.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        type_names,
        [
            Question::OBJECT_OF_THE_PROGRAM,
            "builtin_function_or_method"
        ]
    );
}

#[test]
fn a_test_without_an_answer_is_ended() {
    let program = "import os\ndef f():\n    os._exit(0)\n";
    let (execution, _) = test_against(program, "try:\n    f()\nexcept BaseException:\n    pass");
    assert!(
        matches!(execution.ending, Ending::Aborted { .. }),
        "{execution:?}"
    );
}

/// Names of our modules are hidden, but a program that searches finds the objects.
const FINDS_ASK: &str = "\
import gc
def ask():
    for found in gc.get_objects():
        if isinstance(found, dict) and 'stand_in' in found and 'wit_world' in found:
            found['wit_world'].ask(b'?')
";

#[test]
fn only_a_tester_may_ask() {
    let mut program = loaded(FINDS_ASK);
    // The snapshot's objects are frozen out of the collector's sight: reach them by frames.
    let step = Step::Evaluate {
        expression: "(lambda f: f.f_globals['tester'].wit_world.ask(b'?'))(__import__('sys')._getframe(2))",
    };
    let execution = program.run(&step).unwrap();
    assert!(
        matches!(&execution.ending, Ending::Aborted { reason } if reason.contains("only a tester")),
        "{execution:?}"
    );
    assert_eq!(
        program.run(&step).unwrap().ending,
        Ending::Aborted {
            reason: "the guest ended in an earlier step".to_owned()
        }
    );
}

#[test]
fn a_testers_own_work_is_bounded() {
    let limits = Limits {
        fuel: 1_000_000_000,
        ..Limits::default()
    };
    let mut answer = |_: Question| Ok(Reply::Stop);
    let step = Step::Test {
        prelude: "",
        source: "while True: pass",
        functions: &[],
    };
    let execution = session_with(&limits, &Default::default())
        .run_answering(&step, u64::MAX, Some(&mut answer))
        .unwrap();
    assert_eq!(execution.ending, Ending::LimitHit { limit: Limit::Fuel });
}
