//! Named tensors, whatever file they come from, each read once and in float32.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// What a file says of a tensor without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) shape: Vec<usize>,
    /// Type of the elements as the file names it: `F32`, `BF16`, `Q4_1`, …
    pub(crate) element: String,
}

/// A file with tensors.
pub(crate) trait TensorFile {
    fn entries(&self) -> BTreeMap<String, Entry>;

    /// The elements of tensor `name`, in the order of its shape.
    fn read(&self, name: &str) -> Result<Vec<f32>>;
}

/// The tensors of a checkpoint. Keeps account of what was read, so that nothing that a file
/// holds is silently left out of a model.
pub struct Tensors {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// Which of `files` holds a tensor.
    places: BTreeMap<String, usize>,
    files: Vec<Box<dyn TensorFile>>,
    taken: RefCell<BTreeSet<String>>,
}

impl Tensors {
    /// # Errors
    /// Two files that hold a tensor of the same name.
    pub(crate) fn new(path: &Path, files: Vec<Box<dyn TensorFile>>) -> Result<Self> {
        let mut entries = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            for (name, entry) in file.entries() {
                places.insert(name.clone(), index);
                if entries.insert(name.clone(), entry).is_some() {
                    let detail = format!("tensor `{name}` is in two files");
                    return Err(Error::malformed(path, detail));
                }
            }
        }
        Ok(Self {
            path: path.to_owned(),
            entries,
            places,
            files,
            taken: RefCell::default(),
        })
    }

    /// Tensors that are in memory already.
    pub(crate) fn of_arrays(arrays: BTreeMap<String, Array>) -> Self {
        Self::new(Path::new("(memory)"), vec![Box::new(InMemory(arrays))])
            .expect("one file has no names twice")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Name, shape and type of the elements of every tensor, by name.
    pub fn list(&self) -> impl Iterator<Item = (&str, &[usize], &str)> {
        self.entries
            .iter()
            .map(|(name, entry)| (name.as_str(), &entry.shape[..], entry.element.as_str()))
    }

    /// Reads a tensor that must have this shape.
    ///
    /// # Errors
    /// No such tensor, another shape, or a file that ends early.
    pub fn take(&self, name: &str, shape: &[usize]) -> Result<Array> {
        let Some(entry) = self.entries.get(name) else {
            return Err(Error::MissingTensor {
                path: self.path.clone(),
                name: name.to_owned(),
                hint: self.hint(name),
            });
        };
        if entry.shape != shape {
            return Err(Error::WrongShape {
                path: self.path.clone(),
                name: name.to_owned(),
                found: entry.shape.clone(),
                expected: shape.to_owned(),
            });
        }
        self.taken.borrow_mut().insert(name.to_owned());
        Ok(Array {
            shape: shape.to_owned(),
            data: self.files[self.places[name]].read(name)?,
        })
    }

    /// Every tensor must have been taken, but for those that `may_be_left` allows.
    ///
    /// # Errors
    /// [`Error::UnusedTensors`].
    pub fn finish(&self, may_be_left: impl Fn(&str) -> bool) -> Result<()> {
        let taken = self.taken.borrow();
        let left: Vec<&str> = self
            .entries
            .keys()
            .map(String::as_str)
            .filter(|name| !taken.contains(*name) && !may_be_left(name))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        const SHOWN: usize = 5;
        let mut names: Vec<String> = left
            .iter()
            .take(SHOWN)
            .map(|name| format!("`{name}`"))
            .collect();
        if left.len() > SHOWN {
            names.push(format!("and {} more", left.len() - SHOWN));
        }
        Err(Error::UnusedTensors {
            path: self.path.clone(),
            names: names.join(", "),
        })
    }

    /// Tensors whose name ends alike, which tells of a prefix that a writer added.
    fn hint(&self, name: &str) -> String {
        let tail = |name: &str| {
            let mut parts: Vec<&str> = name.rsplit('.').take(2).collect();
            parts.reverse();
            parts.join(".")
        };
        let wanted = tail(name);
        match self.entries.keys().find(|other| tail(other) == wanted) {
            Some(other) => format!(" among {}; it has `{other}`", self.entries.len()),
            None => format!(" among {}", self.entries.len()),
        }
    }
}

struct InMemory(BTreeMap<String, Array>);

impl TensorFile for InMemory {
    fn entries(&self) -> BTreeMap<String, Entry> {
        let entry = |array: &Array| Entry {
            shape: array.shape.clone(),
            element: "F32".to_owned(),
        };
        let entries = self.0.iter();
        entries
            .map(|(name, array)| (name.clone(), entry(array)))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.0[name].data.clone())
    }
}
