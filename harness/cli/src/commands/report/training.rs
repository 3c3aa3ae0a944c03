//! The report of a training directory: its learning curves, and what they were made with.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use reports::plot::{METRICS, TrainingCurve};
use reports::{render, tables, write_training_report};
use serde_json::Value;

use crate::commands::terminal_width;
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::inputs;

/// What a training directory holds, and where that comes from.
const SETTINGS: [&str; 2] = ["training.json", "settings.json"];

/// Whether `path` is a training directory rather than a run directory.
pub(super) fn is_training(path: &Path) -> bool {
    SETTINGS.iter().all(|name| path.join(name).is_file())
}

/// Prints the table of the training in `path` and writes its report into `folder`.
pub(super) fn report(context: &Context, path: &Path, folder: &Path) -> Result<Exit> {
    if !path.join(METRICS).is_file() {
        return Err(data(format!(
            "the training in `{}` has no `{METRICS}`: it was not begun, or made data alone",
            path.display()
        )));
    }
    let curve = TrainingCurve::read(inputs::run_name(path), path)?;
    let mut facts = Vec::new();
    for name in SETTINGS {
        let file = path.join(name);
        let read = || format!("cannot read `{}`", file.display());
        let json = std::fs::read(&file).with_context(read)?;
        let value: Value = serde_json::from_slice(&json).with_context(read)?;
        flatten("", &value, &mut facts);
    }
    facts.retain(|(key, _)| key != "format_version");
    let mut out = std::io::stdout().lock();
    let table = tables::training_table(&curve);
    write!(out, "{}", render::terminal(&table, terminal_width()))?;
    let files = write_training_report(&curve, facts, folder)?;
    if let Some(page) = files.last() {
        context
            .console
            .note(format_args!("report: `{}`", page.display()));
    }
    Ok(Exit::Done)
}

/// Settings by the keys that `--set` takes.
fn flatten(prefix: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    let Value::Object(fields) = value else {
        let shown = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        facts.push((prefix.to_owned(), shown));
        return;
    };
    for (key, value) in fields {
        let key = match prefix {
            "" => key.clone(),
            prefix => format!("{prefix}.{key}"),
        };
        if !value.is_null() {
            flatten(&key, value, facts);
        }
    }
}
