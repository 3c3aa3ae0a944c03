//! What makes a stage the same as another one, or another than it was: its command, its inputs, and
//! the files outside that it names.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Piece, PlannedStage};
use crate::store::sha256_of_json;

/// Options that change how fast a command is, and nothing else.
const WITHOUT_EFFECT: [&str; 3] = ["--workers", "--threads", "--max-in-flight"];

/// An identity as it is hashed.
#[derive(Serialize)]
struct Identified<'a> {
    command: &'a str,
    arguments: Vec<(&'a str, &'a str, &'a str)>,
    outside: &'a BTreeMap<String, String>,
}

pub(super) fn identity(stages: &[PlannedStage], stage: &PlannedStage) -> String {
    let mut arguments = Vec::new();
    let mut is_skipped = false;
    for piece in &stage.arguments {
        if std::mem::take(&mut is_skipped) {
            continue;
        }
        match piece {
            Piece::Text(text) if WITHOUT_EFFECT.contains(&text.as_str()) => is_skipped = true,
            Piece::Text(text) => arguments.push((text.as_str(), "", "")),
            Piece::Own(file) => arguments.push(("", "own", *file)),
            Piece::Product {
                before,
                stage,
                path,
            } => arguments.push((
                before,
                &stages[*stage].identity,
                path.as_deref().unwrap_or_default(),
            )),
        }
    }
    sha256_of_json(&Identified {
        command: &stage.command,
        arguments,
        outside: &stage.outside,
    })
}
