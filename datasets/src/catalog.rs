//! The datasets that have a name, and where their files are looked for.

use std::path::{Path, PathBuf};

use harness::problem::{Dataset, Split};

use crate::builtin::{self, builtin};
use crate::error::Error;
use crate::micro;
use crate::opening;

/// Directories in which named datasets are looked for, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// `--data-dir`, `CODERL_DATA`.
    pub data_dir: Option<PathBuf>,
    /// Cache of the Hugging Face Hub (`…/huggingface/hub`).
    pub hub_cache: Option<PathBuf>,
}

/// A dataset with a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub name: &'static str,
    /// For lists on screen.
    pub title: &'static str,
    /// Where it may lie below a data directory; the first that exists counts.
    pub paths: &'static [&'static str],
    /// Where it comes from; `None` for what is part of the program.
    pub hub: Option<HubSource>,
    /// What is taken where neither a split nor problems are asked for; `None` for all.
    pub default_split: Option<Split>,
}

/// Files of a dataset repository on the Hugging Face Hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubSource {
    /// `owner/name`.
    pub repository: &'static str,
    /// Folder of the files; empty for the top. Releases rename files, not folders.
    pub folder: &'static str,
    /// How the names of the wanted files end.
    pub suffix: &'static str,
    /// Number of files there have to be.
    pub n_files: usize,
}

impl HubSource {
    /// Folder of the repository in the Hub's cache.
    pub(crate) fn cache_folder(&self) -> String {
        format!("datasets--{}", self.repository.replace('/', "--"))
    }

    /// Whether a file of the repository is one of the wanted.
    pub fn wants(&self, path: &str) -> bool {
        let in_folder = match path.rsplit_once('/') {
            Some((folder, _)) => folder == self.folder,
            None => self.folder.is_empty(),
        };
        in_folder && path.ends_with(self.suffix)
    }
}

/// Every dataset with a name.
pub const KNOWN: &[Known] = &[
    Known {
        name: builtin::NAME,
        title: "the project's own 40 problems in APPS and MBPP form, part of this program",
        paths: &[],
        hub: None,
        default_split: None,
    },
    Known {
        name: micro::APPS,
        title: "generated suite in APPS form, version 1: 6,000 train, 300 validation, 500 test",
        paths: &[],
        hub: None,
        default_split: Some(Split::Test),
    },
    Known {
        name: micro::MBPP,
        title: "generated suite in MBPP form, version 1: 300 test problems in other words",
        paths: &[],
        hub: None,
        default_split: Some(Split::Test),
    },
    Known {
        name: "mbpp",
        title: "MBPP, 974 problems with three asserts each",
        paths: &[
            "mbpp/mbpp.jsonl",
            "mbpp/mbpp.jsonl.gz",
            "mbpp.jsonl",
            "mbpp.jsonl.gz",
        ],
        hub: Some(HubSource {
            repository: "google-research-datasets/mbpp",
            folder: "full",
            suffix: ".parquet",
            n_files: 4,
        }),
        default_split: None,
    },
    Known {
        name: "mbpp-sanitized",
        title: "MBPP, the 427 problems verified by its authors",
        paths: &["mbpp/sanitized-mbpp.json", "sanitized-mbpp.json"],
        hub: Some(HubSource {
            repository: "google-research-datasets/mbpp",
            folder: "sanitized",
            suffix: ".parquet",
            n_files: 4,
        }),
        default_split: None,
    },
    Known {
        name: "mbpp-plus",
        title: "MBPP+ (EvalPlus), 378 problems with many inputs",
        paths: &[
            "evalplus/MbppPlus.jsonl.gz",
            "evalplus/MbppPlus.jsonl",
            "MbppPlus.jsonl.gz",
            "MbppPlus.jsonl",
        ],
        hub: Some(HubSource {
            repository: "evalplus/mbppplus",
            folder: "data",
            suffix: ".parquet",
            n_files: 1,
        }),
        default_split: None,
    },
    Known {
        name: "humaneval",
        title: "HumanEval, 164 problems",
        paths: &[
            "humaneval/HumanEval.jsonl.gz",
            "humaneval/HumanEval.jsonl",
            "HumanEval.jsonl.gz",
            "HumanEval.jsonl",
        ],
        hub: Some(HubSource {
            repository: "openai/openai_humaneval",
            folder: "openai_humaneval",
            suffix: ".parquet",
            n_files: 1,
        }),
        default_split: None,
    },
    Known {
        name: "humaneval-plus",
        title: "HumanEval+ (EvalPlus), 164 problems with many inputs",
        paths: &[
            "evalplus/HumanEvalPlus.jsonl.gz",
            "evalplus/HumanEvalPlus.jsonl",
            "HumanEvalPlus.jsonl.gz",
            "HumanEvalPlus.jsonl",
        ],
        hub: Some(HubSource {
            repository: "evalplus/humanevalplus",
            folder: "data",
            suffix: ".parquet",
            n_files: 1,
        }),
        default_split: None,
    },
    Known {
        name: "apps",
        title: "APPS, 5,000 training and 5,000 test problems of three levels",
        paths: &["APPS", "apps"],
        hub: Some(HubSource {
            repository: "codeparrot/apps",
            folder: "",
            suffix: ".jsonl",
            n_files: 2,
        }),
        default_split: None,
    },
];

/// The dataset called `name`.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// The split of `name_or_path` to take where none is asked for: that of a named dataset that is
/// made for training too, and not of files that are called the same.
pub fn default_split(name_or_path: &str) -> Option<Split> {
    let known = known(name_or_path).filter(|_| !Path::new(name_or_path).exists())?;
    known.default_split
}

/// Names in backquotes, with commas between them.
pub(crate) fn known_names(wanted: impl Fn(&Known) -> bool) -> String {
    let names: Vec<String> = KNOWN
        .iter()
        .filter(|known| wanted(known))
        .map(|known| format!("`{}`", known.name))
        .collect();
    names.join(", ")
}

/// Opens a dataset by path or by name. What exists as a path is a path, also where a name
/// is the same; a name is looked for in the data directory, then in the Hub's cache.
///
/// # Errors
/// Unknown names, names whose files are not at hand, files that cannot be read or are in no
/// known form. Single bad rows are listed as skipped instead.
pub fn open(name_or_path: &str, places: &Places) -> Result<Dataset, Error> {
    let path = Path::new(name_or_path);
    let Some(known) = known(name_or_path) else {
        return if path.exists() {
            opening::open_path(path)
        } else {
            Err(Error::UnknownName {
                name: name_or_path.to_owned(),
            })
        };
    };
    if path.exists() {
        return opening::open_path(path);
    }
    known.open(places)
}

impl Known {
    fn open(&self, places: &Places) -> Result<Dataset, Error> {
        let Some(hub) = &self.hub else {
            return match self.name {
                micro::APPS => micro::apps(),
                micro::MBPP => micro::mbpp(),
                _ => builtin(),
            };
        };
        let mut looked_for = Vec::new();
        if let Some(data_dir) = &places.data_dir {
            for path in self.paths {
                let path = data_dir.join(path);
                if path.exists() {
                    return opening::open_path(&path);
                }
            }
            looked_for.push(format!(
                "{} in `{}`",
                quoted(self.paths).join(", "),
                data_dir.display()
            ));
        }
        if let Some(cache) = &places.hub_cache {
            match opening::hub_snapshot(cache, self.name, hub) {
                Ok((root, files)) => return opening::open_files(&root, &files),
                Err(missing) => looked_for.push(missing),
            }
        }
        if looked_for.is_empty() {
            looked_for.push("nowhere: no data directory and no Hub cache are set".to_owned());
        }
        Err(Error::NotAtHand {
            name: self.name.to_owned(),
            looked_for: looked_for.join(", then "),
        })
    }
}

fn quoted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}
