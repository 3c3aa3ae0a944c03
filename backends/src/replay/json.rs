//! JSON as Python writes it: with `NaN`, integers of any size, and lone surrogates.

use std::borrow::Cow;

use harness::value::Value;

/// Parses JSON. A lone surrogate in a string cannot be kept and becomes U+FFFD, and so do
/// bytes that are not UTF-8; the flag says whether that happened.
///
/// # Errors
/// What is wrong and where.
pub(crate) fn parse(json: &[u8]) -> Result<(Value, bool), String> {
    let text = String::from_utf8_lossy(json);
    let repaired = matches!(text, Cow::Owned(_));
    match Value::from_json(text.as_bytes()) {
        Ok(value) => Ok((value, repaired)),
        Err(error) => match without_lone_surrogates(&text) {
            Cow::Owned(text) => Value::from_json(text.as_bytes()).map(|value| (value, true)),
            Cow::Borrowed(_) => Err(error),
        },
    }
}

/// Replaces the escapes `\ud800`–`\udfff` that are not half of a pair by `\ufffd`.
fn without_lone_surrogates(json: &str) -> Cow<'_, str> {
    let unit = |at: usize| -> Option<u32> {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    // By bytes: what stands behind a backslash in broken JSON can be any character.
    let backslash = |from: usize| {
        let rest = json.as_bytes().get(from..)?;
        rest.iter().position(|byte| *byte == b'\\')
    };
    while let Some(found) = backslash(at) {
        at += found;
        match unit(at) {
            Some(0xd800..0xdc00) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => at += 12,
            Some(0xd800..0xe000) => {
                out.push_str(&json[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // Whatever is escaped, a backslash included, is ASCII.
            _ => at += 2,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[copied..]);
    Cow::Owned(out)
}

/// The pairs of an object.
pub(crate) fn object(value: &Value) -> Option<&[(Value, Value)]> {
    match value {
        Value::Dict(pairs) => Some(pairs),
        _ => None,
    }
}

pub(crate) fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// The value under `key` of an object.
pub(crate) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    object(value)?
        .iter()
        .find(|(name, _)| text(name) == Some(key))
        .map(|(_, value)| value)
}

/// What kind of JSON value this is, for error messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::None => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Str(_) => "a string",
        Value::List(_) => "an array",
        Value::Dict(_) => "an object",
        _ => "no JSON value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced() {
        let check = |json: &str, expected: &str, repaired: bool| {
            assert_eq!(
                parse(json.as_bytes()),
                Ok((Value::Str(expected.to_owned()), repaired)),
                "{json}"
            );
        };
        check(r#""plain""#, "plain", false);
        check(r#""\ud83d\ude00""#, "😀", false);
        check(r#""a\ud83dx""#, "a\u{fffd}x", true);
        check(r#""\ud83d""#, "\u{fffd}", true);
        check(r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}", true);
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀", true);
        // An escaped backslash before a `u` is no escape.
        check(r#""\\ud83d""#, "\\ud83d", false);
        check(r#""\\\ud83dé""#, "\\\u{fffd}é", true);
    }

    #[test]
    fn other_errors_stay_errors() {
        assert!(parse(b"{\"a\": ").is_err());
        assert!(parse(b"{\"a\": \"\\ud800\"").is_err());
        assert!(parse("\"\\é\"".as_bytes()).is_err());
        assert_eq!(
            parse(b"\"\xff\""),
            Ok((Value::Str("\u{fffd}".to_owned()), true))
        );
        assert!(parse(b"[NaN, -Infinity, 123456789012345678901234567890]").is_ok());
    }
}
