//! EvalPlus's comparison of a result with what the reference program returns.
//!
//! Equality, or for floats closeness with the task's tolerance; a few tasks with several
//! right answers have rules of their own. Follows EvalPlus v0.3.1.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::judge::python;
use crate::value::Value;

/// Relative tolerance beside the absolute one (`numpy.testing.assert_allclose`'s default).
const RELATIVE_TOLERANCE: f64 = 1e-7;
/// Absolute tolerance where the task gives none and the expected result is floats.
const FLOAT_TOLERANCE: f64 = 1e-6;

/// MBPP+ tasks whose results are compared as sets.
const COMPARED_AS_SETS: [&str; 8] = [
    "similar_elements",
    "find_char_long",
    "common_in_nested_lists",
    "extract_singly",
    "larg_nnum",
    "intersection_array",
    "find_dissimilar",
    "Diff",
];

/// MBPP+ tasks that ask only whether the result is `None`.
const COMPARED_WITH_NONE: [&str; 3] = ["check_str", "text_match_three", "text_starta_endb"];

/// Which benchmark a differential test comes from: function names alone would not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Benchmark {
    HumanEval,
    Mbpp,
    Other,
}

/// One test: the function, what it was called with, and what the reference returned.
pub(crate) struct Oracle<'a> {
    pub(crate) benchmark: Benchmark,
    pub(crate) entry_point: &'a str,
    pub(crate) arguments: &'a [Value],
    pub(crate) expected: &'a Value,
    pub(crate) absolute_tolerance: f64,
}

impl Oracle<'_> {
    pub(crate) fn accepts(&self, result: &Value) -> bool {
        let equal = python::equal(result, self.expected);
        let exact = match (self.benchmark, self.entry_point) {
            (Benchmark::HumanEval, "find_zero") => return equal || self.is_root(result),
            (Benchmark::Mbpp, "are_equivalent") => true,
            (Benchmark::Mbpp, "sum_div") => equal || python::equal(result, &0.into()),
            (Benchmark::Mbpp, "surface_Area") => {
                equal
                    || matches!(
                        (pyramid_surface(self.arguments), python::as_f64(result)),
                        (Some(surface), Some(result)) if (result - surface).abs() <= self.absolute_tolerance
                    )
            }
            (Benchmark::Mbpp, "digit_distance_nums") => {
                equal
                    || digit_distance(self.arguments)
                        .is_some_and(|distance| python::equal(result, &distance.into()))
            }
            (Benchmark::Mbpp, name) if COMPARED_AS_SETS.contains(&name) => {
                same_members(result, self.expected)
            }
            (Benchmark::Mbpp, name) if COMPARED_WITH_NONE.contains(&name) => {
                truth(result) == truth(self.expected)
            }
            _ => equal,
        };
        exact || self.is_close(result)
    }

    fn is_close(&self, result: &Value) -> bool {
        let tolerance = if self.absolute_tolerance == 0.0 && are_floats(self.expected) {
            FLOAT_TOLERANCE
        } else {
            self.absolute_tolerance
        };
        tolerance != 0.0
            && std::mem::discriminant(result) == std::mem::discriminant(self.expected)
            && all_close(result, self.expected, tolerance)
    }

    /// HumanEval/32 asks for any root of the polynomial with the given coefficients. (The
    /// reference's own root may miss the tolerance where the polynomial is steep.)
    fn is_root(&self, result: &Value) -> bool {
        let (Some(Value::List(coefficients)), Some(x)) =
            (self.arguments.first(), python::as_f64(result))
        else {
            return false;
        };
        coefficients
            .iter()
            .rev()
            .try_fold(0.0, |sum, coefficient| {
                Some(sum * x + python::as_f64(coefficient)?)
            })
            .is_some_and(|value: f64| value.abs() <= self.absolute_tolerance)
    }
}

fn are_floats(value: &Value) -> bool {
    match value {
        Value::Float(_) => true,
        Value::List(items) | Value::Tuple(items) => {
            !items.is_empty() && items.iter().all(|item| matches!(item, Value::Float(_)))
        }
        _ => false,
    }
}

fn all_close(result: &Value, expected: &Value, tolerance: f64) -> bool {
    match (result, expected) {
        (Value::List(a) | Value::Tuple(a), Value::List(b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| all_close(a, b, tolerance))
        }
        _ => match (python::as_f64(result), python::as_f64(expected)) {
            (Some(a), Some(b)) => {
                a == b
                    || (a.is_finite()
                        && b.is_finite()
                        && (a - b).abs() <= tolerance + RELATIVE_TOLERANCE * b.abs())
            }
            _ => false,
        },
    }
}

/// Whether a result says yes: as a bool, or by not being `None` (a match).
fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        other => *other != Value::None,
    }
}

/// `set(left) == set(right)`.
fn same_members(left: &Value, right: &Value) -> bool {
    let (Some(left), Some(right)) = (members(left), members(right)) else {
        return false;
    };
    let within = |some: &[Value], all: &[Value]| {
        some.iter()
            .all(|item| all.iter().any(|other| python::equal(item, other)))
    };
    within(&left, &right) && within(&right, &left)
}

fn members(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            Some(items.clone())
        }
        Value::Str(text) => Some(text.chars().map(|c| Value::Str(c.to_string())).collect()),
        Value::Dict(pairs) => Some(pairs.iter().map(|(key, _)| key.clone()).collect()),
        _ => None,
    }
}

/// Mbpp/581 is ambiguous about the height of a square pyramid: this is the other reading,
/// base plus four faces whose slant height follows from the perpendicular height.
fn pyramid_surface(arguments: &[Value]) -> Option<f64> {
    let [base, height] = arguments else {
        return None;
    };
    let (base, height) = (python::as_f64(base)?, python::as_f64(height)?);
    let slant = (base / 2.0).hypot(height);
    Some((base * base + 2.0 * base * slant).round_ties_even())
}

/// Mbpp/558 is ambiguous too: the sum of the differences digit by digit.
fn digit_distance(arguments: &[Value]) -> Option<i64> {
    let [Value::Int(left), Value::Int(right)] = arguments else {
        return None;
    };
    let (mut left, mut right) = (left.abs(), right.abs());
    let ten = BigInt::from(10);
    let mut distance = 0;
    while !left.is_zero() || !right.is_zero() {
        distance += ((&left % &ten) - (&right % &ten)).abs().to_i64()?;
        left /= &ten;
        right /= &ten;
    }
    Some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(json.as_bytes()).unwrap()
    }

    fn check(
        benchmark: Benchmark,
        function: &str,
        arguments: &str,
        expected: Value,
        tolerance: f64,
        result: Value,
        accepted: bool,
    ) {
        let Value::List(arguments) = value(arguments) else {
            panic!("arguments are a list")
        };
        let oracle = Oracle {
            benchmark,
            entry_point: function,
            arguments: &arguments,
            expected: &expected,
            absolute_tolerance: tolerance,
        };
        assert_eq!(
            oracle.accepts(&result),
            accepted,
            "{function}{arguments:?}: {result:?} for {expected:?}"
        );
    }

    #[test]
    fn results_must_be_equal_or_close() {
        let plain = |expected, tolerance, result, accepted| {
            check(
                Benchmark::Other,
                "f",
                "[]",
                expected,
                tolerance,
                result,
                accepted,
            );
        };
        plain(value("[1, 2]"), 0.0, value("[1, 2]"), true);
        plain(
            value("[1, 2]"),
            0.0,
            Value::Tuple(vec![1.into(), 2.into()]),
            false,
        );
        plain(value("1.0"), 0.0, value("1.0000005"), true);
        plain(value("1.0"), 0.0, value("1.00001"), false);
        plain(value("[1.0, 2.0]"), 0.0, value("[1.0000005, 2.0]"), true);
        plain(value("[1, 2.0]"), 0.0, value("[1, 2.0000005]"), false);
        plain(value("1.0"), 0.1, value("1.05"), true);
        plain(value("1"), 0.1, value("1.05"), false);
        plain(value("1"), 0.0, value("1.0"), true);
    }

    #[test]
    fn some_tasks_have_rules_of_their_own() {
        let mbpp = |function, arguments, expected, result, accepted| {
            check(
                Benchmark::Mbpp,
                function,
                arguments,
                expected,
                0.0,
                result,
                accepted,
            );
        };
        mbpp("Diff", "[]", value("[1, 2, 2]"), value("[2, 1]"), true);
        mbpp("Diff", "[]", value("[1, 2]"), value("[2]"), false);
        mbpp("check_str", "[]", value("true"), value("\"match\""), true);
        mbpp("check_str", "[]", value("true"), Value::None, false);
        mbpp("check_str", "[]", value("true"), value("false"), false);
        mbpp(
            "check_str",
            "[]",
            value("\"match\""),
            value("\"match\""),
            true,
        );
        mbpp("check_str", "[]", value("\"match\""), value("true"), true);
        mbpp("check_str", "[]", Value::None, Value::None, true);
        mbpp("check_str", "[]", Value::None, value("\"match\""), false);
        mbpp("sum_div", "[]", value("7"), value("0"), true);
        mbpp(
            "digit_distance_nums",
            "[1, 256]",
            value("5"),
            value("12"),
            true,
        );
        mbpp("surface_Area", "[3, 4]", value("33"), value("34"), false);
        mbpp("surface_Area", "[3, 4]", value("33"), value("35"), true);
        check(
            Benchmark::Other,
            "Diff",
            "[]",
            value("[1, 2]"),
            0.0,
            value("[2, 1]"),
            false,
        );
        let root = |result, accepted| {
            check(
                Benchmark::HumanEval,
                "find_zero",
                "[[-6, 11, -6, 1]]",
                value("1.0"),
                1e-4,
                result,
                accepted,
            );
        };
        root(value("3.0"), true);
        root(value("2.5"), false);
    }
}
