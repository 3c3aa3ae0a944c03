//! Steps of one session.

use std::time::Duration;

use harness::execution::{Ending, Execution, Grants, Limit, Limits, Step};
use harness::value::Value;
use sandbox::SandboxError;

use crate::support::{session, session_error, session_with};

fn load<'a>(source: &'a str) -> Step<'a> {
    Step::Load {
        prelude: "",
        source,
        name: "solution",
        instantiate: None,
    }
}

fn call<'a>(function: &'a str, arguments: &'a [Value]) -> Step<'a> {
    Step::Call {
        function,
        arguments,
    }
}

/// Class, message and line.
fn raised(execution: &Execution) -> (&str, &str, Option<u32>) {
    match &execution.ending {
        Ending::Raised { exception } | Ending::NotCompiled { exception } => {
            (&exception.class, &exception.message, exception.line)
        }
        ending => panic!("{ending:?}"),
    }
}

#[test]
fn a_function_is_called() {
    let mut session = session();
    let loaded = session
        .run(&Step::Load {
            prelude: "import math",
            source: "print(__name__)\ndef f(x, y):\n    print('called')\n    return [math.gcd(x, y), x / y]",
            name: "solution",
            instantiate: None,
        })
        .unwrap();
    assert_eq!(loaded.ending, Ending::Completed);
    assert_eq!(loaded.stdout, b"solution\n");
    let called = session.run(&call("f", &[4.into(), 6.into()])).unwrap();
    assert_eq!(called.ending, Ending::Completed);
    assert_eq!(called.stdout, b"called\n");
    assert_eq!(
        called.value,
        Some(Value::List(vec![2.into(), Value::Float(4.0 / 6.0)]))
    );
}

#[test]
fn state_stays_between_steps() {
    let mut session = session();
    session
        .run(&load(
            "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)",
        ))
        .unwrap();
    session
        .run(&Step::Execute {
            source: "seen.append(0)",
        })
        .unwrap();
    session.run(&call("f", &[1.into()])).unwrap();
    let called = session.run(&call("f", &[1.into()])).unwrap();
    assert_eq!(called.value, Some(3.into()));
}

#[test]
fn an_instance_receives_calls() {
    let mut session = session();
    let loaded = session.run(&Step::Load {
        prelude: "",
        source: "class Solution:\n    def __init__(self):\n        self.n = 0\n    def f(self):\n        self.n += 1\n        return self.n",
        name: "solution",
        instantiate: Some("Solution"),
    });
    assert_eq!(loaded.unwrap().ending, Ending::Completed);
    session.run(&call("f", &[])).unwrap();
    assert_eq!(session.run(&call("f", &[])).unwrap().value, Some(2.into()));
    let missing = session.run(&call("g", &[])).unwrap();
    assert_eq!(missing.ending, Ending::Missing { name: "g".into() });
}

#[test]
fn what_is_missing_is_named() {
    let mut first = session();
    let loaded = first.run(&Step::Load {
        prelude: "",
        source: "x = 1",
        name: "solution",
        instantiate: Some("Solution"),
    });
    assert_eq!(
        loaded.unwrap().ending,
        Ending::Missing {
            name: "Solution".into()
        }
    );
    let called = first.run(&call("print", &[])).unwrap();
    assert_eq!(
        called.ending,
        Ending::Missing {
            name: "print".into()
        }
    );
    let called = session().run(&call("f", &[])).unwrap();
    assert_eq!(called.ending, Ending::Missing { name: "f".into() });
}

#[test]
fn lines_are_those_of_the_program() {
    let mut session = session();
    session
        .run(&Step::Load {
            prelude: "\n\n\nimport math",
            source: "def f(x):\n    return 1 // x\n",
            name: "solution",
            instantiate: None,
        })
        .unwrap();
    let zero = [Value::from(0)];
    let called = session.run(&call("f", &zero)).unwrap();
    let division = ("ZeroDivisionError", "division by zero");
    assert_eq!(raised(&called), (division.0, division.1, Some(2)));
    let executed = session
        .run(&Step::Execute {
            source: "\n\n\nf(0)",
        })
        .unwrap();
    assert_eq!(raised(&executed), (division.0, division.1, Some(2)));
    let executed = session
        .run(&Step::Execute {
            source: "\nassert f(1) == 2",
        })
        .unwrap();
    assert_eq!(raised(&executed), ("AssertionError", "", None));
    let executed = session.run(&Step::Execute { source: "\nassert" }).unwrap();
    assert_eq!(
        raised(&executed),
        ("SyntaxError", "invalid syntax (step.py, line 2)", None)
    );
}

#[test]
fn a_session_survives_exceptions_and_exits() {
    let mut session = session();
    session
        .run(&load(
            "import sys\ndef f(x):\n    return [1][x]\ndef g():\n    sys.exit(4)",
        ))
        .unwrap();
    assert_eq!(
        raised(&session.run(&call("f", &[1.into()])).unwrap()).0,
        "IndexError"
    );
    assert_eq!(
        raised(&session.run(&call("f", &[])).unwrap()).0,
        "TypeError"
    );
    let exited = session.run(&call("g", &[])).unwrap();
    assert_eq!(exited.ending, Ending::Exited { status: 4 });
    assert_eq!(
        session.run(&call("f", &[0.into()])).unwrap().value,
        Some(1.into())
    );
}

#[test]
fn each_step_has_a_fresh_budget() {
    let limits = Limits {
        fuel: 600_000_000,
        ..Limits::default()
    };
    let mut session = session_with(&limits, &Grants::default());
    session
        .run(&load("def f(n):\n    for _ in range(n): pass"))
        .unwrap();
    let mut total = 0;
    for _ in 0..5 {
        let called = session.run(&call("f", &[1_000_000.into()])).unwrap();
        assert_eq!(called.ending, Ending::Completed);
        assert!(called.fuel < limits.fuel);
        total += called.fuel;
    }
    assert!(total > limits.fuel, "too easy: {total}");
    let called = session.run(&call("f", &[100_000_000.into()])).unwrap();
    assert_eq!(called.ending, Ending::LimitHit { limit: Limit::Fuel });
    assert_eq!(called.fuel, limits.fuel);
}

#[test]
fn nothing_runs_after_the_guest_has_ended() {
    for source in ["import os\nos._exit(0)", "while True: print('x' * 1000)"] {
        let mut session = session();
        let first = session.run(&load(source)).unwrap();
        assert!(matches!(
            first.ending,
            Ending::Aborted { .. } | Ending::LimitHit { .. }
        ));
        let second = session.run(&Step::Execute { source: "print(1)" }).unwrap();
        assert!(matches!(second.ending, Ending::Aborted { .. }));
        assert_eq!(second.stdout, b"");
    }
}

#[test]
fn results_are_bounded() {
    let limits = Limits {
        output_bytes: 1000,
        ..Limits::default()
    };
    for source in [
        "def f(): return 'x' * 1001",
        "def f():\n    x = []\n    for _ in range(50): x = [x, x]\n    return x",
    ] {
        let mut session = session_with(&limits, &Grants::default());
        session.run(&load(source)).unwrap();
        let called = session.run(&call("f", &[])).unwrap();
        assert_eq!(
            called.ending,
            Ending::LimitHit {
                limit: Limit::Output
            }
        );
        assert_eq!(called.value, None);
    }
}

#[test]
fn processor_time_is_never_a_verdict() {
    let limits = Limits {
        fuel: u64::MAX / 2,
        processor_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut session = session_with(&limits, &Grants::default());
    let error = session.run(&load("while True: pass")).unwrap_err();
    let error = error.downcast_ref::<SandboxError>().expect("our error");
    assert!(matches!(error, SandboxError::ProcessorTime(_)) && error.is_retryable());
    let after = session.run(&load("pass")).unwrap();
    assert!(matches!(after.ending, Ending::Aborted { .. }));
}

#[test]
fn a_memory_limit_below_the_guest_itself_is_refused() {
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let error = session_error(&limits, &Grants::default());
    assert!(error.contains("allow 128 MiB"), "{error}");
}
