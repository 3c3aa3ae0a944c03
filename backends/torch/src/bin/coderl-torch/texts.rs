//! Texts of JSON Lines files, for a tokenizer to learn from.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Fields with text in the records of this project and of the usual datasets.
const USUAL: [&str; 7] = [
    "prompt",
    "prompt.text",
    "program",
    "text",
    "question",
    "code",
    "solution",
];

/// Every text in the given fields of every record; in the usual ones if none are given.
pub(crate) fn read(files: &[PathBuf], fields: &[String]) -> Result<Vec<String>> {
    let fields: Vec<&str> = match fields {
        [] => USUAL.to_vec(),
        given => given.iter().map(String::as_str).collect(),
    };
    let mut texts = Vec::new();
    for file in files {
        read_file(file, &fields, &mut texts)?;
    }
    ensure!(
        !texts.is_empty(),
        "no record has text in a field {}; name the field with --field",
        fields.join(", ")
    );
    Ok(texts)
}

fn read_file(file: &Path, fields: &[&str], texts: &mut Vec<String>) -> Result<()> {
    let lines = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    for (number, line) in (1..).zip(lines.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let record: Value = serde_json::from_str(line)
            .with_context(|| format!("`{}`, line {number}, is not JSON", file.display()))?;
        if !record.is_object() {
            bail!("`{}`, line {number}, is no object", file.display());
        }
        for field in fields {
            let value = field
                .split('.')
                .try_fold(&record, |value, key| value.get(key));
            if let Some(text) = value.and_then(Value::as_str) {
                texts.push(text.to_owned());
            }
        }
    }
    Ok(())
}
