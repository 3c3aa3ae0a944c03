//! Functions of single numbers and of rows.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rows::{PANEL, Rows};

/// Runs `body`, a closure that is `#[inline(always)]`, as code for the vectors of this machine.
///
/// [`Arch::dispatch`] alone calls a closure as one that is called once. For a closure that could be
/// called again that is a shim, which is not inlined if it is large: it then is code for any machine,
/// where a fused multiply-add is the call of a function.
#[inline(always)]
pub(crate) fn vectorized<T>(arch: Arch, body: impl FnMut() -> T) -> T {
    struct Body<F>(F);

    impl<T, F: FnMut() -> T> WithSimd for Body<F> {
        type Output = T;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> T {
            (self.0)()
        }
    }

    arch.dispatch(Body(body))
}

/// The exponential function, to within 2 units in the last place for results that are normal
/// numbers; 0 below -87. Written so that a loop over it becomes vector instructions, and so
/// that it gives the same bits on every machine.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // exp(x) = 2^n exp(r) with |r| ≤ ln 2 / 2; ln 2 in two parts, so that r is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 × 2^23 rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = clamped.mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, clamped));
    // Cephes `expf`.
    let mut p = 1.987_569_1e-4_f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 0.5);
    let value = p.mul_add(r * r, r) + 1.0;
    let power = f32::from_bits(((n as i32 + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { value * power }
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The tanh form: `0.5 x (1 + tanh(y)) = x / (1 + exp(-2 y))`.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    const FACTOR: f32 = 0.797_884_6;
    let y = FACTOR * (0.044_715 * x * x).mul_add(x, x);
    x / (1.0 + exp(-2.0 * y))
}

/// What a feed-forward layer does between its matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Relu,
    /// The first half of the columns passes SiLU and scales the second.
    Silu,
    Gelu,
}

/// Applies `gate` to `x`; `out` has half the columns where there are two halves.
pub(super) fn apply_gate(gate: Gate, x: &Rows, out: &mut Rows) {
    let arch = Arch::new();
    let n_panels = match gate {
        Gate::Relu => x.n_panels(),
        Gate::Silu | Gate::Gelu => x.n_panels() / 2,
    };
    out.reset(x.n_rows(), n_panels * PANEL);
    let (first, second) = x.data().split_at(out.data().len());
    /// Numbers for one thread at a time.
    const CHUNK: usize = 1 << 14;
    out.data_mut()
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, out)| {
            let start = index * CHUNK;
            let first = &first[start..][..out.len()];
            let second = second.get(start..start + out.len()).unwrap_or_default();
            vectorized(
                arch,
                #[inline(always)]
                || match gate {
                    Gate::Relu => {
                        for (out, x) in out.iter_mut().zip(first) {
                            *out = x.max(0.0);
                        }
                    }
                    Gate::Silu => {
                        for ((out, gate), x) in out.iter_mut().zip(first).zip(second) {
                            *out = silu(*gate) * x;
                        }
                    }
                    Gate::Gelu => {
                        for ((out, gate), x) in out.iter_mut().zip(first).zip(second) {
                            *out = gelu(*gate) * x;
                        }
                    }
                },
            );
        });
}

/// `out += x`.
pub(super) fn add(out: &mut Rows, x: &Rows) {
    for (out, x) in out.data_mut().iter_mut().zip(x.data()) {
        *out += x;
    }
}

/// Scales each row to a root mean square of 1 over `width` columns, then by `weight`.
pub(super) fn normalize(x: &Rows, width: usize, weight: &[f32], epsilon: f32, out: &mut Rows) {
    out.reset(x.n_rows(), width);
    let arch = Arch::new();
    for row in 0..x.n_rows() {
        vectorized(
            arch,
            #[inline(always)]
            || {
                let mut lanes = [0.0_f32; PANEL];
                for piece in x.row(row) {
                    for (lane, value) in lanes.iter_mut().zip(piece) {
                        *lane = value.mul_add(*value, *lane);
                    }
                }
                let total: f64 = lanes.iter().map(|lane| f64::from(*lane)).sum();
                let mean = (total / width as f64) as f32;
                let scale = 1.0 / (mean + epsilon).sqrt();
                let weights = weight.chunks(PANEL);
                for ((out, piece), weight) in out.row_mut(row).zip(x.row(row)).zip(weights) {
                    for ((out, value), weight) in out.iter_mut().zip(piece).zip(weight) {
                        *out = value * scale * weight;
                    }
                    out[weight.len()..].fill(0.0);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_real_one() {
        for step in -8700..8800 {
            let x = step as f32 * 0.01;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.5e-7, "exp({x}): relative error {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    }

    #[test]
    fn gates_are_those_of_float64() {
        for step in -1000..1000 {
            let x = step as f32 * 0.01;
            let wide = f64::from(x);
            let expected = wide / (1.0 + (-wide).exp());
            assert!((f64::from(silu(x)) - expected).abs() < 1e-6);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
            let expected = 0.5 * wide * (1.0 + inner.tanh());
            assert!((f64::from(gelu(x)) - expected).abs() < 2e-6, "gelu({x})");
        }
    }
}
