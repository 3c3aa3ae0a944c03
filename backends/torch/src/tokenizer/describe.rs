//! Tokenizers that files describe in other ways than `tokenizer.json`, as such a file.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::checkpoint::{Metadata, Value as GgufValue};
use crate::error::{Error, Result};

/// RoBERTa's tokenizer, of `vocab.json` and `merges.txt`: byte-level BPE between `<s>` and
/// `</s>`.
///
/// # Errors
/// Unreadable files, or a vocabulary without the special tokens.
pub(super) fn roberta(folder: &Path) -> Result<Value> {
    let vocabulary_file = folder.join("vocab.json");
    let vocabulary = read_object(&vocabulary_file)?;
    let merges_file = folder.join("merges.txt");
    let merges = std::fs::read_to_string(&merges_file).map_err(Error::read(&merges_file))?;
    let merges: Vec<&str> = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.is_empty())
        .collect();
    let id = |token: &str| {
        vocabulary
            .get(token)
            .and_then(Value::as_u64)
            .ok_or_else(|| Error::Tokenizer {
                path: vocabulary_file.clone(),
                detail: format!("it has no token `{token}`"),
            })
    };
    let (begin, end) = (id("<s>")?, id("</s>")?);
    let mut special: BTreeSet<String> = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"]
        .map(str::to_owned)
        .into();
    let map_file = folder.join("special_tokens_map.json");
    if map_file.is_file() {
        special.extend(listed_tokens(&read_object(&map_file)?));
    }
    let mut added: Vec<(u64, String)> = special
        .into_iter()
        .filter_map(|token| Some((vocabulary.get(&token)?.as_u64()?, token)))
        .collect();
    added.sort();
    let added: Vec<Value> = added
        .into_iter()
        .map(|(id, token)| added_token(id, &token, true))
        .collect();
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": byte_level(true),
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", end],
            "cls": ["<s>", begin],
            "trim_offsets": true,
            "add_prefix_space": false,
        },
        "decoder": byte_level(true),
        "model": bpe(Value::Object(vocabulary), &merges, false),
    }))
}

fn read_object(path: &Path) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    serde_json::from_str(&text).map_err(|error| Error::malformed(path, error.to_string()))
}

/// The tokens of `special_tokens_map.json`: texts, objects with `content`, and lists of both.
fn listed_tokens(map: &Map<String, Value>) -> Vec<String> {
    let flat = map.values().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    });
    flat.filter_map(|value| match value {
        Value::String(token) => Some(token.as_str()),
        other => other.get("content")?.as_str(),
    })
    .map(str::to_owned)
    .collect()
}

/// The byte-level BPE tokenizer of a GGUF file.
///
/// # Errors
/// Another kind of tokenizer, a way of splitting text that is not known, or lists that do not
/// fit each other.
pub(super) fn gguf(metadata: &Metadata) -> Result<Value> {
    let path = metadata.path();
    let wrong = |detail: String| Error::Tokenizer {
        path: path.to_owned(),
        detail,
    };
    let unsupported = |what: String, supported| Error::Unsupported {
        path: path.to_owned(),
        what,
        supported,
    };
    let model = metadata.text("tokenizer.ggml.model")?.unwrap_or("(none)");
    if model != "gpt2" {
        let what = format!("tokenizer model `{model}` in GGUF");
        return Err(unsupported(what, "gpt2 (byte-level BPE)"));
    }
    let list = |key: &str| {
        metadata
            .texts(&format!("tokenizer.ggml.{key}"))?
            .ok_or_else(|| wrong(format!("the file has no list `tokenizer.ggml.{key}`")))
    };
    let (tokens, merges) = (list("tokens")?, list("merges")?);
    let kinds = match metadata.get("tokenizer.ggml.token_type") {
        Some(GgufValue::Array(kinds)) => &kinds[..],
        _ => &[],
    };
    if !kinds.is_empty() && kinds.len() != tokens.len() {
        let detail = format!("{} tokens and {} token types", tokens.len(), kinds.len());
        return Err(wrong(detail));
    }
    let vocabulary: Map<String, Value> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| ((*token).to_owned(), json!(id)))
        .collect();
    if vocabulary.len() != tokens.len() {
        return Err(wrong("it has the same token twice".to_owned()));
    }
    // llama.cpp: 3 is a control token, 4 one that users defined.
    let added: Vec<Value> = kinds
        .iter()
        .enumerate()
        .filter_map(|(id, kind)| match kind {
            GgufValue::Int(3) => Some(added_token(id as u64, tokens[id], true)),
            GgufValue::Int(4) => Some(added_token(id as u64, tokens[id], false)),
            _ => None,
        })
        .collect();
    let pre = metadata.text("tokenizer.ggml.pre")?.unwrap_or("(none)");
    let splitter = Splitter::of_llama_cpp(pre).ok_or_else(|| {
        let what = format!("`tokenizer.ggml.pre` = `{pre}`");
        unsupported(what, Splitter::SUPPORTED)
    })?;
    let adds_begin = match metadata.get("tokenizer.ggml.add_bos_token") {
        Some(GgufValue::Bool(adds)) => *adds,
        _ => splitter == Splitter::Llama3,
    };
    let begin = metadata
        .integer("tokenizer.ggml.bos_token_id")?
        .filter(|_| adds_begin)
        .and_then(|id| Some((id, *tokens.get(usize::try_from(id).ok()?)?)));
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": splitter.pre_tokenizer(),
        "post_processor": begin.map(|(id, token)| json!({
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": token, "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
            ],
            "pair": [
                {"SpecialToken": {"id": token, "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
        })),
        "decoder": byte_level(true),
        "model": bpe(Value::Object(vocabulary), &merges, splitter == Splitter::Llama3),
    }))
}

/// How text is cut before merging, by the name that llama.cpp gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Splitter {
    Gpt2,
    /// Digits apart, then as GPT-2.
    Digits,
    Llama3,
    Qwen2,
}

impl Splitter {
    const SUPPORTED: &'static str = "gpt-2, smollm, starcoder, refact, codeshell, command-r, \
                                     llama-bpe, qwen2, deepseek-r1-qwen";

    fn of_llama_cpp(name: &str) -> Option<Self> {
        Some(match name {
            "gpt-2" => Self::Gpt2,
            "smollm" | "starcoder" | "refact" | "codeshell" | "command-r" => Self::Digits,
            "llama-bpe" | "llama3" | "llama-v3" => Self::Llama3,
            "qwen2" | "deepseek-r1-qwen" => Self::Qwen2,
            _ => return None,
        })
    }

    fn pre_tokenizer(self) -> Value {
        let split = |digits: &str| {
            let pattern = format!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            );
            let behavior = "Isolated";
            sequence(&[
                json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": false}),
                byte_level(false),
            ])
        };
        match self {
            Self::Gpt2 => byte_level(true),
            Self::Digits => sequence(&[
                json!({"type": "Digits", "individual_digits": true}),
                byte_level(true),
            ]),
            Self::Llama3 => split(r"\p{N}{1,3}"),
            Self::Qwen2 => split(r"\p{N}"),
        }
    }
}

fn sequence(parts: &[Value]) -> Value {
    json!({"type": "Sequence", "pretokenizers": parts})
}

fn byte_level(use_regex: bool) -> Value {
    json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": use_regex,
    })
}

fn bpe(vocabulary: Value, merges: &[&str], ignore_merges: bool) -> Value {
    json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": ignore_merges, "vocab": vocabulary, "merges": merges,
    })
}

fn added_token(id: u64, token: &str, special: bool) -> Value {
    json!({
        "id": id, "content": token, "single_word": false, "lstrip": token == "<mask>",
        "rstrip": false, "normalized": false, "special": special,
    })
}
