//! Products with packed matrices.
//!
//! Every element of a result is computed by the same operations in the same order: chains of
//! fused multiply-adds over 64 columns each, which are added up in turn. It does not depend on
//! how many rows there are, on which thread works on it, or on the width of the machine's
//! vectors. Rounding errors grow with the length of a chain, so short ones are more exact.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rows::{PANEL, Rows};
use crate::checkpoint::Array;

/// A matrix in panels of 32 outputs: for each input, the weights of the 32 outputs in turn.
pub(crate) struct Matrix {
    /// Rounded up to whole panels.
    n_inputs: usize,
    panels: Vec<f32>,
}

/// Work for one thread below which threads cost more than they give, in multiply-adds.
const MIN_WORK: usize = 1 << 16;

impl Matrix {
    /// Packs arrays of shape `[outputs, inputs]`, which share their input, one behind the
    /// other, each beginning with a panel of its own.
    pub(crate) fn pack(arrays: &[Array]) -> Self {
        let n_inputs = arrays[0].shape[1].next_multiple_of(PANEL);
        let mut panels = Vec::new();
        for array in arrays {
            let (n_outputs, width) = (array.shape[0], array.shape[1]);
            assert_eq!(
                width.next_multiple_of(PANEL),
                n_inputs,
                "arrays that are packed together share their input"
            );
            let start = panels.len();
            panels.resize(start + n_outputs.next_multiple_of(PANEL) * n_inputs, 0.0);
            for (output, weights) in array.data.chunks_exact(width).enumerate() {
                let panel = &mut panels[start + output / PANEL * n_inputs * PANEL..];
                for (input, weight) in weights.iter().enumerate() {
                    panel[input * PANEL + output % PANEL] = *weight;
                }
            }
        }
        Self { n_inputs, panels }
    }

    /// Outputs, rounded up to whole panels.
    pub(crate) fn n_outputs(&self) -> usize {
        self.panels.len() / self.n_inputs
    }

    /// `out = x Wᵀ`.
    pub(crate) fn multiply(&self, x: &Rows, out: &mut Rows) {
        let n_rows = x.n_rows();
        assert_eq!(
            x.n_panels() * PANEL,
            self.n_inputs,
            "rows fit the matrix they are multiplied with"
        );
        out.reset(n_rows, self.n_outputs());
        if n_rows == 0 {
            return;
        }
        let arch = Arch::new();
        let panel_work = n_rows * self.n_inputs * PANEL;
        let per_thread = out
            .n_panels()
            .div_ceil(4 * rayon::current_num_threads())
            .max(MIN_WORK.div_ceil(panel_work));
        let panel_size = self.n_inputs * PANEL;
        out.data_mut()
            .par_chunks_mut(per_thread * n_rows * PANEL)
            .zip(self.panels.par_chunks(per_thread * panel_size))
            .for_each(|(out, panels)| {
                let panels = panels.chunks_exact(panel_size);
                for (panel, out) in panels.zip(out.chunks_exact_mut(n_rows * PANEL)) {
                    multiply_panel(arch, x.data(), n_rows, panel, out, Start::Zero);
                }
            });
    }
}

/// Panels of inputs in one chain of sums.
const BLOCK: usize = 2;

/// What a product begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Zero,
    /// What `out` holds.
    Out,
}

/// `n_rows` rows in panels times one panel of weights `[inputs, 32]`, whose number of inputs is
/// a multiple of 32; `out` is `[n_rows, 32]`. Inputs of `x` beyond those of the panel are not
/// looked at.
pub(super) fn multiply_panel(
    arch: Arch,
    x: &[f32],
    n_rows: usize,
    panel: &[f32],
    out: &mut [f32],
    start: Start,
) {
    arch.dispatch(Panel {
        x,
        n_rows,
        panel,
        out,
        start,
    });
}

struct Panel<'a> {
    x: &'a [f32],
    n_rows: usize,
    panel: &'a [f32],
    out: &'a mut [f32],
    start: Start,
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        // As many rows at a time as have their sums in registers, of which there are 32 or 16.
        macro_rules! rows_at_a_time {
            ($($n:literal)*) => {$(
                while self.n_rows - row >= $n {
                    self.tile::<S, $n>(simd, row);
                    row += $n;
                }
            )*};
        }
        if S::F32_LANES >= 16 {
            rows_at_a_time!(12 8 6 4 3 2 1);
        } else {
            rows_at_a_time!(6 4 3 2 1);
        }
    }
}

impl Panel<'_> {
    /// `R` rows from `first` on.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, first: usize) {
        // Two vectors of outputs at a time.
        let width = 2 * S::F32_LANES;
        for column in (0..PANEL).step_by(width) {
            let mut start = self.start;
            let blocks = self.panel.chunks(BLOCK * PANEL * PANEL);
            for (block, weights) in blocks.enumerate() {
                let mut sums = [[simd.splat_f32s(0.0); 2]; R];
                for (index, weights) in weights.chunks_exact(PANEL * PANEL).enumerate() {
                    let index = block * BLOCK + index;
                    let x = &self.x[(index * self.n_rows + first) * PANEL..][..R * PANEL];
                    for input in 0..PANEL {
                        let weights = &weights[input * PANEL + column..][..width];
                        let (weights, _) = S::as_simd_f32s(weights);
                        for (row, sums) in sums.iter_mut().enumerate() {
                            let factor = simd.splat_f32s(x[row * PANEL + input]);
                            sums[0] = simd.mul_add_f32s(factor, weights[0], sums[0]);
                            sums[1] = simd.mul_add_f32s(factor, weights[1], sums[1]);
                        }
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    let out = &mut self.out[(first + row) * PANEL + column..][..width];
                    let (out, _) = S::as_mut_simd_f32s(out);
                    for (out, sum) in out.iter_mut().zip(sums) {
                        *out = match start {
                            Start::Zero => *sum,
                            Start::Out => simd.add_f32s(*out, *sum),
                        };
                    }
                }
                start = Start::Out;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(seed: usize) -> f32 {
        ((seed * 7919 + 13) % 1009) as f32 / 504.5 - 1.0
    }

    fn product(n_rows: usize, n_inputs: usize, n_outputs: usize) -> (Rows, Array, Rows) {
        let mut x = Rows::new(n_rows, n_inputs);
        for row in 0..n_rows {
            let values: Vec<f32> = (0..n_inputs).map(|i| number(row * 31 + i)).collect();
            x.set_row(row, &values);
        }
        let weights = Array {
            shape: vec![n_outputs, n_inputs],
            data: (0..n_outputs * n_inputs).map(|i| number(i + 5)).collect(),
        };
        let mut out = Rows::default();
        Matrix::pack(std::slice::from_ref(&weights)).multiply(&x, &mut out);
        (x, weights, out)
    }

    #[test]
    fn products_are_those_of_float64() {
        let check = |n_rows: usize, n_inputs: usize, n_outputs: usize| {
            let (x, weights, out) = product(n_rows, n_inputs, n_outputs);
            let mut input = vec![0.0; n_inputs];
            let mut output = vec![0.0; n_outputs];
            for row in 0..n_rows {
                x.copy_row(row, &mut input);
                out.copy_row(row, &mut output);
                for (column, found) in output.iter().enumerate() {
                    let expected: f64 = weights.data[column * n_inputs..]
                        .iter()
                        .zip(&input)
                        .map(|(weight, x)| f64::from(*weight) * f64::from(*x))
                        .sum();
                    assert!((f64::from(*found) - expected).abs() < 1e-4);
                }
            }
        };
        check(1, 64, 32);
        check(3, 40, 70);
        check(29, 96, 33);
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let (_, _, many) = product(37, 80, 64);
        let mut expected = vec![0.0; 64];
        let mut found = vec![0.0; 64];
        for n_rows in 1..37 {
            let (_, _, few) = product(n_rows, 80, 64);
            for row in 0..n_rows {
                many.copy_row(row, &mut expected);
                few.copy_row(row, &mut found);
                assert_eq!(found, expected, "row {row} of {n_rows}");
            }
        }
    }
}
