//! Functions called the way the APPS grader of 2021 calls them.

use harness::contract::Session;
use harness::execution::{Ending, Execution, Step};

use crate::support::session;

fn loaded(source: &str) -> Box<dyn Session> {
    let mut session = session();
    let load = session.run(&Step::Load {
        prelude: "import sys\nstdin = sys.stdin\nstdout = sys.stdout\n",
        source,
        name: "solution",
        instantiate: None,
    });
    assert_eq!(load.unwrap().ending, Ending::Completed);
    session
}

fn call(session: &mut dyn Session, input: &str) -> Execution {
    session
        .run(&Step::CallWithText {
            function: "code",
            input,
        })
        .unwrap()
}

/// Captured text of a function with this body.
fn check(body: &str, input: &str, expected: &str) {
    let source = format!("def code():\n    {}", body.replace('\n', "\n    "));
    let execution = call(loaded(&source).as_mut(), input);
    assert_eq!(execution.ending, Ending::Completed, "{body}");
    assert_eq!(
        String::from_utf8_lossy(&execution.stdout),
        expected,
        "{body}"
    );
}

#[test]
fn names_looked_up_during_the_call_see_a_text_buffer() {
    check("print(int(input()) + int(input()))", "1\n2\n", "3\n");
    check("print(repr(sys.stdin.readline()))", "1\n2\n", "'1\\n'\n");
    check("print(repr(sys.stdin.read()))", "1\n2", "'1\\n2'\n");
    check(
        "print([line for line in sys.stdin])",
        "1\n2",
        "['1\\n', '2']\n",
    );
    check(
        "sys.stdin.readline()\nprint(repr(sys.stdin.readline()))",
        "1",
        "''\n",
    );
    check("print(hasattr(sys.stdin, 'buffer'))", "", "False\n");
    check("print(repr(input('p')))", "x", "p'x'\n");
}

#[test]
fn the_old_standard_input_has_other_methods() {
    check(
        "print(repr(stdin.read()), repr(stdin.read(1)))",
        "1\n2\n",
        "'1\\n2\\n' '1\\n2\\n'\n",
    );
    check("print(stdin.readlines())", "1\n2\n", "['1', '2', '']\n");
    check(
        "print(repr(stdin.readline()), repr(stdin.readline()))",
        "1\n2",
        "'1' '2'\n",
    );
    check("print(stdin.buffer.read())", "1\n2", "b''\n");
    check("print(list(stdin))", "1\n2", "[]\n");
    let mut session = loaded("def code():\n    stdin.readline()\n    stdin.readline()");
    let execution = call(session.as_mut(), "1");
    assert!(
        matches!(&execution.ending, Ending::Raised { exception } if exception.class == "StopIteration")
    );
}

#[test]
fn open_ignores_the_name() {
    check(
        "print(open(0).read(), open('in.txt').readlines())",
        "1\n2",
        "1\n2 ['1\\n', '2']\n",
    );
    check(
        "with open('x') as f:\n    print(repr(f.readline()))",
        "1\n2",
        "'1\\n'\n",
    );
}

#[test]
fn only_the_new_standard_output_is_captured() {
    check("stdout.write('lost')\nsys.stdout.write('kept')", "", "kept");
    check("print('a')\nsys.stdout.close()\nprint('b')", "", "a\nb\n");
    check("print('\\ud800')", "", "\u{fffd}\u{fffd}\u{fffd}\n");
}

#[test]
fn leaving_is_an_ordinary_end() {
    check("print(1)\nsys.exit(3)", "", "1\n");
    check("print(1)\nexit()", "", "1\n");
}

#[test]
fn output_before_an_exception_is_kept() {
    let execution = call(loaded("def code():\n    print(1)\n    1/0").as_mut(), "");
    assert!(
        matches!(&execution.ending, Ending::Raised { exception } if exception.class == "ZeroDivisionError" && exception.line == Some(3))
    );
    assert_eq!(execution.stdout, b"1\n");
}

#[test]
fn calls_do_not_disturb_each_other() {
    let mut session = loaded(
        "n = 0\ndef code():\n    global n\n    n += 1\n    print(n, input(), stdin.readline(), open(0).read())",
    );
    assert_eq!(call(session.as_mut(), "a").stdout, b"1 a a a\n");
    assert_eq!(call(session.as_mut(), "b").stdout, b"2 b b b\n");
    let executed = session.run(&Step::Execute {
        source: "print(sys.stdin is stdin, sys.stdout is stdout, 'readline' in vars(stdin))\ntry: open('x')\nexcept OSError: print('denied')",
    });
    assert_eq!(executed.unwrap().stdout, b"True True False\ndenied\n");
}

#[test]
fn a_missing_function_is_named() {
    let execution = call(loaded("x = 1").as_mut(), "");
    assert_eq!(
        execution.ending,
        Ending::Missing {
            name: "code".into()
        }
    );
}
