//! Random numbers by position: the draw for the `i`-th token of a candidate is a function of
//! the candidate's seed and of `i`, whatever is decoded beside it and in whatever order.

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
}
