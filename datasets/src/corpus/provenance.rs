//! Under which licence a file is: what the file itself says, else the nearest folder above it with
//! a licence text, or the installed package that it belongs to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::files::Found;
use super::license::by_name;
use super::terms::Terms;

/// Terms, and the file that they are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) terms: Terms,
    pub(super) from: PathBuf,
}

/// The licences of all folders with files of a corpus, and of those above them up to the folders
/// that were named.
pub(super) struct Licenses {
    folders: BTreeMap<PathBuf, FolderLicenses>,
}

#[derive(Default)]
struct FolderLicenses {
    /// Of texts such as `LICENSE`.
    text: Option<Statement>,
    /// Of packages that are installed here.
    packages: Vec<Statement>,
    /// Index of the package that a file, or a folder of this one, belongs to.
    owners: HashMap<PathBuf, usize>,
}

impl Licenses {
    pub(super) fn read(files: &[Found], roots: &[PathBuf]) -> Self {
        let mut folders = BTreeSet::new();
        for file in files {
            let root = &roots[file.folder];
            let above = file.path.ancestors().skip(1);
            for folder in above.take_while(|folder| folder.starts_with(root)) {
                if !folders.insert(folder.to_owned()) {
                    break;
                }
            }
        }
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        let folders = folders
            .into_par_iter()
            .map(|folder| {
                let licenses = FolderLicenses::read(&folder);
                (folder, licenses)
            })
            .collect();
        Self { folders }
    }

    /// What is said of this file, the file's own text aside.
    pub(super) fn of(&self, file: &Path) -> Option<&Statement> {
        let above = file.ancestors().skip(1);
        above
            .map_while(|folder| Some((folder, self.folders.get(folder)?)))
            .find_map(|(folder, licenses)| {
                let below = file.strip_prefix(folder).ok()?;
                licenses.owner(below).or(licenses.text.as_ref())
            })
    }
}

impl FolderLicenses {
    fn read(folder: &Path) -> Self {
        let mut licenses = Self::default();
        let mut texts = Vec::new();
        // One that cannot be read says nothing; its files cannot be read either.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".dist-info") || name.ends_with(".egg-info") {
                licenses.add_package(&path);
            } else if is_license_file(&name) && path.is_file() {
                texts.push(path);
            }
        }
        licenses.text = of_texts(&texts);
        licenses
    }

    /// `below`: a path below this folder.
    fn owner(&self, below: &Path) -> Option<&Statement> {
        let first = Path::new(below.components().next()?.as_os_str());
        let index = self.owners.get(below).or_else(|| self.owners.get(first))?;
        Some(&self.packages[*index])
    }

    fn add_package(&mut self, info: &Path) {
        let metadata = ["METADATA", "PKG-INFO"].map(|name| info.join(name));
        let file = if info.is_file() {
            info.to_owned()
        } else {
            match metadata.into_iter().find(|file| file.is_file()) {
                Some(file) => file,
                None => return,
            }
        };
        let Some(statement) = of_metadata(&file).or_else(|| of_texts(&license_files(info))) else {
            return;
        };
        let index = self.packages.len();
        self.packages.push(statement);
        let listed = |name: &str| fs::read_to_string(info.join(name)).unwrap_or_default();
        for line in listed("RECORD").lines() {
            let path = match line.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next(),
                None => line.split(',').next(),
            };
            self.owners
                .insert(PathBuf::from(path.unwrap_or_default()), index);
        }
        // Installed without a list of files.
        for name in listed("top_level.txt").lines() {
            self.owners.entry(PathBuf::from(name)).or_insert(index);
            let module = PathBuf::from(format!("{name}.py"));
            self.owners.entry(module).or_insert(index);
        }
    }
}

fn is_license_file(name: &str) -> bool {
    const NAMES: [&str; 5] = ["license", "licence", "copying", "unlicense", "licenses"];
    const OTHERS: [&str; 6] = [".py", ".pyc", ".json", ".in", ".html", ".rtf"];
    let name = name.to_lowercase();
    let stem = name.split(['.', '-', '_']).next().unwrap_or_default();
    NAMES.contains(&stem)
        && !OTHERS.iter().any(|ending| name.ends_with(ending))
        // What else is in a package, in other languages as a rule.
        && !["third", "3rd", "bundled"].iter().any(|other| name.contains(other))
}

/// A file that refers to others is short.
const SHORT: usize = 1000;

fn of_texts(files: &[PathBuf]) -> Option<Statement> {
    let mut terms = Vec::new();
    let mut unknown = Vec::new();
    for file in files {
        let Ok(bytes) = fs::read(file) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match Terms::of_text(&text) {
            Some(found) => terms.push(found),
            None => unknown.push((text.len(), Terms::Unknown(format!("text of {name}")))),
        }
    }
    if !terms.is_empty() {
        unknown.retain(|(length, _)| *length > SHORT);
    }
    terms.extend(unknown.into_iter().map(|(_, terms)| terms));
    Some(Statement {
        terms: Terms::all(terms)?,
        from: files.first()?.clone(),
    })
}

/// The licence files in the folder of a package's metadata.
fn license_files(info: &Path) -> Vec<PathBuf> {
    let folders = [info.to_owned(), info.join("licenses")];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_file() && is_license_file(&name)
        })
        .collect();
    files.sort();
    files
}

/// `License-Expression`, else `License`, else the classifiers, whichever says something known
/// first: what the authors say, before what they ship.
fn of_metadata(file: &Path) -> Option<Statement> {
    let bytes = fs::read(file).ok()?;
    let fields = fields(&String::from_utf8_lossy(&bytes));
    let of = |terms| {
        Some(Statement {
            terms,
            from: file.to_owned(),
        })
    };
    let values = |key: &str| -> Vec<&str> {
        let of_key = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(key));
        of_key.map(|(_, value)| value.as_str()).collect()
    };
    if let Some(expression) = values("License-Expression").first() {
        return of(Terms::of_expression(expression));
    }
    if let Some(text) = values("License").first() {
        let terms = match Terms::of_expression(text) {
            Terms::Unknown(_) => Terms::of_text(text),
            terms => Some(terms),
        };
        if let Some(terms) = terms {
            return of(terms);
        }
    }
    let classifiers = values("Classifier");
    let classified = classifiers.iter().filter_map(|classifier| {
        let name = classifier
            .strip_prefix("License :: ")?
            .rsplit(" :: ")
            .next()?;
        match by_name(name) {
            Some(family) => Some(Terms::One(family)),
            None if name == "OSI Approved" => None,
            None => Some(Terms::Unknown(name.to_owned())),
        }
    });
    of(Terms::all(classified.collect())?)
}

/// The fields of a mail header, which metadata is: a line that begins with white space goes on
/// with the one before.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

/// What the head of a file says of its own licence.
pub(super) fn in_header(text: &str) -> Option<Terms> {
    const BYTES: usize = 4000;
    const TAG: &str = "SPDX-License-Identifier:";
    let head = &text[..text.floor_char_boundary(BYTES)];
    // Behind a comment sign: a string with the tag is no statement.
    let tagged = head.lines().find_map(|line| {
        let (before, after) = line.split_once(TAG)?;
        before.trim_end().ends_with('#').then_some(after)
    });
    match tagged {
        Some(expression) => Some(Terms::of_expression(expression.trim())),
        None => Terms::of_text(head),
    }
}

#[cfg(test)]
mod tests {
    use super::super::license::Family;
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    const MIT: &str = "Permission is hereby granted, free of charge, to any person obtaining … \
                       this permission notice";
    const GPL: &str = "GNU General Public License";

    #[test]
    fn the_nearest_statement_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let metadata = |fields: &str| format!("Metadata-Version: 2.1\n{fields}\n\nLicense: GPL\n");
        for (path, text) in [
            ("a/LICENSE", GPL),
            ("a/b/LICENSE-MIT", MIT),
            ("a/b/LICENSE", "See the other file."),
            (
                "one-1.dist-info/METADATA",
                &metadata("License-Expression: MIT OR GPL-2.0"),
            ),
            (
                "one-1.dist-info/RECORD",
                "one/x.py,sha256=…,7\n\"one,more.py\",,\n",
            ),
            (
                "two-1.egg-info/PKG-INFO",
                &metadata("License: BSD\nName: two"),
            ),
            ("two-1.egg-info/top_level.txt", "two\n_two\n"),
            (
                "three-1.dist-info/METADATA",
                &metadata("Classifier: License :: OSI Approved :: ISC License (ISCL)"),
            ),
            ("three-1.dist-info/RECORD", "three/x.py,,\n"),
            (
                "four-1.dist-info/METADATA",
                &metadata(
                    "License: Permission is hereby granted, free\n        of charge, to any person obtaining\n        permission notice",
                ),
            ),
            ("four-1.dist-info/RECORD", "four/x.py,,\n"),
            (
                "five-1.dist-info/METADATA",
                &metadata("License: Proprietary"),
            ),
            ("five-1.dist-info/RECORD", "five/x.py,,\n"),
            ("five-1.dist-info/licenses/LICENSE", "Keep out."),
        ] {
            write(root, path, text);
        }
        let check = |path: &str, expected: Option<&str>| {
            write(root, path, "x = 1");
            let roots = [root.to_owned()];
            let files = super::super::files::list(&roots).unwrap();
            let licenses = Licenses::read(&files, &roots);
            let terms = licenses.of(&root.join(path)).map(|it| it.terms.to_string());
            assert_eq!(terms.as_deref(), expected, "{path}");
        };
        check("a/x.py", Some("gpl"));
        check("a/c/d/x.py", Some("gpl"));
        check("a/b/c/x.py", Some("mit"));
        check("one/x.py", Some("mit OR gpl"));
        check("one,more.py", Some("mit OR gpl"));
        check("one/added.py", None);
        check("two/deep/x.py", Some("bsd"));
        check("_two.py", Some("bsd"));
        check("three/x.py", Some("isc"));
        check("four/x.py", Some("mit"));
        check("five/x.py", Some("text of LICENSE"));
        check("nobody.py", None);
    }

    #[test]
    fn a_file_may_speak_for_itself() {
        let check = |text: &str, expected: Option<bool>| {
            let allowed = in_header(text).map(|terms| terms.allowed(&Family::PAPER));
            assert_eq!(allowed, expected, "{text}");
        };
        check("# SPDX-License-Identifier: Apache-2.0\nx = 1", Some(true));
        check("#SPDX-License-Identifier: GPL-3.0-only\n", Some(false));
        check("TAG = 'SPDX-License-Identifier: GPL-3.0'", None);
        check(
            "# under the GNU General Public\n# License, version 3",
            Some(false),
        );
        check("import os", None);
    }
}
