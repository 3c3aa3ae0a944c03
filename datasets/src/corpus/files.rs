//! The Python files of folders, in an order that does not depend on the file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file, and the folder below which it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path below the folder, with `/`; behind the folder's name where there are several.
    pub(super) id: String,
    pub(super) path: PathBuf,
    /// Index into the folders.
    pub(super) folder: usize,
}

/// All files of these folders that end with `.py`, by id. Links are not followed, and hidden
/// folders and caches not entered.
pub(super) fn list(folders: &[PathBuf]) -> Result<Vec<Found>, Error> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        let mut files = Vec::new();
        walk(folder, &mut files)?;
        let prefix = match folders.len() {
            1 => String::new(),
            _ => {
                let name = name_of(folder);
                let seen = names.entry(name.clone()).or_default();
                *seen += 1;
                match seen {
                    1 => format!("{name}/"),
                    n => format!("{name}~{n}/"),
                }
            }
        };
        for path in files {
            let below = path.strip_prefix(folder).expect("found there");
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            found.push(Found {
                id: format!("{prefix}{}", parts.join("/")),
                path,
                folder: index,
            });
        }
    }
    found.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    // Two names that are not UTF-8 may look alike.
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

pub(super) fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize();
    let name = whole.as_deref().unwrap_or(folder).file_name();
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let kind = entry.file_type().map_err(read)?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            if !name.starts_with('.') && name != "__pycache__" {
                walk(&path, files)?;
            }
        } else if kind.is_file() && name.ends_with(".py") {
            files.push(path);
        }
    }
    Ok(())
}
