//! Rows of JSON Lines, JSON arrays and Parquet files, one at a time, plain or gzipped.
//!
//! What a file is decides its content, not its name. Rows are read as Python's `json` reads
//! them, so integers of any size, `NaN` and `Infinity` survive. JSON Lines and Parquet are
//! streamed: memory is a small multiple of the largest row.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use harness::value::Value;

use crate::error::Error;
use crate::parquet_rows;

/// One row, as keys with values, or what is wrong with it.
pub(crate) type RowResult = Result<Row, String>;

/// A JSON object, or a record of a Parquet file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) fields: Vec<(String, Value)>,
}

impl Row {
    pub(crate) fn from_json(text: &[u8]) -> RowResult {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(format!("not UTF-8 at byte {}", error.valid_up_to()));
        }
        Self::from_value(Value::from_json(text).map_err(|detail| format!("not JSON: {detail}"))?)
    }

    fn from_value(value: Value) -> RowResult {
        let Value::Dict(pairs) = value else {
            return Err(format!("{} instead of a JSON object", type_name(&value)));
        };
        let fields = pairs
            .into_iter()
            .map(|(key, value)| match key {
                Value::Str(key) => (key, value),
                other => (other.to_string(), value),
            })
            .collect();
        Ok(Self { fields })
    }

    /// The keys, for messages.
    pub(crate) fn keys(&self) -> String {
        let keys: Vec<String> = self
            .fields
            .iter()
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        if keys.is_empty() {
            "none".to_owned()
        } else {
            keys.join(", ")
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == key)
    }

    /// The value of `key`; JSON `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .filter(|value| **value != Value::None)
    }

    fn required(&self, key: &str) -> Result<&Value, String> {
        self.get(key).ok_or_else(|| {
            let state = if self.has(key) { "null" } else { "missing" };
            format!("key `{key}` is {state}")
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<&str, String> {
        match self.required(key)? {
            Value::Str(text) => Ok(text),
            other => Err(unexpected(key, other, "a string")),
        }
    }

    /// A string that may be absent; the empty string counts as absent.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(unexpected(key, other, "a string")),
        }
    }

    pub(crate) fn list(&self, key: &str) -> Result<&[Value], String> {
        match self.required(key)? {
            Value::List(items) => Ok(items),
            other => Err(unexpected(key, other, "a list")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        self.list(key)?
            .iter()
            .enumerate()
            .map(|(index, item)| match item {
                Value::Str(text) => Ok(text.clone()),
                other => Err(format!(
                    "entry {index} of `{key}` is {}, expected a string",
                    type_name(other)
                )),
            })
            .collect()
    }

    /// As [`Row::texts`], and empty where the key is absent.
    pub(crate) fn optional_texts(&self, key: &str) -> Result<Vec<String>, String> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(_) => self.texts(key),
        }
    }

    /// A number or a string that names the row.
    pub(crate) fn name(&self, key: &str) -> Result<String, String> {
        match self.required(key)? {
            Value::Str(text) if !text.is_empty() => Ok(text.clone()),
            Value::Int(number) => Ok(number.to_string()),
            other => Err(unexpected(key, other, "a number or a name")),
        }
    }
}

fn unexpected(key: &str, value: &Value, expected: &str) -> String {
    format!(
        "key `{key}` holds {}, expected {expected}",
        type_name(value)
    )
}

/// What a value is called in messages.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::None => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Complex { .. } => "a complex number",
        Value::Str(_) | Value::SurrogateStr(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "a list",
        Value::Tuple(_) => "a tuple",
        Value::Set(_) | Value::FrozenSet(_) => "a set",
        Value::Dict(_) => "an object",
        Value::Opaque { .. } => "an opaque value",
    }
}

/// Calls `visit` with each row of the file and its number, from 1.
pub(crate) fn for_each(
    path: &Path,
    mut visit: impl FnMut(usize, RowResult) -> Result<(), Error>,
) -> Result<(), Error> {
    let read_error = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(read_error)?;
    let mut magic = [0; 4];
    let n_magic = read_up_to(&mut file, &mut magic).map_err(read_error)?;
    file.rewind().map_err(read_error)?;
    match &magic[..n_magic] {
        b"PAR1" => parquet_rows::for_each(path, file, visit),
        [0x1f, 0x8b, ..] => {
            let reader = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
            for_each_json(BufReader::with_capacity(1 << 16, reader), &mut visit)
                .map_err(|error| error.at(path))
        }
        _ => for_each_json(BufReader::with_capacity(1 << 16, file), &mut visit)
            .map_err(|error| error.at(path)),
    }
}

/// [`for_each`] over text that is part of the program.
pub(crate) fn for_each_embedded(
    name: &str,
    text: &str,
    mut visit: impl FnMut(usize, RowResult) -> Result<(), Error>,
) -> Result<(), Error> {
    for_each_json(text.as_bytes(), &mut visit).map_err(|error| error.at(Path::new(name)))
}

enum RowsError {
    Io(io::Error),
    Visit(Error),
}

impl RowsError {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Io(source) => Error::Read {
                path: path.to_owned(),
                source,
            },
            Self::Visit(error) => error,
        }
    }
}

fn for_each_json(
    mut reader: impl BufRead,
    visit: &mut impl FnMut(usize, RowResult) -> Result<(), Error>,
) -> Result<(), RowsError> {
    skip_byte_order_mark(&mut reader).map_err(RowsError::Io)?;
    if first_visible_byte(&mut reader).map_err(RowsError::Io)? == Some(b'[') {
        return for_each_of_array(reader, visit);
    }
    let mut line = Vec::new();
    let mut row = 0;
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // A cut-off or damaged gzip stream: the rows so far stand, the rest is one
            // broken row, because nobody can say how many there were.
            Err(error) if is_damage(&error) && row > 0 => {
                return visit(
                    row + 1,
                    Err(format!("the rest of the file is damaged: {error}")),
                )
                .map_err(RowsError::Visit);
            }
            Err(error) => return Err(RowsError::Io(error)),
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        row += 1;
        visit(row, Row::from_json(line.trim_ascii_end())).map_err(RowsError::Visit)?;
    }
}

fn for_each_of_array(
    mut reader: impl Read,
    visit: &mut impl FnMut(usize, RowResult) -> Result<(), Error>,
) -> Result<(), RowsError> {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).map_err(RowsError::Io)?;
    if let Err(error) = std::str::from_utf8(&text) {
        let reason = format!("not UTF-8 at byte {}", error.valid_up_to());
        return visit(1, Err(reason)).map_err(RowsError::Visit);
    }
    match Value::from_json(&text) {
        Ok(Value::List(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                visit(index + 1, Row::from_value(item)).map_err(RowsError::Visit)?;
            }
            Ok(())
        }
        Ok(_) => unreachable!("JSON that starts with a bracket is a list"),
        Err(detail) => visit(1, Err(format!("not JSON: {detail}"))).map_err(RowsError::Visit),
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

fn skip_byte_order_mark(reader: &mut impl BufRead) -> io::Result<()> {
    if reader.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        reader.consume('\u{feff}'.len_utf8());
    }
    Ok(())
}

/// Skips white space and looks at what follows.
fn first_visible_byte(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(at) => {
                let byte = buffer[at];
                reader.consume(at);
                return Ok(Some(byte));
            }
            None => {
                let n = buffer.len();
                reader.consume(n);
            }
        }
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match reader.read(&mut buffer[n..])? {
            0 => break,
            read => n += read,
        }
    }
    Ok(n)
}
