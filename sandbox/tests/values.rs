//! Values there and back.

use harness::execution::{Ending, Limits, Step};
use harness::value::Value;

use crate::support::session;

/// The value of a Python expression.
fn evaluate(expression: &str) -> Value {
    let mut session = session();
    let source = format!("{PRELUDE}\ndef f():\n    return {expression}");
    let step = Step::Load {
        prelude: "",
        source: &source,
        name: "solution",
        instantiate: None,
    };
    assert_eq!(session.run(&step).unwrap().ending, Ending::Completed);
    let called = session.run(&Step::Call {
        function: "f",
        arguments: &[],
    });
    let called = called.unwrap();
    assert_eq!(called.ending, Ending::Completed, "{expression}");
    called.value.expect("a value")
}

const PRELUDE: &str = r#"
from collections import *
from enum import *
from fractions import Fraction

class Color(IntEnum):
    RED = 3

Point = namedtuple("Point", "x y")

class Liar(list):
    def __iter__(self): return iter([9])
    def __len__(self): return 0
    def __getitem__(self, index): return 9
    def __eq__(self, other): return True
    @property
    def __class__(self): return dict

class LyingDict(dict):
    def items(self): return [(9, 9)]
    def __iter__(self): return iter([9])

class LyingInt(int):
    def __index__(self): return 9
    def __int__(self): return 9

class LyingStr(str):
    def __str__(self): return "9"
    def encode(self, *_): return b"9"

class BadRepr:
    def __repr__(self): raise ValueError

class Meta(type):
    __hash__ = None
    def __eq__(self, other): raise ValueError
    def __instancecheck__(self, other): return True
    def __subclasscheck__(self, other): return True

class Odd(metaclass=Meta):
    def __repr__(self): return "odd"

def nested(depth):
    x = []
    for _ in range(depth): x = [x]
    return x

def cycle():
    x = [1]
    x.append(x)
    return x
"#;

fn int(number: i64) -> Value {
    Value::from(number)
}

fn opaque(type_name: &str, repr: &str) -> Value {
    Value::Opaque {
        type_name: type_name.into(),
        repr: repr.into(),
    }
}

#[test]
fn arguments_come_back_unchanged() {
    let big: num_bigint::BigInt = "-1234567890123456789012345678901234567890".parse().unwrap();
    let nested = (0..150).fold(Value::None, |inner, _| Value::List(vec![inner]));
    let arguments = [
        Value::None,
        Value::Bool(true),
        int(-1),
        Value::Int(big.clone()),
        Value::Int(big.pow(1000)),
        Value::Float(f64::INFINITY),
        Value::Float(-0.0),
        Value::Complex { re: 1.5, im: -2.0 },
        Value::from("é\0\u{10ffff}"),
        Value::SurrogateStr(vec![0x61, 0xd800]),
        Value::Bytes(vec![0, 255]),
        Value::Tuple(vec![]),
        Value::List((0..100_000).map(Value::from).collect()),
        Value::List((0..100_000).map(|i| Value::Float(f64::from(i))).collect()),
        Value::List((0..10_000).map(|i| Value::Str(format!("é{i}"))).collect()),
        Value::List(
            (0..1_000)
                .map(|_| Value::List(vec![int(1), Value::None]))
                .collect(),
        ),
        Value::List(vec![Value::Bool(true); 20]),
        Value::Tuple(vec![Value::Int(big); 20]),
        Value::Set(vec![int(1)]),
        Value::FrozenSet(vec![Value::from("a")]),
        Value::Dict(vec![
            (Value::from("b"), int(1)),
            (int(2), Value::List(vec![])),
        ]),
        nested,
    ];
    let mut session = session();
    session
        .run(&Step::Load {
            prelude: "",
            source: "def f(*arguments): return arguments",
            name: "solution",
            instantiate: None,
        })
        .unwrap();
    let called = session
        .run(&Step::Call {
            function: "f",
            arguments: &arguments,
        })
        .unwrap();
    assert_eq!(called.ending, Ending::Completed);
    assert!(called.value == Some(Value::Tuple(arguments.to_vec())));
    assert!(
        called.fuel < Limits::default().fuel / 100,
        "{}",
        called.fuel
    );
}

#[test]
fn not_a_number_comes_back() {
    let value = evaluate("[float('nan'), complex(0, float('inf'))]");
    assert_eq!(
        format!("{value:?}"),
        "List([Float(NaN), Complex { re: 0.0, im: inf }])"
    );
}

#[test]
fn subclasses_of_builtin_types_are_what_they_hold() {
    let pair = |key: &str, value| (Value::from(key), int(value));
    for (expression, expected) in [
        ("Color.RED", int(3)),
        (
            "[True, False]",
            Value::List(vec![Value::Bool(true), Value::Bool(false)]),
        ),
        ("Point(1, 2)", Value::Tuple(vec![int(1), int(2)])),
        ("OrderedDict(a=1)", Value::Dict(vec![pair("a", 1)])),
        ("defaultdict(int, a=1)", Value::Dict(vec![pair("a", 1)])),
        (
            "Counter('aab')",
            Value::Dict(vec![pair("a", 2), pair("b", 1)]),
        ),
        ("Liar([1, 2])", Value::List(vec![int(1), int(2)])),
        ("LyingDict(a=1)", Value::Dict(vec![pair("a", 1)])),
        ("LyingInt(1)", int(1)),
        ("LyingStr('a')", Value::from("a")),
        ("[LyingInt(1)] * 10", Value::List(vec![int(1); 10])),
        ("bytearray(b'a')", Value::Bytes(vec![97])),
    ] {
        assert_eq!(evaluate(expression), expected, "{expression}");
    }
}

#[test]
fn everything_else_is_opaque() {
    for (expression, expected) in [
        ("range(3)", opaque("range", "range(0, 3)")),
        ("deque([1])", opaque("deque", "deque([1])")),
        ("Fraction(1, 2)", opaque("Fraction", "Fraction(1, 2)")),
        ("BadRepr()", opaque("BadRepr", "<repr() failed>")),
        ("Odd()", opaque("Odd", "odd")),
        ("[Odd()] * 9", Value::List(vec![opaque("Odd", "odd"); 9])),
        ("int", opaque("type", "<class 'int'>")),
        ("...", opaque("ellipsis", "Ellipsis")),
        ("range(10 ** 300)", {
            let repr = format!("range(0, 1{}", "0".repeat(300));
            opaque("range", &repr[..200])
        }),
        ("cycle()", Value::List(vec![int(1), opaque("list", "...")])),
    ] {
        assert_eq!(evaluate(expression), expected, "{expression}");
    }
}

#[test]
fn depth_is_bounded() {
    let mut value = &evaluate("nested(100000)");
    let mut depth = 0;
    while let Value::List(items) = value {
        value = &items[0];
        depth += 1;
    }
    assert_eq!((depth, value), (200, &opaque("list", "...")));
}
