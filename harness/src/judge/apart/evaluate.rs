//! Decides conditions over values, with Python's semantics.

use ruff_python_ast::CmpOp;

use crate::execution::Exception;
use crate::judge::apart::condition::{Condition, Operand};
use crate::judge::apart::operations::{
    absolute, compare, difference, is_close, is_instance, length, real,
};
use crate::judge::strict;
use crate::value::Value;

/// Why a condition has no truth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure<E> {
    /// Evaluating a subject failed.
    Subject(E),
    /// Python would raise this where it looks at the values.
    Exception(Exception),
}

impl<E> From<Exception> for Failure<E> {
    fn from(exception: Exception) -> Self {
        Self::Exception(exception)
    }
}

/// The truth of `condition`, and for a false one the comparison that decided it.
/// `value_of` gives the value of a subject; it is called in the order of Python.
pub(crate) fn evaluate<E>(
    condition: &Condition,
    value_of: &mut dyn FnMut(&str) -> Result<Value, E>,
) -> Result<Result<(), String>, Failure<E>> {
    let failed = |text: String| Ok(Err(text));
    match condition {
        Condition::Constant(true) => Ok(Ok(())),
        Condition::Constant(false) => failed("the test demands it to fail".to_owned()),
        Condition::Truth { expression } => match value_of(expression).map_err(Failure::Subject)? {
            Value::Bool(true) => Ok(Ok(())),
            _ => failed("the result is not true".to_owned()),
        },
        Condition::Not(inner) => match evaluate(inner, value_of)? {
            Ok(()) => failed("the result is true, expected not".to_owned()),
            Err(_) => Ok(Ok(())),
        },
        Condition::All(parts) => {
            for part in parts {
                if let Err(text) = evaluate(part, value_of)? {
                    return failed(text);
                }
            }
            Ok(Ok(()))
        }
        Condition::Any(parts) => {
            let mut last = String::new();
            for part in parts {
                match evaluate(part, value_of)? {
                    Ok(()) => return Ok(Ok(())),
                    Err(text) => last = text,
                }
            }
            failed(last)
        }
        Condition::Comparison { first, rest } => {
            let mut left = operand(first, value_of)?;
            for (op, right) in rest {
                let right_value = operand(right, value_of)?;
                if !compare(*op, &left, &right_value)? {
                    // Tell apart what came from what was expected.
                    return failed(if matches!(right, Operand::Constant(_)) {
                        describe(*op, &left, &right_value)
                    } else {
                        describe(mirrored(*op), &right_value, &left)
                    });
                }
                left = right_value;
            }
            Ok(Ok(()))
        }
        Condition::IsClose {
            left,
            right,
            relative_tolerance,
            absolute_tolerance,
        } => {
            let left_value = operand(left, value_of)?;
            let right_value = operand(right, value_of)?;
            let (a, b) = (real(&left_value)?, real(&right_value)?);
            if is_close(a, b, *relative_tolerance, *absolute_tolerance) {
                return Ok(Ok(()));
            }
            let (actual, expected) = match left {
                Operand::Constant(_) => (right_value, left_value),
                _ => (left_value, right_value),
            };
            failed(format!(
                "got {}, expected about {}",
                shown(&actual),
                shown(&expected)
            ))
        }
        Condition::IsInstance { operand: of, types } => {
            let value = operand(of, value_of)?;
            if types.iter().any(|name| is_instance(&value, name)) {
                Ok(Ok(()))
            } else {
                failed(format!(
                    "got {}, expected an instance of {}",
                    shown(&value),
                    types.join(" or ")
                ))
            }
        }
    }
}

fn operand<E>(
    operand_: &Operand,
    value_of: &mut dyn FnMut(&str) -> Result<Value, E>,
) -> Result<Value, Failure<E>> {
    Ok(match operand_ {
        Operand::Constant(value) => value.clone(),
        Operand::Subject(text) => value_of(text).map_err(Failure::Subject)?,
        Operand::Length(inner) => length(&operand(inner, value_of)?)?,
        Operand::Absolute(inner) => absolute(operand(inner, value_of)?)?,
        Operand::Difference(left, right) => {
            let left = operand(left, value_of)?;
            let right = operand(right, value_of)?;
            difference(&left, &right)?
        }
    })
}

fn shown(value: &Value) -> String {
    value.shortened(strict::HEAD_CHARS)
}

fn describe(op: CmpOp, actual: &Value, expected: &Value) -> String {
    let relation = match op {
        CmpOp::Eq | CmpOp::Is => "",
        CmpOp::NotEq | CmpOp::IsNot => "other than ",
        CmpOp::Lt => "less than ",
        CmpOp::LtE => "at most ",
        CmpOp::Gt => "more than ",
        CmpOp::GtE => "at least ",
        CmpOp::In => "a member of ",
        CmpOp::NotIn => "no member of ",
    };
    format!(
        "got {}, expected {relation}{}",
        shown(actual),
        shown(expected)
    )
}

/// The relation seen from the other side. Membership is told as it stands.
fn mirrored(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::LtE => CmpOp::GtE,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::GtE => CmpOp::LtE,
        op => op,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::apart::plan::{Surroundings, TestPlan};

    /// Decides `assert …` with `value` for every subject.
    fn decide(assert: &str, value: &Value) -> Result<bool, String> {
        let surroundings = Surroundings {
            setup: "import math",
            entry_point: None,
            completion_prefix: None,
            reference_solutions: &[],
        };
        let plan = TestPlan::new(assert, &surroundings);
        let TestPlan::Apart(conditions) = &plan else {
            panic!("{assert}\nis {plan:?}")
        };
        let [condition] = conditions.as_slice() else {
            panic!("one assert")
        };
        match evaluate::<()>(condition, &mut |_| Ok(value.clone())) {
            Ok(result) => Ok(result.is_ok()),
            Err(Failure::Exception(exception)) => {
                Err(format!("{}: {}", exception.class, exception.message))
            }
            Err(Failure::Subject(())) => unreachable!("no subject fails"),
        }
    }

    fn check(assert: &str, value: impl Into<Value>, expected: bool) {
        let value = value.into();
        assert_eq!(
            decide(assert, &value),
            Ok(expected),
            "{assert} for {value:?}"
        );
    }

    fn raises(assert: &str, value: impl Into<Value>, expected: &str) {
        let value = value.into();
        assert_eq!(
            decide(assert, &value),
            Err(format!("TypeError: {expected}")),
            "{assert} for {value:?}"
        );
    }

    fn liar() -> Value {
        Value::Opaque {
            type_name: "int".to_owned(),
            repr: "2".to_owned(),
        }
    }

    #[test]
    fn equality_and_identity() {
        check("assert f() == 2", 2, true);
        check("assert f() == 2", Value::Float(2.0), true);
        check("assert f() == True", 1, true);
        check("assert f() is True", 1, false);
        check("assert f() is True", Value::Bool(true), true);
        check("assert f() is not None", Value::None, false);
        check(
            "assert f() == (1, 2)",
            Value::List(vec![1.into(), 2.into()]),
            false,
        );
        check(
            "assert f() == {2, 1}",
            Value::FrozenSet(vec![1.into(), 2.into()]),
            true,
        );
        check("assert f() == 2", liar(), false);
        check("assert f() != 2", liar(), true);
        check("assert f() == float('nan')", Value::Float(f64::NAN), false);
    }

    #[test]
    fn order_is_exact() {
        check("assert 1 < f() < 3", 2, true);
        check("assert 1 < f() < 2", 2, false);
        check("assert f() <= 2.5", 2, true);
        check(
            "assert f() < 9007199254740993",
            Value::Float(9_007_199_254_740_992.0),
            true,
        );
        check("assert f() > 1e300", Value::Float(f64::INFINITY), true);
        check("assert f() >= 0", Value::Float(f64::NAN), false);
        check("assert f() > -1.5", -1, true);
        raises(
            "assert f() < 3",
            "a",
            "'<' not supported between instances of 'str' and 'int'",
        );
        raises(
            "assert f() < 3",
            liar(),
            "'<' not supported between instances of 'object' and 'int'",
        );
    }

    #[test]
    fn closeness() {
        check(
            "assert abs(f() - 0.33) < 1e-6",
            Value::Float(0.330_000_1),
            true,
        );
        check("assert abs(f() - 0.33) < 1e-6", Value::Float(0.331), false);
        check("assert abs(0.5 - f()) <= 0.5", 1, true);
        check(
            "assert abs(f() - 1) == 0",
            Value::Complex { re: 1.0, im: 0.0 },
            true,
        );
        raises(
            "assert abs(f() - 0.33) < 1e-6",
            Value::None,
            "unsupported operand type(s) for -: 'NoneType' and 'float'",
        );
        check("assert math.isclose(f(), 100, rel_tol=0.01)", 99, true);
        check("assert math.isclose(f(), 100, rel_tol=0.001)", 99, false);
        check(
            "assert math.isclose(f(), 0, abs_tol=1)",
            Value::Bool(true),
            true,
        );
        check(
            "assert math.isclose(f(), math.inf)",
            Value::Float(f64::INFINITY),
            true,
        );
        check("assert math.isclose(f(), 1)", Value::Float(f64::NAN), false);
        raises(
            "assert math.isclose(f(), 1)",
            "1",
            "must be real number, not str",
        );
    }

    #[test]
    fn membership_and_types() {
        let list = || Value::List(vec![1.into(), "a".into()]);
        check("assert f() in [1, 2]", Value::Bool(true), true);
        check("assert f() not in {1, 2}", 3, true);
        check("assert 'a' in f()", list(), true);
        check("assert 'b' not in f()", "abc", false);
        raises("assert f() in {1}", list(), "unhashable type: 'list'");
        raises(
            "assert f() in 'abc'",
            1,
            "'in <string>' requires string as left operand, not int",
        );
        raises(
            "assert 1 in f()",
            1,
            "argument of type 'int' is not a container or iterable",
        );
        check(
            "assert isinstance(f(), (str, int))",
            Value::Bool(true),
            true,
        );
        check("assert isinstance(f(), int)", liar(), false);
        check("assert len(f()) > 1", list(), true);
        raises(
            "assert len(f()) > 1",
            3,
            "object of type 'int' has no len()",
        );
    }

    #[test]
    fn logic() {
        check("assert f() == 1 or f() == 2", 2, true);
        check("assert f() == 1 and f() == 2", 2, false);
        check("assert not f() == 2", 2, false);
        check("assert f()", Value::Bool(true), true);
        // The guest was asked for a truth value: anything else is a forged report.
        check("assert f()", 1, false);
        check("assert not f()", Value::Bool(true), false);
    }
}
