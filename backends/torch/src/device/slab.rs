//! Keys and values of what rows have generated.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};

/// Slots are as long as a multiple of this many tokens.
const CAPACITY_STEP: usize = 64;

/// What the keys of one token are like, and so the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) n_layers: usize,
    pub(super) n_heads: usize,
    pub(super) head_width: usize,
    pub(super) kind: Kind,
    pub(super) device: Device,
}

/// The memory of all rows.
#[derive(Debug)]
pub(super) struct Slab {
    shape: Shape,
    /// For each layer keys and values, `[slots, H, capacity, K]` each.
    layers: Vec<(Tensor, Tensor)>,
    n_slots: usize,
    capacity: usize,
    free: BTreeSet<usize>,
}

/// The memory of one row.
pub struct Slot {
    slab: Arc<Mutex<Slab>>,
    index: usize,
    capacity: usize,
    length: usize,
}

impl Slab {
    pub(super) fn new(shape: Shape) -> Self {
        let mut slab = Self {
            shape,
            layers: Vec::new(),
            n_slots: 0,
            capacity: 0,
            free: BTreeSet::new(),
        };
        slab.layers = slab.allocated(0, 0);
        slab
    }

    /// Keys and values `[slots, H, capacity, K]` of a layer.
    pub(super) fn layer_mut(&mut self, layer: usize) -> (&mut Tensor, &mut Tensor) {
        let (keys, values) = &mut self.layers[layer];
        (keys, values)
    }

    fn allocated(&self, n_slots: usize, capacity: usize) -> Vec<(Tensor, Tensor)> {
        let shape = self.shape;
        let size = [n_slots, shape.n_heads, capacity, shape.head_width].map(|size| size as i64);
        let zeros = || Tensor::zeros(size, (shape.kind, shape.device));
        (0..shape.n_layers).map(|_| (zeros(), zeros())).collect()
    }

    /// Makes room for more or longer slots; what is there stays.
    fn grow(&mut self, n_slots: usize, capacity: usize) {
        let layers = self.allocated(n_slots, capacity);
        if self.n_slots > 0 {
            let [slots, tokens] = [self.n_slots, self.capacity].map(|size| size as i64);
            for ((to_keys, to_values), (keys, values)) in layers.iter().zip(&self.layers) {
                for (to, from) in [(to_keys, keys), (to_values, values)] {
                    to.narrow(0, 0, slots).narrow(2, 0, tokens).copy_(from);
                }
            }
        }
        self.free.extend(self.n_slots..n_slots);
        self.layers = layers;
        self.n_slots = n_slots;
        self.capacity = capacity;
    }

    fn take(&mut self, capacity: usize) -> usize {
        let capacity = capacity.next_multiple_of(CAPACITY_STEP).max(self.capacity);
        let n_slots = match self.free.is_empty() {
            true => (2 * self.n_slots).max(8),
            false => self.n_slots,
        };
        if (n_slots, capacity) != (self.n_slots, self.capacity) {
            self.grow(n_slots, capacity);
        }
        // The first ones, so that those in use lie side by side.
        self.free.pop_first().expect("there is room now")
    }
}

pub(super) fn locked(slab: &Mutex<Slab>) -> MutexGuard<'_, Slab> {
    slab.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    pub(super) fn new(slab: &Arc<Mutex<Slab>>, capacity: usize) -> Self {
        Self {
            index: tch::no_grad(|| locked(slab).take(capacity)),
            slab: Arc::clone(slab),
            capacity,
            length: 0,
        }
    }

    /// Which slot of the slab it is.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn advance(&mut self) {
        assert!(self.length < self.capacity, "the slot has room for a token");
        self.length += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    pub(crate) fn copy_from(&mut self, other: &Self) {
        assert!(
            Arc::ptr_eq(&self.slab, &other.slab) && other.length <= self.capacity,
            "slots of one model and capacity"
        );
        let mut slab = locked(&self.slab);
        let [to, from, length] = [self.index, other.index, other.length].map(|it| it as i64);
        tch::no_grad(|| {
            for layer in 0..slab.shape.n_layers {
                let (keys, values) = slab.layer_mut(layer);
                for tensor in [keys, values] {
                    let from = tensor.get(from).narrow(1, 0, length);
                    tensor.get(to).narrow(1, 0, length).copy_(&from);
                }
            }
        });
        self.length = other.length;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        locked(&self.slab).free.insert(self.index);
    }
}
