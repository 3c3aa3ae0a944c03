//! What Python's operators and functions give for values: comparisons, membership, `abs`, `len`,
//! `math.isclose`, or the exception that they raise.

use std::borrow::Cow;
use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};
use ruff_python_ast::CmpOp;

use crate::execution::Exception;
use crate::judge::apart::constant::is_hashable;
use crate::judge::python;
use crate::value::Value;

pub(super) fn compare(op: CmpOp, left: &Value, right: &Value) -> Result<bool, Exception> {
    Ok(match op {
        CmpOp::Eq => python::equal(left, right),
        CmpOp::NotEq => !python::equal(left, right),
        // One side is None, True or False, each of which is one object.
        CmpOp::Is => left == right,
        CmpOp::IsNot => left != right,
        CmpOp::In => is_member(left, right)?,
        CmpOp::NotIn => !is_member(left, right)?,
        CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => {
            let (Some(a), Some(b)) = (number(left), number(right)) else {
                let sign = op.as_str();
                return Err(type_error(format!(
                    "'{sign}' not supported between instances of '{}' and '{}'",
                    type_name(left),
                    type_name(right)
                )));
            };
            let order = a.partial_compare(&b);
            order.is_some_and(|order| match op {
                CmpOp::Lt => order.is_lt(),
                CmpOp::LtE => order.is_le(),
                CmpOp::Gt => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    })
}

fn is_member(item: &Value, container: &Value) -> Result<bool, Exception> {
    let among = |items: &[Value]| items.iter().any(|other| python::equal(item, other));
    let hashable = || {
        if is_hashable(item) {
            Ok(())
        } else {
            Err(type_error(format!(
                "unhashable type: '{}'",
                type_name(item)
            )))
        }
    };
    match (container, item) {
        (Value::List(items) | Value::Tuple(items), _) => Ok(among(items)),
        (Value::Set(items) | Value::FrozenSet(items), _) => {
            hashable()?;
            Ok(among(items))
        }
        (Value::Dict(pairs), _) => {
            hashable()?;
            Ok(pairs.iter().any(|(key, _)| python::equal(item, key)))
        }
        (Value::Str(text), Value::Str(part)) => Ok(text.contains(part.as_str())),
        (Value::Str(_), _) => Err(type_error(format!(
            "'in <string>' requires string as left operand, not {}",
            type_name(item)
        ))),
        _ => Err(type_error(format!(
            "argument of type '{}' is not a container or iterable",
            type_name(container)
        ))),
    }
}

/// A real number, to be ordered exactly.
enum Real<'a> {
    Int(Cow<'a, BigInt>),
    Float(f64),
}

fn number(value: &Value) -> Option<Real<'_>> {
    Some(match value {
        Value::Bool(b) => Real::Int(Cow::Owned(i32::from(*b).into())),
        Value::Int(number) => Real::Int(Cow::Borrowed(number)),
        Value::Float(number) => Real::Float(*number),
        _ => return None,
    })
}

impl Real<'_> {
    fn partial_compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Float(b)) => compare_exactly(a, *b),
            (Self::Float(a), Self::Int(b)) => compare_exactly(b, *a).map(Ordering::reverse),
        }
    }
}

fn compare_exactly(integer: &BigInt, float: f64) -> Option<Ordering> {
    use Ordering::{Equal, Greater, Less};
    if float.is_nan() {
        return None;
    }
    if float.is_infinite() {
        return Some(if float > 0.0 { Less } else { Greater });
    }
    let floor = BigInt::from_f64(float.floor())?;
    Some(match integer.cmp(&floor) {
        Equal if float.fract() != 0.0 => Less,
        order => order,
    })
}

/// `float(value)` as `math` takes its arguments.
pub(super) fn real(value: &Value) -> Result<f64, Exception> {
    match value {
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        value => python::as_f64(value)
            .ok_or_else(|| type_error(format!("must be real number, not {}", type_name(value)))),
    }
}

/// `math.isclose`.
pub(super) fn is_close(a: f64, b: f64, relative: f64, absolute: f64) -> bool {
    if a == b {
        return true;
    }
    if a.is_infinite() || b.is_infinite() {
        return false;
    }
    let difference = (b - a).abs();
    difference <= (relative * b).abs()
        || difference <= (relative * a).abs()
        || difference <= absolute
}

pub(super) fn difference(left: &Value, right: &Value) -> Result<Value, Exception> {
    if let (Value::Complex { .. }, _) | (_, Value::Complex { .. }) = (left, right)
        && let (Some((re, im)), Some((re2, im2))) = (complex(left), complex(right))
    {
        return Ok(Value::Complex {
            re: re - re2,
            im: im - im2,
        });
    }
    match (number(left), number(right)) {
        (Some(Real::Int(a)), Some(Real::Int(b))) => Ok(Value::Int(&*a - &*b)),
        (Some(a), Some(b)) => Ok(Value::Float(a.as_f64() - b.as_f64())),
        _ => Err(type_error(format!(
            "unsupported operand type(s) for -: '{}' and '{}'",
            type_name(left),
            type_name(right)
        ))),
    }
}

impl Real<'_> {
    fn as_f64(&self) -> f64 {
        match self {
            Self::Int(number) => number.to_f64().unwrap_or(f64::NAN),
            Self::Float(number) => *number,
        }
    }
}

fn complex(value: &Value) -> Option<(f64, f64)> {
    match value {
        Value::Complex { re, im } => Some((*re, *im)),
        value => number(value).map(|number| (number.as_f64(), 0.0)),
    }
}

pub(super) fn absolute(value: Value) -> Result<Value, Exception> {
    Ok(match value {
        Value::Bool(b) => Value::Int(i32::from(b).into()),
        Value::Int(number) => Value::Int(BigInt::from(number.magnitude().clone())),
        Value::Float(number) => Value::Float(number.abs()),
        Value::Complex { re, im } => Value::Float(re.hypot(im)),
        value => {
            return Err(type_error(format!(
                "bad operand type for abs(): '{}'",
                type_name(&value)
            )));
        }
    })
}

/// `len(value)`.
pub(super) fn length(value: &Value) -> Result<Value, Exception> {
    let length = match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            items.len()
        }
        Value::Dict(pairs) => pairs.len(),
        Value::Str(text) => text.chars().count(),
        Value::SurrogateStr(points) => points.len(),
        Value::Bytes(bytes) => bytes.len(),
        value => {
            let kind = type_name(value);
            return Err(type_error(format!("object of type '{kind}' has no len()")));
        }
    };
    Ok(Value::Int(length.into()))
}

pub(super) fn is_instance(value: &Value, name: &str) -> bool {
    type_name(value) == name || matches!((value, name), (Value::Bool(_), "int"))
}

fn type_name(value: &Value) -> &str {
    match value {
        Value::None => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Complex { .. } => "complex",
        Value::Str(_) | Value::SurrogateStr(_) => "str",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "list",
        Value::Tuple(_) => "tuple",
        Value::Set(_) => "set",
        Value::FrozenSet(_) => "frozenset",
        Value::Dict(_) => "dict",
        // A class may be called `int`: it is not the one.
        Value::Opaque { .. } => "object",
    }
}

fn type_error(message: String) -> Exception {
    Exception {
        class: "TypeError".to_owned(),
        message,
        line: None,
        bases: ["TypeError", "Exception", "BaseException"]
            .map(str::to_owned)
            .to_vec(),
    }
}
