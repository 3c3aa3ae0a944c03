//! A critic for decoding: values of tokens that are not written yet. The same formulas as in
//! `crate::train::critic`.

use harness::training::CriticSettings;
use harness::verdict::Outcome;

use super::load::load;
use super::matrix::Matrix;
use super::model::CpuModel;
use super::rows::Rows;
use crate::checkpoint::{Checkpoint, Config};
use crate::error::Result;
use crate::train::critic::{HEAD, HEAD_WIDTH, settings_of};

/// A model, and the head that turns its states into classes.
pub struct CpuCritic {
    pub model: Box<dyn CpuModel>,
    settings: CriticSettings,
    hidden: Matrix,
    hidden_bias: Vec<f32>,
    output: Matrix,
    output_bias: Vec<f32>,
}

impl CpuCritic {
    /// Loads the critic in `checkpoint`.
    ///
    /// # Errors
    /// No critic, or tensors that are missing, of another shape or left over.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let settings = settings_of(checkpoint)?;
        let width = match &checkpoint.config {
            Config::T5(config) => config.model_width,
            Config::Llama(config) => config.model_width,
        };
        let take = |name: &str, shape: &[usize]| {
            let name = format!("{HEAD}.{name}");
            checkpoint.tensors.take(&name, shape)
        };
        let n_classes = settings.classes.len();
        Ok(Self {
            hidden: Matrix::pack(&[take("hidden.weight", &[HEAD_WIDTH, width])?]),
            hidden_bias: take("hidden.bias", &[HEAD_WIDTH])?.data,
            output: Matrix::pack(&[take("output.weight", &[n_classes, HEAD_WIDTH])?]),
            output_bias: take("output.bias", &[n_classes])?.data,
            settings,
            // Last, as it wants all tensors to be taken.
            model: load(&checkpoint.config, &checkpoint.tensors)?,
        })
    }

    /// `ln p(passed | w_1 … w_t, D)` (Eq. 11) of each of `states`.
    pub fn log_passed(&self, states: &Rows) -> Vec<f64> {
        let (mut hidden, mut output) = (Rows::default(), Rows::default());
        self.hidden.multiply(states, &mut hidden);
        let mut values = vec![0.0; HEAD_WIDTH];
        for row in 0..hidden.n_rows() {
            hidden.copy_row(row, &mut values);
            for (value, bias) in values.iter_mut().zip(&self.hidden_bias) {
                *value = (*value + bias).max(0.0);
            }
            hidden.set_row(row, &values);
        }
        self.output.multiply(&hidden, &mut output);
        let mut logits = vec![0.0; self.output_bias.len()];
        let passed = self.settings.classes.class_of(Outcome::PassedTests);
        (0..output.n_rows())
            .map(|row| {
                output.copy_row(row, &mut logits);
                let logits: Vec<f64> = logits
                    .iter()
                    .zip(&self.output_bias)
                    .map(|(logit, bias)| f64::from(logit + bias))
                    .collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
                logits[passed] - largest - total.ln()
            })
            .collect()
    }
}
