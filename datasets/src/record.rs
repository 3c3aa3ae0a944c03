//! What was fetched from the Hub, in a small file beside the data.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) const FORMAT_VERSION: u32 = 1;

/// A fetched dataset, as written to `coderl-NAME.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub format_version: u32,
    pub dataset: String,
    pub repository: String,
    /// The revision of the repository.
    pub commit: String,
    pub files: Vec<FetchedFile>,
}

/// One file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// In the repository.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Record {
    /// A record that is absent, broken or of another version is none.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let record: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (record.format_version == FORMAT_VERSION).then_some(record)
    }

    /// Name of the file in the folder of the repository.
    pub(crate) fn file_name(dataset: &str) -> String {
        format!("coderl-{dataset}.json")
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("a record has plain keys");
        json.push('\n');
        json
    }
}
