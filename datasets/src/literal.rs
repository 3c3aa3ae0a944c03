//! Python and JSON literals in running text: arguments and results printed in statements,
//! and the inlined data of test scripts.

use harness::value::Value;

/// Nesting that no statement reaches; keeps hostile text from using up the stack.
const MAX_DEPTH: u32 = 100;

/// Reads one literal at the start of `text`; returns it with the text behind it.
///
/// Takes what Python's `ast.literal_eval` takes, and JSON's `null`, `true` and `false`, and
/// `inf`, `nan` and `set()`.
pub(crate) fn literal(text: &str) -> Option<(Value, &str)> {
    let mut reader = Reader { rest: text };
    let value = reader.sum(0)?;
    Some((value, reader.rest))
}

/// The literal that `text` is as a whole.
pub(crate) fn whole_literal(text: &str) -> Option<Value> {
    let (value, rest) = literal(text)?;
    rest.trim().is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A literal, or real plus imaginary number.
    fn sum(&mut self, depth: u32) -> Option<Value> {
        let first = self.signed(depth)?;
        let before = self.rest;
        let sign = if self.take("+") {
            1.0
        } else if self.take("-") {
            -1.0
        } else {
            return Some(first);
        };
        match (as_f64(&first), self.signed(depth)) {
            (Some(re), Some(Value::Complex { re: _, im })) => {
                Some(Value::Complex { re, im: sign * im })
            }
            _ => {
                self.rest = before;
                Some(first)
            }
        }
    }

    fn signed(&mut self, depth: u32) -> Option<Value> {
        if self.take("-") {
            return Some(match self.signed(depth)? {
                Value::Int(number) => Value::Int(-number),
                Value::Float(number) => Value::Float(-number),
                Value::Complex { re, im } => Value::Complex { re: -re, im: -im },
                _ => return None,
            });
        }
        if self.take("+") {
            return self.signed(depth).filter(|value| as_f64(value).is_some());
        }
        self.atom(depth)
    }

    fn atom(&mut self, depth: u32) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            '[' => {
                self.rest = &self.rest[1..];
                self.items(']', depth).map(|(items, _)| Value::List(items))
            }
            '(' => {
                self.rest = &self.rest[1..];
                let (mut items, comma) = self.items(')', depth)?;
                // Parentheses around one value are a tuple only with a comma.
                if items.len() == 1 && !comma {
                    return items.pop();
                }
                Some(Value::Tuple(items))
            }
            '{' => {
                self.rest = &self.rest[1..];
                self.dict_or_set(depth)
            }
            '"' | '\'' => self.string(),
            '0'..='9' | '.' => self.number(),
            _ => self.word(),
        }
    }

    /// Items up to `close`, and whether there was a comma.
    fn items(&mut self, close: char, depth: u32) -> Option<(Vec<Value>, bool)> {
        let mut close_text = [0; 4];
        let close: &str = close.encode_utf8(&mut close_text);
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            if self.take(close) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.sum(depth + 1)?);
            if self.take(",") {
                comma = true;
            } else {
                return self.take(close).then_some((items, comma));
            }
        }
    }

    fn dict_or_set(&mut self, depth: u32) -> Option<Value> {
        let mut pairs = Vec::new();
        let mut members = Vec::new();
        loop {
            if self.take("}") {
                break;
            }
            let key = self.sum(depth + 1)?;
            if self.take(":") {
                let value = self.sum(depth + 1)?;
                match pairs.iter_mut().find(|(before, _)| *before == key) {
                    Some((_, before)) => *before = value,
                    None => pairs.push((key, value)),
                }
            } else if !members.contains(&key) {
                members.push(key);
            }
            if !self.take(",") {
                if self.take("}") {
                    break;
                }
                return None;
            }
        }
        match (pairs.is_empty(), members.is_empty()) {
            (_, true) => Some(Value::Dict(pairs)),
            (true, false) => Some(Value::Set(members)),
            (false, false) => None,
        }
    }

    fn string(&mut self) -> Option<Value> {
        let mut text = self.quoted()?;
        // Adjacent literals are one string.
        loop {
            let before = self.rest;
            self.skip_space();
            if !self.rest.starts_with(['"', '\'']) {
                self.rest = before;
                return Some(Value::Str(text));
            }
            text.push_str(&self.quoted()?);
        }
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let (end, body) = match self.rest.strip_prefix(triple.as_str()) {
            Some(body) => (triple.as_str(), body),
            None => (&triple[..1], &self.rest[1..]),
        };
        let mut text = String::new();
        let mut rest = body;
        loop {
            if let Some(behind) = rest.strip_prefix(end) {
                self.rest = behind;
                return Some(text);
            }
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            match c {
                '\n' if end.len() == 1 => return None,
                '\\' => rest = escape(rest, &mut text)?,
                c => text.push(c),
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let digits = |text: &str| {
            text.bytes()
                .take_while(|b| b.is_ascii_digit() || *b == b'_')
                .count()
        };
        let text = self.rest;
        let mut n = digits(text);
        let mut is_float = false;
        if text[n..].starts_with('.') {
            is_float = true;
            n += 1 + digits(&text[n + 1..]);
            if n == 1 {
                return None;
            }
        }
        if text[n..].starts_with(['e', 'E']) {
            let sign = usize::from(text[n + 1..].starts_with(['+', '-']));
            let exponent = digits(&text[n + 1 + sign..]);
            if exponent > 0 {
                is_float = true;
                n += 1 + sign + exponent;
            }
        }
        let number = text[..n].replace('_', "");
        let imaginary = text[n..].starts_with(['j', 'J']);
        self.rest = &text[n + usize::from(imaginary)..];
        if self
            .rest
            .starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            return None;
        }
        if imaginary {
            Some(Value::Complex {
                re: 0.0,
                im: number.parse().ok()?,
            })
        } else if is_float {
            Some(Value::Float(number.parse().ok()?))
        } else {
            Some(Value::Int(number.parse().ok()?))
        }
    }

    fn word(&mut self) -> Option<Value> {
        let n = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(n);
        self.rest = rest;
        Some(match word {
            "None" | "null" => Value::None,
            "True" | "true" => Value::Bool(true),
            "False" | "false" => Value::Bool(false),
            "inf" | "Infinity" => Value::Float(f64::INFINITY),
            "nan" | "NaN" => Value::Float(f64::NAN),
            "set" if self.take("(") && self.take(")") => Value::Set(Vec::new()),
            _ => return None,
        })
    }
}

/// Puts what stands behind a backslash into `text`; returns the rest.
fn escape<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let behind = &rest[c.len_utf8()..];
    let of_hex = |n: usize, text: &mut String| {
        let code = u32::from_str_radix(behind.get(..n)?, 16).ok()?;
        text.push(char::from_u32(code)?);
        Some(&behind[n..])
    };
    match c {
        '\n' => return Some(behind),
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'a' => text.push('\x07'),
        'b' => text.push('\x08'),
        'f' => text.push('\x0c'),
        'v' => text.push('\x0b'),
        '\\' | '\'' | '"' | '/' => text.push(c),
        'x' => return of_hex(2, text),
        'u' => return of_hex(4, text),
        'U' => return of_hex(8, text),
        '0'..='7' => {
            let n = rest
                .bytes()
                .take(3)
                .take_while(|byte| (b'0'..=b'7').contains(byte))
                .count();
            text.push(char::from_u32(u32::from_str_radix(&rest[..n], 8).ok()?)?);
            return Some(&rest[n..]);
        }
        c => {
            text.push('\\');
            text.push(c);
        }
    }
    Some(behind)
}

fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => number.to_string().parse().ok(),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read() {
        let check = |text: &str, expected: Option<&str>, rest: &str| {
            let actual = literal(text);
            assert_eq!(
                actual
                    .as_ref()
                    .map(|(value, _)| value.to_string())
                    .as_deref(),
                expected,
                "{text}"
            );
            if let Some((_, actual)) = actual {
                assert_eq!(actual, rest, "{text}");
            }
        };
        check("12 apples", Some("12"), " apples");
        check("-99999999999999999999", Some("-99999999999999999999"), "");
        check("1.5, 2", Some("1.5"), ", 2");
        check("1. then", Some("1.0"), " then");
        check("2e-3", Some("0.002"), "");
        check("[1, [2, 'a'], ]", Some("[1, [2, 'a']]"), "");
        check("()", Some("()"), "");
        check("(1)", Some("1"), "");
        check("(1,)", Some("(1,)"), "");
        check("{'a': 1, \"b\": [2]}", Some("{'a': 1, 'b': [2]}"), "");
        check("{1, 2, 1}", Some("{1, 2}"), "");
        check("{}", Some("{}"), "");
        check("set()", Some("set()"), "");
        check("null", Some("None"), "");
        check("true.", Some("True"), ".");
        check("-inf", Some("-inf"), "");
        check("(1+2j)", Some("(1+2j)"), "");
        check("-3j", Some("(-0-3j)"), "");
        check("1 - 2", Some("1"), " - 2");
        check(r#""a\n\x41\u00e9\\\q\101""#, Some(r"'a\nAé\\\\qA'"), "");
        check("'it''s'", Some("'its'"), "");
        check("'''a\nb'''", Some(r"'a\nb'"), "");
        check("'open", None, "");
        check("[1 2]", None, "");
        check("[1, 2", None, "");
        check("{1: 2, 3}", None, "");
        check("3x", None, "");
        check("word", None, "");
        check("", None, "");
        check(&"[".repeat(10_000), None, "");
    }
}
