//! `*.safetensors`: the header is read at once, tensors one at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::tensors::{Entry, TensorFile};
use crate::error::{Error, Result};

/// Larger headers are taken for rubbish, as the reference implementation does.
const MAX_HEADER_BYTES: u64 = 100_000_000;

pub(crate) struct SafetensorsFile {
    path: PathBuf,
    metadata: Metadata,
    /// Where the tensors begin.
    start: u64,
}

impl SafetensorsFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::read(path))?;
        let size = file.metadata().map_err(Error::read(path))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length)
            .map_err(|_| Error::malformed(path, "too short for a safetensors file"))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES || length + 8 > size {
            let detail = format!(
                "its header would have {length} bytes and the file has {size}; it is cut off, or \
                 no safetensors file"
            );
            return Err(Error::malformed(path, detail));
        }
        let mut header = vec![0; usize::try_from(length).expect("at most MAX_HEADER_BYTES")];
        file.read_exact(&mut header).map_err(Error::read(path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| Error::malformed(path, format!("header: {error}")))?;
        let end = metadata
            .tensors()
            .values()
            .map(|info| info.data_offsets.1 as u64)
            .max()
            .unwrap_or(0);
        let start = length + 8;
        if start + end != size {
            let detail = format!(
                "its header announces {} bytes and the file has {size}; it is cut off or damaged",
                start + end
            );
            return Err(Error::malformed(path, detail));
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            start,
        })
    }
}

impl TensorFile for SafetensorsFile {
    fn entries(&self) -> BTreeMap<String, Entry> {
        self.metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let entry = Entry {
                    shape: info.shape.clone(),
                    element: format!("{:?}", info.dtype),
                };
                (name, entry)
            })
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let path = &self.path;
        let info = self.metadata.info(name).expect("the caller looked it up");
        let (begin, end) = info.data_offsets;
        let mut bytes = vec![0; end - begin];
        let mut file = File::open(path).map_err(Error::read(path))?;
        file.seek(SeekFrom::Start(self.start + begin as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(Error::read(path))?;
        let element = match info.dtype {
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            Dtype::F64 => Element::F64,
            other => {
                return Err(Error::Unsupported {
                    path: path.clone(),
                    what: format!("element type {other:?} of tensor `{name}`"),
                    supported: "F64, F32, F16, BF16",
                });
            }
        };
        Ok(element.to_f32(&bytes))
    }
}

/// Plain types of elements, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
}

impl Element {
    pub(super) fn n_bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    pub(super) fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|raw| f64::from_le_bytes(*raw) as f32)
                .collect(),
            Self::F32 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|raw| f32::from_le_bytes(*raw))
                .collect(),
            Self::F16 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|raw| f16::from_le_bytes(*raw).to_f32())
                .collect(),
            Self::Bf16 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|raw| bf16::from_le_bytes(*raw).to_f32())
                .collect(),
        }
    }
}
