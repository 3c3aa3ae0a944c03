//! Whatever a guest does to its stack, the host goes on, also on small threads.

use std::thread;

use harness::execution::{Ending, Limit, Limits};

use crate::support::{run_script, run_script_with};

/// Programs that recurse without end or very deep, through C code and through Python code.
const DEEP: &[&str] = &[
    "eval('(' * 3000 + ')' * 3000)",
    "import ast; ast.literal_eval('-' * 200000 + '1')",
    "import re; re.compile('(' * 100000)",
    "x = []\nfor _ in range(10**6): x = [x]\nprint(len(repr(x)))",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nclass A:\n  def __repr__(self): return repr([self])\nrepr(A())",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nclass A:\n  def __getattr__(self, n): return getattr(self, n)\nA().x",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nclass A:\n  def __hash__(self): return hash((self,))\nhash(A())",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nclass A:\n  def __call__(self): return self()\nA()()",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nf = lambda x: max(f(y) for y in [x])\nf(1)",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\nf = lambda x: sorted([x, x], key=f)\nf(1)",
    "import sys, json\nsys.setrecursionlimit(2**31 - 1)\nx = []\nfor _ in range(10**5): x = [x]\njson.dumps(x)",
    "import sys, pickle\nsys.setrecursionlimit(2**31 - 1)\nx = []\nfor _ in range(10**5): x = [x]\npickle.dumps(x)",
    "import sys, copy\nsys.setrecursionlimit(2**31 - 1)\nx = []\nfor _ in range(10**5): x = [x]\ncopy.deepcopy(x)",
    "x = lambda: 0\nfor _ in range(10**6):\n  y = lambda z=x: z\n  x = y\ndel x, y",
    "class N: pass\nx = None\nfor _ in range(10**6):\n  n = N(); n.next = x; x = n\ndel x, n",
    "import itertools\nx = []\nfor _ in range(10**5): x = itertools.chain(x, [1])\nprint(sum(x))",
    "import functools\nx = len\nfor _ in range(10**5): x = functools.partial(functools.reduce, x)\nx([1])",
    "def g(n):\n  yield from g(n + 1)\nimport sys\nsys.setrecursionlimit(10**5)\nlist(g(0))",
    "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(): f()\nf()",
];

fn run_all(programs: &[&str]) {
    let limits = Limits {
        fuel: 10_000_000_000,
        memory_bytes: 256 << 20,
        ..Limits::default()
    };
    for source in programs {
        let execution = run_script_with(source, "", &limits);
        let acceptable = match &execution.ending {
            Ending::Completed | Ending::LimitHit { .. } => true,
            Ending::Raised { exception } => [
                "RecursionError",
                "SyntaxError",
                "PatternError",
                "MemoryError",
                "TypeError",
            ]
            .contains(&exception.class.as_str()),
            _ => false,
        };
        assert!(acceptable, "{source}\n{:?}", execution.ending);
    }
}

#[test]
fn deep_recursion_ends_the_guest_alone() {
    thread::scope(|scope| {
        for half in DEEP.chunks(DEEP.len().div_ceil(2)) {
            thread::Builder::new()
                .stack_size(2 << 20)
                .spawn_scoped(scope, || run_all(half))
                .expect("a thread");
        }
    });
    let after = run_script("print('still here')", "");
    assert_eq!(after.stdout, b"still here\n");
}

#[test]
fn small_host_threads_suffice() {
    thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(|| {
            let source = "import sys\nsys.setrecursionlimit(10**6)\nfrom functools import cache\n@cache\ndef f(n): return n and f(n - 1)\nprint(f(15000))";
            assert_eq!(run_script(source, "").stdout, b"0\n");
            let endless = "x = []\nx.append(x)\nwhile True: x = [x]";
            let limits = Limits {
                memory_bytes: 128 << 20,
                ..Limits::default()
            };
            assert_eq!(
                run_script_with(endless, "", &limits).ending,
                Ending::LimitHit {
                    limit: Limit::Memory
                }
            );
        })
        .expect("a thread")
        .join()
        .expect("no panic");
}
