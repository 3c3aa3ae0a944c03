//! What the decoding loop promises.

use backend_torch::decode::{Candidate, Finish, Request};
use harness::decoding::Method;

use crate::fixture::{Loaded, decode, families, limits, load, request};

const NUCLEUS: Method = Method::Sample {
    temperature: 1.2,
    top_p: 0.9,
    top_k: Some(50),
};

/// Sampling requests with prompts of different lengths.
fn requests(n: u64) -> Vec<Request> {
    (0..n)
        .map(|id| {
            let prompt: Vec<u32> = (0..5 + 17 * id as u32).map(|i| 3 + i * 7 % 250).collect();
            let mut request = request(&prompt, 10 + 9 * id as u32);
            request.id = id;
            request.seeds = (0..5).map(|index| 100 * id + index).collect();
            request.decoding.method = NUCLEUS;
            request.wants_log_probs = true;
            request
        })
        .collect()
}

#[test]
fn candidates_do_not_depend_on_what_is_decoded_beside_them() {
    for case in families() {
        let loaded = load(&case);
        let (expected, errors) = decode(&loaded, limits(1), requests(4));
        assert_eq!(errors, []);
        assert_eq!(expected.len(), 20);
        let distinct: std::collections::BTreeSet<&[u32]> =
            expected.iter().map(|it| &it.tokens[..]).collect();
        assert!(
            distinct.len() > 15,
            "{} distinct candidates",
            distinct.len()
        );
        for max_rows in [3, 7, 64] {
            // Equal bit by bit, log-probabilities too.
            let (found, _) = decode(&loaded, limits(max_rows), requests(4));
            assert_eq!(found, expected, "{}, {max_rows} rows", case.name);
        }
        let mut reversed = requests(4);
        reversed.reverse();
        let (found, _) = decode(&loaded, limits(6), reversed);
        assert_eq!(found, expected, "{}, in reverse", case.name);
        let scarce = backend_torch::decode::Limits {
            max_rows: 64,
            cache_bytes: 200_000,
        };
        let (found, _) = decode(&loaded, scarce, requests(4));
        assert_eq!(found, expected, "{}, with little memory", case.name);
    }
}

fn greedy(loaded: &Loaded, change: impl FnOnce(&mut Request)) -> Candidate {
    let mut request = request(&[70, 71, 72, 73], 40);
    request.wants_log_probs = true;
    change(&mut request);
    let (mut candidates, errors) = decode(loaded, limits(2), vec![request]);
    assert_eq!(errors, []);
    candidates.remove(0)
}

#[test]
fn a_forced_prefix_is_continued_as_if_it_had_been_chosen() {
    for case in families() {
        let loaded = load(&case);
        let whole = greedy(&loaded, |_| {});
        let continued = greedy(&loaded, |request| {
            request.forced = whole.tokens[..7].to_vec();
            request.decoding.max_new_tokens -= 7;
        });
        assert_eq!(continued.tokens, whole.tokens);
        assert_eq!(continued.text, whole.text);
        assert_eq!(continued.n_decoded, whole.n_decoded - 7);
        assert_eq!(continued.log_probs, whole.log_probs[7..]);
    }
}

fn sampled(request: &mut Request, seed: u64) {
    request.decoding.method = NUCLEUS;
    request.seeds = vec![seed];
}

#[test]
fn texts_to_stop_at_are_cut_off() {
    for case in families() {
        let loaded = load(&case);
        // A candidate with two plain characters side by side.
        let (seed, whole, bytes, stop) = (0..100)
            .find_map(|seed| {
                let whole = greedy(&loaded, |request| sampled(request, seed));
                let bytes = loaded.tokenizer.decode_bytes(&whole.tokens);
                let pair = bytes.windows(2).skip(4).find(|pair| pair.is_ascii())?;
                let stop = String::from_utf8(pair.to_vec()).unwrap();
                Some((seed, whole, bytes, stop))
            })
            .expect("some candidate has them");
        let first = bytes
            .windows(2)
            .position(|window| window == stop.as_bytes())
            .unwrap();
        let stopped = greedy(&loaded, |request| {
            sampled(request, seed);
            request.decoding.stop = vec!["never there".to_owned(), stop];
        });
        assert_eq!(stopped.finish, Finish::Stop);
        assert_eq!(stopped.text, String::from_utf8_lossy(&bytes[..first]));
        assert!(whole.tokens.starts_with(&stopped.tokens));
    }
}

#[test]
fn the_end_of_text_waits_for_the_minimal_length() {
    for case in families() {
        let mut loaded = load(&case);
        let whole = greedy(&loaded, |_| {});
        // Let the text end at a token that greedy decoding takes.
        loaded.end_tokens = vec![whole.tokens[3]];
        let first = whole
            .tokens
            .iter()
            .position(|token| *token == whole.tokens[3])
            .unwrap();
        let short = greedy(&loaded, |_| {});
        assert_eq!(short.finish, Finish::End);
        assert_eq!(short.tokens, whole.tokens[..=first]);
        let expected = loaded.tokenizer.decode(&whole.tokens[..=first]);
        assert_eq!(short.text, expected);
        let long = greedy(&loaded, |request| request.decoding.min_new_tokens = 20);
        assert!(long.n_decoded >= 20);
        let early = long.tokens[..20.min(long.tokens.len() - 1)]
            .iter()
            .filter(|token| loaded.end_tokens.contains(token))
            .count();
        assert_eq!(early, 0);
    }
}

#[test]
fn log_probabilities_are_those_of_the_model() {
    for case in families() {
        let loaded = load(&case);
        let (candidates, _) = decode(&loaded, limits(8), requests(2));
        let prompts = requests(2);
        for candidate in candidates {
            // The same tokens forced one by one give the same numbers, with no temperature.
            let prompt = &prompts[candidate.request as usize].prompt;
            for at in [0, candidate.tokens.len() / 2] {
                let mut request = request(prompt, 1);
                request.forced = candidate.tokens[..at].to_vec();
                request.seeds = vec![0; 1];
                request.wants_log_probs = true;
                let (next, _) = decode(&loaded, limits(1), vec![request]);
                if next[0].tokens[at] == candidate.tokens[at] {
                    assert_eq!(next[0].log_probs[0], candidate.log_probs[at]);
                } else {
                    assert!(next[0].log_probs[0] >= candidate.log_probs[at]);
                }
            }
            assert!(candidate.log_probs.iter().all(|log_prob| *log_prob <= 0.0));
        }
    }
}

#[test]
fn positions_of_the_model_bound_candidates() {
    let [_, llama] = families();
    let mut case = llama;
    case.config["max_position_embeddings"] = 32.into();
    let loaded = load(&case);
    let prompt: Vec<u32> = (3..23).collect();
    let mut fits = request(&prompt, 500);
    fits.decoding.min_new_tokens = 500;
    let mut too_long = request(&(3..40).collect::<Vec<u32>>(), 5);
    too_long.id = 1;
    let mut unknown = request(&[5, 100_000], 5);
    unknown.id = 2;
    let mut empty = request(&[], 5);
    empty.id = 3;
    let mut cold = request(&prompt, 5);
    cold.id = 4;
    cold.decoding.method = Method::Sample {
        temperature: 0.0,
        top_p: 1.0,
        top_k: None,
    };
    let all = vec![too_long, unknown, empty, cold, fits];
    let (candidates, errors) = decode(&loaded, limits(4), all);
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates[0].finish, Finish::Length);
    assert_eq!(candidates[0].tokens.len(), 12);
    let check = |id: u64, expected: &str| {
        let (_, error) = errors.iter().find(|error| error.0 == id).unwrap();
        assert!(error.contains(expected), "{error}");
    };
    check(1, "37 tokens, and the model is made for 32");
    check(2, "the token 100000");
    check(3, "no tokens");
    check(4, "temperature 0");
}
