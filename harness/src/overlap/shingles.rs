//! Texts as sets of hashed runs of tokens, which show what two texts have in common.

/// Words, numbers and single signs, as a lexer would see them from afar; white space does not
/// count.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
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

/// The set of hashed runs of `n` tokens, sorted. A shorter text is one run by itself, and no
/// tokens are no run.
pub fn shingles<'t>(tokens: impl Iterator<Item = &'t str>, n: usize) -> Vec<u64> {
    let hashes: Vec<u64> = tokens.map(hash).collect();
    let mut shingles: Vec<u64> = if hashes.len() < n {
        (!hashes.is_empty())
            .then(|| join(&hashes))
            .into_iter()
            .collect()
    } else {
        hashes.windows(n).map(join).collect()
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// A hash of all tokens in their order.
pub(super) fn fingerprint<'t>(tokens: impl Iterator<Item = &'t str>) -> u64 {
    tokens.map(hash).fold(0, |sum, it| mix(sum ^ it))
}

/// Share of the elements of two sorted sets that are in both (Jaccard); two empty sets have
/// nothing in common.
pub fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let common = n_common(a, b);
    match a.len() + b.len() - common {
        0 => 0.0,
        #[expect(clippy::cast_precision_loss, reason = "counts of tokens")]
        all => common as f64 / all as f64,
    }
}

/// Elements that two sorted sets have in common.
fn n_common(a: &[u64], b: &[u64]) -> usize {
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
    common
}

fn join(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |sum, it| mix(sum ^ it))
}

/// FNV-1a.
fn hash(token: &str) -> u64 {
    token.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `z`.
pub fn mix(mut z: u64) -> u64 {
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

    #[test]
    fn similarity_is_the_share_of_common_shingles() {
        let set = |text: &str| shingles(tokens(text), 5);
        let of = |a: &str, b: &str| similarity(&set(a), &set(b));
        assert_eq!(of("a b c d e f", "a  b\nc d e f"), 1.0);
        // 96 shingles each; 14 changed tokens in front take 14 of them.
        let text = |changed: usize| {
            let words = (0..100).map(|it| if it < changed { it + 100 } else { it });
            words.map(|it| format!("t{it} ")).collect::<String>()
        };
        assert_eq!(of(&text(0), &text(14)), 82.0 / 110.0);
        assert_eq!(of("a b", "a b"), 1.0);
        assert_eq!(of("a b", "a c"), 0.0);
        assert_eq!(of("", ""), 0.0);
    }
}
