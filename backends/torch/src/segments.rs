//! Gradient checkpointing (Chen et al. 2016): a forward pass in segments, one a layer, whose
//! activations are thrown away and computed again when gradients are. Memory then holds what
//! lies between the layers, and the inside of one of them.
//!
//! `tch` has no custom nodes of the graph, so the chain is walked by hand. Each segment is computed
//! without a graph, and its output is a leaf that gradients gather in: from as many later segments
//! as use it. Going back, a segment is computed once more with a graph from its inputs, which are
//! leaves of earlier segments, and `Σ output × gradient` is differentiated, which adds the products
//! with its Jacobian to these leaves and to the weights.
//!
//! Each segment has a seed of its own, whether activations are kept or not. So dropout is the same
//! when it is computed again, and the same as where nothing is.

use tch::{Device, Kind, Tensor};

use crate::layers::Mode;

/// What becomes of activations between forward and backward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activations {
    #[default]
    Kept,
    /// Computed again.
    Recomputed,
}

type Compute<'a> = Box<dyn Fn(&[&Tensor]) -> Tensor + 'a>;

/// A forward pass, and what its backward pass needs.
pub struct Segments<'a> {
    activations: Activations,
    /// Of the random numbers of the first segment; nothing is drawn in evaluation.
    seed: Option<i64>,
    n_run: i64,
    passed: Vec<Segment<'a>>,
}

struct Segment<'a> {
    inputs: Vec<Tensor>,
    /// A leaf.
    output: Tensor,
    compute: Compute<'a>,
    seed: Option<i64>,
}

impl<'a> Segments<'a> {
    /// A pass that keeps its activations, or none at all under `no_grad`.
    pub fn plain(mode: Mode) -> Self {
        Self::new(Activations::Kept, mode)
    }

    pub fn new(activations: Activations, mode: Mode) -> Self {
        let seed = match mode {
            Mode::Evaluate => None,
            // Of libtorch's generator, which is seeded once an update: every pass has another.
            Mode::Train => {
                let drawn = Tensor::randint(1 << 52, [1], (Kind::Int64, Device::Cpu));
                Some(drawn.int64_value(&[0]))
            }
        };
        Self {
            activations,
            seed,
            n_run: 0,
            passed: Vec::new(),
        }
    }

    /// Computes a segment. What it reads and has gradients must be among its inputs, or be a weight.
    pub(crate) fn run(
        &mut self,
        inputs: &[&Tensor],
        compute: impl Fn(&[&Tensor]) -> Tensor + 'a,
    ) -> Tensor {
        let seed = self.seed.map(|seed| seed + self.n_run);
        self.n_run += 1;
        reseed(seed);
        match self.activations {
            Activations::Kept => compute(inputs),
            Activations::Recomputed => {
                let output = tch::no_grad(|| compute(inputs)).detach();
                let output = output.set_requires_grad(true);
                self.passed.push(Segment {
                    inputs: inputs.iter().map(|input| input.shallow_clone()).collect(),
                    output: output.shallow_clone(),
                    compute: Box::new(compute),
                    seed,
                });
                output
            }
        }
    }

    /// Adds the gradients of `loss`, a number made of the output of the last segment.
    pub fn backward(mut self, loss: &Tensor) {
        // Random numbers behind this pass do not depend on how it was computed.
        let next = self.seed.map(|seed| seed + self.n_run);
        loss.backward();
        while let Some(segment) = self.passed.pop() {
            let gradient = segment.output.grad();
            if !gradient.defined() {
                continue;
            }
            reseed(segment.seed);
            let inputs: Vec<&Tensor> = segment.inputs.iter().collect();
            let again = (segment.compute)(&inputs);
            // Frozen embeddings, below low-rank updates, have nothing to learn.
            if again.requires_grad() {
                (again * gradient).sum(Kind::Float).backward();
            }
        }
        reseed(next);
    }
}

fn reseed(seed: Option<i64>) {
    if let Some(seed) = seed {
        tch::manual_seed(seed);
    }
}
