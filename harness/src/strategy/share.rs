//! Candidates shared among parents.

/// `n` candidates for `m` parents, as evenly as it goes: ⌊n/m⌋ each, and one more for each of the
/// first n mod m. With more parents than candidates the last ones get none. Empty for no parents.
///
/// The paper has N/M and N/|P| and does not say what is done with a remainder (§3.3.4); here it
/// goes to the parents of which the critic thinks most, which are the first.
pub fn shares(n: u32, m: usize) -> Vec<u32> {
    let Ok(parents) = u32::try_from(m) else {
        // More parents than any n.
        return (0..m).map(|index| u32::from(index < n as usize)).collect();
    };
    (0..parents)
        .map(|index| n / parents + u32::from(index < n % parents))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_goes_to_the_first() {
        let check = |n, m, expected: &[u32]| {
            let found = shares(n, m);
            assert_eq!(found, expected);
            if m > 0 {
                assert_eq!(found.iter().sum::<u32>(), n);
            }
        };
        check(6, 3, &[2, 2, 2]);
        check(20, 3, &[7, 7, 6]);
        check(5, 5, &[1, 1, 1, 1, 1]);
        check(2, 4, &[1, 1, 0, 0]);
        check(0, 2, &[0, 0]);
        check(7, 0, &[]);
    }
}
