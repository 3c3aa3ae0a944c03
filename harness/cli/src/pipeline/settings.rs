//! Settings of a command, from all their sources.

use anyhow::Result;
use harness::config::{Layer, Options, Resolved};

use crate::arguments::{Backend, SettingsArguments};
use crate::exit::usage;

/// Settings from defaults, file and command line.
pub(crate) fn resolve(
    arguments: &SettingsArguments,
    backend: Option<&Backend>,
    dataset: Option<String>,
) -> Result<Resolved> {
    resolve_over(arguments, backend, dataset, Options::default())
}

/// The same with what a command sets by itself on top.
pub(crate) fn resolve_over(
    arguments: &SettingsArguments,
    backend: Option<&Backend>,
    dataset: Option<String>,
    over: Options,
) -> Result<Resolved> {
    let mut layers = Vec::new();
    if let Some(path) = &arguments.config {
        let text = std::fs::read_to_string(path).map_err(|error| {
            usage(format!(
                "cannot read settings file `{}`: {error}",
                path.display()
            ))
        })?;
        layers.push(Layer::from_toml(path, &text)?);
    }
    let mut options = arguments.options(dataset);
    if let Some(backend) = backend {
        options = backend.add_to(options);
    }
    layers.push(Layer::command_line(options));
    layers.push(Layer::command_line(over));
    Ok(Resolved::new(layers)?)
}
