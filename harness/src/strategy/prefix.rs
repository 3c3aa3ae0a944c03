//! Which beginning of a program that passes its example tests is kept (§3.3.4, Eq. 11).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::settings::Cut;
use super::tools::{CriticToken, Criticism};

/// The beginning of a program, in the critic's tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// Tokens, w_1 … w_n.
    pub tokens: Vec<u32>,
    /// The same as text; without the bytes of a character that the cut goes through.
    pub text: String,
}

/// The seed of refining `text`: its tokens up to the first of those with the largest p(passed), or
/// up to the one before the first that `cut` names, where that comes sooner: in the paper, with
/// p(failed) > p(passed).
///
/// The token that goes wrong is dropped itself: the paper drops "what is to the
/// right", and its point is to let the actor choose again where the critic saw it go wrong.
/// The end-of-text token is none of these, for what has ended cannot be continued.
///
/// Without text there is nothing to begin with, whatever special tokens there are: the program is
/// then sampled anew.
pub fn choose_prefix(text: &str, criticism: &Criticism, cut: Cut) -> Prefix {
    let kept = &criticism.tokens[..seed_length(text, &criticism.tokens, cut)];
    let mut end = kept.last().map_or(0, |token| token.end as usize);
    end = end.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Prefix {
        tokens: kept.iter().map(|token| token.id).collect(),
        text: text[..end].to_owned(),
    }
}

/// How many tokens are kept.
fn seed_length(text: &str, tokens: &[CriticToken], cut: Cut) -> usize {
    let Some(first) = tokens.first() else {
        return 0;
    };
    match cut {
        Cut::Absolute => length_by_critic(tokens, |token| token.failed > token.passed),
        Cut::Relative => length_by_critic(tokens, |token| {
            2.0 * token.passed * first.failed < token.failed * first.passed
        }),
        Cut::Random => random_length(text, tokens.len()),
    }
}

/// One of 0, …, `n`, each as likely as another and always the same for the same text: the first eight
/// bytes of its SHA-256, little-endian, modulo n + 1.
fn random_length(text: &str, n: usize) -> usize {
    let digest = Sha256::digest(text);
    let (head, _) = digest.split_first_chunk().expect("32 bytes");
    (u64::from_le_bytes(*head) % (n as u64 + 1)) as usize
}

/// As far as the first of the tokens with the largest p(passed), or the one before the first that
/// goes wrong.
fn length_by_critic(tokens: &[CriticToken], goes_wrong: impl Fn(&CriticToken) -> bool) -> usize {
    let mut best: Option<(usize, f32)> = None;
    for (index, token) in tokens.iter().enumerate() {
        if best.is_none_or(|(_, largest)| token.passed > largest) {
            best = Some((index, token.passed));
        }
    }
    let Some((t_max, _)) = best else {
        return 0;
    };
    let candidate = &tokens[..=t_max];
    candidate
        .iter()
        .position(goes_wrong)
        .unwrap_or(candidate.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passed: &[f32], expected: usize) {
        check_cut(Cut::Absolute, passed, expected);
    }

    /// A program of one-byte tokens with these p(passed), and p(failed) = 1 - p(passed).
    fn check_cut(cut: Cut, passed: &[f32], expected: usize) {
        let tokens: Vec<CriticToken> = passed
            .iter()
            .enumerate()
            .map(|(index, &passed)| CriticToken {
                id: 100 + index as u32,
                end: index as u32 + 1,
                passed,
                failed: 1.0 - passed,
            })
            .collect();
        let text: String = ('a'..).take(passed.len()).collect();
        let criticism = Criticism {
            n_prompt_tokens: 1,
            tokens,
            passed: 0.5,
        };
        let prefix = choose_prefix(&text, &criticism, cut);
        assert_eq!(prefix.tokens.len(), expected, "{passed:?}");
        assert_eq!(prefix.text, text[..expected]);
        let ids: Vec<u32> = (100..).take(expected).collect();
        assert_eq!(prefix.tokens, ids);
    }

    #[test]
    fn ends_at_the_first_largest_value() {
        check(&[0.6, 0.9, 0.7], 2);
        check(&[0.6, 0.9, 0.9], 2);
        check(&[0.9, 0.6, 0.7], 1);
        check(&[0.6, 0.7, 0.8], 3);
    }

    #[test]
    fn is_cut_before_the_first_token_that_is_more_likely_to_fail() {
        check(&[0.6, 0.4, 0.9], 1);
        check(&[0.6, 0.4, 0.3, 0.9], 1);
        // Even odds are no failure.
        check(&[0.6, 0.5, 0.9], 3);
        // Behind the largest value it does not matter.
        check(&[0.6, 0.9, 0.1], 2);
    }

    #[test]
    fn a_relative_cut_compares_with_the_first_token() {
        let check = |passed: &[f32], expected| check_cut(Cut::Relative, passed, expected);
        // Where all is below even odds, the paper's rule leaves nothing.
        check(&[0.1, 0.2, 0.3, 0.2], 3);
        check(&[0.1, 0.09, 0.3], 3);
        check(&[0.3, 0.2, 0.1], 1);
        // Odds of 4 to 1, then of less than 2 to 1 and of little more: the paper's rule keeps both.
        check(&[0.8, 0.66, 0.9], 1);
        check(&[0.8, 0.67, 0.9], 3);
        check(&[], 0);
    }

    /// `int.from_bytes(hashlib.sha256(b"abcdefgh").digest()[:8], "little") % 9` and so on.
    #[test]
    fn a_random_cut_asks_nobody() {
        for (n, expected) in [(1, 0), (2, 1), (4, 1), (8, 3)] {
            let rising: Vec<f32> = (0..n).map(|index| 0.1 + 0.1 * index as f32).collect();
            let falling: Vec<f32> = rising.iter().rev().copied().collect();
            check_cut(Cut::Random, &rising, expected);
            check_cut(Cut::Random, &falling, expected);
        }
        check_cut(Cut::Random, &[], 0);
    }

    #[test]
    fn a_random_length_is_any_with_equal_probability() {
        let mut counts = [0; 5];
        for index in 0..5_000 {
            counts[random_length(&format!("print({index})"), 4)] += 1;
        }
        // Binomial, mean 1,000, standard deviation 28.
        assert!(
            counts.iter().all(|count| (880..1_120).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn can_be_empty() {
        check(&[0.4, 0.9], 0);
        check(&[0.4, 0.3], 0);
        check(&[], 0);
    }

    #[test]
    fn a_cut_through_a_character_keeps_its_tokens() {
        // Two tokens of two bytes each: the second byte of `é` belongs to the second token.
        let token = |id, end, passed: f32| CriticToken {
            id,
            end,
            passed,
            failed: 1.0 - passed,
        };
        let criticism = Criticism {
            n_prompt_tokens: 1,
            tokens: vec![token(7, 2, 0.9), token(8, 4, 0.8)],
            passed: 0.5,
        };
        let prefix = choose_prefix("aéb", &criticism, Cut::Absolute);
        assert_eq!((prefix.tokens, prefix.text.as_str()), (vec![7], "a"));
    }
}
