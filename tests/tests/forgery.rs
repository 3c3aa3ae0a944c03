//! Programs that try to pass tests without solving the problem, against each form of test.

use std::sync::LazyLock;

use harness::execution::Limits;
use harness::judge::{Judge, JudgeOptions, Way, WhichTests, ways};
use harness::problem::{Problem, ProblemId, TestSet, UnitTests};
use harness::verdict::{Cause, Grader, Judgement, Outcome, TestResult};
use sandbox::worker::Workers;

static SANDBOX: LazyLock<Workers> = LazyLock::new(|| e2e::sandbox().expect("a sandbox"));

fn problem(tests: UnitTests) -> Problem {
    Problem::with_tests(ProblemId::new("forged/1"), tests)
}

fn asserts(setup: &str, tests: &[&str]) -> Problem {
    problem(UnitTests::Asserts {
        setup: setup.to_owned(),
        tests: TestSet {
            example: Vec::new(),
            hidden: tests.iter().map(|test| (*test).to_owned()).collect(),
        },
        challenge: Vec::new(),
    })
}

fn check_function(body: &str) -> Problem {
    problem(UnitTests::CheckFunction {
        entry_point: "f".to_owned(),
        source: format!("METADATA = {{}}\n\ndef check(candidate):\n{body}\n"),
    })
}

fn judge(problem: &Problem, program: &str) -> Judgement {
    let judge = Judge::new(&*SANDBOX, JudgeOptions::default());
    let limits = Limits::default().with_reference_seconds(1.0);
    judge
        .judge(
            problem,
            program,
            Grader::Strict,
            WhichTests::Hidden,
            &limits,
        )
        .expect("a judgement")
        .judgement
}

fn outcome(problem: &Problem, program: &str) -> Option<Outcome> {
    judge(problem, program).outcome()
}

fn cause(problem: &Problem, program: &str) -> Cause {
    match judge(problem, program) {
        Judgement::Judged {
            cause: Some(cause), ..
        } => cause,
        other => panic!("{other:?}"),
    }
}

/// `f(x)` is `x + 1`, tested in every form.
fn all_forms() -> Vec<(Problem, Way)> {
    vec![
        (
            asserts("", &["assert f(1) == 2", "assert f(5) == 6, 'no'"]),
            Way::Apart,
        ),
        (
            asserts("", &["assert set([f(1)]) == {2}", "assert f(5) == 6"]),
            Way::Tester,
        ),
        (
            asserts(
                "import math",
                &["assert math.isclose(f(1), 2, rel_tol=0.001)"],
            ),
            Way::Apart,
        ),
        (asserts("", &["assert abs(f(1) - 2) < 1e-6"]), Way::Apart),
        (asserts("", &["assert f(1) in (2, 3)"]), Way::Apart),
        (asserts("", &["assert 1 < f(1) < 3"]), Way::Apart),
        (
            asserts("", &["assert isinstance(f(1), int) and f(1) == 2"]),
            Way::Apart,
        ),
        (
            check_function("    assert candidate(1) == 2\n    assert candidate(5) == 6"),
            Way::Apart,
        ),
        (
            check_function("    for x in range(5):\n        assert candidate(x) == x + 1"),
            Way::Tester,
        ),
        (
            asserts(
                "",
                &["def check(g):\n    expected = 2\n    assert g(1) == expected\ncheck(f)"],
            ),
            Way::Tester,
        ),
    ]
}

/// Programs that pass none of these forms, though each would fool an `assert` beside it.
const FORGERIES: [(&str, &str); 14] = [
    (
        "an object that equals everything",
        "class Liar(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __sub__(self, other): return 0
    def __abs__(self): return 0
    def __float__(self): return 2.0
    __hash__ = lambda self: 2
def f(x): return Liar(77)",
    ),
    (
        "an object that is no number at all",
        "class Liar:
    def __eq__(self, other): return True
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __hash__(self): return 2
    __class__ = int
def f(x): return Liar()",
    ),
    (
        "a value read in the source of the test",
        "import linecache, re, sys
def f(x):
    texts = [''.join(linecache.getlines('step.py'))]
    frame = sys._getframe()
    while frame:
        texts += [local for local in frame.f_locals.values() if isinstance(local, str)]
        frame = frame.f_back
    for text in texts:
        for number in re.findall(r'\\d+', text.partition('assert')[2]):
            if int(number) > x: return int(number)
    return 77",
    ),
    (
        "patched built-in functions",
        "import builtins, math
builtins.abs = lambda x: 0
builtins.isinstance = lambda *x: True
builtins.set = builtins.list = builtins.tuple = lambda *x: 2
math.isclose = lambda *x, **y: True
def f(x): return 77",
    ),
    (
        "no AssertionError",
        "import builtins
class Silent(BaseException): pass
builtins.AssertionError = SystemExit
def f(x): return 77",
    ),
    ("an early exit", "import sys\ndef f(x): sys.exit(0)"),
    (
        "an exit while loading",
        "raise SystemExit(0)\ndef f(x): return 77",
    ),
    ("an abrupt exit", "import os\ndef f(x): os._exit(0)"),
    (
        "an exit handler",
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 77",
    ),
    ("an exception", "def f(x): raise KeyboardInterrupt"),
    (
        "a check function of its own",
        "def check(candidate): pass\ndef f(x): return 77",
    ),
    (
        "a trace function that ends the test",
        "import sys
def f(x):
    def trace(*_):
        raise SystemExit(0)
    sys.settrace(trace)
    return 77",
    ),
    (
        "a report that says completed",
        "import sys
def f(x):
    frame = sys._getframe()
    while frame:
        own = frame.f_globals
        if '_ending_of' in own:
            own['_ending_of'] = lambda error: ('completed',)
        frame = frame.f_back
    raise ValueError",
    ),
    (
        "a generator that compares",
        "def f(x):
    while True:
        yield 77",
    ),
];

#[test]
fn an_honest_program_passes_every_form() {
    for (problem, way) in all_forms() {
        assert_eq!(ways(&problem).first(), Some(&way), "{:?}", problem.tests);
        assert_eq!(
            judge(&problem, "def f(x):\n    return x + 1").outcome(),
            Some(Outcome::PassedTests),
            "{:?}",
            problem.tests
        );
    }
}

#[test]
fn no_forgery_passes() {
    for (problem, _) in all_forms() {
        for (name, program) in FORGERIES {
            let outcome = outcome(&problem, program);
            assert!(
                matches!(outcome, Some(Outcome::FailedTests | Outcome::RuntimeError)),
                "{name}: {outcome:?} by {:?}",
                problem.tests
            );
        }
    }
}

#[test]
fn generators_and_state_work_where_they_would_natively() {
    let passed = |problem: &Problem, program: &str| {
        assert_eq!(
            outcome(problem, program),
            Some(Outcome::PassedTests),
            "{:?}",
            judge(problem, program)
        );
    };
    passed(
        &asserts(
            "",
            &[
                "assert list(f(3)) == [0, 1, 2]",
                "assert sorted(f(2)) == [0, 1]",
            ],
        ),
        "def f(n):\n    yield from range(n)",
    );
    // One interpreter for all calls: what one leaves behind the next one sees.
    passed(
        &asserts("", &["assert f(1) == 1", "assert f(1) == 2"]),
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n",
    );
    passed(
        &check_function("    x = [3, 1]\n    assert candidate(x) is None\n    assert x == [1, 3]"),
        "def f(x):\n    x.sort()",
    );
    passed(
        &asserts("root = Node(1)", &["assert height(root) == 1"]),
        "class Node:\n    def __init__(self, x): pass\ndef height(node):\n    return 1",
    );
    passed(
        &asserts(
            "",
            &["try:\n    f(0)\n    assert False\nexcept ZeroDivisionError:\n    pass"],
        ),
        "def f(x):\n    return 1 / x",
    );
    // MBPP asks for functions that hide built-in ones.
    passed(
        &asserts("", &["assert sum(1, 2) == 4"]),
        "def sum(a, b):\n    return a + b + 1",
    );
}

#[test]
fn causes_are_those_of_a_native_run() {
    for (problem, _) in all_forms() {
        let class = |program: &str| match cause(&problem, program) {
            Cause::Exception { exception } => (exception.class, exception.line),
            other => panic!("{other:?} by {:?}", problem.tests),
        };
        assert_eq!(
            class("def f(x):\n    return 1 / 0"),
            ("ZeroDivisionError".to_owned(), Some(2))
        );
        assert_eq!(class("def g(x): return 1").0, "NameError");
        assert_eq!(class("def f(): return 1").0, "TypeError");
        assert_eq!(
            class("class Mine(Exception): pass\ndef f(x):\n    raise Mine('x')"),
            ("Mine".to_owned(), Some(3))
        );
        assert_eq!(
            class("def f(x):\n    assert x < 0\n"),
            ("AssertionError".to_owned(), Some(2))
        );
        assert_eq!(
            cause(&problem, "def f(x):\n    while True: pass"),
            Cause::TimeLimit
        );
        assert!(matches!(
            cause(&problem, "def f(x) return"),
            Cause::NotCompiled { .. }
        ));
        assert_eq!(
            cause(&problem, "import sys\ndef f(x): sys.exit(3)"),
            Cause::EarlyExit { status: 3 }
        );
        assert_eq!(
            cause(&problem, "def f(x): return 77").outcome(),
            Outcome::FailedTests
        );
    }
    let told = cause(
        &asserts("", &["assert f(1) == 2, 'message'"]),
        "def f(x): return 'no'",
    );
    let expected = Cause::FailedAssertion {
        line: None,
        message: "got 'no', expected 2".to_owned(),
    };
    assert_eq!(told, expected);
}

#[test]
fn all_calls_of_a_check_function_share_one_budget() {
    let program = "def f(x):\n    for _ in range(300_000): x += 0\n    return 1";
    let judge = |problem: &Problem, fuel: u64| {
        let limits = Limits {
            fuel,
            ..Limits::default()
        };
        Judge::new(&*SANDBOX, JudgeOptions::default())
            .judge(
                problem,
                program,
                Grader::Strict,
                WhichTests::Hidden,
                &limits,
            )
            .expect("a judgement")
    };
    let test = "assert f(0) == 1";
    let one = judge(&asserts("", &[test]), Limits::default().fuel).fuel;
    let apart = judge(&asserts("", &[test; 6]), 3 * one).judgement;
    assert_eq!(apart.outcome(), Some(Outcome::PassedTests));
    let together = check_function(&"    assert candidate(0) == 1\n".repeat(6));
    let Judgement::Judged { cause, .. } = judge(&together, 3 * one).judgement else {
        panic!("judged")
    };
    assert_eq!(cause, Some(Cause::TimeLimit));
}

#[test]
fn what_must_run_in_place_is_marked() {
    let problem = asserts(
        "",
        &[
            "s = Stack()\ns.push(3)\nassert s.pop() == 3",
            "assert Stack() != 1",
        ],
    );
    assert_eq!(ways(&problem), [Way::InPlace, Way::Apart]);
    let program = "class Stack(list):\n    push = list.append";
    let Judgement::Judged { outcome, tests, .. } = judge(&problem, program) else {
        panic!("judged")
    };
    assert_eq!(outcome, Outcome::PassedTests);
    let marks: Vec<bool> = tests
        .iter()
        .map(|test: &TestResult| test.in_place)
        .collect();
    assert_eq!(marks, [true, false]);
    // Reaching the end cannot be reported without having been there.
    let forged = "import sys
class Stack:
    def push(self, x):
        frame = sys._getframe()
        while frame:
            own = frame.f_globals
            if '_ending_of' in own: own['_ending_of'] = lambda error: ('completed',)
            frame = frame.f_back
        raise ValueError";
    assert!(matches!(
        cause(&problem, forged),
        Cause::Exception { .. } | Cause::Crash { .. }
    ));
    // A callback is found when the test hands it over.
    let callback = asserts(
        "",
        &["double = lambda x: 2 * x\nassert f(double) == 4 and [1 for _ in 'a']"],
    );
    let Judgement::Judged { outcome, tests, .. } = judge(&callback, "def f(g): return g(2)") else {
        panic!("judged")
    };
    assert_eq!((outcome, tests[0].in_place), (Outcome::PassedTests, true));
}

#[test]
fn helpers_of_the_statement_cannot_be_replaced() {
    let mut problem = check_function(
        "    for x in range(1, 4):\n        assert poly([-x, 1], candidate([-x, 1])) == 0",
    );
    let prefix = "def poly(xs, x):\n    return sum(c * x ** i for i, c in enumerate(xs))\n\ndef f(xs):\n    '''A root.'''\n";
    problem.completion_prefix = Some(prefix.to_owned());
    let honest = format!("{prefix}    return -xs[0] / xs[1]\n");
    assert_eq!(outcome(&problem, &honest), Some(Outcome::PassedTests));
    let replaced = format!("{prefix}    return 77\n\ndef poly(xs, x):\n    return 0\n");
    assert_eq!(outcome(&problem, &replaced), Some(Outcome::FailedTests));
    let Cause::Exception { exception } = cause(&problem, "def f(xs):\n    return -xs[0] / xs[1]")
    else {
        panic!("an exception")
    };
    assert_eq!(exception.class, "NameError");
}

#[test]
fn a_failure_is_unjudged_only_for_what_is_really_missing() {
    let problem = asserts("", &["assert f(1) == 2"]);
    assert_eq!(outcome(&problem, "import torch\ndef f(x): return 77"), None);
    assert_eq!(
        outcome(
            &problem,
            "def f(x):\n    return __import__('torch').tensor(2)"
        ),
        None
    );
    let swallowed = "def f(x):
    try: __import__('tor' + 'ch')
    except ImportError: pass
    return 77";
    assert_eq!(outcome(&problem, swallowed), Some(Outcome::FailedTests));
    let noted = "import sys
def f(x):
    frame = sys._getframe()
    while frame:
        if 'unsupported' in frame.f_globals:
            frame.f_globals['unsupported'].note('module socket')
        frame = frame.f_back
    return 77";
    assert_eq!(outcome(&problem, noted), Some(Outcome::FailedTests));
}
