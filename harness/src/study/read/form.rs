//! Which tables of a file count: what it includes lies under it, forms go on top.

use super::super::document::{Entry, Node, overlay, parse};
use super::super::files::StudyFiles;
use super::Overrides;
use crate::error::Error;

/// Keys that are gone when the rest is read.
pub(super) const OF_FORMS: [&str; 4] = ["include", "variables", "built-in", "mini"];

/// The tables of a study in one form.
pub(super) struct InForm {
    pub(super) entries: Vec<Entry>,
    /// There is a form on the built-in suite, and it was not asked for.
    pub(super) could_be_built_in: bool,
}

/// The form that is asked for, from the lowest layer to the highest: what is included, the file
/// itself, its `[built-in]`, and both files' `[mini]`.
pub(super) fn in_form(files: &mut StudyFiles, asked: &Overrides) -> Result<InForm, Error> {
    let mut own = parse(files.main())?;
    let own_mini = form(files, &mut own, "mini")?;
    let built_in = form(files, &mut own, "built-in")?;
    let could_be_built_in = built_in.is_some() && !asked.built_in;
    if asked.built_in {
        let tables = built_in.ok_or_else(|| no_form(files, "built-in", "--built-in"))?;
        overlay(&mut own, tables);
    }
    let mut entries = Vec::new();
    let mut mini = None;
    if let Some(entry) = taken(&mut own, "include") {
        let Node::Text(path) = &entry.node else {
            let detail = "should be a text: the path of another file, from the folder of this one";
            return Err(files.refused(entry.line, "include", detail.to_owned()));
        };
        entries = parse(files.include(entry.line, path)?)?;
        mini = form(files, &mut entries, "mini")?;
        for key in ["include", "built-in"] {
            if let Some(entry) = taken(&mut entries, key) {
                let detail = "stands in a file that is included, and has no effect there; write \
                              it into the study";
                return Err(files.refused(entry.line, key, detail.to_owned()));
            }
        }
    }
    overlay(&mut entries, own);
    if asked.mini {
        if own_mini.is_none() && mini.is_none() {
            return Err(no_form(files, "mini", "--mini"));
        }
        for tables in [mini, own_mini].into_iter().flatten() {
            overlay(&mut entries, tables);
        }
    }
    Ok(InForm {
        entries,
        could_be_built_in,
    })
}

fn taken(entries: &mut Vec<Entry>, key: &str) -> Option<Entry> {
    let at = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(at))
}

fn form(
    files: &StudyFiles,
    entries: &mut Vec<Entry>,
    key: &str,
) -> Result<Option<Vec<Entry>>, Error> {
    match taken(entries, key) {
        None => Ok(None),
        Some(Entry {
            node: Node::Table(tables),
            ..
        }) => Ok(Some(tables)),
        Some(entry) => Err(files.refused(entry.line, key, "should be a table".to_owned())),
    }
}

fn no_form(files: &StudyFiles, key: &str, option: &str) -> Error {
    let detail = format!("the study has no `[{key}]` table, which says what {option} changes");
    files.refused(1, key, detail)
}
