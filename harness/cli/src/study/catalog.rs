//! Which commands and options there are: what clap knows of them.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, Command, CommandFactory};
use harness::study::{Catalog, CommandSpec, OptionKind};

use crate::arguments::Arguments;

/// Every command that is not hidden, with its options.
pub(crate) fn catalog() -> Catalog {
    let mut command = Arguments::command();
    command.build();
    let mut catalog = Catalog::default();
    for command in command.get_subcommands() {
        add(&mut catalog, "", command);
    }
    catalog
}

fn add(catalog: &mut Catalog, before: &str, command: &Command) {
    let name = format!("{before}{}", command.get_name());
    if command.is_hide_set() || ["help", "study"].contains(&command.get_name()) {
        return;
    }
    if command.has_subcommands() {
        for command in command.get_subcommands() {
            add(catalog, &format!("{name} "), command);
        }
        return;
    }
    let spec = spec(command);
    catalog.commands.insert(name, spec);
}

fn spec(command: &Command) -> CommandSpec {
    let options: BTreeMap<String, OptionKind> = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set())
        .filter_map(|argument| Some((argument.get_long()?.to_owned(), kind(argument)?)))
        .collect();
    let mut positionals = command.get_positionals();
    let is_open = positionals.any(Arg::is_trailing_var_arg_set);
    let positionals = command
        .get_positionals()
        .filter(|argument| !argument.is_trailing_var_arg_set())
        // What can be given either way is an option.
        .filter(|argument| !is_option_too(argument, &options))
        .map(|argument| argument.get_id().as_str().replace('_', "-"))
        .collect();
    CommandSpec {
        positionals,
        options,
        is_open,
    }
}

fn is_option_too(argument: &Arg, options: &BTreeMap<String, OptionKind>) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names
        .iter()
        .any(|name| options.contains_key(&name.to_lowercase()))
}

fn kind(argument: &Arg) -> Option<OptionKind> {
    match argument.get_action() {
        ArgAction::SetTrue => Some(OptionKind::Flag),
        ArgAction::Append => Some(match argument.get_value_delimiter() {
            Some(delimiter) => OptionKind::List(delimiter),
            None => OptionKind::Repeated,
        }),
        ArgAction::Set => Some(match argument.get_value_delimiter() {
            Some(delimiter) => OptionKind::List(delimiter),
            None => OptionKind::Value,
        }),
        // Help and version.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_with_their_options() {
        let catalog = catalog();
        let check = |command: &str, option: &str, expected: Option<OptionKind>| {
            let spec = catalog.commands.get(command);
            let spec = spec.unwrap_or_else(|| panic!("no `{command}`"));
            assert_eq!(
                spec.options.get(option).copied(),
                expected,
                "{command} {option}"
            );
        };
        check("train sft", "dataset", Some(OptionKind::Value));
        check("train sft", "set", Some(OptionKind::Repeated));
        check("train rl", "online", Some(OptionKind::Flag));
        check("run", "k", Some(OptionKind::List(',')));
        check("run", "cache-dir", None);
        check("run", "help", None);
        assert_eq!(catalog.commands["score"].positionals, ["samples"]);
        assert_eq!(catalog.commands["run"].positionals, [""; 0]);
        assert_eq!(catalog.commands["critic-score"].positionals, ["run"]);
        assert!(catalog.commands["models new"].is_open);
        assert!(!catalog.commands.contains_key("sandbox-worker"));
        assert!(!catalog.commands.keys().any(|it| it.starts_with("study")));
    }
}
