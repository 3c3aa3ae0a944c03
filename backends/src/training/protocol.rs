//! The protocol between the harness and a trainer: JSON Lines, one object a line. The trainer
//! (`coderl-torch train SETTINGS`) writes events on its standard output; the harness answers
//! requests for judgement on its standard input, and beside that nothing is said there but
//! [`ToTrainer::Stop`]. Trouble ends the trainer with an exit code other than 0 and a text on
//! standard error.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness::problem::ProblemId;
use harness::training::Feedback;
use serde::{Deserialize, Serialize};

/// A line from the trainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromTrainer {
    /// Comes first. `resumed_at` is the number of updates that were made before.
    Started {
        n_steps: u64,
        resumed_at: u64,
        n_parameters: u64,
    },
    /// After each update. The same numbers are a line of `metrics.jsonl`.
    Progress(Metrics),
    /// For people.
    Note { text: String },
    /// Asks for the outcomes of programs. The answer is one [`ToTrainer::Judged`].
    Judge { id: u64, programs: Vec<Program> },
    /// Comes last. `model` is the directory of the trained model.
    Done {
        model: PathBuf,
        summary: BTreeMap<String, f64>,
    },
}

/// Numbers of one update: `loss`, `learning_rate`, `tokens_per_second`, `validation_loss`, …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Updates made, from 1.
    pub step: u64,
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// A program to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    pub problem: ProblemId,
    /// Distinguishes the samples of a problem within a request.
    pub index: u32,
    /// What the model wrote; the harness extracts the program as it does in generation.
    pub text: String,
}

/// A line from the harness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToTrainer {
    /// What became of the programs of a [`FromTrainer::Judge`], in their order. `None` where a
    /// program could not be judged; such samples are left out.
    Judged {
        id: u64,
        feedback: Vec<Option<Feedback>>,
    },
    /// Asks the trainer to write a checkpoint and end. Standard input is closed behind it; a
    /// trainer that is not gone within ten seconds is killed, and the next one goes on from
    /// the last checkpoint.
    Stop,
}
