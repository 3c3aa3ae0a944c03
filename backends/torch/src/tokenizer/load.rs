//! A tokenizer and what decoding needs of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::prompt::Prompt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::DecoderWrapper;

use super::byte_level::bytes_of;
use super::chat::ChatTemplate;
use super::describe;
use crate::checkpoint::{Config, Metadata, TokenizerSource};
use crate::error::{Error, Result};

/// The tokenizer of a checkpoint.
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
    /// By id, the bytes that a token adds to the text; empty for special tokens. `None` for
    /// tokenizers whose tokens do not stand for bytes each by itself.
    bytes: Option<Vec<Box<[u8]>>>,
    chat: Option<ChatTemplate>,
    /// What the prompt of an encoder ends with, so that a cut one ends with it too.
    end_token: Option<u32>,
}

impl Tokenizer {
    /// Loads the tokenizer of a checkpoint with this configuration.
    ///
    /// # Errors
    /// No tokenizer, one that is damaged or of an unknown kind, or one of another model.
    pub fn load(source: &TokenizerSource, config: &Config) -> Result<Self> {
        let (path, description, chat) = read(source)?;
        let wrong = |detail: String| Error::Tokenizer {
            path: path.clone(),
            detail,
        };
        let inner = parse(&path, description)?;
        let vocabulary = inner.get_vocab(true);
        let largest_id = vocabulary.values().copied().max().unwrap_or(0) as usize;
        if vocabulary.is_empty() {
            return Err(wrong("it has no tokens".to_owned()));
        }
        if largest_id >= config.vocabulary_size() {
            return Err(Error::VocabularyMismatch {
                path,
                largest_id,
                vocabulary_size: config.vocabulary_size(),
            });
        }
        let end_tokens = config.end_tokens();
        if let Some(token) = end_tokens
            .iter()
            .find(|token| inner.id_to_token(**token).is_none())
        {
            let detail = format!(
                "it does not know the token {token}, at which generation ends; it is not the \
                 model's"
            );
            return Err(wrong(detail));
        }
        let bytes = byte_table(&inner, largest_id);
        // The tokenizer itself shows how an encoder's input ends.
        let end_token = match config {
            Config::T5(_) => inner
                .encode_fast("", true)
                .ok()
                .and_then(|encoding| encoding.get_ids().last().copied()),
            Config::Llama(_) => None,
        };
        Ok(Self {
            path,
            inner,
            bytes,
            chat,
            end_token,
        })
    }

    /// Id of a token of the vocabulary, special ones included.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// What the tokenizer of an encoder-decoder puts first.
    pub fn begin_token(&self) -> Option<u32> {
        let encoding = self.inner.encode_fast("", true).ok()?;
        match *encoding.get_ids() {
            [begin, end] if Some(end) == self.end_token => Some(begin),
            _ => None,
        }
    }

    pub fn n_tokens(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// SHA-256 over the texts of all tokens in order of their ids, each after its length in bytes
    /// (eight bytes, little-endian): where it is the same, ids mean the same.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for id in 0..u32::try_from(self.n_tokens()).unwrap_or(u32::MAX) {
            let bytes = self.decode_bytes(&[id]);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(&bytes);
        }
        let bytes = digest.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
    }

    /// The text that a prompt is to the tokenizer.
    ///
    /// # Errors
    /// A conversation for a model without a chat template.
    pub fn text(&self, prompt: &Prompt) -> Result<String> {
        match prompt {
            Prompt::Text(text) => Ok(text.clone()),
            Prompt::Messages(messages) => match &self.chat {
                Some(chat) => chat.render(messages),
                None => Err(Error::request(
                    "the model has no chat template; use a prompt that is plain text",
                )),
            },
        }
    }

    /// Ids of a prompt, with the special tokens that the tokenizer adds. A template writes them
    /// itself.
    ///
    /// # Errors
    /// As [`Tokenizer::text`].
    pub fn encode_prompt(&self, prompt: &Prompt) -> Result<Vec<u32>> {
        let adds_special = matches!(prompt, Prompt::Text(_));
        Ok(self.encode_offsets(&self.text(prompt)?, adds_special)?.0)
    }

    /// Shortens a prompt to `max` tokens as CodeRL's tokenizer does: the end is lost, and the
    /// end-of-text token comes last again where the model has one there.
    pub fn cut(&self, tokens: &mut Vec<u32>, max: usize) {
        if tokens.len() <= max {
            return;
        }
        tokens.truncate(max);
        if let (Some(end), Some(last)) = (self.end_token, tokens.last_mut()) {
            *last = end;
        }
    }

    /// Ids of what a model is to write or has written, as training has it: an encoder-decoder
    /// begins with the special tokens that its tokenizer puts first. The end-of-text token is
    /// not among them.
    ///
    /// Also where in the text each token ends, in bytes.
    ///
    /// # Errors
    /// What the tokenizer reports.
    pub fn encode_completion(&self, text: &str) -> Result<(Vec<u32>, Vec<u32>)> {
        let (mut tokens, mut ends) = self.encode_offsets(text, self.end_token.is_some())?;
        if self.end_token.is_some() && tokens.last().copied() == self.end_token {
            tokens.pop();
            ends.pop();
        }
        if self.bytes.is_some() {
            // Offsets of a tokenizer may leave white space out.
            let mut end = 0;
            for (token, position) in tokens.iter().zip(&mut ends) {
                end += self.bytes_of(*token).map_or(0, <[u8]>::len);
                *position = u32::try_from(end).unwrap_or(u32::MAX);
            }
        }
        Ok((tokens, ends))
    }

    /// Ids, and where in the text each token ends, in bytes.
    ///
    /// # Errors
    /// What the tokenizer reports.
    fn encode_offsets(&self, text: &str, adds_special: bool) -> Result<(Vec<u32>, Vec<u32>)> {
        let encoding = self
            .inner
            .encode(text, adds_special)
            .map_err(|error| Error::Tokenizer {
                path: self.path.clone(),
                detail: error.to_string(),
            })?;
        let ends = encoding
            .get_offsets()
            .iter()
            .map(|(_, end)| u32::try_from(*end).unwrap_or(u32::MAX))
            .collect();
        Ok((encoding.get_ids().to_vec(), ends))
    }

    /// Text of tokens, without special ones. Bytes that are no UTF-8 become `U+FFFD`.
    pub fn decode(&self, tokens: &[u32]) -> String {
        match &self.bytes {
            Some(_) => String::from_utf8_lossy(&self.decode_bytes(tokens)).into_owned(),
            None => self.inner.decode(tokens, true).unwrap_or_default(),
        }
    }

    /// Bytes of tokens, without special ones.
    pub fn decode_bytes(&self, tokens: &[u32]) -> Vec<u8> {
        match &self.bytes {
            Some(table) => tokens
                .iter()
                .filter_map(|token| table.get(*token as usize))
                .flat_map(|bytes| bytes.iter().copied())
                .collect(),
            None => self.decode(tokens).into_bytes(),
        }
    }

    /// What each token adds to the text, special ones nothing. A character of several tokens is
    /// with the last of them.
    pub fn texts(&self, tokens: &[u32]) -> Vec<String> {
        let mut texts = Vec::with_capacity(tokens.len());
        if self.bytes.is_none() {
            let mut so_far = String::new();
            for n in 1..=tokens.len() {
                let longer = self.decode(&tokens[..n]);
                let added = longer.strip_prefix(so_far.as_str()).unwrap_or_default();
                texts.push(added.to_owned());
                so_far = longer;
            }
            return texts;
        }
        let mut open: Vec<u8> = Vec::new();
        for token in tokens {
            open.extend(self.decode_bytes(&[*token]));
            let whole = match std::str::from_utf8(&open) {
                // A character that has only begun waits for its other tokens.
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => open.len(),
            };
            let rest = open.split_off(whole);
            texts.push(String::from_utf8_lossy(&open).into_owned());
            open = rest;
        }
        texts
    }

    /// The bytes that one more token adds; `None` where that depends on the tokens before.
    pub(crate) fn bytes_of(&self, token: u32) -> Option<&[u8]> {
        let table = self.bytes.as_ref()?;
        Some(table.get(token as usize).map_or(&[], |bytes| bytes))
    }
}

/// Every token with its id, special ones included, whatever the model.
///
/// # Errors
/// No tokenizer, or one that is damaged or of an unknown kind.
pub fn vocabulary(source: &TokenizerSource) -> Result<BTreeMap<String, u32>> {
    let (path, description, _) = read(source)?;
    let tokenizer = parse(&path, description)?;
    Ok(tokenizer.get_vocab(true).into_iter().collect())
}

/// The file that names a tokenizer in errors, its description, and the chat template.
type Described = (PathBuf, Value, Option<ChatTemplate>);

fn read(source: &TokenizerSource) -> Result<Described> {
    match source {
        TokenizerSource::Directory(folder) => of_directory(folder),
        TokenizerSource::Gguf(metadata) => Ok((
            metadata.0.path().to_owned(),
            describe::gguf(&metadata.0)?,
            gguf_chat(&metadata.0)?,
        )),
    }
}

fn parse(path: &Path, description: Value) -> Result<tokenizers::Tokenizer> {
    serde_json::from_value(description).map_err(|error| Error::Tokenizer {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

/// `tokenizer.json`, or the files of RoBERTa's tokenizer.
fn of_directory(folder: &Path) -> Result<Described> {
    let chat = directory_chat(folder)?;
    let file = folder.join("tokenizer.json");
    if file.is_file() {
        let text = std::fs::read_to_string(&file).map_err(Error::read(&file))?;
        let mut description: Value = serde_json::from_str(&text)
            .map_err(|error| Error::malformed(&file, error.to_string()))?;
        // A file may ask for truncation and padding, which are not its business here.
        description["truncation"] = Value::Null;
        description["padding"] = Value::Null;
        return Ok((file, description, chat));
    }
    if folder.join("vocab.json").is_file() && folder.join("merges.txt").is_file() {
        return Ok((folder.to_owned(), describe::roberta(folder)?, chat));
    }
    Err(Error::Tokenizer {
        path: folder.to_owned(),
        detail: "the directory has neither `tokenizer.json` nor `vocab.json` with `merges.txt`"
            .to_owned(),
    })
}

fn directory_chat(folder: &Path) -> Result<Option<ChatTemplate>> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(Error::read(path));
    let config_file = folder.join("tokenizer_config.json");
    let config: Value = match config_file.is_file() {
        true => serde_json::from_str(&read(&config_file)?)
            .map_err(|error| Error::malformed(&config_file, error.to_string()))?,
        false => Value::Null,
    };
    let token = |key: &str| {
        let value = &config[key];
        let text = value.as_str().or(value["content"].as_str());
        text.unwrap_or_default().to_owned()
    };
    let template_file = folder.join("chat_template.jinja");
    let source = if template_file.is_file() {
        Some(read(&template_file)?)
    } else {
        config["chat_template"].as_str().map(str::to_owned)
    };
    Ok(source
        .map(|source| ChatTemplate::new(folder, &source, &token("bos_token"), &token("eos_token"))))
}

fn gguf_chat(metadata: &Metadata) -> Result<Option<ChatTemplate>> {
    let tokens = metadata.texts("tokenizer.ggml.tokens")?.unwrap_or_default();
    let token = |name: &str| -> Result<&str> {
        let id = metadata.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
        let token = id.and_then(|id| tokens.get(usize::try_from(id).ok()?));
        Ok(token.copied().unwrap_or_default())
    };
    let (begin, end) = (token("bos")?, token("eos")?);
    let source = metadata.text("tokenizer.chat_template")?;
    Ok(source.map(|source| ChatTemplate::new(metadata.path(), source, begin, end)))
}

fn byte_table(inner: &tokenizers::Tokenizer, largest_id: usize) -> Option<Vec<Box<[u8]>>> {
    if !matches!(inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
        return None;
    }
    let added = inner.get_added_tokens_decoder();
    let table = (0..=largest_id)
        .map(|id| {
            let id = u32::try_from(id).expect("an id");
            let bytes = match added.get(&id) {
                Some(token) if token.special => Vec::new(),
                Some(token) => token.content.clone().into_bytes(),
                None => match inner.id_to_token(id) {
                    Some(token) => bytes_of(&token).unwrap_or_else(|| token.into_bytes()),
                    None => Vec::new(),
                },
            };
            bytes.into_boxed_slice()
        })
        .collect();
    Some(table)
}
