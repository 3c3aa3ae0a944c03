//! A plan as data: stages, what they need, where they work, and their commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::identity::identity;
use crate::study::types::Row;

/// Commands in an order in which each comes after what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub stages: Vec<PlannedStage>,
    /// What is judged, in the order of the file.
    pub judged: Vec<Judged>,
    /// Stages that figures show, by name of the figure.
    pub figures: BTreeMap<String, usize>,
    /// Stages of the file that nothing needs.
    pub unused: Vec<String>,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStage {
    /// Such as `sft`, `control/seed-1` or `judged/mbpp/control/plain/seed-1`.
    pub name: String,
    /// Its words: `train sft`.
    pub command: String,
    /// What follows them.
    pub arguments: Vec<Piece>,
    /// Where it works, below the study's directory.
    pub directory: PathBuf,
    /// Set where it adds to what another stage made.
    pub in_place: Option<InPlace>,
    /// Stages that have to be done before.
    pub inputs: Vec<usize>,
    /// Set where it depends on the seed.
    pub seed: Option<u64>,
    /// Of the command, its inputs and what [`Plan::identify`] was told of the world.
    pub identity: String,
    /// What else it depends on: contents of files, the guest.
    pub outside: BTreeMap<String, String>,
}

/// How a stage adds to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// The stage whose directory it is.
    pub owner: usize,
    /// Whether the owner has to be done again where this one is: verdicts that were reached under
    /// other settings are not replaced.
    pub binds_owner: bool,
}

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// What a stage made, behind some text such as `rl.critic=`.
    Product {
        before: String,
        stage: usize,
        /// Below the stage's directory; what the stage is there for, if nothing is said.
        path: Option<String>,
    },
    /// The stage's own directory, or a file in it.
    Own(&'static str),
}

/// A cell of the study: a row on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub row: Row,
    pub dataset: String,
    /// The runs, each once, by seed; a run that does not depend on the seed is alone.
    pub runs: Vec<usize>,
}

impl Plan {
    /// Where `stage` works, the study's directory being `out`.
    pub fn directory(&self, stage: usize, out: &Path) -> PathBuf {
        out.join(&self.stages[stage].directory)
    }

    /// The words and arguments of `stage`.
    pub fn command(&self, stage: usize, out: &Path) -> Vec<String> {
        let planned = &self.stages[stage];
        let words = planned.command.split(' ').map(str::to_owned);
        let arguments = planned.arguments.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Own(file) => self.directory(stage, out).join(file).display().to_string(),
            Piece::Product {
                before,
                stage,
                path,
            } => {
                let directory = self.directory(*stage, out);
                let product = layout(&self.stages[*stage].command).product;
                let path = directory.join(path.as_deref().unwrap_or(product));
                // `join` of nothing ends in a slash.
                let path = path.display().to_string();
                format!("{before}{}", path.trim_end_matches('/'))
            }
        });
        words.chain(arguments).map(without_last_slash).collect()
    }

    /// Gives every stage its identity, with what `outside` says that it depends on beside its
    /// command and its inputs.
    pub fn identify(&mut self, outside: impl Fn(&PlannedStage) -> BTreeMap<String, String>) {
        for at in 0..self.stages.len() {
            let known = outside(&self.stages[at]);
            let stage = &mut self.stages[at];
            stage.outside = known;
            self.stages[at].identity = identity(&self.stages, &self.stages[at]);
        }
    }

    /// The stages whose names match one of `patterns`, and all that they need.
    pub fn needed(&self, is_wanted: impl Fn(&PlannedStage) -> bool) -> Vec<bool> {
        let mut needed: Vec<bool> = self.stages.iter().map(is_wanted).collect();
        for at in (0..self.stages.len()).rev() {
            if needed[at] {
                for &input in &self.stages[at].inputs {
                    needed[input] = true;
                }
            }
        }
        needed
    }
}

fn without_last_slash(text: String) -> String {
    match text.strip_suffix('/') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

/// Where a command leaves what.
pub(super) struct Layout {
    /// What `--out` names in the stage's directory: a file, or nothing for the directory itself.
    pub(super) out: &'static str,
    /// What is meant by `@stage`.
    pub(super) product: &'static str,
}

pub(super) fn layout(command: &str) -> Layout {
    let file = |name| Layout {
        out: name,
        product: name,
    };
    match command {
        _ if command.starts_with("train ") => Layout {
            out: "",
            product: "model",
        },
        "corpus build" | "corpus programs" => file("corpus.jsonl"),
        "audit" => file("audit.jsonl"),
        _ => file(""),
    }
}
