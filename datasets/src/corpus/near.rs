//! Near copies: texts whose sets of five successive tokens overlap much.
//!
//! MinHash (Broder 1997) finds pairs that may be alike without comparing all of them; what it finds
//! is compared exactly. Tokens are words and single signs; white space does not count.

use std::collections::HashMap;

use harness::overlap::{self, mix};

/// Tokens of a shingle.
const LENGTH: usize = 5;
/// 16 bands of 8: two texts with a similarity of 0.85 meet in one with probability 0.994, with 0.5
/// in 0.06.
const BANDS: usize = 16;
const ROWS: usize = 8;

/// The set of hashed shingles of a text, sorted.
pub(super) fn shingles(text: &str) -> Vec<u64> {
    overlap::shingles(overlap::tokens(text), LENGTH)
}

/// A hash of each band of a text's signature.
pub(super) type Signature = [u64; BANDS];

pub(super) fn signature(shingles: &[u64]) -> Signature {
    let mut least = [u64::MAX; BANDS * ROWS];
    for shingle in shingles {
        for (index, least) in least.iter_mut().enumerate() {
            // Each index is another order of all shingles.
            let place = mix(shingle ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            *least = place.min(*least);
        }
    }
    let mut bands = [0; BANDS];
    for (band, rows) in bands.iter_mut().zip(least.chunks(ROWS)) {
        *band = rows.iter().fold(0, |sum, it| mix(sum ^ it));
    }
    bands
}

/// Texts by the bands of their signatures.
#[derive(Default)]
pub(super) struct Index {
    texts: HashMap<(usize, u64), Vec<usize>>,
}

impl Index {
    /// Texts that may be like this one, in the order of their numbers.
    pub(super) fn candidates(&self, signature: &Signature) -> Vec<usize> {
        let bands = signature.iter().enumerate();
        let found = bands.filter_map(|(band, hash)| self.texts.get(&(band, *hash)));
        let mut texts: Vec<usize> = found.flatten().copied().collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    pub(super) fn add(&mut self, signature: &Signature, text: usize) {
        for (band, hash) in signature.iter().enumerate() {
            self.texts.entry((band, *hash)).or_default().push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that stand for a text of `n` tokens, of which `changed` are others.
    fn text(n: usize, changed: usize) -> String {
        let token = |it: usize| if it < changed { n + it } else { it };
        let words: Vec<String> = (0..n).map(|it| format!("t{}", token(it))).collect();
        words.join(" ")
    }

    #[test]
    fn like_texts_meet_and_others_do_not() {
        let n = 400;
        let count = |changed: usize| {
            (0..n)
                .filter(|seed| {
                    let prefix = format!("s{seed}_");
                    let of = |changed| text(300, changed).replace('t', &prefix);
                    let mut index = Index::default();
                    index.add(&signature(&shingles(&of(0))), 7);
                    index.candidates(&signature(&shingles(&of(changed)))) == [7]
                })
                .count()
        };
        // Similarities of 0.86 and 0.15.
        assert!(count(18) > n * 97 / 100, "{}", count(18));
        assert!(count(220) < n * 2 / 100, "{}", count(220));
    }
}
