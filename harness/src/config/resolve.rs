//! Options from several places become settings, and each value remembers its place.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::options::Options;
use super::settings::{Refused, Settings};
use crate::error::{Error, nearest};
use crate::store::SettingRecord;

/// The commented defaults; also a template for a file of one's own.
pub fn default_toml() -> &'static str {
    include_str!("default.toml")
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// Options from one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub origin: Origin,
    pub options: Options,
}

impl Layer {
    /// Options from `text`, the content of the settings file `path`.
    ///
    /// # Errors
    /// When it is not TOML, has a key that does not exist, or a value of the wrong type.
    pub fn from_toml(path: &Path, text: &str) -> Result<Self, Error> {
        Self::parse(Origin::File(path.to_owned()), text)
    }

    /// Options given as arguments.
    pub fn command_line(options: Options) -> Self {
        Self {
            origin: Origin::CommandLine,
            options,
        }
    }

    fn defaults() -> Result<Self, Error> {
        Self::parse(Origin::Default, default_toml())
    }

    fn parse(origin: Origin, text: &str) -> Result<Self, Error> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| Error::Syntax {
                origin: origin.to_string(),
                detail: error.to_string().trim_end().to_owned(),
            })?;
        let keys = Options::keys();
        if let Some(key) = table.keys().find(|key| !keys.contains(&key.as_str())) {
            return Err(Error::UnknownKey {
                origin: origin.to_string(),
                key: key.clone(),
                nearest: nearest(key, keys.iter().copied()),
                allowed: keys.join(", "),
            });
        }
        // One at a time, so that an error is known to be about this key.
        for (key, value) in &table {
            let single = toml::Table::from_iter([(key.clone(), value.clone())]);
            Options::deserialize(single).map_err(|error| Error::BadValue {
                origin: origin.to_string(),
                key: key.clone(),
                detail: error.message().to_owned(),
            })?;
        }
        let options = Options::deserialize(table).expect("each key was read by itself");
        Ok(Self { origin, options })
    }
}

/// Settings, and where each comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    pub settings: Settings,
    /// Every key, also those without a value.
    pub records: BTreeMap<String, SettingRecord>,
}

impl Resolved {
    /// The defaults with `layers` over them, the last on top. Tables are merged entry by entry.
    ///
    /// # Errors
    /// When a value is out of its range, naming its place, its key and the range.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Result<Self, Error> {
        let mut values: Map<String, Value> = Map::new();
        let mut origins: BTreeMap<String, Origin> = BTreeMap::new();
        for Layer { origin, options } in std::iter::once(Layer::defaults()?).chain(layers) {
            let Value::Object(layer) =
                serde_json::to_value(&options).expect("options are serialisable")
            else {
                unreachable!("a struct becomes an object")
            };
            for (key, value) in layer {
                if has_null(&value) {
                    // JSON has no NaN and no infinity, and what is not set is left out.
                    return Err(Error::BadValue {
                        origin: origin.to_string(),
                        key,
                        detail: "is not a finite number".to_owned(),
                    });
                }
                merge(values.entry(key.clone()).or_insert(Value::Null), value);
                origins.insert(key, origin.clone());
            }
        }
        let records = Options::keys()
            .iter()
            .map(|&key| {
                let record = SettingRecord {
                    value: values.get(key).cloned(),
                    origin: origins.get(key).unwrap_or(&Origin::Default).to_string(),
                };
                (key.to_owned(), record)
            })
            .collect();

        let options: Options =
            serde_json::from_value(Value::Object(values)).expect("options read back");
        let settings =
            Settings::new(options).map_err(|Refused { key, detail }| Error::BadValue {
                origin: origins.get(key).unwrap_or(&Origin::Default).to_string(),
                key: key.to_owned(),
                detail,
            })?;
        let resolved = Self { settings, records };
        resolved.check_k_against_n(&origins)?;
        Ok(resolved)
    }

    /// pass@k needs k candidates. A k that was asked for and cannot be had is refused before
    /// anything is judged; a default k is left to the metric to decline.
    fn check_k_against_n(&self, origins: &BTreeMap<String, Origin>) -> Result<(), Error> {
        let Some(n) = self.settings.sampling.n_samples else {
            return Ok(());
        };
        let metrics = &self.settings.metrics;
        let largest = [
            ("k", metrics.k.last().copied()),
            ("n-at-k", metrics.n_at_k.iter().map(|pair| pair.k).max()),
        ];
        for (key, k) in largest {
            let origin = origins.get(key).unwrap_or(&Origin::Default);
            if let Some(k) = k
                && k > n
                && *origin != Origin::Default
            {
                return Err(Error::BadValue {
                    origin: origin.to_string(),
                    key: key.to_owned(),
                    detail: format!(
                        "k = {k} needs at least {k} candidates for each problem, and \
                         `n-samples` is {n}"
                    ),
                });
            }
        }
        Ok(())
    }

    /// The settings as TOML, each with its origin as a comment. Keys without a value are
    /// comments.
    pub fn show(&self) -> String {
        let mut text = String::new();
        for key in Options::keys() {
            let SettingRecord { value, origin } = &self.records[*key];
            match value {
                Some(value) => {
                    let value = toml::Value::try_from(value).expect("it came from TOML");
                    writeln!(text, "{key} = {value}  # {origin}")
                }
                None => writeln!(text, "# {key} is not set"),
            }
            .expect("writing to a string");
        }
        text
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(entries) => entries.values().any(has_null),
        _ => false,
    }
}

fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => under.extend(over),
        (under, over) => *under = over,
    }
}
