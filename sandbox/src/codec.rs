//! Values as bytes, for both directions between host and guest.
//!
//! The guest's half and the description of the format are in
//! `guest/coderl_guest/codec.py`. What a guest sends is not trusted: lengths are checked
//! before anything is allocated, and depth is bounded.

use harness::value::Value;
use num_bigint::{BigInt, Sign};
use thiserror::Error;

/// Containers nested deeper than this are not sent by the guest, nor accepted from it.
const MAX_DEPTH: usize = 202;

/// Lists shorter than this are not worth packing.
const PACK_FROM: usize = 8;

/// Bytes that are not the encoding of a value.
#[derive(Debug, Error)]
#[error("malformed data from the guest: {0}")]
pub(crate) struct Malformed(&'static str);

/// Appends the encoding of `value`.
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::None => out.push(b'N'),
        Value::Bool(true) => out.push(b'T'),
        Value::Bool(false) => out.push(b'F'),
        Value::Int(number) => integer(number, out),
        Value::Float(number) => {
            out.push(b'f');
            out.extend(number.to_le_bytes());
        }
        Value::Complex { re, im } => {
            out.push(b'c');
            out.extend(re.to_le_bytes());
            out.extend(im.to_le_bytes());
        }
        Value::Str(text) => string(text, out),
        Value::SurrogateStr(points) => {
            out.push(b'u');
            length(points.len(), out);
            out.extend(points.iter().flat_map(|point| point.to_le_bytes()));
        }
        Value::Bytes(bytes) => {
            out.push(b'b');
            length(bytes.len(), out);
            out.extend(bytes);
        }
        Value::List(items) => sequence(b'l', items, out),
        Value::Tuple(items) => sequence(b't', items, out),
        Value::Set(items) => sequence(b'e', items, out),
        Value::FrozenSet(items) => sequence(b'z', items, out),
        Value::Dict(pairs) => {
            out.push(b'd');
            length(pairs.len(), out);
            for (key, item) in pairs {
                encode(key, out);
                encode(item, out);
            }
        }
        Value::Opaque { type_name, repr } => {
            out.push(b'O');
            string(type_name, out);
            string(repr, out);
        }
    }
}

pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b's');
    length(text.len(), out);
    out.extend(text.as_bytes());
}

/// The head of a tuple of `count` items, which follow.
pub(crate) fn tuple(count: usize, out: &mut Vec<u8>) {
    out.push(b't');
    length(count, out);
}

fn length(count: usize, out: &mut Vec<u8>) {
    // A guest has 32-bit addresses: what is longer could not arrive anyway.
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn integer(number: &BigInt, out: &mut Vec<u8>) {
    if let Ok(small) = i64::try_from(number) {
        out.push(b'i');
        out.extend(small.to_le_bytes());
        return;
    }
    let (sign, magnitude) = number.to_bytes_le();
    out.push(b'I');
    out.push(u8::from(sign == Sign::Minus));
    length(magnitude.len(), out);
    out.extend(magnitude);
}

fn sequence(tag: u8, items: &[Value], out: &mut Vec<u8>) {
    if items.len() >= PACK_FROM && packed(tag, items, out) {
        return;
    }
    out.push(tag);
    length(items.len(), out);
    for item in items {
        encode(item, out);
    }
}

/// Writes the items as one block if they are all alike.
fn packed(tag: u8, items: &[Value], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut head = |kind| {
        out.extend([b'p', tag, kind]);
        length(items.len(), out);
    };
    let alike = match items[0] {
        Value::Int(_) => {
            head(b'q');
            items.iter().all(|item| match item {
                Value::Int(number) => i64::try_from(number)
                    .map(|small| out.extend(small.to_le_bytes()))
                    .is_ok(),
                _ => false,
            })
        }
        Value::Float(_) => {
            head(b'd');
            items.iter().all(|item| match item {
                Value::Float(number) => {
                    out.extend(number.to_le_bytes());
                    true
                }
                _ => false,
            })
        }
        Value::Str(_) => {
            head(b's');
            let texts = || {
                items.iter().map(|item| match item {
                    Value::Str(text) => Some(text),
                    _ => None,
                })
            };
            texts().all(|text| text.map(|text| length(text.len(), out)).is_some()) && {
                out.extend(texts().flatten().flat_map(|text| text.as_bytes()));
                true
            }
        }
        _ => false,
    };
    if !alike {
        out.truncate(start);
    }
    alike
}

/// Reads encoded values one after the other.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value.
    pub(crate) fn value(&mut self) -> Result<Value, Malformed> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed("nested too deep"));
        }
        Ok(match self.byte()? {
            b'N' => Value::None,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'i' => Value::Int(i64::from_le_bytes(self.array()?).into()),
            b'I' => {
                let sign = match self.byte()? {
                    0 => Sign::Plus,
                    _ => Sign::Minus,
                };
                let count = self.count(1)?;
                Value::Int(BigInt::from_bytes_le(sign, self.bytes(count)?))
            }
            b'f' => Value::Float(f64::from_le_bytes(self.array()?)),
            b'c' => Value::Complex {
                re: f64::from_le_bytes(self.array()?),
                im: f64::from_le_bytes(self.array()?),
            },
            b's' => {
                let count = self.count(1)?;
                Value::Str(self.text(count)?.to_owned())
            }
            b'u' => {
                let count = self.count(4)?;
                let points = (0..count).map(|_| self.array().map(u32::from_le_bytes));
                Value::SurrogateStr(points.collect::<Result<_, _>>()?)
            }
            b'b' => {
                let count = self.count(1)?;
                Value::Bytes(self.bytes(count)?.to_vec())
            }
            b'd' => {
                let count = self.count(2)?;
                let pairs =
                    (0..count).map(|_| Ok((self.value_at(depth + 1)?, self.value_at(depth + 1)?)));
                Value::Dict(pairs.collect::<Result<_, _>>()?)
            }
            b'O' => Value::Opaque {
                type_name: self.string()?,
                repr: self.string()?,
            },
            b'p' => {
                let tag = self.byte()?;
                let items = self.packed()?;
                container(tag, items)?
            }
            tag => {
                // Rejects an unknown tag before the items are read.
                container(tag, Vec::new())?;
                let count = self.count(1)?;
                let items = (0..count).map(|_| self.value_at(depth + 1));
                container(tag, items.collect::<Result<_, _>>()?)?
            }
        })
    }

    pub(crate) fn string(&mut self) -> Result<String, Malformed> {
        match self.value_at(MAX_DEPTH)? {
            Value::Str(text) => Ok(text),
            Value::SurrogateStr(points) => Ok(points
                .into_iter()
                .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()),
            _ => Err(Malformed("expected a string")),
        }
    }

    fn packed(&mut self) -> Result<Vec<Value>, Malformed> {
        match self.byte()? {
            b'q' => {
                let count = self.count(8)?;
                let numbers = (0..count).map(|_| self.array().map(i64::from_le_bytes));
                numbers.map(|number| number.map(Value::from)).collect()
            }
            b'd' => {
                let count = self.count(8)?;
                let numbers = (0..count).map(|_| self.array().map(f64::from_le_bytes));
                numbers.map(|number| number.map(Value::Float)).collect()
            }
            b's' => {
                let count = self.count(4)?;
                let lengths = (0..count).map(|_| self.array().map(u32::from_le_bytes));
                let lengths: Vec<u32> = lengths.collect::<Result<_, _>>()?;
                let texts = lengths
                    .into_iter()
                    .map(|length| Ok(Value::Str(self.text(length as usize)?.to_owned())));
                texts.collect()
            }
            _ => Err(Malformed("unknown kind of packed items")),
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed("cut short"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Malformed("cut short"))?;
        self.rest = rest;
        Ok(head)
    }

    fn text(&mut self, count: usize) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes(count)?).map_err(|_| Malformed("a string is not UTF-8"))
    }

    /// A number of items of at least `item_bytes` each, which must still be there.
    fn count(&mut self, item_bytes: usize) -> Result<usize, Malformed> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count.saturating_mul(item_bytes) > self.rest.len() {
            return Err(Malformed("cut short"));
        }
        Ok(count)
    }
}

fn container(tag: u8, items: Vec<Value>) -> Result<Value, Malformed> {
    match tag {
        b'l' => Ok(Value::List(items)),
        b't' => Ok(Value::Tuple(items)),
        b'e' => Ok(Value::Set(items)),
        b'z' => Ok(Value::FrozenSet(items)),
        _ => Err(Malformed("unknown tag")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value) {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        let mut decoder = Decoder::new(&bytes);
        let decoded = decoder.value().unwrap();
        assert!(decoder.is_at_end());
        // NaN differs from itself, so compare what is shown.
        assert_eq!(format!("{decoded:?}"), format!("{value:?}"));
        for cut in 0..bytes.len().min(100) {
            assert!(Decoder::new(&bytes[..cut]).value().is_err(), "cut at {cut}");
        }
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::None, |inner, _| Value::List(vec![inner]))
    }

    #[test]
    fn survives_a_round_trip() {
        let big: BigInt = "-123456789012345678901234567890".parse().unwrap();
        for value in [
            Value::None,
            Value::Bool(true),
            Value::from(-1),
            Value::Int(i64::MAX.into()),
            Value::Int(BigInt::from(i64::MAX) + 1),
            Value::Int(big.clone()),
            Value::Float(f64::NAN),
            Value::Float(f64::NEG_INFINITY),
            Value::Complex { re: 1.0, im: -0.0 },
            "é\0".into(),
            Value::SurrogateStr(vec![0xd800, 0x61]),
            Value::Bytes(vec![0, 255]),
            Value::Tuple(vec![]),
            Value::List((0..100_000).map(Value::from).collect()),
            Value::List(vec![Value::Float(0.5); 9]),
            Value::Tuple(vec!["ab".into(); 9]),
            Value::Set((0..9).map(|i| Value::Int(&big + i)).collect()),
            Value::FrozenSet(vec![Value::from(1), Value::Float(1.0)]),
            Value::List([vec![Value::from(1); 8], vec!["x".into()]].concat()),
            Value::Dict(vec![("a".into(), nested(3)), (Value::from(1), Value::None)]),
            Value::Opaque {
                type_name: "range".into(),
                repr: "range(0, 3)".into(),
            },
            nested(200),
        ] {
            check(&value);
        }
    }

    #[test]
    fn malformed_data_is_refused() {
        let deep = [b"l\x01\0\0\0".repeat(300), b"N".to_vec()].concat();
        for bytes in [
            b"".as_slice(),
            b"?",
            b"l\xff\xff\xff\xff",
            b"pdq\0\0\0\0",
            b"plx\0\0\0\0",
            b"s\x01\0\0\0\xff",
            &deep,
        ] {
            assert!(Decoder::new(bytes).value().is_err(), "{bytes:?}");
        }
    }
}
