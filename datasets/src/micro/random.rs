//! Random numbers that are the same on every machine and in every version.

use std::ops::RangeInclusive;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The generator of problem `index` of the file `name`: each has its own, so that a longer
    /// file starts like a shorter one.
    pub(super) fn of_problem(seed: u64, name: &str, index: usize) -> Self {
        let of_name = name
            .bytes()
            .fold(mix(seed), |state, byte| mix(state ^ u64::from(byte)));
        Self {
            state: mix(of_name ^ index as u64),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// From 0 to `n - 1`. The bias is `n` in 2⁶⁴.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub(super) fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
        let (low, high) = range.into_inner();
        low + self.below((high - low + 1) as usize) as i64
    }

    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Position of one of `weights`, which are percentages and add up to 100.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(100);
        weights
            .iter()
            .position(|weight| {
                let is_here = left < *weight;
                left = left.saturating_sub(*weight);
                is_here
            })
            .expect("the weights add up to 100")
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the reference implementation, `splitmix64.c` by Sebastiano Vigna.
    #[test]
    fn is_splitmix64() {
        let mut random = Random { state: 1_234_567 };
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn ranges_are_filled_and_kept() {
        let mut random = Random::of_problem(1, "x", 2);
        let mut seen = [false; 5];
        for _ in 0..200 {
            let number = random.within(-2..=2);
            seen[usize::try_from(number + 2).unwrap()] = true;
            assert!(random.weighted(&[30, 0, 70]) != 1);
        }
        assert_eq!(seen, [true; 5]);
    }
}
