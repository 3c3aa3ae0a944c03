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
}
