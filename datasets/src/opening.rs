//! What a path holds: one file of rows, a folder of such files, or a tree of APPS problems.

use std::fs;
use std::path::{Path, PathBuf};

use harness::problem::Dataset;

use crate::apps;
use crate::catalog::HubSource;
use crate::error::Error;
use crate::form::{Context, Form, RECOGNIZED};
use crate::reading::{Reading, sha256_of_file, split_of_path};
use crate::record::Record;
use crate::rows;

/// Endings of files of rows in a folder. A file that is named itself may be called anything.
const ROW_FILES: [&str; 6] = [
    ".jsonl",
    ".jsonl.gz",
    ".json",
    ".json.gz",
    ".parquet",
    ".ndjson",
];

pub(crate) fn open_path(path: &Path) -> Result<Dataset, Error> {
    if !path.is_dir() {
        return open_files(path.parent().unwrap_or(path), &[path.to_owned()]);
    }
    if let Some(tree) = apps::tree_of(path)? {
        return Ok(apps::read_tree(&tree));
    }
    let files = row_files(path)?;
    if files.is_empty() {
        return Err(Error::NotADataset {
            path: path.to_owned(),
            detail: format!(
                "expected problem directories with `question.txt` (or `train` and `test` with \
                 such), or files named {}",
                ROW_FILES.join(", ")
            ),
        });
    }
    open_files(path, &files).map_err(|error| several_datasets(path, &files).unwrap_or(error))
}

/// What a folder holds whose files make no one dataset; `None` where none of them is one.
fn several_datasets(path: &Path, files: &[PathBuf]) -> Option<Error> {
    let folders = fs::read_dir(path).ok()?;
    let mut parts: Vec<PathBuf> = folders
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && matches!(apps::tree_of(path), Ok(Some(_))))
        .chain(files.iter().cloned())
        .collect();
    parts.sort();
    let readable: Vec<String> = parts
        .iter()
        .filter_map(|part| {
            let n_problems = open_path(part).ok()?.problems.len();
            let s = if n_problems == 1 { "" } else { "s" };
            (n_problems > 0).then(|| format!("`{}` ({n_problems} problem{s})", part.display()))
        })
        .collect();
    (!readable.is_empty()).then(|| Error::SeveralDatasets {
        path: path.to_owned(),
        readable,
    })
}

/// Reads files of rows as one dataset; `root` shortens their names.
pub(crate) fn open_files(root: &Path, files: &[PathBuf]) -> Result<Dataset, Error> {
    let mut reading = Reading::default();
    let mut found: Option<(&'static str, &Path)> = None;
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy();
        let dataset_name = read_rows(file, &name, &mut reading)?;
        match found {
            Some((before, first)) if before != dataset_name => {
                return Err(Error::NotADataset {
                    path: root.to_owned(),
                    detail: format!(
                        "`{}` is {before} and `{name}` is {dataset_name}; name one of them",
                        first.strip_prefix(root).unwrap_or(first).display()
                    ),
                });
            }
            _ => found = Some((dataset_name, file)),
        }
        reading.add_digest(name, sha256_of_file(file)?);
    }
    let (name, _) = found.ok_or_else(|| Error::NotADataset {
        path: root.to_owned(),
        detail: "no files".to_owned(),
    })?;
    Ok(reading.finish(name))
}

/// Reads one file in whatever form its first sound row has; returns the dataset's name.
fn read_rows(path: &Path, name: &str, reading: &mut Reading) -> Result<&'static str, Error> {
    let context = Context {
        split: split_of_path(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())),
        id_prefix: None,
    };
    let mut rows = RowReader::new(name, context);
    rows::for_each(path, |row, content| rows.row(row, content, reading))?;
    rows.finish()
}

/// Takes rows one by one, the form being that of the first sound one.
pub(crate) struct RowReader<'a> {
    file: &'a str,
    context: Context,
    form: Option<(Form, &'static str)>,
    /// Broken rows before the first sound one.
    broken: Vec<(usize, String)>,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(file: &'a str, context: Context) -> Self {
        Self {
            file,
            context,
            form: None,
            broken: Vec::new(),
        }
    }

    pub(crate) fn row(
        &mut self,
        number: usize,
        content: rows::RowResult,
        reading: &mut Reading,
    ) -> Result<(), Error> {
        let row = match (content, self.form) {
            (Err(reason), None) => {
                self.broken.push((number, reason));
                return Ok(());
            }
            (Err(reason), Some(_)) => {
                reading.add(&self.place(number), Err(reason.into()));
                return Ok(());
            }
            (Ok(row), _) => row,
        };
        let form = match self.form {
            Some((form, _)) => form,
            None => {
                let form = Form::of(&row).ok_or_else(|| Error::NotTheFormat {
                    file: self.file.to_owned(),
                    row: number,
                    detail: format!("keys {}", row.keys()),
                    expected: RECOGNIZED,
                })?;
                self.form = Some((form, form.dataset_name(&row)));
                for (number, reason) in std::mem::take(&mut self.broken) {
                    reading.add(&self.place(number), Err(reason.into()));
                }
                form
            }
        };
        reading.add(&self.place(number), form.problem(&row, &self.context));
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<&'static str, Error> {
        match (self.form, self.broken.into_iter().next()) {
            (Some((_, name)), _) => Ok(name),
            (None, Some((row, detail))) => Err(Error::NotTheFormat {
                file: self.file.to_owned(),
                row,
                detail,
                expected: "JSON Lines (an object a line), a JSON array of objects, or Parquet",
            }),
            (None, None) => Err(Error::NoRows {
                file: self.file.to_owned(),
            }),
        }
    }

    fn place(&self, row: usize) -> String {
        format!("`{}` row {row}", self.file)
    }
}

fn row_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let read_error = |source| Error::Read {
        path: directory.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        let name = path.to_string_lossy();
        if path.is_file() && ROW_FILES.iter().any(|suffix| name.ends_with(suffix)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The wanted files of a dataset in the Hub's cache: of the newest snapshot, or, where that
/// lacks them, of the one that was fetched. Otherwise what is missing.
pub(crate) fn hub_snapshot(
    cache: &Path,
    name: &str,
    source: &HubSource,
) -> Result<(PathBuf, Vec<PathBuf>), String> {
    let repository = cache.join(source.cache_folder());
    let newest = fs::read_to_string(repository.join("refs/main")).ok();
    let fetched = Record::read(&repository.join(Record::file_name(name))).map(|it| it.commit);
    let mut most_files = 0;
    for commit in [newest, fetched].into_iter().flatten() {
        let snapshot = repository.join("snapshots").join(commit.trim());
        let files = wanted_files(&snapshot, source);
        if files.len() >= source.n_files {
            return Ok((snapshot, files));
        }
        most_files = most_files.max(files.len());
    }
    Err(format!(
        "`{}` in the Hub cache `{}` (which has {most_files} of {} files)",
        source.repository,
        cache.display(),
        source.n_files
    ))
}

fn wanted_files(snapshot: &Path, source: &HubSource) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(snapshot.join(source.folder)) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let relative = path.strip_prefix(snapshot).unwrap_or(path);
            path.is_file() && source.wants(&relative.to_string_lossy())
        })
        .collect();
    files.sort();
    files
}
