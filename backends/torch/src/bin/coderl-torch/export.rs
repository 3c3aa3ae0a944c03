//! `export`: any checkpoint as a directory that `transformers` loads.

use std::io::Write;

use anyhow::Result;
use backend_torch::checkpoint::{Existing, write_directory};
use backend_torch::tokenizer::Tokenizer;

use crate::arguments::Export;
use crate::model;

pub(crate) fn export(options: &Export) -> Result<()> {
    let checkpoint = model::open(&options.model)?;
    Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    write_directory(
        &options.folder,
        &checkpoint.config,
        &checkpoint.tensors,
        &checkpoint.tokenizer,
        Existing::Keep,
    )?;
    writeln!(std::io::stdout(), "{}", options.folder.display())?;
    Ok(())
}
