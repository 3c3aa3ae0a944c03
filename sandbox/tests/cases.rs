use harness::execution::{Ending, Step};
use harness::value::Value;

use crate::support::{run_script, session};

#[test]
fn a_script_reads_and_writes() {
    let execution = run_script("print(int(input()) + 1)", "41\n");
    assert_eq!(execution.ending, Ending::Completed);
    assert_eq!(execution.stdout, b"42\n");
}

#[test]
fn a_function_is_called() {
    let mut session = session();
    let loaded = session.run(&Step::Load {
        prelude: "import math",
        source: "def f(x, y):\n    return [math.gcd(x, y), x / y]",
        name: "solution",
        instantiate: None,
    });
    assert_eq!(loaded.unwrap().ending, Ending::Completed);
    let called = session.run(&Step::Call {
        function: "f",
        arguments: &[Value::from(4), Value::from(6)],
    });
    assert_eq!(
        called.unwrap().value,
        Some(Value::List(vec![Value::from(2), Value::Float(4.0 / 6.0)]))
    );
}
