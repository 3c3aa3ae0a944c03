//! `repr()` of plain Python data.

use std::fmt::{self, Write};

use crate::value::Value;

/// Integers of more bits are not written in the alternate form: it takes time that grows
/// with the square of their length.
const LONG_INTEGER_BITS: u64 = 1 << 13;

impl Value {
    /// At most `max_chars` characters of the alternate form, with an ellipsis where something
    /// was cut. Takes time for what is written only, whatever a program returned.
    pub(crate) fn shortened(&self, max_chars: usize) -> String {
        let mut bounded = Bounded {
            text: String::new(),
            left: max_chars,
        };
        if write!(bounded, "{self:#}").is_err() {
            bounded.text.push('…');
        }
        bounded.text
    }
}

/// Ends the writing when there is no room left.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

/// As CPython's `repr` writes it; opaque values in angle brackets. The alternate form (`{:#}`)
/// gives the size of very long integers instead of their digits.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(i) if f.alternate() && i.bits() > LONG_INTEGER_BITS => {
                write!(f, "<int of {} bits>", i.bits())
            }
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => f.write_str(&float(*x)),
            Self::Complex { re, im } => complex(f, *re, *im),
            Self::Str(text) => string(f, text.chars().map(Ok)),
            Self::SurrogateStr(points) => string(
                f,
                points
                    .iter()
                    .map(|&point| char::from_u32(point).ok_or(point)),
            ),
            Self::Bytes(bytes) => byte_string(f, bytes),
            Self::List(items) => delimited(f, "[", items, "]"),
            Self::Tuple(items) if items.len() == 1 => delimited(f, "(", items, ",)"),
            Self::Tuple(items) => delimited(f, "(", items, ")"),
            Self::Set(items) if items.is_empty() => f.write_str("set()"),
            Self::Set(items) => delimited(f, "{", items, "}"),
            Self::FrozenSet(items) if items.is_empty() => f.write_str("frozenset()"),
            Self::FrozenSet(items) => delimited(f, "frozenset({", items, "})"),
            Self::Dict(pairs) => {
                f.write_str("{")?;
                for (index, (key, item)) in pairs.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    f.write_str(separator)?;
                    fmt::Display::fmt(key, f)?;
                    f.write_str(": ")?;
                    fmt::Display::fmt(item, f)?;
                }
                f.write_str("}")
            }
            Self::Opaque { type_name, repr } => write!(f, "<{type_name}: {repr}>"),
        }
    }
}

fn delimited(f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        f.write_str(separator)?;
        fmt::Display::fmt(item, f)?;
    }
    f.write_str(close)
}

/// Shortest digits that read back as the same float, in Python's choice of notation.
fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn complex(f: &mut fmt::Formatter<'_>, re: f64, im: f64) -> fmt::Result {
    let part = |x: f64| {
        let text = float(x);
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    };
    if re == 0.0 && re.is_sign_positive() {
        return write!(f, "{}j", part(im));
    }
    let sign = if im.is_sign_negative() { "" } else { "+" };
    write!(f, "({}{sign}{}j)", part(re), part(im))
}

fn string(
    f: &mut fmt::Formatter<'_>,
    chars: impl Iterator<Item = Result<char, u32>> + Clone,
) -> fmt::Result {
    let has = |wanted| chars.clone().any(|c| c == Ok(wanted));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for c in chars {
        match c {
            Ok('\n') => f.write_str("\\n")?,
            Ok('\r') => f.write_str("\\r")?,
            Ok('\t') => f.write_str("\\t")?,
            Ok('\\') => f.write_str("\\\\")?,
            Ok(c) if c == quote => write!(f, "\\{c}")?,
            Ok(c) if c < ' ' || ('\x7f'..'\u{a1}').contains(&c) => {
                write!(f, "\\x{:02x}", u32::from(c))?;
            }
            Ok(c) => f.write_char(c)?,
            Err(surrogate) => write!(f, "\\u{surrogate:04x}")?,
        }
    }
    f.write_char(quote)
}

fn byte_string(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    write!(f, "b{quote}")?;
    for &byte in bytes {
        match byte {
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b'\\' => f.write_str("\\\\")?,
            b if char::from(b) == quote => write!(f, "\\{quote}")?,
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        let check = |value: Value, expected: &str| assert_eq!(value.to_string(), expected);
        for (x, expected) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e300, "1.5e+300"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            check(Value::Float(x), expected);
        }
        check(Value::Complex { re: 1.0, im: -2.5 }, "(1-2.5j)");
        check(Value::Complex { re: 0.0, im: 1.0 }, "1j");
        check("it's".into(), "\"it's\"");
        check("a\"'b".into(), "'a\"\\'b'");
        check("tab\tnul\0é\u{a0}".into(), "'tab\\tnul\\x00é\\xa0'");
        check(Value::SurrogateStr(vec![0x61, 0xd800]), "'a\\ud800'");
        check(Value::Bytes(b"a'\x00\xff".to_vec()), "b\"a'\\x00\\xff\"");
        check(Value::Tuple(vec![1.into()]), "(1,)");
        check(
            Value::Dict(vec![(
                "k".into(),
                Value::List(vec![Value::None, Value::Bool(true)]),
            )]),
            "{'k': [None, True]}",
        );
        check(Value::Set(vec![]), "set()");
    }
}
