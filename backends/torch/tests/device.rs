//! Decoding by libtorch gives what our own kernels give. On the processor here, which is a device
//! as any other.

use backend_torch::checkpoint::Checkpoint;
use backend_torch::decode::{Candidate, Limits, Request};
use backend_torch::device::DeviceModel;
use backend_torch::tokenizer::Tokenizer;
use harness::decoding::Method;
use tch::{Device, Kind};

use crate::fixture::{Case, Loaded, decode, families, golden, limits, load, request, write};

fn load_on_device(case: &Case, kind: Kind) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    write(case, folder.path());
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let (config, tensors) = (&checkpoint.config, &checkpoint.tensors);
    let model = DeviceModel::load(config, tensors, Device::Cpu, kind).unwrap();
    Loaded {
        model: Box::new(model),
        tokenizer: Tokenizer::load(&checkpoint.tokenizer, config).unwrap(),
        end_tokens: config.end_tokens().to_vec(),
    }
}

/// Prompts of different lengths, with several candidates each: some are drawn, some are forced to
/// begin as others do.
fn requests() -> Vec<Request> {
    (0..5)
        .map(|id| {
            let prompt: Vec<u32> = (0..4 + 13 * id as u32).map(|i| 3 + i * 11 % 250).collect();
            let mut request = request(&prompt, 12 + 7 * id as u32);
            request.id = id;
            request.seeds = (0..=id).map(|index| 100 * id + index).collect();
            request.decoding.method = match id {
                2 => Method::Greedy,
                _ => Method::Sample {
                    temperature: 1.1,
                    top_p: 0.95,
                    top_k: None,
                },
            };
            if id == 3 {
                request.forced = vec![80, 81, 82];
            }
            request.wants_log_probs = true;
            request
        })
        .collect()
}

#[track_caller]
fn assert_alike(found: &[Candidate], expected: &[Candidate], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let place = format!("{what}, {}/{}", expected.request, expected.index);
        assert_eq!(found.tokens, expected.tokens, "{place}");
        assert_eq!(found.finish, expected.finish, "{place}");
        for (one, other) in found.log_probs.iter().zip(&expected.log_probs) {
            assert!((one - other).abs() < 1e-4, "{place}: {one} and {other}");
        }
    }
}

#[test]
fn candidates_are_those_of_our_own_kernels() {
    for case in golden().cases {
        let (expected, errors) = decode(&load(&case), limits(64), requests());
        assert_eq!(errors, []);
        let loaded = load_on_device(&case, Kind::Float);
        // Rows that come, leave and lie scattered; slots that are used again, and too short ones.
        let scarce = Limits {
            max_rows: 64,
            cache_bytes: 100_000,
        };
        for limits in [limits(64), limits(1), limits(4), scarce] {
            let (found, errors) = decode(&loaded, limits, requests());
            assert_eq!(errors, []);
            assert_alike(&found, &expected, &format!("{}, {limits:?}", case.name));
        }
    }
}

#[test]
fn so_are_beams() {
    for case in families() {
        let beams = || {
            let mut request = request(&[70, 71, 72, 73], 30);
            request.seeds = vec![0; 4];
            request.wants_log_probs = true;
            request.decoding.method = Method::Beam {
                n_beams: 5,
                length_penalty: 1.0,
            };
            vec![request]
        };
        let (expected, _) = decode(&load(&case), limits(8), beams());
        let (found, _) = decode(&load_on_device(&case, Kind::Float), limits(8), beams());
        assert_alike(&found, &expected, &case.name);
    }
}

#[test]
fn in_bfloat16_probabilities_are_near() {
    for case in families() {
        let greedy = || {
            let mut request = request(&[70, 71, 72, 73], 1);
            request.wants_log_probs = true;
            vec![request]
        };
        let (expected, _) = decode(&load(&case), limits(8), greedy());
        let loaded = load_on_device(&case, Kind::BFloat16);
        let (found, errors) = decode(&loaded, limits(8), greedy());
        assert_eq!(errors, []);
        let [one, other] = [&found, &expected].map(|it| it[0].log_probs[0]);
        assert!(
            (one - other).abs() < 0.2,
            "{}: {one} and {other}",
            case.name
        );
        // And all of it can be decoded.
        let (found, errors) = decode(&loaded, limits(64), requests());
        assert_eq!((found.len(), errors), (15, Vec::new()));
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    for case in families() {
        let loaded = load_on_device(&case, Kind::Float);
        let bad = vec![request(&[], 5), request(&[100_000], 5)];
        let (found, errors) = decode(&loaded, limits(8), bad);
        assert_eq!(found, []);
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}
