//! A TOML file as a tree that remembers lines and the order in which things are written.
//!
//! Order matters here: rows of tables stand as they do in the file. Values stay as they are
//! written (`5e-4`), since they become arguments of commands.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::{StudyFile, StudyFiles};
use crate::error::{Error, nearest};

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// As written.
    Number(String),
    Flag(bool),
    List(Vec<Item>),
    Table(Vec<Entry>),
}

/// One of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) node: Node,
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a file.
pub(super) fn parse(file: &StudyFile) -> Result<Vec<Entry>, Error> {
    let table = DeTable::parse(&file.text).map_err(|error| Error::Syntax {
        origin: match error.span() {
            Some(span) => file.origin(file.line(span.start)),
            None => format!("`{}`", file.name),
        },
        detail: error.message().to_owned(),
    })?;
    entries(file, table.into_inner())
}

fn entries(file: &StudyFile, table: DeTable<'_>) -> Result<Vec<Entry>, Error> {
    let mut pairs: Vec<_> = table.into_iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
        .into_iter()
        .map(|(key, value)| {
            let line = file.line(key.span().start);
            Ok(Entry {
                key: key.into_inner().into_owned(),
                line,
                node: node(file, value)?,
            })
        })
        .collect()
}

fn node(file: &StudyFile, value: Spanned<DeValue<'_>>) -> Result<Node, Error> {
    let line = file.line(value.span().start);
    Ok(match value.into_inner() {
        DeValue::String(text) => Node::Text(text.into_owned()),
        DeValue::Integer(number) => Node::Number(number.to_string()),
        DeValue::Float(number) => Node::Number(number.to_string()),
        DeValue::Boolean(flag) => Node::Flag(flag),
        DeValue::Datetime(_) => {
            return Err(Error::Syntax {
                origin: file.origin(line),
                detail: "a study has no dates; put it in quotation marks".to_owned(),
            });
        }
        DeValue::Array(items) => Node::List(
            items
                .into_iter()
                .map(|item| {
                    Ok(Item {
                        line: file.line(item.span().start),
                        node: node(file, item)?,
                    })
                })
                .collect::<Result<_, Error>>()?,
        ),
        DeValue::Table(table) => Node::Table(entries(file, table)?),
    })
}

/// Puts `over` on top: tables key by key, everything else as a whole.
pub(super) fn overlay(under: &mut Vec<Entry>, over: Vec<Entry>) {
    for entry in over {
        match under.iter_mut().find(|it| it.key == entry.key) {
            None => under.push(entry),
            Some(found) => match (&mut found.node, entry.node) {
                (Node::Table(under), Node::Table(over)) => overlay(under, over),
                (place, node) => {
                    *place = node;
                    found.line = entry.line;
                }
            },
        }
    }
}

/// What stands for `${name}`.
#[derive(Default)]
pub(super) struct Variables {
    pub(super) values: BTreeMap<String, String>,
    /// What gives a value to one without, other than `--set`; for messages.
    pub(super) otherwise: &'static str,
}

/// Replaces `${name}` in all texts; `${seed}` is left for later.
pub(super) fn substitute(
    files: &StudyFiles,
    entries: &mut [Entry],
    values: &Variables,
) -> Result<(), Error> {
    for entry in entries {
        in_node(files, entry.line, &entry.key, &mut entry.node, values)?;
    }
    Ok(())
}

fn in_node(
    files: &StudyFiles,
    line: usize,
    key: &str,
    node: &mut Node,
    values: &Variables,
) -> Result<(), Error> {
    match node {
        Node::Text(text) => *text = replaced(files, line, key, text, values)?,
        Node::Number(_) | Node::Flag(_) => {}
        Node::List(items) => {
            for item in items {
                in_node(files, item.line, key, &mut item.node, values)?;
            }
        }
        Node::Table(entries) => substitute(files, entries, values)?,
    }
    Ok(())
}

/// What stands for the seed of a repetition.
pub(super) const SEED: &str = "seed";

fn replaced(
    files: &StudyFiles,
    line: usize,
    key: &str,
    text: &str,
    values: &Variables,
) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        rest = after;
        let refused = |detail| files.refused(line, key, detail);
        match values.values.get(name) {
            _ if name == SEED => out.push_str("${seed}"),
            Some(value) if value.is_empty() => {
                return Err(refused(format!(
                    "variable `{name}` has no value; give it one with `--set {name}=VALUE`{}",
                    values.otherwise
                )));
            }
            Some(value) => out.push_str(value),
            None => {
                let known = values.values.keys().map(String::as_str);
                let hint = nearest(name, known)
                    .map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
                return Err(refused(format!(
                    "there is no variable `{name}`{hint}; variables stand in `[variables]`"
                )));
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Keys of a table, taken one by one.
pub(super) struct Section<'a> {
    pub(super) files: &'a StudyFiles,
    /// Such as `stages.sft`; empty for the whole file.
    pub(super) path: String,
    pub(super) line: usize,
    entries: Vec<&'a Entry>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(files: &'a StudyFiles, entries: &'a [Entry]) -> Self {
        Self {
            files,
            path: String::new(),
            line: 1,
            entries: entries.iter().collect(),
            known: Vec::new(),
        }
    }

    /// The table that an entry of this section holds.
    pub(super) fn of(&self, entry: &'a Entry) -> Result<Self, Error> {
        let path = self.key(&entry.key);
        match &entry.node {
            Node::Table(entries) => Ok(Self {
                path,
                line: entry.line,
                ..Self::new(self.files, entries)
            }),
            other => Err(self.refused(
                entry.line,
                &path,
                format!("is {}, and should be a table", other.kind()),
            )),
        }
    }

    /// The table that is one of a list.
    pub(super) fn of_item(&self, key: &str, item: &'a Item) -> Result<Self, Error> {
        match &item.node {
            Node::Table(entries) => Ok(Self {
                path: key.to_owned(),
                line: item.line,
                ..Self::new(self.files, entries)
            }),
            other => Err(self.refused(
                item.line,
                key,
                format!("has {} where a table should be", other.kind()),
            )),
        }
    }

    pub(super) fn key(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    pub(super) fn refused(&self, line: usize, key: &str, detail: String) -> Error {
        self.files.refused(line, key, detail)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// The tables in table `key`, in their order.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, Error> {
        let Some(entry) = self.take(key) else {
            return Ok(Vec::new());
        };
        let section = self.of(entry)?;
        let tables = section.entries.iter();
        tables.map(|entry| section.of(entry)).collect()
    }

    /// The tables of a list of tables.
    pub(super) fn table_list(&mut self, key: &'static str) -> Result<Vec<Self>, Error> {
        let items = self.list(key)?.unwrap_or_default();
        let path = self.key(key);
        items.iter().map(|item| self.of_item(&path, item)).collect()
    }

    pub(super) fn list(&mut self, key: &'static str) -> Result<Option<&'a [Item]>, Error> {
        let Some(entry) = self.take(key) else {
            return Ok(None);
        };
        match &entry.node {
            Node::List(items) => Ok(Some(items)),
            other => {
                let detail = format!("is {}, and should be a list", other.kind());
                Err(self.refused(entry.line, &self.key(key), detail))
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Error> {
        let Some(entry) = self.take(key) else {
            return Ok(None);
        };
        match &entry.node {
            Node::Text(text) => Ok(Some(text.clone())),
            other => {
                let detail = format!("is {}, and should be a text", other.kind());
                Err(self.refused(entry.line, &self.key(key), detail))
            }
        }
    }

    /// A value that can be written as a text or as a number.
    pub(super) fn parsed<T>(&mut self, key: &'static str) -> Result<Option<T>, Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let Some(entry) = self.take(key) else {
            return Ok(None);
        };
        self.parse(entry.line, key, &entry.node).map(Some)
    }

    pub(super) fn parsed_list<T>(&mut self, key: &'static str) -> Result<Option<Vec<T>>, Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let Some(items) = self.list(key)? else {
            return Ok(None);
        };
        let items = items.iter();
        items
            .map(|item| self.parse(item.line, key, &item.node))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn parse<T>(&self, line: usize, key: &str, node: &Node) -> Result<T, Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let (Node::Text(text) | Node::Number(text)) = node else {
            let detail = format!("is {}, and should be a value", node.kind());
            return Err(self.refused(line, &self.key(key), detail));
        };
        text.parse()
            .map_err(|error| self.refused(line, &self.key(key), format!("`{text}`: {error}")))
    }

    /// What was not taken.
    pub(super) fn rest(&self) -> &[&'a Entry] {
        &self.entries
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Some(entry) = self.entries.first() else {
            return Ok(());
        };
        Err(Error::UnknownKey {
            origin: self.files.origin(entry.line),
            key: self.key(&entry.key),
            nearest: nearest(&entry.key, self.known.iter().copied()),
            allowed: self.known.join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Entry>, Error> {
        super::parse(StudyFiles::new("f.toml", text.to_owned()).main())
    }

    #[test]
    fn order_and_lines_are_those_of_the_file() {
        let text = "b = 1\na.x = 'one'\n[z]\nk = 5e-4\n[c]\nl = [\n  1,\n  true,\n]\n";
        let found = parse(text).unwrap();
        let keys: Vec<(&str, usize)> = found.iter().map(|it| (&*it.key, it.line)).collect();
        assert_eq!(keys, [("b", 1), ("a", 2), ("z", 3), ("c", 5)]);
        let Node::Table(z) = &found[2].node else {
            panic!("{found:?}")
        };
        assert_eq!(z[0].node, Node::Number("5e-4".to_owned()), "as written");
        let Node::Table(c) = &found[3].node else {
            panic!("{found:?}")
        };
        let Node::List(items) = &c[0].node else {
            panic!("{c:?}")
        };
        assert_eq!((items[1].line, &items[1].node), (8, &Node::Flag(true)));
    }

    #[test]
    fn an_overlay_changes_what_it_names() {
        let mut under = parse("[s.a]\nx = 1\ny = 2\n[s.b]\nz = 3\n").unwrap();
        let over = parse("[s.a]\ny = 5\n[t]\nu = 1\n").unwrap();
        overlay(&mut under, over);
        let expected = parse("[s.a]\nx = 1\ny = 5\n[s.b]\nz = 3\n[t]\nu = 1\n").unwrap();
        let shape = |entries: &[Entry]| format!("{entries:?}").replace(char::is_numeric, "");
        assert_eq!(shape(&under), shape(&expected));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = parse("a = 1\nb = [\n").unwrap_err().to_string();
        assert!(error.starts_with("`f.toml`, line "), "{error}");
        let values = |model: &str| Variables {
            values: BTreeMap::from([("model".to_owned(), model.to_owned())]),
            otherwise: "",
        };
        let files = StudyFiles::new("f.toml", String::new());
        let mut entries = parse("x = 1\nm = '${model}/${seed}'\n").unwrap();
        let error = substitute(&files, &mut entries, &values("")).unwrap_err();
        let text = "`f.toml`, line 2: `m`: variable `model` has no value; give it one with \
                    `--set model=VALUE`";
        assert_eq!(error.to_string(), text);
        let mut entries = parse("m = '${modle}'\n").unwrap();
        let error = substitute(&files, &mut entries, &values("")).unwrap_err();
        assert!(
            error.to_string().contains("did you mean `model`?"),
            "{error}"
        );
        let mut entries = parse("m = '${model}/${seed}'\n").unwrap();
        substitute(&files, &mut entries, &values("dir")).unwrap();
        assert_eq!(entries[0].node, Node::Text("dir/${seed}".to_owned()));
    }
}
