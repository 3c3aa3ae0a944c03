//! `coderl models`: what the engine for checkpoints knows of them. It is a program of its own,
//! so that this one does without libtorch.

use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result};

use crate::arguments::Models;
use crate::exit::Exit;
use crate::models::torch_program;

pub(crate) fn models(command: &Models) -> Result<Exit> {
    let program = torch_program()?;
    let mut child = Command::new(&program);
    match command {
        Models::Fetch { name } => {
            child.args(["fetch", name]);
        }
        Models::Show {
            model,
            tensors,
            json,
        } => {
            child.args(["show", model]);
            child.args(tensors.then_some("--tensors"));
            child.args(json.then_some("--json"));
        }
        Models::New { arguments } => {
            child.arg("new").args(arguments);
        }
    }
    let status = child
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    Ok(exit(status))
}

/// It has said what was wrong itself, and its exit codes are ours.
pub(crate) fn exit(status: ExitStatus) -> Exit {
    match status.code() {
        Some(0) => Exit::Done,
        Some(2) => Exit::Usage,
        Some(3) => Exit::Data,
        _ => Exit::Unexpected,
    }
}
