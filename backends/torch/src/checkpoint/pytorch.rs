//! `pytorch_model.bin`: a zip archive of a pickle and raw storages, read without executing the
//! pickle.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::pickle::{self, StridedTensor};
use super::safetensors::Element;
use super::tensors::{Entry, TensorFile};
use crate::error::{Error, Result};

pub(crate) struct PytorchFile {
    path: PathBuf,
    /// The folder in the archive, with its slash.
    folder: String,
    tensors: BTreeMap<String, StridedTensor>,
}

impl PytorchFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut archive = archive(path)?;
        let folder = archive
            .file_names()
            .flatten()
            .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
            .ok_or_else(|| Error::malformed(path, "the archive has no `data.pkl`"))?;
        let pickle = entry(path, &mut archive, &format!("{folder}data.pkl"))?;
        let tensors = pickle::tensors(&pickle).map_err(|detail| Error::malformed(path, detail))?;
        if let Ok(order) = entry(path, &mut archive, &format!("{folder}byteorder"))
            && order != b"little"
        {
            return Err(Error::malformed(path, "its numbers are not little-endian"));
        }
        Ok(Self {
            path: path.to_owned(),
            folder,
            tensors,
        })
    }
}

impl TensorFile for PytorchFile {
    fn entries(&self) -> BTreeMap<String, Entry> {
        self.tensors
            .iter()
            .map(|(name, tensor)| {
                let class = &tensor.storage.class;
                let entry = Entry {
                    shape: tensor.shape.clone(),
                    element: class.strip_suffix("Storage").unwrap_or(class).to_owned(),
                };
                (name.clone(), entry)
            })
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let path = &self.path;
        let tensor = &self.tensors[name];
        let element = match &*tensor.storage.class {
            "DoubleStorage" => Element::F64,
            "FloatStorage" => Element::F32,
            "HalfStorage" => Element::F16,
            "BFloat16Storage" => Element::Bf16,
            other => {
                return Err(Error::Unsupported {
                    path: path.clone(),
                    what: format!("`{other}` of tensor `{name}`"),
                    supported: "double, float, half and bfloat16",
                });
            }
        };
        let place = format!("{}data/{}", self.folder, tensor.storage.key);
        let bytes = entry(path, &mut archive(path)?, &place)?;
        let n_elements = bytes.len() / element.n_bytes();
        let range = tensor
            .extent()
            .filter(|end| *end <= n_elements)
            .map(|end| tensor.offset * element.n_bytes()..end * element.n_bytes())
            .ok_or_else(|| {
                let detail = format!(
                    "tensor `{name}` reaches beyond its storage of {n_elements} elements; the \
                     file is cut off or damaged"
                );
                Error::malformed(path, detail)
            })?;
        Ok(tensor.gather(&element.to_f32(&bytes[range])))
    }
}

impl StridedTensor {
    /// One more than the largest position in the storage; `None` if that is no number.
    fn extent(&self) -> Option<usize> {
        if self.shape.len() != self.strides.len() {
            return None;
        }
        if self.shape.contains(&0) {
            return Some(self.offset);
        }
        self.shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |end, (size, stride)| {
                end.checked_add((size - 1).checked_mul(*stride)?)
            })?
            .checked_add(1)
    }

    /// The elements in row-major order; `storage` begins at the offset.
    fn gather(&self, storage: &[f32]) -> Vec<f32> {
        let mut positions = vec![0];
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            positions = positions
                .iter()
                .flat_map(|position| (0..*size).map(move |index| position + index * stride))
                .collect();
        }
        positions
            .into_iter()
            .map(|position| storage[position])
            .collect()
    }
}

fn archive(path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).map_err(Error::read(path))?;
    ZipArchive::new(file).map_err(|error| {
        let detail = format!(
            "not a file of `torch.save` ({error}); it is cut off, or was written by torch before \
             1.6: then load and save it with a newer one"
        );
        Error::malformed(path, detail)
    })
}

fn entry(path: &Path, archive: &mut ZipArchive<File>, name: &str) -> Result<Vec<u8>> {
    let malformed = |detail: String| Error::malformed(path, format!("entry `{name}`: {detail}"));
    let mut entry = archive
        .by_name(name)
        .map_err(|error| malformed(error.to_string()))?;
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| malformed(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::pickle::Storage;
    use super::*;

    #[test]
    fn strides_are_followed() {
        let tensor = |offset, shape: &[usize], strides: &[usize]| StridedTensor {
            storage: Storage {
                class: Rc::from("FloatStorage"),
                key: Rc::from("0"),
            },
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
        };
        let transposed = tensor(1, &[2, 3], &[1, 2]);
        assert_eq!(transposed.extent(), Some(7));
        assert_eq!(
            transposed.gather(&[0., 1., 2., 3., 4., 5.]),
            [0., 2., 4., 1., 3., 5.]
        );
        assert_eq!(tensor(3, &[], &[]).extent(), Some(4));
        assert_eq!(tensor(0, &[usize::MAX, 3], &[2, 1]).extent(), None);
    }
}
