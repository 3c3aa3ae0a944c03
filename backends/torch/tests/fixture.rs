//! Small models with weights that are a formula of name and position; `parity/variants.py` has
//! the same formula. The cases are in `golden.json`, which `parity/parity.py --golden` writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use backend_torch::checkpoint::Checkpoint;
use backend_torch::cpu;
use backend_torch::decode::Decoder;
use backend_torch::decode::{Candidate, Engine, Event, Limits, Request};
use backend_torch::tokenizer::Tokenizer;
use harness::decoding::{Decoding, Method};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) cases: Vec<Case>,
}

/// A variant of an architecture, and what `transformers` computes with it.
#[derive(Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) config: Value,
    /// Shapes by name.
    pub(crate) tensors: BTreeMap<String, Vec<usize>>,
    pub(crate) rows: Vec<Row>,
    /// Columns of the logits that are on record.
    pub(crate) columns: Vec<usize>,
    /// For each row, for each token, the logits in these columns.
    pub(crate) logits: Vec<Vec<Vec<f64>>>,
    /// 60 tokens that continue the second row.
    pub(crate) greedy: Vec<u32>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Row {
    #[serde(default)]
    pub(crate) source: Vec<u32>,
    pub(crate) target: Vec<u32>,
}

impl Row {
    /// What is read before the first token is decoded.
    pub(crate) fn prompt(&self) -> &[u32] {
        if self.source.is_empty() {
            &self.target
        } else {
            &self.source
        }
    }
}

pub(crate) fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("written by parity.py")
}

/// The case of this name.
pub(crate) fn case(name: &str) -> Case {
    let cases = golden().cases;
    let found = cases.into_iter().find(|case| case.name == name);
    found.expect("a case of golden.json")
}

/// One of each family.
pub(crate) fn families() -> [Case; 2] {
    [case("t5 gated-gelu tied"), case("llama 6/2 heads tied")]
}

/// `numbers` of `parity/variants.py`.
pub(crate) fn numbers(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = u64::from(crc32fast::hash(name.as_bytes()));
    let mask = 0xffff_ffff;
    let width = *shape.last().expect("tensors have dimensions") as f64;
    (0..shape.iter().product::<usize>() as u64)
        .map(|index| {
            let mut state = (index + 1).wrapping_mul(2_654_435_761);
            state = state.wrapping_add(seed) & mask;
            state = (state ^ (state >> 15)).wrapping_mul(2_246_822_519) & mask;
            state = (state ^ (state >> 13)).wrapping_mul(3_266_489_917) & mask;
            state ^= state >> 16;
            let unit = state as f64 / 2_f64.powi(32) - 0.5;
            let value = if name.contains("norm") {
                1.0 + 0.5 * unit
            } else {
                unit * (4.0 / width.sqrt())
            };
            value as f32
        })
        .collect()
}

/// Writes a directory as `transformers` does, with a tokenizer of single bytes.
pub(crate) fn write(case: &Case, folder: &Path) {
    std::fs::write(folder.join("config.json"), case.config.to_string()).unwrap();
    write_tokenizer(folder);
    write_weights(folder, &case.tensors);
}

pub(crate) fn write_weights(folder: &Path, tensors: &BTreeMap<String, Vec<usize>>) {
    let tensors = tensors.iter().map(|(name, shape)| {
        let values = numbers(name, shape);
        (name.clone(), (shape.clone(), values))
    });
    write_tensors(folder, &tensors.collect());
}

/// Shape and elements by name.
pub(crate) type Values = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub(crate) fn write_tensors(folder: &Path, tensors: &Values) {
    let data: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            (name.as_str(), (shape.clone(), bytes.collect()))
        })
        .collect();
    let views = data.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (*name, view)
    });
    let file = folder.join("model.safetensors");
    safetensors::serialize_to_file(views, None, &file).unwrap();
}

/// The characters that stand for bytes, in the order of the bytes.
pub(crate) fn alphabet() -> Vec<char> {
    let mut next = 256;
    (0..256_u32)
        .map(|byte| match byte {
            0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte,
            _ => {
                next += 1;
                next - 1
            }
        })
        .map(|code| char::from_u32(code).unwrap())
        .collect()
}

fn write_tokenizer(folder: &Path) {
    let mut vocabulary = json!({"<pad>": 0, "<s>": 1, "</s>": 2});
    for (byte, character) in alphabet().into_iter().enumerate() {
        vocabulary[character.to_string()] = json!(byte + 3);
    }
    let special = ["<pad>", "<s>", "</s>"];
    let added: Vec<Value> = (0..)
        .zip(special)
        .map(|(id, token): (u32, _)| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    let description = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": byte_level, "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "byte_fallback": false, "vocab": vocabulary, "merges": [],
        },
    });
    std::fs::write(folder.join("tokenizer.json"), description.to_string()).unwrap();
}

/// The same model with a critic's head of two classes, as tensors.
pub(crate) fn with_head(case: &Case) -> Case {
    let mut case = case.clone();
    let width = ["d_model", "hidden_size"]
        .iter()
        .find_map(|key| case.config[key].as_u64())
        .unwrap() as usize;
    for (name, shape) in [
        ("hidden.weight", vec![128, width]),
        ("hidden.bias", vec![128]),
        ("output.weight", vec![2, 128]),
        ("output.bias", vec![2]),
    ] {
        case.tensors.insert(format!("critic_head.{name}"), shape);
    }
    case
}

/// Writes the directory of a critic.
pub(crate) fn write_critic(case: &Case, folder: &Path) {
    write(case, folder);
    let settings = json!({"classes": "binary", "pooling": "logits", "alignment": "after-token"});
    std::fs::write(folder.join("critic.json"), settings.to_string()).unwrap();
}

/// A model that is ready to decode.
pub(crate) struct Loaded {
    pub(crate) model: Box<dyn Decoder>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) end_tokens: Vec<u32>,
}

pub(crate) fn load(case: &Case) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    write(case, folder.path());
    load_from(folder.path())
}

pub(crate) fn load_from(folder: &Path) -> Loaded {
    let checkpoint = Checkpoint::open(folder).unwrap();
    Loaded {
        model: cpu::load(&checkpoint.config, &checkpoint.tensors).unwrap(),
        tokenizer: Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config).unwrap(),
        end_tokens: checkpoint.config.end_tokens().to_vec(),
    }
}

/// Much memory, and so many rows.
pub(crate) fn limits(max_rows: usize) -> Limits {
    Limits {
        max_rows,
        cache_bytes: 1 << 30,
    }
}

/// A request for greedy decoding of at most `max_new_tokens`.
pub(crate) fn request(prompt: &[u32], max_new_tokens: u32) -> Request {
    Request {
        id: 0,
        prompt: prompt.to_vec(),
        forced: Vec::new(),
        seeds: vec![0],
        decoding: Decoding {
            method: Method::Greedy,
            max_new_tokens,
            min_new_tokens: 0,
            stop: Vec::new(),
            max_prompt_tokens: None,
        },
        wants_log_probs: false,
        guided: None,
    }
}

pub(crate) fn engine_of(loaded: &Loaded, limits: Limits) -> Engine<'_> {
    Engine::new(
        &*loaded.model,
        &loaded.tokenizer,
        &loaded.end_tokens,
        limits,
    )
}

/// Decodes all requests. Candidates are sorted; errors have the id of their request.
pub(crate) fn decode(
    loaded: &Loaded,
    limits: Limits,
    requests: Vec<Request>,
) -> (Vec<Candidate>, Vec<(u64, String)>) {
    run(engine_of(loaded, limits), requests)
}

pub(crate) fn run(
    mut engine: Engine<'_>,
    requests: Vec<Request>,
) -> (Vec<Candidate>, Vec<(u64, String)>) {
    for request in requests {
        engine.push(request);
    }
    let (mut candidates, mut errors) = (Vec::new(), Vec::new());
    while !engine.is_idle() {
        engine.step(&mut |event| match event {
            Event::Candidate(candidate) => candidates.push(candidate),
            Event::Failed { request, error } => errors.push((request, error.to_string())),
            Event::Done { .. } => {}
        });
    }
    candidates.sort_by_key(|candidate| (candidate.request, candidate.index));
    (candidates, errors)
}

/// Held while random numbers of libtorch are drawn: all threads draw from one generator.
pub(crate) fn random_numbers() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}
