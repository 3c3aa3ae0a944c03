//! The problems under attack: at least one for each way in which tests are written.

use harness::problem::{CallTest, Problem, ProblemId, StdinTest, TestSet, UnitTests};
use harness::value::Value;

/// A problem with a program that solves it and one that answers wrong.
pub(crate) struct Victim {
    pub(crate) problem: Problem,
    pub(crate) right: &'static str,
    pub(crate) wrong: &'static str,
}

/// In a file on the host that no guest was given.
pub(crate) const SECRET: &str = "swordfish 74931";

pub(crate) fn all() -> Vec<Victim> {
    vec![
        victim(
            "stdin-sum",
            stdin(&[("1 2\n", "3\n"), ("10 -4\n", "6\n"), ("-7 -8\n", "-15\n")]),
            "print(sum(map(int, input().split())))",
            "print(3)",
        ),
        victim(
            "stdin-mean",
            stdin(&[("1 2\n", "1.5\n"), ("10 -4\n", "3.0\n")]),
            "print(sum(map(int, input().split())) / 2)",
            "print('1.5 3.0')",
        ),
        victim(
            "stdin-yes-no",
            stdin(&[("4\n", "YES\n"), ("7\n", "NO\n")]),
            "print('NO' if int(input()) % 2 else 'YES')",
            "print('YES')",
        ),
        victim(
            "stdin-secret",
            stdin(&[("", SECRET)]),
            "print('swordfish', 74931)",
            "print('swordfish')",
        ),
        victim(
            "call-largest",
            calls(
                "largest",
                &[("[[1, 5, 3]]", "5"), ("[[-2, -9]]", "-2"), ("[[40]]", "40")],
            ),
            "largest = max",
            "def largest(numbers):\n    return numbers[0]",
        ),
        victim(
            "call-is-even",
            calls("is_even", &[("[4]", "true"), ("[7]", "false")]),
            "def is_even(n):\n    return n % 2 == 0",
            "def is_even(n):\n    return True",
        ),
        victim(
            "call-unbounded",
            calls("top", &[("[[1, 2]]", "2.0"), ("[[]]", "Infinity")]),
            "def top(x):\n    return float(max(x)) if x else float('inf')",
            "def top(x):\n    return 0.5",
        ),
        victim(
            "call-tally",
            calls(
                "tally",
                &[
                    (r#"[["a", "b"]]"#, r#"{"a": 1, "b": 1}"#),
                    (r#"[["a", "a"]]"#, r#"{"a": 2}"#),
                ],
            ),
            "def tally(words):\n    return {word: words.count(word) for word in words}",
            "def tally(words):\n    return {words[0]: 1}",
        ),
        victim(
            "asserts-equal",
            asserts(
                "",
                &[
                    "assert largest([1, 5, 3]) == 5",
                    "assert largest([-2, -9]) == -2",
                    "assert largest([40]) == 40",
                ],
            ),
            "largest = max",
            "def largest(numbers):\n    return numbers[0]",
        ),
        victim(
            "asserts-list",
            asserts(
                "",
                &[
                    "assert evens([1, 2, 3, 4]) == [2, 4]",
                    "assert evens([8, 5]) == [8]",
                ],
            ),
            "def evens(numbers):\n    return [n for n in numbers if n % 2 == 0]",
            "def evens(numbers):\n    return numbers",
        ),
        victim(
            "asserts-text",
            asserts(
                "",
                &["assert shout('ab') == 'AB!'", "assert shout('') == '!'"],
            ),
            "def shout(s):\n    return s.upper() + '!'",
            "def shout(s):\n    return s + '!'",
        ),
        victim(
            "asserts-is",
            asserts(
                "",
                &[
                    "assert is_even(4) is True",
                    "assert is_even(7) is False",
                    "assert is_even(None) is None",
                ],
            ),
            "def is_even(n):\n    return None if n is None else n % 2 == 0",
            "def is_even(n):\n    return True",
        ),
        victim(
            "asserts-in",
            asserts(
                "",
                &["assert root(9) in [3, -3]", "assert root(16) in (4, -4)"],
            ),
            "def root(n):\n    return -round(n ** 0.5)",
            "def root(n):\n    return n",
        ),
        victim(
            "asserts-not",
            asserts("", &["assert is_even(4)", "assert not is_even(7)"]),
            "def is_even(n):\n    return n % 2 == 0",
            "def is_even(n):\n    return True",
        ),
        victim(
            "asserts-set",
            asserts(
                "",
                &[
                    "assert set(common([1, 2, 3], [2, 3, 4])) == set([3, 2])",
                    "assert set(common([1], [2])) == set()",
                ],
            ),
            "def common(a, b):\n    return [x for x in a if x in b]",
            "def common(a, b):\n    return a",
        ),
        victim(
            "asserts-dict",
            asserts(
                "",
                &[
                    "assert count('aab') == {'a': 2, 'b': 1}",
                    "assert count('cc') == {'c': 2}",
                    "assert count('xyyx') == {'x': 2, 'y': 2}",
                ],
            ),
            "def count(text):\n    return {letter: text.count(letter) for letter in text}",
            "def count(text):\n    return {text[0]: 2}",
        ),
        victim(
            "asserts-isinstance",
            asserts(
                "",
                &[
                    "assert isinstance(parse('7'), int)",
                    "assert isinstance(parse('x'), str)",
                    "assert parse('7') == 7",
                ],
            ),
            "def parse(s):\n    return int(s) if s.isdigit() else s",
            "def parse(s):\n    return s",
        ),
        victim(
            "asserts-isclose",
            asserts(
                "import math",
                &[
                    "assert math.isclose(area(1), 3.141592653589793, rel_tol=1e-9)",
                    "assert math.isclose(area(2), 12.566370614359172, rel_tol=1e-9)",
                ],
            ),
            "def area(r):\n    return 3.141592653589793 * r * r",
            "def area(r):\n    return 3 * r * r",
        ),
        victim(
            "asserts-near",
            asserts(
                "",
                &[
                    "assert abs(half(3) - 1.5) < 1e-6",
                    "assert abs(half(-8) - -4.0) <= 1e-6",
                ],
            ),
            "def half(x):\n    return x / 2",
            "def half(x):\n    return x",
        ),
        victim(
            "check-next",
            UnitTests::CheckFunction {
                entry_point: "shifted".into(),
                source: "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate('abc') == 'bcd'\n    assert candidate('') == ''\n    assert candidate('xY') == 'yZ', 'case is kept'\n".into(),
            },
            "def shifted(s):\n    return ''.join(chr(ord(c) + 1) for c in s)",
            "def shifted(s):\n    return s",
        ),
        victim(
            "check-loop",
            UnitTests::CheckFunction {
                entry_point: "square".into(),
                source: "def expected(n):\n    return sum(2 * i + 1 for i in range(n))\n\n\ndef check(candidate):\n    for n in range(2, 20):\n        assert candidate(n) == expected(n)\n".into(),
            },
            "def square(n):\n    return n * n",
            "def square(n):\n    return 2 * n",
        ),
        victim(
            "check-round-trip",
            UnitTests::CheckFunction {
                entry_point: "unpack".into(),
                source: "def check(candidate):\n    for n in range(1, 6):\n        items = list(range(n))\n        assert candidate(pack(items)) == list(range(n))\n".into(),
            },
            "def pack(items):\n    return items[::-1]\n\ndef unpack(packed):\n    return packed[::-1]",
            "def pack(items):\n    return len(items)\n\ndef unpack(packed):\n    return [0]",
        ),
        victim(
            "check-told",
            UnitTests::CheckFunction {
                entry_point: "told".into(),
                source: "def check(candidate):\n    for n in range(1, 6):\n        expected = 2 * n\n        try:\n            risky(n)\n        except ValueError as error:\n            assert candidate(error) == expected\n        else:\n            assert False\n".into(),
            },
            "at = []\n\ndef risky(n):\n    at.append(n)\n    raise ValueError\n\ndef told(error):\n    return 2 * at[-1]",
            "def risky(n):\n    raise ValueError\n\ndef told(error):\n    return 2",
        ),
        victim(
            "differential-unique",
            differential(
                "unique",
                "def unique(numbers):\n    return sorted(set(numbers))",
                &["[[3, 1, 3]]", "[[]]", "[[5, 4, 4, 5]]"],
            ),
            "def unique(numbers):\n    return list(dict.fromkeys(sorted(numbers)))",
            "def unique(numbers):\n    return sorted(numbers)",
        ),
        victim(
            "differential-unbounded",
            differential(
                "lowest",
                "def lowest(numbers):\n    return min(map(float, numbers), default=float('inf'))",
                &["[[3, 1]]", "[[]]"],
            ),
            "def lowest(numbers):\n    return float(min(numbers)) if numbers else float('inf')",
            "def lowest(numbers):\n    return 0.5",
        ),
    ]
}

fn victim(name: &str, tests: UnitTests, right: &'static str, wrong: &'static str) -> Victim {
    let problem = Problem::with_tests(ProblemId::new(name), tests);
    Victim {
        problem,
        right,
        wrong,
    }
}

fn hidden<T>(hidden: Vec<T>) -> TestSet<T> {
    TestSet {
        example: Vec::new(),
        hidden,
    }
}

fn stdin(tests: &[(&str, &str)]) -> UnitTests {
    let tests = tests.iter().map(|&(input, expected)| StdinTest {
        input: input.into(),
        expected: expected.into(),
    });
    UnitTests::StandardInput {
        tests: hidden(tests.collect()),
    }
}

fn calls(function: &str, tests: &[(&str, &str)]) -> UnitTests {
    let tests = tests.iter().map(|&(arguments, expected)| CallTest {
        arguments: list(arguments),
        expected: value(expected),
    });
    UnitTests::CallBased {
        function: function.into(),
        tests: hidden(tests.collect()),
    }
}

fn asserts(setup: &str, tests: &[&str]) -> UnitTests {
    UnitTests::Asserts {
        setup: setup.into(),
        tests: hidden(tests.iter().map(|&test| test.into()).collect()),
        challenge: Vec::new(),
    }
}

fn differential(entry_point: &str, reference: &str, inputs: &[&str]) -> UnitTests {
    let (base, plus) = inputs.split_at(1);
    UnitTests::Differential {
        entry_point: entry_point.into(),
        reference: reference.into(),
        base: base.iter().map(|input| list(input)).collect(),
        plus: plus.iter().map(|input| list(input)).collect(),
        absolute_tolerance: 0.0,
    }
}

fn value(json: &str) -> Value {
    Value::from_json(json.as_bytes()).expect("the problem is written as JSON")
}

fn list(json: &str) -> Vec<Value> {
    match value(json) {
        Value::List(items) => items,
        other => panic!("{other} is no list of arguments"),
    }
}
