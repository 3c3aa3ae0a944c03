//! Closed constant expressions: the expected side of a comparison as a value.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};
use ruff_python_ast::{Arguments, Expr, Number, Operator, UnaryOp};
use ruff_text_size::Ranged;

use crate::judge::apart::script::Scope;
use crate::judge::python;
use crate::value::Value;

/// Results longer than this are left to Python.
const MAX_LENGTH: usize = 1 << 20;
const MAX_BITS: u64 = 1 << 16;
/// Sets larger than this are left to Python: members are compared pair by pair.
const MAX_MEMBERS: usize = 4096;

/// The value of `expression` if it is built from literals alone.
pub(super) fn constant(expression: &Expr, scope: &Scope<'_>) -> Option<Value> {
    let each = |items: &[Expr]| -> Option<Vec<Value>> {
        items.iter().map(|item| constant(item, scope)).collect()
    };
    Some(match expression {
        Expr::NoneLiteral(_) => Value::None,
        Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(number) => Value::Int(match number.as_u64() {
                Some(small) => small.into(),
                None => big_integer(&number.to_string())?,
            }),
            Number::Float(number) => Value::Float(*number),
            Number::Complex { real, imag } => Value::Complex {
                re: *real,
                im: *imag,
            },
        },
        Expr::StringLiteral(literal) => {
            // The parser has no lone surrogates to give.
            let text = literal.value.to_str();
            if text.contains(char::REPLACEMENT_CHARACTER) {
                return None;
            }
            Value::from(text)
        }
        Expr::BytesLiteral(literal) => Value::Bytes(literal.value.bytes().collect()),
        Expr::List(list) => Value::List(each(&list.elts)?),
        Expr::Tuple(tuple) => Value::Tuple(each(&tuple.elts)?),
        Expr::Set(set) => Value::Set(distinct(each(&set.elts)?)?),
        Expr::Dict(dict) => {
            let mut pairs: Vec<(Value, Value)> = Vec::with_capacity(dict.items.len());
            for item in &dict.items {
                let key = constant(item.key.as_ref()?, scope)?;
                let value = constant(&item.value, scope)?;
                if !is_hashable(&key) || dict.items.len() > MAX_MEMBERS {
                    return None;
                }
                match pairs.iter_mut().find(|(k, _)| python::equal(k, &key)) {
                    Some((_, old)) => *old = value,
                    None => pairs.push((key, value)),
                }
            }
            Value::Dict(pairs)
        }
        Expr::UnaryOp(unary) => {
            let operand = constant(&unary.operand, scope)?;
            match (unary.op, operand) {
                (UnaryOp::USub, Value::Int(number)) => Value::Int(-number),
                (UnaryOp::USub, Value::Float(number)) => Value::Float(-number),
                (UnaryOp::USub, Value::Complex { re, im }) => Value::Complex { re: -re, im: -im },
                (UnaryOp::UAdd, number @ (Value::Int(_) | Value::Float(_))) => number,
                (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
                _ => return None,
            }
        }
        Expr::BinOp(binary) => computed(
            binary.op,
            constant(&binary.left, scope)?,
            constant(&binary.right, scope)?,
        )?,
        Expr::Call(call) => {
            let function = scope.builtin(&call.func)?;
            constructed(function, &call.arguments, scope)?
        }
        Expr::Attribute(_) => match scope.function_of_math(expression)? {
            "pi" => Value::Float(std::f64::consts::PI),
            "e" => Value::Float(std::f64::consts::E),
            "tau" => Value::Float(std::f64::consts::TAU),
            "inf" => Value::Float(f64::INFINITY),
            _ => return None,
        },
        _ => {
            debug_assert!(!expression.range().is_empty() || expression.is_name_expr());
            return None;
        }
    })
}

/// Calls of types with constant arguments: `set([1, 2])`, `float("inf")`.
fn constructed(function: &str, arguments: &Arguments, scope: &Scope<'_>) -> Option<Value> {
    if !arguments.keywords.is_empty() {
        return None;
    }
    let argument = match &*arguments.args {
        [] => None,
        [argument] => Some(constant(argument, scope)?),
        _ => return None,
    };
    Some(match (function, argument) {
        ("set", None) => Value::Set(Vec::new()),
        ("frozenset", None) => Value::FrozenSet(Vec::new()),
        ("list", None) => Value::List(Vec::new()),
        ("tuple", None) => Value::Tuple(Vec::new()),
        ("dict", None) => Value::Dict(Vec::new()),
        ("set", Some(value)) => Value::Set(distinct(members(value)?)?),
        ("frozenset", Some(value)) => Value::FrozenSet(distinct(members(value)?)?),
        ("list", Some(value)) => Value::List(members(value)?),
        ("tuple", Some(value)) => Value::Tuple(members(value)?),
        ("float", Some(Value::Str(text))) => Value::Float(python::parse_float(&text)?),
        ("float", Some(number @ (Value::Int(_) | Value::Float(_)))) => {
            Value::Float(python::as_f64(&number)?)
        }
        ("str", Some(text @ Value::Str(_))) => text,
        ("str", Some(Value::Int(number))) => Value::Str(number.to_string()),
        ("int", Some(number @ Value::Int(_))) => number,
        ("bool", Some(flag @ Value::Bool(_))) => flag,
        _ => return None,
    })
}

/// What iterating over a constant gives. The order of sets is Python's business.
fn members(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::List(items) | Value::Tuple(items) => Some(items),
        Value::Str(text) => Some(text.chars().map(|c| Value::Str(c.to_string())).collect()),
        _ => None,
    }
}

fn distinct(items: Vec<Value>) -> Option<Vec<Value>> {
    if items.len() > MAX_MEMBERS || !items.iter().all(is_hashable) {
        return None;
    }
    let mut distinct: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if !distinct.iter().any(|seen| python::equal(seen, &item)) {
            distinct.push(item);
        }
    }
    Some(distinct)
}

pub(super) fn is_hashable(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Set(_) | Value::Dict(_) => false,
        Value::Tuple(items) => items.iter().all(is_hashable),
        _ => true,
    }
}

/// Arithmetic between constants, where its result is beyond doubt.
fn computed(operator: Operator, left: Value, right: Value) -> Option<Value> {
    use Operator::{Add, Div, FloorDiv, Mod, Mult, Pow, Sub};
    Some(match (operator, left, right) {
        (Add, Value::Int(a), Value::Int(b)) => Value::Int(a + b),
        (Sub, Value::Int(a), Value::Int(b)) => Value::Int(a - b),
        (Mult, Value::Int(a), Value::Int(b)) => {
            if a.bits() + b.bits() > MAX_BITS {
                return None;
            }
            Value::Int(a * b)
        }
        (FloorDiv, Value::Int(a), Value::Int(b)) if b.is_positive() => {
            Value::Int(floored_division(&a, &b))
        }
        (Mod, Value::Int(a), Value::Int(b)) if b.is_positive() => {
            let quotient = floored_division(&a, &b);
            Value::Int(a - quotient * b)
        }
        (Pow, Value::Int(a), Value::Int(b)) if !b.is_negative() => {
            let exponent = b.to_u32()?;
            if a.bits().checked_mul(u64::from(exponent))? > MAX_BITS {
                return None;
            }
            Value::Int(a.pow(exponent))
        }
        (Div, a @ (Value::Int(_) | Value::Float(_)), b @ (Value::Int(_) | Value::Float(_))) => {
            let (a, b) = (exact_f64(&a)?, exact_f64(&b)?);
            if b == 0.0 {
                return None;
            }
            Value::Float(a / b)
        }
        (Add | Sub | Mult, Value::Complex { re, im }, real @ (Value::Int(_) | Value::Float(_))) => {
            let real = exact_f64(&real)?;
            match operator {
                Add => Value::Complex { re: re + real, im },
                Sub => Value::Complex { re: re - real, im },
                _ => return None,
            }
        }
        (Add | Sub, real @ (Value::Int(_) | Value::Float(_)), Value::Complex { re, im }) => {
            let real = exact_f64(&real)?;
            match operator {
                Add => Value::Complex { re: real + re, im },
                _ => Value::Complex {
                    re: real - re,
                    im: 0.0 - im,
                },
            }
        }
        (
            Add | Sub | Mult,
            a @ (Value::Int(_) | Value::Float(_)),
            b @ (Value::Int(_) | Value::Float(_)),
        ) => {
            let (a, b) = (exact_f64(&a)?, exact_f64(&b)?);
            Value::Float(match operator {
                Add => a + b,
                Sub => a - b,
                _ => a * b,
            })
        }
        (Add, Value::Str(a), Value::Str(b)) => Value::Str(a + &b),
        (Add, Value::List(a), Value::List(b)) => Value::List([a, b].concat()),
        (Add, Value::Tuple(a), Value::Tuple(b)) => Value::Tuple([a, b].concat()),
        (Mult, Value::Int(count), sequence) | (Mult, sequence, Value::Int(count)) => {
            repeated(sequence, &count)?
        }
        _ => return None,
    })
}

/// A number as a float, if that is exact.
fn exact_f64(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) if number.bits() <= 53 => number.to_f64(),
        _ => None,
    }
}

fn floored_division(a: &BigInt, positive: &BigInt) -> BigInt {
    let quotient = a / positive;
    if a.is_negative() && !(a % positive).is_zero() {
        quotient - 1
    } else {
        quotient
    }
}

fn repeated(sequence: Value, count: &BigInt) -> Option<Value> {
    let count = if count.is_negative() {
        0
    } else {
        count.to_usize()?
    };
    let fits = |length: usize| {
        length
            .checked_mul(count)
            .is_some_and(|total| total <= MAX_LENGTH)
    };
    Some(match sequence {
        Value::Str(text) if fits(text.len()) => Value::Str(text.repeat(count)),
        Value::List(items) if fits(items.len()) => Value::List(repeat(&items, count)),
        Value::Tuple(items) if fits(items.len()) => Value::Tuple(repeat(&items, count)),
        _ => return None,
    })
}

fn repeat(items: &[Value], count: usize) -> Vec<Value> {
    (0..count).flat_map(|_| items.iter().cloned()).collect()
}

/// An integer too long for the parser's own type, as it is written: `0x…`, `1_000…`.
fn big_integer(token: &str) -> Option<BigInt> {
    let token = token.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match token.get(..2) {
        Some("0x") => (&token[2..], 16),
        Some("0o") => (&token[2..], 8),
        Some("0b") => (&token[2..], 2),
        _ => (&*token, 10),
    };
    BigInt::parse_bytes(digits.as_bytes(), radix)
}
