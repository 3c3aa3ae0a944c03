//! What of a plan is done, by the records that earlier runs left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::{Plan, PlannedStage};
use crate::problem::display_as_serialized;

/// How far a stage is, as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    pub name: String,
    /// [`PlannedStage::identity`] when it was begun.
    pub identity: String,
    pub result: StageResult,
    /// The command, to be read by people.
    pub command: Vec<String>,
    /// Identities of what it needed, by name.
    pub inputs: BTreeMap<String, String>,
    /// [`PlannedStage::outside`].
    pub outside: BTreeMap<String, String>,
    /// When it was first begun, RFC 3339, UTC.
    pub begun: String,
    /// What it took so far, interruptions left out.
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// How a stage ended the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageResult {
    /// It is at work, or was when everything was killed.
    Begun,
    Done,
    Failed,
    /// By Ctrl-C.
    Interrupted,
}

/// What is to be said of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageStatus {
    Done,
    Running,
    /// Goes on where it was.
    Interrupted,
    Failed,
    /// Something is there, but made of something else.
    Stale,
    Waiting,
}

impl StageStatus {
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Running,
        Self::Interrupted,
        Self::Failed,
        Self::Stale,
        Self::Waiting,
    ];
}

display_as_serialized! {
    StageStatus {
        Done => "done",
        Running => "running",
        Interrupted => "interrupted",
        Failed => "failed",
        Stale => "stale",
        Waiting => "waiting",
    }
}

/// Where `stage` stands.
///
/// `is_there` says whether its directory exists, `is_at_work` whether a process has the study in
/// hand.
pub fn status(
    stage: &PlannedStage,
    record: Option<&StageRecord>,
    is_there: bool,
    is_at_work: bool,
) -> StageStatus {
    let Some(record) = record else {
        return StageStatus::Waiting;
    };
    // What somebody removed is made again.
    if !is_there && record.result != StageResult::Failed {
        return StageStatus::Waiting;
    }
    if record.identity != stage.identity {
        return StageStatus::Stale;
    }
    match record.result {
        StageResult::Done => StageStatus::Done,
        StageResult::Failed => StageStatus::Failed,
        StageResult::Begun if is_at_work => StageStatus::Running,
        StageResult::Begun | StageResult::Interrupted => StageStatus::Interrupted,
    }
}

/// Why a stage is stale.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// An argument is there that was not, or the other way round.
    Argument { before: String, after: String },
    /// What it needs was made of something else.
    Input(String),
    /// Something outside the study, such as a file or the guest.
    Outside(String),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Argument { before, after } if before.is_empty() => write!(f, "`{after}` is new"),
            Self::Argument { before, after } if after.is_empty() => {
                write!(f, "`{before}` is gone")
            }
            Self::Argument { before, after } => write!(f, "`{after}` was `{before}`"),
            Self::Input(name) => write!(f, "`{name}` changed"),
            Self::Outside(name) => write!(f, "{name} changed"),
        }
    }
}

/// What differs between a stage and its record; `command` is that of the stage.
pub fn changes(
    plan: &Plan,
    stage: &PlannedStage,
    command: &[String],
    record: &StageRecord,
) -> Vec<Change> {
    let before = options(&record.command);
    let after = options(command);
    let mut found = Vec::new();
    for (name, values) in &after {
        let earlier = before.get(name).map(String::as_str).unwrap_or_default();
        if earlier != values {
            found.push(Change::Argument {
                before: earlier.to_owned(),
                after: values.clone(),
            });
        }
    }
    for (name, values) in &before {
        if !after.contains_key(name) {
            found.push(Change::Argument {
                before: values.clone(),
                after: String::new(),
            });
        }
    }
    for &input in &stage.inputs {
        let input = &plan.stages[input];
        if record.inputs.get(&input.name) != Some(&input.identity) {
            found.push(Change::Input(input.name.clone()));
        }
    }
    for (name, value) in &stage.outside {
        if record.outside.get(name) != Some(value) {
            found.push(Change::Outside(name.clone()));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Arguments by option, each as it was written; `--set KEY=` counts as an option of its own.
fn options(command: &[String]) -> BTreeMap<String, String> {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    let mut at = 0;
    let mut n_positionals = 0;
    while at < command.len() {
        let word = &command[at];
        at += 1;
        if !word.starts_with("--") {
            options.insert(format!("{n_positionals}"), word.clone());
            n_positionals += 1;
            continue;
        }
        let value = command.get(at).filter(|next| !next.starts_with("--"));
        at += usize::from(value.is_some());
        let key = match value.and_then(|value| value.split_once('=')) {
            Some((key, _)) if word == "--set" => format!("{word} {key}"),
            _ => word.clone(),
        };
        let text = match value {
            Some(value) => format!("{word} {value}"),
            None => word.clone(),
        };
        options.insert(key, text);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_options_are_told() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let before = options(&words("train rl --seed 1 --set a.b=1 --set a.c=2 --online"));
        let after = options(&words("train rl --seed 2 --set a.b=1 --set a.c=3"));
        let differ: Vec<(&str, Option<&str>)> = before
            .iter()
            .filter(|(key, value)| after.get(*key) != Some(*value))
            .map(|(_, value)| value.as_str())
            .zip([
                after.get("--online"),
                after.get("--seed"),
                after.get("--set a.c"),
            ])
            .map(|(before, after)| (before, after.map(String::as_str)))
            .collect();
        let expected = [
            ("--online", None),
            ("--seed 1", Some("--seed 2")),
            ("--set a.c=2", Some("--set a.c=3")),
        ];
        assert_eq!(differ.len(), 3, "{differ:?}");
        for pair in expected {
            assert!(differ.contains(&pair), "{pair:?} in {differ:?}");
        }
    }
}
