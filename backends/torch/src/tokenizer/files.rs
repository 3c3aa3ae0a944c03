//! A tokenizer as files that `transformers` loads.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::describe;
use crate::checkpoint::{Config, Metadata, TokenizerSource, write_json};
use crate::error::{Error, Result};

/// Files of a checkpoint that describe its tokenizer, in the forms that there are.
const FILES: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.model",
];

/// Copies the files of a directory into `folder`, or writes what a GGUF file says.
pub(crate) fn write_files(source: &TokenizerSource, config: &Config, folder: &Path) -> Result<()> {
    match source {
        TokenizerSource::Directory(directory) => copy(directory, folder),
        TokenizerSource::Gguf(metadata) => {
            let description = describe::gguf(&metadata.0)?;
            write_json(&folder.join("tokenizer.json"), &description)?;
            let special = SpecialTokens::of_gguf(&metadata.0)?;
            let chat = metadata.0.text("tokenizer.chat_template")?;
            let file = configuration(&special, chat, config.max_positions());
            write_json(&folder.join("tokenizer_config.json"), &file)
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut found = false;
    for name in FILES {
        let file = from.join(name);
        if file.is_file() {
            std::fs::copy(&file, to.join(name)).map_err(Error::read(&file))?;
            found |= matches!(name, "tokenizer.json" | "vocab.json");
        }
    }
    if found {
        return Ok(());
    }
    Err(Error::Tokenizer {
        path: from.to_owned(),
        detail: "the directory has neither `tokenizer.json` nor `vocab.json` with `merges.txt`"
            .to_owned(),
    })
}

/// Tokens with a meaning of their own, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SpecialTokens {
    pub(super) begin: Option<String>,
    pub(super) end: Option<String>,
    pub(super) pad: Option<String>,
    pub(super) unknown: Option<String>,
    pub(super) others: Vec<String>,
}

impl SpecialTokens {
    fn of_gguf(metadata: &Metadata) -> Result<Self> {
        let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
        let token = |name: &str| -> Result<Option<String>> {
            let id = metadata.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
            let token = id.and_then(|id| tokens.get(usize::try_from(id).ok()?));
            Ok(token.map(|token| (*token).to_owned()))
        };
        Ok(Self {
            begin: token("bos")?,
            end: token("eos")?,
            pad: token("padding")?,
            unknown: token("unknown")?,
            others: Vec::new(),
        })
    }
}

/// `tokenizer_config.json`.
pub(super) fn configuration(
    special: &SpecialTokens,
    chat_template: Option<&str>,
    max_length: Option<usize>,
) -> Value {
    let mut file = Map::new();
    let mut add = |key: &str, value: Value| {
        file.insert(key.to_owned(), value);
    };
    // Plain `tokenizer.json`, whatever the model; newer versions know it as an old name.
    add("tokenizer_class", json!("PreTrainedTokenizerFast"));
    // What it would do to white space is not undone by anything.
    add("clean_up_tokenization_spaces", json!(false));
    add("model_input_names", json!(["input_ids", "attention_mask"]));
    for (key, token) in [
        ("bos_token", &special.begin),
        ("eos_token", &special.end),
        ("pad_token", &special.pad),
        ("unk_token", &special.unknown),
    ] {
        if let Some(token) = token {
            add(key, json!(token));
        }
    }
    if !special.others.is_empty() {
        add("additional_special_tokens", json!(special.others));
    }
    if let Some(template) = chat_template {
        add("chat_template", json!(template));
    }
    if let Some(length) = max_length {
        add("model_max_length", json!(length));
    }
    Value::Object(file)
}
