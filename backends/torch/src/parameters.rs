//! The weights of a model as tensors, by their published names.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::checkpoint::{TensorSource, Tensors};
use crate::error::Result;

/// Weights on one device, in one element type. Models hold shallow clones of them, so that an
/// optimizer that changes them in place changes the model.
pub struct Parameters {
    device: Device,
    kind: Kind,
    compute_kind: Kind,
    tensors: BTreeMap<String, Tensor>,
}

impl Parameters {
    pub fn new(device: Device, kind: Kind) -> Self {
        Self {
            device,
            kind,
            compute_kind: kind,
            tensors: BTreeMap::new(),
        }
    }

    /// Has matrix products computed in another element type: what `autocast` of PyTorch does to a
    /// model. Weights, gradients, norms, sums of residuals and losses stay as they are.
    #[must_use]
    pub fn computed_in(self, compute_kind: Kind) -> Self {
        Self {
            compute_kind,
            ..self
        }
    }

    pub fn device(&self) -> Device {
        self.device
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Element type of matrix products.
    pub(crate) fn compute_kind(&self) -> Kind {
        self.compute_kind
    }

    /// Name and tensor, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    pub fn n_elements(&self) -> usize {
        self.tensors.values().map(Tensor::numel).sum()
    }

    /// Makes every weight one that gradients are computed for.
    pub fn require_gradients(&mut self) {
        for tensor in self.tensors.values_mut() {
            let _ = tensor.set_requires_grad(true);
        }
    }

    /// Reads a tensor of the checkpoint and keeps it.
    ///
    /// # Errors
    /// Missing, of another shape, unreadable, or too large for the device.
    pub(crate) fn load(&mut self, source: &Tensors, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.insert(name, shape, &source.take(name, shape)?.data)
    }

    /// Keeps a tensor of these elements, in row-major order.
    ///
    /// # Errors
    /// Too large for the device.
    pub(crate) fn insert(&mut self, name: &str, shape: &[usize], data: &[f32]) -> Result<Tensor> {
        let shape: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
        let tensor = Tensor::f_from_slice(data)?
            .f_reshape(&shape[..])?
            .f_to_device(self.device)?
            .f_to_kind(self.kind)?;
        let clone = tensor.shallow_clone();
        self.tensors.insert(name.to_owned(), tensor);
        Ok(clone)
    }
}

/// Weights as they are now, on whatever device.
impl TensorSource for Parameters {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.iter()
            .map(|(name, tensor)| {
                let shape = tensor.size().iter().map(|size| *size as usize).collect();
                (name.to_owned(), shape)
            })
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.tensors[name]
            .f_detach()?
            .f_to_kind(Kind::Float)?
            .f_to_device(Device::Cpu)?
            .f_contiguous()?;
        let n = tensor.numel();
        let mut data = vec![0.0; n];
        tensor.f_copy_data(&mut data, n)?;
        Ok(data)
    }
}
