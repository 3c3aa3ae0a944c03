//! The second guest. It is a download of 98 MB, so these tests run where it is installed and
//! say so where it is not.

use std::path::PathBuf;
use std::sync::LazyLock;

use harness::contract::{Executor, Session};
use harness::execution::{Ending, Execution, Grants, Limit, Limits, Question, Reply, Step};
use harness::value::Value;
use sandbox::{Installation, Sandbox};

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn sandbox() -> Option<&'static Sandbox> {
    static SANDBOX: LazyLock<Option<Sandbox>> = LazyLock::new(|| {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let cache = variable("CODERL_CACHE_DIR")
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("coderl")))
            .or_else(|| Some(variable("HOME")?.join(".cache/coderl")))?;
        let installation = Installation::new(&cache);
        installation
            .is_installed()
            .then(|| Sandbox::numpy(&installation, &cache, 16, || ()).expect("the installed guest"))
    });
    if SANDBOX.is_none() {
        eprintln!("skipped: there is no numpy guest; `coderl guest install numpy` gets it");
    }
    SANDBOX.as_ref()
}

fn session(sandbox: &'static Sandbox, limits: &Limits) -> Box<dyn Session + 'static> {
    sandbox
        .session(limits, &Grants::default())
        .expect("a session")
}

fn run(sandbox: &'static Sandbox, source: &str, limits: &Limits) -> Execution {
    session(sandbox, limits)
        .run(&Step::RunScript {
            source,
            stdin: b"1 2 3\n",
        })
        .expect("an execution")
}

/// Runs a script to its end; what it printed.
fn printed(source: &str) -> Option<String> {
    let execution = run(sandbox()?, source, &Limits::default());
    let stderr = String::from_utf8_lossy(&execution.stderr);
    assert_eq!(execution.ending, Ending::Completed, "{source}\n{stderr}");
    Some(String::from_utf8(execution.stdout).expect("text"))
}

fn check(source: &str, expected: &str) {
    if let Some(printed) = printed(source) {
        assert_eq!(printed.trim_end(), expected, "{source}");
    }
}

#[test]
fn arithmetic_is_that_of_a_machine_of_64_bits() {
    check(
        "import numpy as np\nprint(np.array([10**5] * 2) * 10**5, np.arange(2).dtype)",
        "[10000000000 10000000000] int64",
    );
    check(
        "from numpy import *\nprint(prod([10**5, 10**5]), sum([2**31 - 1] * 2), int_)",
        "10000000000 4294967294 <class 'numpy.int64'>",
    );
    check(
        "import numpy as np\nprint(np.zeros(2, dtype=int).dtype, repr(np.array([1, 2])), [np.int64(3)])",
        "int64 array([1, 2]) [3]",
    );
}

#[test]
fn standard_input_is_read() {
    check(
        "import numpy as np\nprint(np.array(input().split(), dtype=np.int64).sum())",
        "6",
    );
}

#[test]
fn packages_are_there() {
    check(
        "import numpy as np\nprint(round(np.linalg.det(np.array([[1, 2], [3, 4]]))))",
        "-2",
    );
    check(
        "from scipy.special import comb\nimport pandas as pd\nprint(comb(5, 2, exact=True), pd.Series([1, 2]).sum())",
        "10 3",
    );
    check(
        "import sympy, networkx as nx\nprint(sympy.isprime(97), nx.path_graph(3).number_of_edges())",
        "True 2",
    );
}

#[test]
fn results_are_plain_data() {
    let Some(sandbox) = sandbox() else { return };
    let mut session = session(sandbox, &Limits::default());
    let load = Step::Load {
        prelude: "",
        source: "import numpy as np\ndef f(x):\n    return [np.int64(x), np.float32(0.5), np.bool_(x), np.array([x])]",
        name: "candidate",
        instantiate: None,
    };
    assert_eq!(
        session.run(&load).expect("an execution").ending,
        Ending::Completed
    );
    let call = Step::Call {
        function: "f",
        arguments: &[Value::Int(7.into())],
    };
    let execution = session.run(&call).expect("an execution");
    let expected = Value::List(vec![
        Value::Int(7.into()),
        Value::Float(0.5),
        Value::Bool(true),
        Value::Opaque {
            type_name: "ndarray".to_owned(),
            repr: "array([7])".to_owned(),
        },
    ]);
    assert_eq!(execution.value, Some(expected));

    let text = Step::CallWithText {
        function: "g",
        input: "4",
    };
    let define = Step::Execute {
        source: "def g():\n    print(np.sqrt(int(input())))",
    };
    session.run(&define).expect("an execution");
    assert_eq!(session.run(&text).expect("an execution").stdout, b"2.0\n");
}

#[test]
fn a_test_with_numpy_asks_the_program_in_another_guest() {
    let Some(sandbox) = sandbox() else { return };
    let mut tester = session(sandbox, &Limits::default());
    let mut asked = Vec::new();
    let mut answer = |question: Question| {
        asked.push(question.arguments.clone());
        let value = Value::List(vec![2.into(), 4.into()]);
        Ok(Reply::Returned {
            value,
            arguments: None,
        })
    };
    let step = Step::Test {
        prelude: "import numpy as np",
        source: "assert np.allclose(f([1, 2]), np.array([2.0, 4.0])); assert f(3) == 1, 'no'",
        functions: &["f".to_owned()],
    };
    let execution = tester
        .run_answering(&step, u64::MAX, Some(&mut answer))
        .expect("an execution");
    let list = Value::List(vec![1.into(), 2.into()]);
    assert_eq!(asked, [vec![list], vec![Value::Int(3.into())]]);
    let Ending::Raised { exception } = execution.ending else {
        panic!("{:?}", execution.ending);
    };
    assert_eq!(
        (&*exception.class, &*exception.message),
        ("AssertionError", "no")
    );
}

#[test]
fn limits_hold() {
    let Some(sandbox) = sandbox() else { return };
    let limit = |source: &str, limits: &Limits| run(sandbox, source, limits).ending;
    let hit = |limit| Ending::LimitHit { limit };
    let limits = Limits::default().with_reference_seconds(0.2);
    assert_eq!(limit("while True: pass", &limits), hit(Limit::Fuel));
    let source = "import numpy as np\nx = np.ones((400, 400))\nwhile True: x = x @ x * 0";
    assert_eq!(limit(source, &limits), hit(Limit::Fuel));
    let limits = Limits::default();
    let source = "import numpy as np\nx = [np.ones(10**7) for _ in range(100)]";
    assert!(matches!(
        limit(source, &limits),
        Ending::LimitHit {
            limit: Limit::Memory
        } | Ending::Raised { .. }
    ));
    let source = "import os\nwhile True: os.write(1, b'x' * 65536)";
    assert_eq!(limit(source, &limits), hit(Limit::Output));
}

#[test]
fn recursion_is_as_deep_as_natively() {
    check(
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**6)\n@lru_cache(None)\ndef f(n): return n and f(n - 1) + 1\nprint(f(5000))",
        "5000",
    );
}

#[test]
fn the_same_program_uses_the_same_fuel() {
    let Some(sandbox) = sandbox() else { return };
    let source = "import numpy as np, random, time\nprint(np.random.rand(3), random.random(), time.time(), hash('a'))\nimport scipy.optimize";
    let limits = Limits::default();
    let first = run(sandbox, source, &limits);
    assert_eq!(first.ending, Ending::Completed);
    assert_eq!(first, run(sandbox, source, &limits));
}

#[test]
fn nothing_but_the_library_can_be_reached() {
    check(
        "import os\nprint(dict(os.environ), os.listdir('/usr/local/lib'))",
        "{} ['python315.zip']",
    );
    let Some(sandbox) = sandbox() else { return };
    for source in [
        "open('/etc/passwd')",
        "open('/usr/local/lib/new', 'w')",
        "open('/usr/local/lib/../../../etc/passwd')",
        "import os; os.listdir('/')",
        "import _host",
        "import subprocess; subprocess.run(['ls'])",
    ] {
        let ending = run(sandbox, source, &Limits::default()).ending;
        assert!(
            matches!(ending, Ending::Raised { .. }),
            "{source}: {ending:?}"
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    let Some(sandbox) = sandbox() else { return };
    let unsupported = |source| run(sandbox, source, &Limits::default()).unsupported;
    assert_eq!(unsupported("import subprocess")[0], "module subprocess");
    assert_eq!(unsupported("import torch"), ["module torch"]);
    assert!(unsupported("import numpy, scipy, pandas, json").is_empty());
}

#[test]
fn an_exit_is_not_completion() {
    let Some(sandbox) = sandbox() else { return };
    let ending = run(sandbox, "import os; os._exit(0)", &Limits::default()).ending;
    assert_eq!(ending, Ending::Exited { status: 0 });
    let ending = run(sandbox, "import sys; sys.exit(3)", &Limits::default()).ending;
    assert_eq!(ending, Ending::Exited { status: 3 });
}

#[test]
fn files_cannot_be_granted() {
    let Some(sandbox) = sandbox() else { return };
    let grants = Grants {
        scratch: Some("/scratch".to_owned()),
        ..Grants::default()
    };
    assert!(sandbox.session(&Limits::default(), &grants).is_err());
}
