//! `coderl datasets`: list, fetch, show.

use std::io::Write;

use anyhow::Result;

use crate::arguments;
use crate::exit::Exit;
use crate::pipeline::Context;

pub(crate) fn datasets(context: &Context, command: &arguments::Datasets) -> Result<Exit> {
    match command {
        arguments::Datasets::List => list(context),
        _ => Ok(Exit::Done),
    }
}

fn list(context: &Context) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    for known in datasets::KNOWN {
        writeln!(out, "{}", known.name)?;
    }
    let _ = context;
    Ok(Exit::Done)
}
