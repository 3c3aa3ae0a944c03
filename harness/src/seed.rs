//! Seeds of candidates.

use sha2::{Digest, Sha256};

use crate::problem::ProblemId;

/// Changes when the derivation does.
const DOMAIN: &[u8] = b"coderl candidate seed 1";

/// Seed of the candidate `index` of `problem` in a run with the seed `run_seed`.
///
/// The first eight bytes, little-endian, of SHA-256 over `coderl candidate seed 1`, `run_seed` as
/// eight bytes, `index` as four, both little-endian, and the id in UTF-8. So a candidate does not
/// depend on how many others are drawn, in which order, or in which batch.
pub fn candidate_seed(run_seed: u64, problem: &ProblemId, index: u32) -> u64 {
    let digest = Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(run_seed.to_le_bytes())
        .chain_update(index.to_le_bytes())
        .chain_update(problem.as_str().as_bytes())
        .finalize();
    let (head, _) = digest.split_first_chunk().expect("32 bytes");
    u64::from_le_bytes(*head)
}

/// Changes when the derivation does.
const ROUND_DOMAIN: &[u8] = b"coderl strategy seed 1";

/// Seed of program `index` of a strategy's round `round`.
///
/// Round 0 is plain sampling, with the seeds of [`candidate_seed`]. For the others the first eight
/// bytes of SHA-256 over `coderl strategy seed 1`, `run_seed` as eight bytes, `round` and `index`
/// as four each, all little-endian, and the id in UTF-8.
pub fn strategy_seed(run_seed: u64, problem: &ProblemId, round: u32, index: u32) -> u64 {
    if round == 0 {
        return candidate_seed(run_seed, problem, index);
    }
    let digest = Sha256::new()
        .chain_update(ROUND_DOMAIN)
        .chain_update(run_seed.to_le_bytes())
        .chain_update(round.to_le_bytes())
        .chain_update(index.to_le_bytes())
        .chain_update(problem.as_str().as_bytes())
        .finalize();
    let (head, _) = digest.split_first_chunk().expect("32 bytes");
    u64::from_le_bytes(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `import hashlib, struct`
    /// `h = hashlib.sha256(b"coderl candidate seed 1" + struct.pack("<QI", seed, index) + id)`
    /// `int.from_bytes(h.digest()[:8], "little")`
    #[test]
    fn is_what_it_says() {
        let check = |run_seed, id: &str, index, expected: u64| {
            assert_eq!(
                candidate_seed(run_seed, &ProblemId::new(id), index),
                expected
            );
        };
        check(0, "mbpp/11", 0, 7_381_992_841_299_482_047);
        check(0, "mbpp/11", 1, 8_934_956_219_995_038_550);
        check(u64::MAX, "HumanEval/0", 0, 10_563_262_479_775_892_669);
    }
    #[test]
    fn rounds_have_seeds_of_their_own() {
        let id = ProblemId::new("mbpp/11");
        assert_eq!(strategy_seed(0, &id, 0, 1), candidate_seed(0, &id, 1));
        let mut seeds: Vec<u64> = (0..4)
            .flat_map(|round| (0..4).map(move |index| (round, index)))
            .map(|(round, index)| strategy_seed(0, &id, round, index))
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 16);
    }
}
