//! Which commands there are, and which options they have: what a study can name.

use std::collections::BTreeMap;

/// All commands, by their words: `train sft`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    pub commands: BTreeMap<String, CommandSpec>,
}

/// What follows the words of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandSpec {
    /// Names of arguments without an option, in their order.
    pub positionals: Vec<String>,
    /// By name, without the dashes.
    pub options: BTreeMap<String, OptionKind>,
    /// Whether more options than these are passed on to somebody else.
    pub is_open: bool,
}

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    Flag,
    Value,
    /// Several values, with this between them.
    List(char),
    /// May be given several times.
    Repeated,
}

impl CommandSpec {
    /// Whether it is told by `--out` where its results go.
    pub fn has_out(&self) -> bool {
        self.options.contains_key("out")
    }

    /// All names that a study can use, for messages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let options = self.options.keys().map(String::as_str);
        self.positionals.iter().map(String::as_str).chain(options)
    }

    pub fn knows(&self, name: &str) -> bool {
        self.is_open || self.names().any(|it| it == name)
    }
}
