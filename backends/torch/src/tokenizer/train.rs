//! New tokenizers: byte-level BPE as RoBERTa and CodeT5 have it, learnt from text.
//!
//! Nothing is normalised, every byte has a token, and no space is put in front, so that text
//! comes back as it was: tabs, line breaks and runs of spaces included.

use std::path::Path;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, NormalizerWrapper, PostProcessorWrapper, TokenizerImpl};

use super::files::{SpecialTokens, configuration};
use crate::checkpoint::write_json;
use crate::error::{Error, Result};

const PAD: &str = "<pad>";
const BEGIN: &str = "<s>";
const END: &str = "</s>";
const UNKNOWN: &str = "<unk>";
/// In the order of their ids, from 0.
const FIRST: [&str; 4] = [PAD, BEGIN, END, UNKNOWN];

/// What a tokenizer is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Entries of the vocabulary without sentinels: 4 special tokens, 256 bytes, and what is
    /// learnt. CodeT5: 32,000.
    pub n_entries: usize,
    /// `<extra_id_0>` and on, which stand for masked spans. They come last, the first of them
    /// with the largest id, as in CodeT5 and T5.
    pub n_sentinels: usize,
    /// Whether a text ends with `</s>`: what an encoder reads does, what a decoder continues
    /// does not. Either begins with `<s>`.
    pub adds_end: bool,
}

impl Recipe {
    /// Entries that need no learning.
    pub const LEAST: usize = FIRST.len() + 256;
}

/// Learns a tokenizer of `texts`, and writes `tokenizer.json` and `tokenizer_config.json` into
/// `folder`. The number of tokens that it has: fewer than asked for where no two tokens follow
/// one another twice any more.
///
/// The same texts give the same files, in whatever order they come.
///
/// # Errors
/// Fewer entries than [`Recipe::LEAST`], and files that cannot be written.
pub fn train(
    texts: impl Iterator<Item = String> + Send,
    recipe: Recipe,
    folder: &Path,
) -> Result<usize> {
    if recipe.n_entries < Recipe::LEAST {
        return Err(Error::request(format!(
            "a vocabulary of {} is too small: bytes and special tokens take {}",
            recipe.n_entries,
            Recipe::LEAST
        )));
    }
    let file = folder.join("tokenizer.json");
    let wrong = |error: tokenizers::Error| Error::Tokenizer {
        path: file.clone(),
        detail: error.to_string(),
    };
    let byte_level = ByteLevel::default().add_prefix_space(false);
    let mut tokenizer: TokenizerImpl<
        BPE,
        NormalizerWrapper,
        ByteLevel,
        PostProcessorWrapper,
        ByteLevel,
    > = TokenizerImpl::new(BPE::default());
    tokenizer
        .with_pre_tokenizer(Some(byte_level))
        .with_decoder(Some(byte_level));
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(recipe.n_entries)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(FIRST.map(|token| AddedToken::from(token, true)).to_vec())
        .build();
    tokenizer.train(&mut trainer, texts).map_err(wrong)?;
    let sentinels: Vec<AddedToken> = (0..recipe.n_sentinels)
        .rev()
        .map(|index| AddedToken::from(format!("<extra_id_{index}>"), true))
        .collect();
    tokenizer.add_special_tokens(&sentinels);
    tokenizer.with_post_processor(Some(post_processor(recipe.adds_end)));
    let description = tokenizer.to_string(true).map_err(wrong)?;
    std::fs::write(&file, description).map_err(Error::write(&file))?;
    let special = SpecialTokens {
        begin: Some(BEGIN.to_owned()),
        end: Some(END.to_owned()),
        pad: Some(PAD.to_owned()),
        unknown: Some(UNKNOWN.to_owned()),
        others: (0..recipe.n_sentinels)
            .map(|index| format!("<extra_id_{index}>"))
            .collect(),
    };
    write_json(
        &folder.join("tokenizer_config.json"),
        &configuration(&special, None, None),
    )?;
    Ok(tokenizer.get_vocab_size(true))
}

fn post_processor(adds_end: bool) -> PostProcessorWrapper {
    let id = |token: &str| {
        let place = FIRST.iter().position(|first| *first == token);
        (
            token.to_owned(),
            u32::try_from(place.expect("one of them")).expect("a few"),
        )
    };
    if adds_end {
        let both = RobertaProcessing::new(id(END), id(BEGIN));
        return both.trim_offsets(true).add_prefix_space(false).into();
    }
    let mut begins = TemplateProcessing::builder();
    begins
        .try_single(format!("{BEGIN} $A"))
        .and_then(|builder| builder.try_pair(format!("{BEGIN} $A $B:1")))
        .expect("correct templates");
    begins
        .special_tokens(vec![id(BEGIN)])
        .build()
        .expect("the templates name one token, which is there")
        .into()
}
