//! What a person writes, in layers of TOML, the last on top.
//!
//! `settings_files/default.toml` names every key, so a key that is not there does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Error, nearest};
use crate::problem::display_as_serialized;

/// The commented defaults; also a template for a file of one's own.
pub fn default_training_toml() -> &'static str {
    include_str!("settings_files/default.toml")
}

/// What `coderl train` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageName {
    Pretrain,
    Sft,
    Critic,
    Rl,
    Repair,
}

/// A set of values with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The defaults, with the prompts of the paper.
    Paper,
    /// For models of a million weights on two cores.
    Small,
}

display_as_serialized! {
    StageName {
        Pretrain => "pretrain", Sft => "sft", Critic => "critic", Rl => "rl", Repair => "repair",
    }
    Preset { Paper => "paper", Small => "small" }
}

/// Settings of a training, and where each value comes from.
#[derive(Clone, Debug)]
pub struct ResolvedTraining {
    pub(super) stage: StageName,
    values: Table,
    /// By dotted key; keys that nobody set come from the defaults.
    origins: BTreeMap<String, String>,
}

impl ResolvedTraining {
    /// The defaults for `stage` on a dataset of this name.
    ///
    /// # Panics
    /// Never, with the defaults as they are; a test sees to that.
    pub fn new(stage: StageName, dataset: &str, preset: Option<Preset>) -> Self {
        let mut this = Self {
            stage,
            values: Table::new(),
            origins: BTreeMap::new(),
        };
        let own = |text: &str| text.parse().expect("our own files are TOML");
        let layers = [
            (None, Some(default_training_toml())),
            (
                preset.map(|preset| format!("preset `{preset}`")),
                preset.map(|preset| match preset {
                    Preset::Paper => include_str!("settings_files/paper.toml"),
                    Preset::Small => include_str!("settings_files/small.toml"),
                }),
            ),
        ];
        for (origin, text) in layers {
            if let Some(text) = text {
                this.overlay(origin.as_deref(), own(text), dataset);
            }
        }
        this
    }

    /// Puts the file `path` with this content on top.
    ///
    /// # Errors
    /// When it is not TOML, or has a key that does not exist.
    pub fn add_file(&mut self, path: &Path, text: &str, dataset: &str) -> Result<(), Error> {
        let origin = format!("`{}`", path.display());
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| Error::Syntax {
                origin: origin.clone(),
                detail: error.to_string().trim_end().to_owned(),
            })?;
        self.check_keys(&origin, &table)?;
        self.overlay(Some(&origin), table, dataset);
        Ok(())
    }

    /// Puts one value on top, written in TOML; a text may lack its quotation marks.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let value = format!("value = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(value.to_owned()));
        self.set_value(key, value)
    }

    /// Puts a text on top, whatever it looks like.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn set_text(&mut self, key: &str, text: &str) -> Result<(), Error> {
        self.set_value(key, Value::String(text.to_owned()))
    }

    fn set_value(&mut self, key: &str, mut value: Value) -> Result<(), Error> {
        for part in key.split('.').rev() {
            let table = Table::from_iter([(part.to_owned(), value)]);
            value = Value::Table(table);
        }
        let Value::Table(table) = value else {
            unreachable!("a key has at least one part")
        };
        self.check_keys("command line", &table)?;
        self.overlay(Some("command line"), table, "");
        Ok(())
    }

    /// Where the value of a key comes from. A table's values may come from several places.
    pub fn origin(&self, key: &str) -> String {
        let is_below = |found: &str| {
            let rest = found.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let of_parts = self.origins.iter().filter(|(found, _)| is_below(found));
        let places: BTreeSet<&str> = of_parts.map(|(_, origin)| origin.as_str()).collect();
        match places.is_empty() {
            true => "default".to_owned(),
            false => places.into_iter().collect::<Vec<_>>().join(", "),
        }
    }

    /// What is in force, each with its origin as a comment.
    pub fn show(&self) -> String {
        let mut text = String::new();
        for (key, value) in leaves(&self.values) {
            writeln!(text, "{key} = {value}  # {}", self.origin(&key))
                .expect("writing to a string");
        }
        text
    }

    pub(super) fn number<T>(
        &self,
        key: &str,
        range: &str,
        allowed: impl Fn(T) -> bool,
    ) -> Result<T, Error>
    where
        T: DeserializeOwned + Copy + std::fmt::Display,
    {
        let value: T = self.get(key)?;
        if allowed(value) {
            return Ok(value);
        }
        Err(self.refused(key, format!("is {value}; allowed is {range}")))
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, Error> {
        let value = lookup(&self.values, key)
            .unwrap_or_else(|| panic!("the defaults have `{key}`"))
            .clone();
        value.try_into().map_err(|error: toml::de::Error| {
            self.refused(key, error.to_string().trim_end().to_owned())
        })
    }

    pub(super) fn refused(&self, key: &str, detail: String) -> Error {
        Error::BadValue {
            origin: self.origin(key),
            key: key.to_owned(),
            detail,
        }
    }

    fn check_keys(&self, origin: &str, table: &Table) -> Result<(), Error> {
        let known: Vec<String> = leaves(&self.values)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        for (key, _) in leaves(table) {
            let bare = match key.strip_prefix("stages.") {
                Some(rest) => {
                    let (stage, bare) = rest.split_once('.').unwrap_or((rest, ""));
                    let stage = stage.strip_suffix("-mbpp").unwrap_or(stage);
                    stage
                        .parse::<StageName>()
                        .map_err(|detail| Error::BadValue {
                            origin: origin.to_owned(),
                            key: key.clone(),
                            detail,
                        })?;
                    bare.to_owned()
                }
                None => key.clone(),
            };
            if !known.contains(&bare) {
                let names = known.iter().map(String::as_str);
                return Err(Error::UnknownKey {
                    origin: origin.to_owned(),
                    nearest: nearest(&bare, names),
                    key,
                    allowed: known.join(", "),
                });
            }
        }
        Ok(())
    }

    /// Merges a layer, its tables for this stage behind the rest of it.
    fn overlay(&mut self, origin: Option<&str>, mut layer: Table, dataset: &str) {
        let mut parts = Vec::new();
        if let Some(Value::Table(mut stages)) = layer.remove("stages") {
            let stage = self.stage.name();
            parts.push(stages.remove(stage));
            if dataset.contains("mbpp") {
                parts.push(stages.remove(&format!("{stage}-mbpp")));
            }
        }
        let parts = parts.into_iter().flatten().filter_map(|part| match part {
            Value::Table(part) => Some(part),
            _ => None,
        });
        for part in std::iter::once(layer).chain(parts) {
            if let Some(origin) = origin {
                for (key, _) in leaves(&part) {
                    self.origins.insert(key, origin.to_owned());
                }
            }
            merge(&mut self.values, part);
        }
    }
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((first, rest)) => lookup(table.get(first)?.as_table()?, rest),
        None => table.get(key),
    }
}

/// Values that are no tables, by dotted key.
fn leaves(table: &Table) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => found.extend(
                leaves(inner)
                    .into_iter()
                    .map(|(rest, value)| (format!("{key}.{rest}"), value)),
            ),
            value => found.push((key.clone(), value)),
        }
    }
    found
}
