//! What the stages of a plan depend on besides their commands: files that they name, and what
//! judges programs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harness::store::{JUDGE_FINGERPRINT, sha256_of_file, sha256_of_json};
use harness::study::{Piece, Plan, PlannedStage};
use sandbox::Installation;

use crate::context::Context;

/// Gives the stages their identities.
pub(super) fn identify(context: &Context, plan: &mut Plan) -> Result<()> {
    let judges = plan.stages.iter().any(judges);
    let guest = match judges {
        true => sha256_of_file(&context.places.guest()?)?,
        false => String::new(),
    };
    let numpy = Installation::new(&context.places.cache);
    let numpy = numpy.is_installed().then(|| {
        // Its name has the digest of what it was made of.
        let name = numpy.directory().file_name();
        name.unwrap_or_default().to_string_lossy().into_owned()
    });
    let seen: RefCell<BTreeMap<PathBuf, String>> = RefCell::default();
    let failed: RefCell<Option<anyhow::Error>> = RefCell::default();
    plan.identify(|stage| {
        let mut outside = BTreeMap::new();
        if self::judges(stage) {
            outside.insert("the guest".to_owned(), guest.clone());
            if let Some(numpy) = &numpy {
                outside.insert("the numpy guest".to_owned(), numpy.clone());
            }
            let judge = format!("{JUDGE_FINGERPRINT}, {}", env!("CARGO_PKG_VERSION"));
            outside.insert("the judge".to_owned(), judge);
        }
        for path in named_paths(stage) {
            let mut seen = seen.borrow_mut();
            let digest = match seen.get(&path) {
                Some(digest) => Ok(digest.clone()),
                None => digest(&path),
            };
            match digest {
                Ok(digest) => {
                    seen.insert(path.clone(), digest.clone());
                    outside.insert(format!("`{}`", path.display()), digest);
                }
                Err(error) => *failed.borrow_mut() = Some(error),
            }
        }
        outside
    });
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Whether verdicts come of it.
fn judges(stage: &PlannedStage) -> bool {
    let is_online = |piece: &Piece| matches!(piece, Piece::Text(text) if text == "--online");
    ["run", "score", "audit"].contains(&stage.command.as_str())
        || stage.arguments.iter().any(is_online)
}

/// Files and folders that the arguments name, also as words of a command. A name alone is none:
/// `apps` is a dataset, also where a folder is called so.
fn named_paths(stage: &PlannedStage) -> Vec<PathBuf> {
    let texts = stage.arguments.iter().filter_map(|piece| match piece {
        Piece::Text(text) if !text.starts_with("--") => Some(text),
        _ => None,
    });
    let words = texts.flat_map(|text| text.split_whitespace());
    let paths = words
        .filter(|word| word.contains(['/', '.']))
        .map(PathBuf::from);
    paths.filter(|path| path.exists()).collect()
}

/// Of a file its content; of a folder, which may hold gigabytes, names and sizes of its files.
fn digest(path: &Path) -> Result<String> {
    if path.is_file() {
        return Ok(sha256_of_file(path)?);
    }
    let mut files = Vec::new();
    list(path, path, &mut files).with_context(|| format!("cannot list `{}`", path.display()))?;
    files.sort();
    Ok(sha256_of_json(&files))
}

fn list(root: &Path, folder: &Path, files: &mut Vec<(String, u64)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = std::fs::metadata(&path)?;
        if metadata.is_dir() {
            list(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path);
            files.push((name.display().to_string(), metadata.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_by_content_and_folders_by_names_and_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        let mut seen = Vec::new();
        for text in ["one", "two", "three"] {
            std::fs::write(&file, text).unwrap();
            seen.push((digest(&file).unwrap(), digest(folder.path()).unwrap()));
        }
        assert_ne!(seen[0].0, seen[1].0);
        assert_eq!(seen[0].1, seen[1].1, "as long as before");
        assert_ne!(seen[1].1, seen[2].1);
    }
}
