//! Operations on lists of integers.

use super::operation::Parameter::{Nothing, Number};
use super::operation::{Apply, Operation, Python, operation};

pub(super) const LISTS: &[Operation] = &[
    operation(
        "add",
        [
            "add {k} to every number",
            "increase each element by {k}",
            "add {k} to each of the numbers",
        ],
        Number(1, 9),
        Apply::Each(|v, k| v + k),
        Python::Each("{i} + {k}"),
    ),
    operation(
        "multiply",
        [
            "multiply every number by {k}",
            "scale each element by {k}",
            "multiply each of the numbers by {k}",
        ],
        Number(2, 5),
        Apply::Each(|v, k| v * k),
        Python::Each("{i} * {k}"),
    ),
    operation(
        "square",
        [
            "square every number",
            "replace each element by its square",
            "square each of the numbers",
        ],
        Nothing,
        Apply::Each(|v, _| v * v),
        Python::Each("{i} * {i}"),
    ),
    operation(
        "negate",
        [
            "negate every number",
            "flip the sign of each element",
            "negate each of the numbers",
        ],
        Nothing,
        Apply::Each(|v, _| -v),
        Python::Each("-{i}"),
    ),
    operation(
        "keep greater",
        [
            "keep only the numbers greater than {k}",
            "remove all elements that are at most {k}",
            "select the numbers above {k}",
        ],
        Number(0, 9),
        Apply::Keep(|v, k| v > k),
        Python::Keep("{i} > {k}"),
    ),
    operation(
        "keep smaller",
        [
            "keep only the numbers smaller than {k}",
            "remove all elements that are at least {k}",
            "select the numbers below {k}",
        ],
        Number(0, 9),
        Apply::Keep(|v, k| v < k),
        Python::Keep("{i} < {k}"),
    ),
    operation(
        "keep even",
        [
            "keep only the even numbers",
            "remove all odd elements",
            "select the even numbers",
        ],
        Nothing,
        Apply::Keep(|v, _| v % 2 == 0),
        Python::Keep("{i} % 2 == 0"),
    ),
    operation(
        "keep odd",
        [
            "keep only the odd numbers",
            "remove all even elements",
            "select the odd numbers",
        ],
        Nothing,
        Apply::Keep(|v, _| v % 2 != 0),
        Python::Keep("{i} % 2 == 1"),
    ),
    operation(
        "sort up",
        [
            "sort the numbers in ascending order",
            "arrange the elements from smallest to largest",
            "sort the numbers from smallest to largest",
        ],
        Nothing,
        Apply::Arrange(|numbers, _| numbers.sort_unstable()),
        Python::Whole("sorted({x})"),
    ),
    operation(
        "sort down",
        [
            "sort the numbers in descending order",
            "arrange the elements from largest to smallest",
            "sort the numbers from largest to smallest",
        ],
        Nothing,
        Apply::Arrange(|numbers, _| numbers.sort_unstable_by(|a, b| b.cmp(a))),
        Python::Whole("sorted({x}, reverse=True)"),
    ),
    operation(
        "reverse",
        [
            "reverse the list",
            "put the elements in reverse order",
            "reverse the numbers",
        ],
        Nothing,
        Apply::Arrange(|numbers, _| numbers.reverse()),
        Python::Whole("{x}[::-1]"),
    ),
    operation(
        "drop",
        [
            "drop the first {k} numbers",
            "remove the first {k} elements",
            "skip the first {k} numbers",
        ],
        Number(2, 3),
        Apply::Shorten(|numbers, n| {
            numbers.drain(..n.min(numbers.len()));
        }),
        Python::Whole("{x}[{k}:]"),
    ),
    operation(
        "take",
        [
            "keep only the first {k} numbers",
            "remove all but the first {k} elements",
            "select the first {k} numbers",
        ],
        Number(2, 4),
        Apply::Arrange(|numbers, n| numbers.truncate(n)),
        Python::Whole("{x}[:{k}]"),
    ),
    operation(
        "distinct",
        [
            "keep only the first of equal numbers",
            "remove elements that occurred before",
            "remove numbers that occurred before",
        ],
        Nothing,
        Apply::Arrange(|numbers, _| {
            let all = std::mem::take(numbers);
            for number in all {
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }),
        Python::Loop {
            whole: "list(dict.fromkeys({x}))",
            start: "[]",
            body: "if {i} not in {y}:\n        {y}.append({i})",
        },
    ),
    operation(
        "sum",
        [
            "add up the numbers",
            "compute the sum of the elements",
            "find the sum of the numbers",
        ],
        Nothing,
        Apply::Fold(|numbers| numbers.iter().sum()),
        Python::Loop {
            whole: "sum({x})",
            start: "0",
            body: "{y} += {i}",
        },
    ),
    operation(
        "count",
        [
            "count the numbers",
            "find how many elements there are",
            "find how many numbers there are",
        ],
        Nothing,
        Apply::Fold(|numbers| numbers.len() as i64),
        Python::Loop {
            whole: "len({x})",
            start: "0",
            body: "{y} += 1",
        },
    ),
    operation(
        "maximum",
        [
            "take the largest number",
            "find the maximum",
            "find the largest number",
        ],
        Nothing,
        Apply::Pick(|numbers| numbers.iter().copied().max()),
        Python::Pick {
            whole: "max({x})",
            guarded: "max({x}, default=0)",
            guarded_name: "max({x}, default=0)",
        },
    ),
    operation(
        "minimum",
        [
            "take the smallest number",
            "find the minimum",
            "find the smallest number",
        ],
        Nothing,
        Apply::Pick(|numbers| numbers.iter().copied().min()),
        Python::Pick {
            whole: "min({x})",
            guarded: "min({x}, default=0)",
            guarded_name: "min({x}, default=0)",
        },
    ),
    operation(
        "first",
        [
            "take the first number",
            "find the first element",
            "find the first number",
        ],
        Nothing,
        Apply::Pick(|numbers| numbers.first().copied()),
        Python::Pick {
            whole: "{x}[0]",
            guarded: "({x} or [0])[0]",
            guarded_name: "{x}[0] if {x} else 0",
        },
    ),
    operation(
        "last",
        [
            "take the last number",
            "find the last element",
            "find the last number",
        ],
        Nothing,
        Apply::Pick(|numbers| numbers.last().copied()),
        Python::Pick {
            whole: "{x}[-1]",
            guarded: "({x} or [0])[-1]",
            guarded_name: "{x}[-1] if {x} else 0",
        },
    ),
];
