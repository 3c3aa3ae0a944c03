//! Blocks of quantised numbers as float32. Layouts: `ggml-quants.c` of llama.cpp, and
//! `quants.py` of the PyPI package `gguf`, which the tests hold these against.

use half::{bf16, f16};

/// Types of elements of a GGUF file, by their number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q8_0,
    Q4K,
    Q6K,
}

/// What a message lists as supported.
pub(super) const SUPPORTED: &str = "F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K";

impl Encoding {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Elements and bytes of a block.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 2 + 16),
            Self::Q4_1 => (32, 4 + 16),
            Self::Q8_0 => (32, 2 + 32),
            Self::Q4K => (256, 4 + 12 + 128),
            Self::Q6K => (256, 128 + 64 + 16 + 2),
        }
    }

    /// The numbers in whole blocks.
    pub(super) fn dequantize(self, bytes: &[u8]) -> Vec<f32> {
        let (n_elements, n_bytes) = self.block();
        let mut out = Vec::with_capacity(bytes.len() / n_bytes * n_elements);
        for block in bytes.chunks_exact(n_bytes) {
            match self {
                Self::F32 => out.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
                Self::F16 => out.push(half_at(block, 0)),
                Self::Bf16 => out.push(bf16::from_le_bytes([block[0], block[1]]).to_f32()),
                Self::Q4_0 => q4_0(block, &mut out),
                Self::Q4_1 => q4_1(block, &mut out),
                Self::Q8_0 => q8_0(block, &mut out),
                Self::Q4K => q4_k(block, &mut out),
                Self::Q6K => q6_k(block, &mut out),
            }
        }
        out
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The low halves of all bytes, then the high halves.
fn nibbles(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let low = bytes.iter().map(|byte| f32::from(byte & 15));
    let high = bytes.iter().map(|byte| f32::from(byte >> 4));
    low.chain(high)
}

fn q4_0(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 0);
    out.extend(nibbles(&block[2..]).map(|q| scale * (q - 8.0)));
}

fn q4_1(block: &[u8], out: &mut Vec<f32>) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    out.extend(nibbles(&block[4..]).map(|q| scale * q + minimum));
}

fn q8_0(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 0);
    out.extend(block[2..].iter().map(|q| f32::from(*q as i8) * scale));
}

/// Eight groups of 32 with 6-bit scales and minima.
fn q4_k(block: &[u8], out: &mut Vec<f32>) {
    let (scale, minimum) = (half_at(block, 0), half_at(block, 2));
    let packed = &block[4..16];
    let group = |index: usize| {
        let (q, m) = if index < 4 {
            (packed[index] & 63, packed[index + 4] & 63)
        } else {
            let (low, high) = (packed[index - 4], packed[index]);
            let last = packed[index + 4];
            (
                (last & 15) | (low >> 6 << 4),
                (last >> 4) | (high >> 6 << 4),
            )
        };
        (scale * f32::from(q), minimum * f32::from(m))
    };
    for (pair, bytes) in block[16..].chunks_exact(32).enumerate() {
        for (index, q) in nibbles(bytes).enumerate() {
            let (scale, minimum) = group(2 * pair + index / 32);
            out.push(scale * q - minimum);
        }
    }
}

/// Sixteen groups of 16 with 8-bit scales; four low bits and two high bits apart.
fn q6_k(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 208);
    let scales = &block[192..208];
    for index in 0..256 {
        let (side, within) = (index / 128, index % 128);
        let low = block[side * 64 + within % 64] >> (within / 64 * 4) & 15;
        let high = block[128 + side * 32 + within % 32] >> (within / 32 * 2) & 3;
        let q = f32::from((low | high << 4) as i8 - 32);
        let scale = scale * f32::from(scales[index / 16] as i8);
        out.push(scale * q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of bytes that follow a formula, but for its halves; expected numbers are those
    /// of `gguf.quants.dequantize` of the PyPI package `gguf` 0.19.0.
    #[track_caller]
    fn check(encoding: Encoding, expected: &[(usize, f32)], total: f64) {
        let (n_elements, n_bytes) = encoding.block();
        let mut block: Vec<u8> = (0..n_bytes).map(|i| (i * 37 + 11) as u8).collect();
        let mut put = |at: usize, value: f32| {
            block[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
        };
        put(if encoding == Encoding::Q6K { 208 } else { 0 }, 0.0625);
        if matches!(encoding, Encoding::Q4_1 | Encoding::Q4K) {
            put(2, -0.75);
        }
        let found = encoding.dequantize(&block);
        assert_eq!(found.len(), n_elements);
        for (index, expected) in expected {
            assert_eq!(found[*index], *expected, "number {index}");
        }
        assert_eq!(found.iter().map(|x| f64::from(*x)).sum::<f64>(), total);
    }

    #[test]
    fn blocks_are_read_as_the_reference_reads_them() {
        check(
            Encoding::Q4_0,
            &[
                (0, -0.1875),
                (1, 0.125),
                (15, -0.5),
                (16, -0.1875),
                (31, 0.0),
            ],
            -1.3125,
        );
        check(
            Encoding::Q4_1,
            &[
                (0, 0.1875),
                (1, -0.5),
                (15, -0.125),
                (16, -0.1875),
                (31, 0.0),
            ],
            -8.6875,
        );
        check(
            Encoding::Q8_0,
            &[
                (0, 5.3125),
                (1, 7.625),
                (15, -8.0),
                (16, -5.6875),
                (31, -3.0),
            ],
            -11.0,
        );
        check(
            Encoding::Q4K,
            &[
                (0, 59.5625),
                (31, 49.875),
                (32, 19.25),
                (100, 32.5),
                (200, 21.9375),
            ],
            10002.5,
        );
        check(
            Encoding::Q6K,
            &[
                (0, -89.4375),
                (31, -6.0),
                (32, 14.4375),
                (100, 157.6875),
                (255, -3.75),
            ],
            288.25,
        );
    }
}
