//! `tokenize`: what a model's tokenizer makes of a text.

use std::io::Write;

use anyhow::{Context, Result};
use backend_torch::tokenizer::Tokenizer;
use harness::prompt::Prompt;
use serde_json::json;

use crate::arguments::Tokenize;
use crate::model;

pub(crate) fn tokenize(options: &Tokenize) -> Result<()> {
    let checkpoint = model::open(&options.model)?;
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    let text = match (&options.prompt, &options.prompt_file) {
        (Some(prompt), _) => prompt.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read `{}`", file.display()))?,
        (None, None) => String::new(),
    };
    let tokens = tokenizer.encode_prompt(&Prompt::Text(text))?;
    writeln!(std::io::stdout(), "{}", json!(tokens))?;
    Ok(())
}
