//! `coderl show-config`: the settings in force and where each comes from.

use std::io::Write;

use anyhow::Result;
use harness::config::default_toml;

use crate::arguments::ShowConfig;
use crate::exit::Exit;
use crate::pipeline::resolve;

pub(crate) fn show_config(arguments: &ShowConfig) -> Result<Exit> {
    let text = if arguments.template {
        default_toml().to_owned()
    } else {
        resolve(&arguments.settings, None, None)?.show()
    };
    write!(std::io::stdout(), "{text}")?;
    Ok(Exit::Done)
}
