//! Random numbers by position: the `i`-th number of a seed is a function of seed and `i`, whatever
//! else is drawn and in whatever order. The draw for the `i`-th token of a candidate depends on
//! the candidate's seed and on `i`; a weight of a new model on its tensor's name and its place.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A number in `[0, 1)`, of 53 random bits.
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    // SplitMix64 (Steele, Lea, Flood 2014), whose state is a counter; the seed is mixed first,
    // so that neighbouring seeds do not give shifted copies of one sequence.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let start = mix(seed.wrapping_add(STEP));
    let bits = mix(start.wrapping_add(STEP.wrapping_mul(index.wrapping_add(1))));
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The seed of what `label` names within something of seed `seed`: the first eight bytes,
/// little-endian, of SHA-256 over `coderl seed 1`, `seed` as eight bytes, and the label.
pub(crate) fn seed_for(seed: u64, label: &str) -> u64 {
    let digest = Sha256::new()
        .chain_update(b"coderl seed 1")
        .chain_update(seed.to_le_bytes())
        .chain_update(label.as_bytes())
        .finalize();
    let (head, _) = digest.split_first_chunk().expect("32 bytes");
    u64::from_le_bytes(*head)
}

/// `n` numbers of a normal distribution with mean 0, the same on every machine: the logarithm
/// and the cosine of the standard library are the machine's own, and differ in the last bit.
pub(crate) fn normals(seed: u64, n: usize, standard_deviation: f64) -> Vec<f32> {
    const CHUNK: usize = 1 << 14;
    let mut numbers = vec![0.0; n];
    numbers
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(chunk, numbers)| {
            for (place, pair) in numbers.chunks_mut(2).enumerate() {
                let index = (chunk * CHUNK + 2 * place) as u64;
                for (number, normal) in pair.iter_mut().zip(two_normals(seed, index)) {
                    *number = (normal * standard_deviation) as f32;
                }
            }
        });
    numbers
}

/// Box and Muller 1958.
fn two_normals(seed: u64, index: u64) -> [f64; 2] {
    // In (0, 1], where the logarithm is a number.
    let radius = (-2.0 * libm::log(1.0 - uniform(seed, index))).sqrt();
    let angle = 2.0 * std::f64::consts::PI * uniform(seed, index + 1);
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// Numbers one after the other, where their places do not matter.
pub(crate) struct Draws {
    seed: u64,
    n_drawn: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, n_drawn: 0 }
    }

    /// In `[0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.n_drawn += 1;
        uniform(self.seed, self.n_drawn - 1)
    }

    /// A whole number below `bound`, which is above 0. Bounds are small against 2^53, so that
    /// none is more likely than another by more than rounding.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The product may be rounded up to the bound.
        ((self.uniform() * bound as f64) as usize).min(bound - 1)
    }

    /// Every order of `items` is as likely (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_the_interval() {
        const N: u64 = 100_000;
        let mut counts = [0_u32; 10];
        for index in 0..N {
            // Over seeds and positions alike.
            let number = uniform(index / 300, index % 300);
            counts[(number * 10.0) as usize] += 1;
        }
        for count in counts {
            // Five standard deviations of a binomial count.
            assert!(count.abs_diff(10_000) < 475, "{counts:?}");
        }
    }

    #[test]
    fn neighbouring_seeds_are_unrelated() {
        let equal = (0..1000)
            .filter(|index| uniform(1, index + 1) == uniform(2, *index))
            .count();
        assert_eq!(equal, 0);
    }

    #[test]
    fn normals_have_the_moments_of_a_normal_distribution() {
        const N: usize = 100_001;
        let numbers = normals(7, N, 0.5);
        let moment = |power: i32| {
            let sum: f64 = numbers
                .iter()
                .map(|it| (f64::from(*it) / 0.5).powi(power))
                .sum();
            sum / N as f64
        };
        for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
            assert!(
                (moment(power) - expected).abs() < 0.08,
                "moment {power}: {}",
                moment(power)
            );
        }
        // A longer tensor begins with the same numbers.
        assert_eq!(normals(7, 20_000, 0.5), numbers[..20_000]);
    }

    /// The same formulas in Python, with its `math`. Another machine must give the same.
    #[test]
    fn normals_are_the_same_everywhere() {
        let bits: Vec<u32> = normals(1, 4, 1.0).iter().map(|it| it.to_bits()).collect();
        assert_eq!(bits, [0x3f66_0fb9, 0xbeaa_5bd4, 0x3d55_d704, 0xbe99_83e1]);
    }

    #[test]
    fn shuffles_reach_every_order_alike() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            let mut items = [0, 1, 2];
            Draws::new(seed).shuffle(&mut items);
            *counts.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(
            counts.values().all(|n| n.abs_diff(1000) < 150),
            "{counts:?}"
        );
    }
}
