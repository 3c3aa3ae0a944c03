//! GGUF: metadata, and tensors that are dequantised on load. Layout: `docs/gguf.md` of the
//! `ggml` project, versions 2 and 3.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::gguf_dequantize::{Encoding, SUPPORTED};
use super::tensors::{Entry, TensorFile};
use crate::error::{Error, Result};

/// A value of the metadata. Numbers of all widths become one of two types.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(Vec<Value>),
}

/// Keys and values at the head of a file.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

pub(crate) struct GgufFile {
    path: PathBuf,
    pub(super) metadata: Metadata,
    tensors: BTreeMap<String, Place>,
}

struct Place {
    /// Slowest dimension first, as everywhere here; files have it the other way round.
    shape: Vec<usize>,
    encoding: Encoding,
    /// From the start of the file.
    offset: u64,
    n_bytes: usize,
}

/// More dimensions than any tensor has; also a bound for rubbish.
const MAX_DIMENSIONS: u32 = 8;

impl GgufFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        let mut reader = Reader {
            path,
            size,
            position: 0,
            input: BufReader::new(file),
        };
        if reader.bytes(4)? != b"GGUF" {
            return Err(Error::malformed(path, "not a GGUF file"));
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what: format!("GGUF version {version}"),
                supported: "2, 3 (little-endian)",
            });
        }
        let (n_tensors, n_values) = (reader.u64()?, reader.u64()?);
        let mut values = BTreeMap::new();
        for _ in 0..n_values {
            let key = reader.text()?;
            let kind = reader.u32()?;
            values.insert(key, reader.value(kind)?);
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..n_tensors {
            let name = reader.text()?;
            let place = reader.place(&name)?;
            tensors.insert(name, place);
        }
        let metadata = Metadata {
            path: path.to_owned(),
            values,
        };
        let alignment = metadata.integer("general.alignment")?.unwrap_or(32).max(1) as u64;
        let start = reader.position.next_multiple_of(alignment);
        for (name, place) in &mut tensors {
            place.offset = place.offset.saturating_add(start);
            let end = place.offset.saturating_add(place.n_bytes as u64);
            if end > size {
                let detail = format!(
                    "tensor `{name}` would end at byte {end} and the file has {size}; it is cut off"
                );
                return Err(Error::malformed(path, detail));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            tensors,
        })
    }
}

impl TensorFile for GgufFile {
    fn entries(&self) -> BTreeMap<String, Entry> {
        self.tensors
            .iter()
            .map(|(name, place)| {
                let entry = Entry {
                    shape: place.shape.clone(),
                    element: place.encoding.name().to_owned(),
                };
                (name.clone(), entry)
            })
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let place = &self.tensors[name];
        let mut bytes = vec![0; place.n_bytes];
        let mut file = File::open(&self.path).map_err(Error::read(&self.path))?;
        file.seek(SeekFrom::Start(place.offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(Error::read(&self.path))?;
        Ok(place.encoding.dequantize(&bytes))
    }
}

impl Metadata {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(key, "an integer")),
        }
    }

    /// # Errors
    /// No such key, or no number that can be a size.
    pub(crate) fn size(&self, key: &str) -> Result<usize> {
        let value = self.integer(key)?.ok_or_else(|| {
            Error::malformed(&self.path, format!("its metadata has no key `{key}`"))
        })?;
        usize::try_from(value)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| self.wrong(key, "a positive integer"))
    }

    pub(crate) fn float(&self, key: &str) -> Result<Option<f64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Float(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(key, "a floating-point number")),
        }
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&str>>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let Value::Array(items) = value else {
            return Err(self.wrong(key, "a list"));
        };
        items
            .iter()
            .map(|item| match item {
                Value::Text(text) => Ok(text.as_str()),
                _ => Err(self.wrong(key, "a list of texts")),
            })
            .collect::<Result<_>>()
            .map(Some)
    }

    fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::malformed(
            &self.path,
            format!("metadata key `{key}` is not {expected}"),
        )
    }
}

struct Reader<'a> {
    path: &'a Path,
    size: u64,
    position: u64,
    input: BufReader<File>,
}

impl Reader<'_> {
    fn bytes(&mut self, n: u64) -> Result<Vec<u8>> {
        if n > self.size - self.position {
            let detail = format!(
                "{n} bytes are announced at byte {} and the file has {}; it is cut off or damaged",
                self.position, self.size
            );
            return Err(Error::malformed(self.path, detail));
        }
        let mut bytes = vec![0; usize::try_from(n).expect("no more than the file has")];
        self.input
            .read_exact(&mut bytes)
            .map_err(Error::read(self.path))?;
        self.position += n;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.try_into().expect("N bytes were read"))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String> {
        let n = self.u64()?;
        let bytes = self.bytes(n)?;
        String::from_utf8(bytes)
            .map_err(|_| Error::malformed(self.path, "a text in its metadata is not UTF-8"))
    }

    fn value(&mut self, kind: u32) -> Result<Value> {
        Ok(match kind {
            0 => Value::Int(i64::from(self.array::<1>()?[0])),
            1 => Value::Int(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Int(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Int(i64::from(self.u32()?)),
            5 => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Bool(self.array::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 => {
                let kind = self.u32()?;
                let n = self.u64()?;
                if kind == 9 {
                    return Err(Error::malformed(
                        self.path,
                        "lists of lists in its metadata",
                    ));
                }
                (0..n)
                    .map(|_| self.value(kind))
                    .collect::<Result<_>>()
                    .map(Value::Array)?
            }
            10 => Value::Int(i64::try_from(self.u64()?).unwrap_or(i64::MAX)),
            11 => Value::Int(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => {
                let detail = format!("metadata of unknown type {other}");
                return Err(Error::malformed(self.path, detail));
            }
        })
    }

    fn place(&mut self, name: &str) -> Result<Place> {
        let n_dimensions = self.u32()?;
        if n_dimensions > MAX_DIMENSIONS {
            let detail = format!("tensor `{name}` has {n_dimensions} dimensions");
            return Err(Error::malformed(self.path, detail));
        }
        let mut shape = (0..n_dimensions)
            .map(|_| Ok(usize::try_from(self.u64()?).unwrap_or(usize::MAX)))
            .collect::<Result<Vec<usize>>>()?;
        shape.reverse();
        let number = self.u32()?;
        let encoding = Encoding::from_number(number).ok_or_else(|| Error::Unsupported {
            path: self.path.to_owned(),
            what: format!("quantisation type {number} of tensor `{name}`"),
            supported: SUPPORTED,
        })?;
        let offset = self.u64()?;
        let (n_elements, n_bytes) = encoding.block();
        let row = shape.last().copied().unwrap_or(1);
        let n_bytes = shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size))
            .filter(|_| row % n_elements == 0)
            .and_then(|total| (total / n_elements).checked_mul(n_bytes))
            .ok_or_else(|| {
                let detail = format!(
                    "tensor `{name}` of shape {shape:?} is no whole number of {} blocks",
                    encoding.name()
                );
                Error::malformed(self.path, detail)
            })?;
        Ok(Place {
            shape,
            encoding,
            offset,
            n_bytes,
        })
    }
}
