//! What a critic needs of a model besides decoding.

use super::rows::Rows;
use crate::decode::{Decoder, PeekRow, StepRow};

/// A model whose states can be had, and with them logits or what a critic says.
pub trait CpuModel: Decoder {
    /// Reads one token for each row and writes the states `[rows, D]` from which logits come.
    fn advance(&self, rows: &mut [StepRow<'_>], states: &mut Rows);

    /// The states of tokens that are tried. Several may follow the same cache; those that are
    /// neighbours then share its work.
    fn peek(&self, rows: &[PeekRow<'_>], states: &mut Rows);

    /// Logits `[rows, V]` of states.
    fn logits(&self, states: &Rows, logits: &mut Rows);
}
