//! Operations on one integer and on one word.

use super::operation::Parameter::{Letter, Nothing, Number, TwoLetters};
use super::operation::{Apply, Operation, Python, operation};

pub(super) const SCALARS: &[Operation] = &[
    operation(
        "plus",
        ["add {k}", "increase it by {k}", "add {k} to it"],
        Number(1, 9),
        Apply::Number(|v, k| v + k),
        Python::Whole("{x} + {k}"),
    ),
    operation(
        "times",
        ["multiply by {k}", "scale it by {k}", "multiply it by {k}"],
        Number(2, 9),
        Apply::Number(|v, k| v * k),
        Python::Whole("{x} * {k}"),
    ),
    operation(
        "remainder",
        [
            "take the remainder modulo {k}",
            "reduce it modulo {k}",
            "find the remainder modulo {k}",
        ],
        Number(3, 9),
        Apply::Number(i64::rem_euclid),
        Python::Whole("{x} % {k}"),
    ),
    operation(
        "power",
        ["square it", "multiply it by itself", "find its square"],
        Nothing,
        Apply::Number(|v, _| v * v),
        Python::Whole("{x} ** 2"),
    ),
    operation(
        "upper case",
        [
            "convert the word to upper case",
            "make all letters capital",
            "change the word to upper case",
        ],
        Nothing,
        Apply::Word(|word, _, _| word.to_ascii_uppercase()),
        Python::Whole("{x}.upper()"),
    ),
    operation(
        "backwards",
        [
            "reverse the word",
            "write the word backwards",
            "put the letters in reverse order",
        ],
        Nothing,
        Apply::Word(|word, _, _| word.chars().rev().collect()),
        Python::Whole("{x}[::-1]"),
    ),
    operation(
        "replace",
        [
            "replace every {a} by {b}",
            "change each {a} to {b}",
            "replace each of the letters {a} by {b}",
        ],
        TwoLetters,
        Apply::Word(|word, [a, b], _| word.replace(a, b.encode_utf8(&mut [0; 4]))),
        Python::Whole("{x}.replace({a}, {b})"),
    ),
    operation(
        "remove",
        [
            "remove every {a}",
            "delete each {a}",
            "remove all the letters {a}",
        ],
        Letter,
        Apply::Word(|word, [a, _], _| word.replace(a, "")),
        Python::Whole("{x}.replace({a}, '')"),
    ),
    operation(
        "double",
        [
            "write every letter twice",
            "double each letter",
            "double every one of the letters",
        ],
        Nothing,
        Apply::Word(|word, _, _| word.chars().flat_map(|c| [c, c]).collect()),
        Python::Loop {
            whole: "''.join({i} * 2 for {i} in {x})",
            start: "''",
            body: "{y} += {i} * 2",
        },
    ),
    operation(
        "prefix",
        [
            "keep only the first {k} letters",
            "remove all but the first {k} letters",
            "select the first {k} letters",
        ],
        Number(2, 5),
        Apply::Word(|word, _, n| word.chars().take(n).collect()),
        Python::Whole("{x}[:{k}]"),
    ),
    operation(
        "append",
        [
            "append the letter {a}",
            "add {a} at the end",
            "append {a} at the end",
        ],
        Letter,
        Apply::Word(|word, [a, _], _| format!("{word}{a}")),
        Python::Whole("{x} + {a}"),
    ),
    operation(
        "length",
        [
            "count the letters",
            "find the length of the word",
            "find how many letters there are",
        ],
        Nothing,
        Apply::Measure(|word, _| word.len()),
        Python::Whole("len({x})"),
    ),
    operation(
        "occurrences",
        [
            "count how often {a} occurs",
            "find the number of letters {a}",
            "find how often {a} occurs",
        ],
        Letter,
        Apply::Measure(|word, a| word.matches(a).count()),
        Python::Whole("{x}.count({a})"),
    ),
];
