//! Guided decoding: a critic reads along.

use std::collections::BTreeMap;

use backend_torch::checkpoint::Checkpoint;
use backend_torch::cpu::{CpuCritic, Rows};
use backend_torch::decode::{Candidate, Guide, Guided, Limits, Request, check_vocabulary};
use backend_torch::decode::{PeekRow, StepRow};
use backend_torch::train::{Computing, Critic, Sequence};
use harness::decoding::{Guidance, Method};
use harness::training::BatchSettings;
use tch::Device;

use crate::fixture::{
    Case, Loaded, Values, case, decode, engine_of, families, limits, load, load_from, numbers,
    request, run, with_head, write_critic, write_tensors,
};

/// A critic on the weights of `case`, by both forward passes.
fn critics(case: &Case) -> (CpuCritic, Critic) {
    let folder = tempfile::tempdir().unwrap();
    write_critic(&with_head(case), folder.path());
    let open = || Checkpoint::open(folder.path()).unwrap();
    let tensors = Critic::load(&open(), Computing::on(Device::Cpu)).unwrap();
    (CpuCritic::load(&open()).unwrap(), tensors)
}

/// `n` sampling requests, guided by `guidance` where there is one.
fn requests(n: u64, guidance: Option<Guidance>) -> Vec<Request> {
    (0..n)
        .map(|id| {
            let prompt: Vec<u32> = (0..5 + 17 * id as u32).map(|i| 3 + i * 7 % 250).collect();
            let mut request = request(&prompt, 10 + 9 * id as u32);
            request.id = id;
            request.seeds = (0..5).map(|index| 100 * id + index).collect();
            request.decoding.method = Method::Sample {
                temperature: 1.2,
                top_p: 0.9,
                top_k: Some(50),
            };
            request.wants_log_probs = true;
            request.guided = guidance.map(|guidance| Guided { guidance, prompt });
            request
        })
        .collect()
}

fn guided(
    loaded: &Loaded,
    critic: &CpuCritic,
    limits: Limits,
    requests: Vec<Request>,
) -> (Vec<Candidate>, Vec<(u64, String)>) {
    let guide = Guide {
        critic,
        max_program: 30,
    };
    run(engine_of(loaded, limits).guided_by(guide), requests)
}

/// Candidates without what the critic had to do for them.
fn unread(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let candidates = candidates.into_iter().map(|candidate| Candidate {
        n_critic_tokens: 0,
        ..candidate
    });
    candidates.collect()
}

/// Guidance among six tokens.
fn say(strength: f64) -> Option<Guidance> {
    Some(Guidance { strength, top: 6 })
}

#[test]
fn values_of_tried_tokens_are_those_that_the_critic_gives_written_ones() {
    for case in families() {
        let (critic, tensors) = critics(&case);
        let source: Vec<u32> = (5..30).collect();
        let target: Vec<u32> = (0..70).map(|index| 40 + index * 11 % 200).collect();
        let settings = BatchSettings {
            size: 0,
            max_tokens: u32::MAX,
            epochs: 0.0,
            steps: None,
            max_source_tokens: 600,
            max_target_tokens: 512,
            as_released: false,
        };
        let sequence = Sequence {
            source: source.clone(),
            target: target.clone(),
        };
        let (expected, _) = tensors.score(&[&sequence], &settings).remove(0);
        let model = &critic.model;
        let prompt = model.read(&source).unwrap();
        let mut cache = model.new_cache(1 + target.len());
        let mut states = Rows::default();
        if let Some(token) = model.start_token() {
            let mut row = [StepRow {
                token,
                prompt: &prompt,
                cache: &mut cache,
            }];
            model.advance(&mut row, &mut states);
        }
        for (index, token) in target.iter().enumerate() {
            // Beside others, and not the first of them.
            let row = |token| PeekRow {
                token,
                prompt: &prompt,
                cache: &cache,
            };
            model.peek(&[row(9), row(*token), row(10)], &mut states);
            let found = critic.log_passed(&states)[1];
            let [failed, passed] = expected[index][..] else {
                panic!("two classes")
            };
            let wanted = f64::from(passed - failed);
            let wanted = -(-wanted).exp().ln_1p();
            let name = &case.name;
            assert!(
                (found - wanted).abs() < 1e-4,
                "{name} {index}: {found} {wanted}"
            );
            model.peek(&[row(*token)], &mut states);
            assert_eq!(critic.log_passed(&states)[0], found, "{name} {index}");
            let mut row = [StepRow {
                token: *token,
                prompt: &prompt,
                cache: &mut cache,
            }];
            model.advance(&mut row, &mut states);
        }
    }
}

#[test]
fn a_critic_without_a_say_changes_nothing() {
    for case in families() {
        let loaded = load(&case);
        let (critic, _) = critics(&case);
        let (plain, _) = decode(&loaded, limits(8), requests(4, None));
        let (found, errors) = guided(&loaded, &critic, limits(8), requests(4, say(0.0)));
        assert_eq!(errors, []);
        assert!(found.iter().all(|candidate| candidate.n_critic_tokens > 0));
        assert_eq!(unread(found), plain, "{}", case.name);
        let (found, _) = guided(&loaded, &critic, limits(8), requests(4, say(3.0)));
        assert_ne!(unread(found), plain, "{}", case.name);
    }
}

#[test]
fn guided_candidates_do_not_depend_on_what_is_decoded_beside_them() {
    for case in families() {
        let loaded = load(&case);
        let (critic, _) = critics(&case);
        let all = || requests(4, say(2.0));
        let (expected, errors) = guided(&loaded, &critic, limits(1), all());
        assert_eq!(errors, []);
        assert_eq!(expected.len(), 20);
        for max_rows in [3, 7, 64] {
            let (found, _) = guided(&loaded, &critic, limits(max_rows), all());
            assert_eq!(found, expected, "{}, {max_rows} rows", case.name);
        }
        // Beside requests without guidance, in another order.
        let mut mixed = all();
        for mut plain in requests(3, None) {
            plain.id += 10;
            mixed.insert(0, plain);
        }
        mixed.reverse();
        let (mut found, _) = guided(&loaded, &critic, limits(6), mixed);
        found.retain(|candidate| candidate.request < 10);
        assert_eq!(found, expected, "{}, mixed", case.name);
        let scarce = Limits {
            max_rows: 64,
            cache_bytes: 400_000,
        };
        let (found, _) = guided(&loaded, &critic, scarce, all());
        assert_eq!(found, expected, "{}, with little memory", case.name);
    }
}

#[test]
fn a_forced_prefix_is_read_by_the_critic_too() {
    for case in families() {
        let loaded = load(&case);
        let (critic, _) = critics(&case);
        let whole = |change: &dyn Fn(&mut Request)| {
            // Of two tokens always the one that the critic prefers: draws are numbered behind the
            // prefix, and make no difference so.
            let mut request = requests(1, say(1e6)).remove(0);
            request.seeds.truncate(1);
            request.decoding.method = Method::Sample {
                temperature: 1.0,
                top_p: 1.0,
                top_k: Some(2),
            };
            change(&mut request);
            let (mut found, errors) = guided(&loaded, &critic, limits(2), vec![request]);
            assert_eq!(errors, []);
            found.remove(0)
        };
        let expected = whole(&|_| {});
        let continued = whole(&|request| {
            request.forced = expected.tokens[..4].to_vec();
            request.decoding.max_new_tokens -= 4;
        });
        assert_eq!(continued.tokens, expected.tokens, "{}", case.name);
        // What was forced is read, and not tried.
        assert_eq!(
            expected.n_critic_tokens - continued.n_critic_tokens,
            4 * 2,
            "{}",
            case.name
        );
    }
}

/// A Llama whose state is a function of the last token alone, with a head that takes the program
/// for right behind `liked` and for wrong behind everything else.
fn critic_of_one_token(case: &Case, liked: u32) -> CpuCritic {
    let case = with_head(case);
    let width = case.config["hidden_size"].as_u64().unwrap() as usize;
    let mut tensors: Values = BTreeMap::new();
    for (name, shape) in &case.tensors {
        let n: usize = shape.iter().product();
        let values = match name.as_str() {
            name if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") => {
                vec![0.0; n]
            }
            "model.norm.weight" => vec![1.0; n],
            name if name.starts_with("critic_head") => vec![0.0; n],
            name => numbers(name, shape),
        };
        tensors.insert(name.clone(), (shape.clone(), values));
    }
    let (_, embeddings) = &tensors["model.embed_tokens.weight"];
    let embedding = &embeddings[liked as usize * width..][..width];
    let square: f32 = embedding.iter().map(|value| value * value).sum();
    let norm = (square / width as f32).sqrt();
    // The product of two states is `width` where they are of the same token, and less otherwise.
    let state: Vec<f32> = embedding.iter().map(|value| value / norm).collect();
    let mut set = |name: &str, at: usize, values: &[f32]| {
        let (_, all) = tensors.get_mut(&format!("critic_head.{name}")).unwrap();
        all[at..][..values.len()].copy_from_slice(values);
    };
    set("hidden.weight", 0, &state);
    set("hidden.bias", 0, &[-0.99 * width as f32]);
    let sharp = 8.0 / (0.01 * width as f32);
    set("output.weight", 128, &[sharp]);
    set("output.bias", 0, &[4.0]);
    let folder = tempfile::tempdir().unwrap();
    write_critic(&case, folder.path());
    write_tensors(folder.path(), &tensors);
    CpuCritic::load(&Checkpoint::open(folder.path()).unwrap()).unwrap()
}

#[test]
fn tokens_are_drawn_by_bayes_rule() {
    let case = case("llama 6/2 heads tied");
    let loaded = load(&case);
    const N: u64 = 4000;
    let first = |guidance| {
        let mut request = request(&[70, 71, 72], 1);
        request.seeds = (0..N).collect();
        request.decoding.method = Method::Sample {
            temperature: 1.0,
            top_p: 1.0,
            top_k: Some(8),
        };
        request.guided = guidance;
        request
    };
    let mut share = BTreeMap::new();
    let (plain, _) = decode(&loaded, limits(64), vec![first(None)]);
    for candidate in &plain {
        *share.entry(candidate.tokens[0]).or_insert(0.0) += 1.0 / N as f64;
    }
    assert_eq!(share.len(), 8);
    // The least probable of them is the one that is right.
    let (liked, p) = share
        .iter()
        .min_by(|a, b| a.1.total_cmp(b.1))
        .map(|(token, share)| (*token, *share))
        .unwrap();
    let critic = critic_of_one_token(&case, liked);
    let check = |strength: f64, top: u32, expected: f64| {
        let guided_by = Guided {
            guidance: Guidance { strength, top },
            prompt: vec![70, 71, 72],
        };
        let requests = vec![first(Some(guided_by))];
        let (found, errors) = guided(&loaded, &critic, limits(64), requests);
        assert_eq!(errors, []);
        let n = found.iter().filter(|it| it.tokens[0] == liked).count();
        let found = n as f64 / N as f64;
        // Five standard deviations, of both shares.
        let margin = 10.0 * (expected * (1.0 - expected) / N as f64).sqrt() + 1e-9;
        assert!(
            (found - expected).abs() <= margin,
            "{strength}: {found} {expected}"
        );
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    // Logits of failed and passed are 4 and 8 behind the liked token, and 4 and 0 behind others.
    let odds = sigmoid(4.0) / sigmoid(-4.0);
    let posterior = |odds: f64| p * odds / (p * odds + 1.0 - p);
    check(0.0, 8, p);
    check(0.5, 8, posterior(odds.sqrt()));
    check(1.0, 8, posterior(odds));
    check(20.0, 8, 1.0);
    // Not among those that the critic tries.
    check(20.0, 3, p);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let [t5, llama] = families();
    let loaded = load(&llama);
    let (critic, _) = critics(&llama);
    let all = requests(4, say(1.0));
    let mut wrong = Vec::new();
    for (mut request, change) in all.into_iter().zip(0..) {
        let guided = request.guided.as_mut().unwrap();
        match change {
            0 => guided.guidance.strength = f64::NAN,
            1 => guided.guidance.top = 1,
            2 => request.decoding.method = Method::Greedy,
            _ => guided.prompt = vec![100_000],
        }
        wrong.push(request);
    }
    let (candidates, errors) = guided(&loaded, &critic, limits(4), wrong);
    assert_eq!(candidates, []);
    for (part, error) in [
        "strength NaN",
        "2 tokens or more",
        "nothing is drawn",
        "100000",
    ]
    .iter()
    .zip(&errors)
    {
        assert!(error.1.contains(part), "{error:?}");
    }
    let (_, errors) = decode(&loaded, limits(4), requests(1, say(1.0)));
    assert!(errors[0].1.contains("no critic"), "{errors:?}");

    // Critics of the same tokenizer may be of another family; others are of no use.
    let (of_t5, _) = critics(&t5);
    let check = |loaded: &Loaded, tokenizer| {
        check_vocabulary((&*loaded.model, &loaded.tokenizer), (&of_t5, tokenizer))
    };
    let t5 = load(&t5);
    assert!(check(&t5, &t5.tokenizer).is_ok());
    let folder = tempfile::tempdir().unwrap();
    crate::fixture::write(&llama, folder.path());
    let file = folder.path().join("tokenizer.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("\"a\":", "\"swap\":")
            .replace("\"b\":", "\"a\":")
            .replace("\"swap\":", "\"b\":"),
    )
    .unwrap();
    let other = load_from(folder.path());
    let error = check(&t5, &other.tokenizer).unwrap_err().to_string();
    assert!(
        error.contains("another vocabulary") && error.contains("train a critic"),
        "{error}"
    );
}
