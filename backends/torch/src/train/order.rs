//! The order in which data is seen: a function of the seed and of the pass, so that a training
//! that was interrupted goes on where it was.

use crate::random::uniform;

/// What random numbers are drawn for; each purpose has numbers of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Order = 1,
    References = 2,
    Dropout = 3,
    Rounds = 4,
    Rollout = 5,
    Validation = 6,
}

/// A seed for one purpose and one place in a training.
pub(super) fn seed_for(seed: u64, purpose: Purpose, place: u64) -> u64 {
    let bits = |index| (uniform(seed, index) * (1_u64 << 53) as f64) as u64;
    bits(place.wrapping_mul(8).wrapping_add(purpose as u64))
}

/// Positions `0..n` in the order of one pass (Fisher and Yates).
pub(super) fn permutation(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = (uniform(seed, last as u64) * (last + 1) as f64) as usize;
        order.swap(last, other.min(last));
    }
    order
}

/// An endless sequence of passes over `n` items, cut into updates of `size`.
pub(super) struct Passes {
    n: usize,
    size: usize,
    seed: u64,
    purpose: Purpose,
    pass: Option<(u64, Vec<usize>)>,
}

impl Passes {
    pub(super) fn new(n: usize, size: usize, seed: u64, purpose: Purpose) -> Self {
        Self {
            n,
            size,
            seed,
            purpose,
            pass: None,
        }
    }

    /// Items of update `step`, from 0. An update that comes to the end of a pass goes on with
    /// the next one.
    pub(super) fn update(&mut self, step: u64) -> Vec<usize> {
        if self.n == 0 {
            return Vec::new();
        }
        let first = step * self.size as u64;
        (first..first + self.size as u64)
            .map(|place| self.item(place / self.n as u64, (place % self.n as u64) as usize))
            .collect()
    }

    /// Items of update `step` with the pass that each is of.
    pub(super) fn update_with_passes(&mut self, step: u64) -> Vec<(u64, usize)> {
        let first = step * self.size as u64;
        let items = self.update(step);
        let pass_of = |place| place / self.n.max(1) as u64;
        (first..).map(pass_of).zip(items).collect()
    }

    fn item(&mut self, pass: u64, position: usize) -> usize {
        match &self.pass {
            Some((known, order)) if *known == pass => order[position],
            _ => {
                let order = permutation(self.n, seed_for(self.seed, self.purpose, pass));
                let item = order[position];
                self.pass = Some((pass, order));
                item
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_has_every_item_once_wherever_it_begins() {
        let mut passes = Passes::new(10, 4, 7, Purpose::Order);
        let first: Vec<usize> = (0..5).flat_map(|step| passes.update(step)).collect();
        for pass in first.chunks(10) {
            let mut sorted = pass.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(first[..10], first[10..]);
        let mut resumed = Passes::new(10, 4, 7, Purpose::Order);
        assert_eq!(resumed.update(3), first[12..16]);
    }
}
