//! AdamW (Loshchilov and Hutter 2019) as `torch.optim.AdamW` computes it.
//!
//! Of our own because libtorch's, as far as `tch` shows it, keeps its state to itself, and a
//! training that cannot be resumed to the same numbers is of no use here.

use std::collections::BTreeMap;

use harness::training::OptimizerSettings;
use tch::{Kind, Tensor};

use super::actor::array;
use super::schedule::learning_rate;
use super::supervised::named;
use crate::checkpoint::Array;
use crate::error::{Error, Result};
use crate::parameters::Parameters;

/// State of the optimizer: for each weight that learns, two averages of its gradients.
pub struct AdamW {
    settings: OptimizerSettings,
    moments: BTreeMap<String, Moments>,
    /// Updates made.
    step: u64,
}

struct Moments {
    first: Tensor,
    second: Tensor,
}

impl AdamW {
    pub fn new(settings: &OptimizerSettings, parameters: &Parameters) -> Self {
        let moments = learning(parameters)
            .map(|(name, tensor)| {
                let moments = Moments {
                    first: tensor.zeros_like(),
                    second: tensor.zeros_like(),
                };
                (name.to_owned(), moments)
            })
            .collect();
        Self {
            settings: settings.clone(),
            moments,
            step: 0,
        }
    }

    /// Makes update `step` (from 1) of `n_steps` at its learning rate, after gradients of `loss`
    /// were computed. Returns what is told of every update.
    ///
    /// # Errors
    /// A loss or gradients that are no numbers any more.
    pub(super) fn follow(
        &mut self,
        parameters: &Parameters,
        loss: f64,
        step: u64,
        n_steps: u64,
    ) -> Result<BTreeMap<String, f64>> {
        let loss = finite("the loss", loss, step)?;
        let rate = learning_rate(&self.settings, step, n_steps);
        let norm = self.update(parameters, rate);
        let norm = finite("the norm of the gradients", norm, step)?;
        Ok(named([
            ("loss", loss),
            ("learning_rate", rate),
            ("gradient_norm", norm),
        ]))
    }

    /// Changes the weights along their gradients, and clears these. Returns the norm of all
    /// gradients together, as it was before it was bounded.
    ///
    /// Weights of one dimension (norms, biases) do not decay, as usual.
    pub fn update(&mut self, parameters: &Parameters, learning_rate: f64) -> f64 {
        tch::no_grad(|| self.update_inner(parameters, learning_rate))
    }

    fn update_inner(&mut self, parameters: &Parameters, learning_rate: f64) -> f64 {
        let norm = gradient_norm(parameters);
        let scale = match self.settings.max_gradient_norm {
            // The constant is that of `torch.nn.utils.clip_grad_norm_`.
            Some(max) => (max / (norm + 1e-6)).min(1.0),
            None => 1.0,
        };
        self.step += 1;
        let OptimizerSettings {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
            ..
        } = self.settings;
        let step = self.step as f64;
        let correction_1 = 1.0 - beta_1.powf(step);
        let correction_2 = (1.0 - beta_2.powf(step)).sqrt();
        for (name, tensor) in learning(parameters) {
            let mut tensor = tensor.shallow_clone();
            let mut gradient = tensor.grad();
            if !gradient.defined() {
                continue;
            }
            let moments = self.moments.get_mut(name).expect("made for every weight");
            let _ = gradient.g_mul_scalar_(scale);
            if tensor.dim() > 1 {
                let _ = tensor.g_mul_scalar_(1.0 - learning_rate * weight_decay);
            }
            let _ = moments.first.lerp_(&gradient, 1.0 - beta_1);
            let square = &gradient * &gradient * (1.0 - beta_2);
            let _ = moments.second.g_mul_scalar_(beta_2).g_add_(&square);
            let denominator = moments.second.sqrt() / correction_2 + epsilon;
            let change = &moments.first / denominator * (learning_rate / correction_1);
            let _ = tensor.g_sub_(&change);
            let _ = gradient.zero_();
        }
        norm
    }

    /// State by name, to be stored.
    pub(super) fn arrays(&self) -> BTreeMap<String, Array> {
        let mut out = BTreeMap::new();
        for (name, moments) in &self.moments {
            for (part, tensor) in [("first", &moments.first), ("second", &moments.second)] {
                out.insert(format!("{part}.{name}"), array(tensor));
            }
        }
        out
    }

    /// Takes a stored state on.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub(super) fn restore(
        &mut self,
        step: u64,
        mut take: impl FnMut(&str, &[usize]) -> Result<Array>,
    ) -> Result<()> {
        self.step = step;
        for (name, moments) in &mut self.moments {
            for (part, tensor) in [
                ("first", &mut moments.first),
                ("second", &mut moments.second),
            ] {
                let shape: Vec<usize> = tensor.size().iter().map(|size| *size as usize).collect();
                let array = take(&format!("{part}.{name}"), &shape)?;
                let stored = Tensor::f_from_slice(&array.data)?.f_view_as(&*tensor)?;
                tensor.copy_(&stored);
            }
        }
        Ok(())
    }
}

/// Weights that gradients are computed for.
pub(super) fn learning(parameters: &Parameters) -> impl Iterator<Item = (&str, &Tensor)> {
    parameters
        .iter()
        .filter(|(_, tensor)| tensor.requires_grad())
}

/// Euclidean norm of all gradients together.
fn gradient_norm(parameters: &Parameters) -> f64 {
    let squares: Vec<Tensor> = learning(parameters)
        .map(|(_, tensor)| tensor.grad())
        .filter(Tensor::defined)
        .map(|gradient| gradient.square().sum(Kind::Float))
        .collect();
    if squares.is_empty() {
        return 0.0;
    }
    Tensor::stack(&squares, 0)
        .sum(Kind::Double)
        .sqrt()
        .double_value(&[])
}

/// A loss or a norm that is no number any more ends a training before it does harm.
///
/// # Errors
/// [`Error::Diverged`] that says so.
pub(super) fn finite(what: &str, value: f64, step: u64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::diverged(format!(
        "{what} is {value} at update {step}: the training has diverged. A lower learning rate, \
         more warm-up steps or a bound on the gradient norm may help"
    )))
}
