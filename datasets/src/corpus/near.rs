//! Near copies: texts whose sets of five successive tokens overlap much.
//!
//! MinHash (Broder 1997) finds pairs that may be alike without comparing all of them; what it finds
//! is compared exactly. Tokens are words and single signs; white space does not count.

use std::collections::HashMap;

/// Tokens of a shingle.
const LENGTH: usize = 5;
/// 16 bands of 8: two texts with a similarity of 0.85 meet in one with probability 0.994, with 0.5
/// in 0.06.
const BANDS: usize = 16;
const ROWS: usize = 8;

/// Words, numbers and single signs, as a lexer would see them from afar.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = match is_word(first) {
            true => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// The set of hashed shingles of a text, sorted.
pub(super) fn shingles(text: &str) -> Vec<u64> {
    let hashes: Vec<u64> = tokens(text).map(hash).collect();
    let join = |part: &[u64]| part.iter().fold(0, |sum, it| mix(sum ^ it));
    let mut shingles: Vec<u64> = if hashes.len() < LENGTH {
        vec![join(&hashes)]
    } else {
        hashes.windows(LENGTH).map(join).collect()
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// Share of the elements of two sorted sets that are in both.
pub(super) fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    common as f64 / (a.len() + b.len() - common) as f64
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

/// FNV-1a.
fn hash(token: &str) -> u64 {
    token.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_words_and_signs() {
        let found: Vec<&str> = tokens(" def f_1(é):\n\treturn é+2.5 # 世界\n").collect();
        let expected = [
            "def", "f_1", "(", "é", ")", ":", "return", "é", "+", "2", ".", "5", "#", "世界",
        ];
        assert_eq!(found, expected);
    }

    /// Numbers that stand for a text of `n` tokens, of which `changed` are others.
    fn text(n: usize, changed: usize) -> String {
        let token = |it: usize| if it < changed { n + it } else { it };
        let words: Vec<String> = (0..n).map(|it| format!("t{}", token(it))).collect();
        words.join(" ")
    }

    #[test]
    fn similarity_is_the_share_of_common_shingles() {
        let of = |a: &str, b: &str| similarity(&shingles(a), &shingles(b));
        assert_eq!(of("a b c d e f", "a  b\nc d e f"), 1.0);
        // 96 shingles, of which 14 + 4 differ.
        assert_eq!(of(&text(100, 0), &text(100, 14)), 82.0 / 110.0);
        assert_eq!(of("a b", "a b"), 1.0);
        assert_eq!(of("a b", "a c"), 0.0);
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
