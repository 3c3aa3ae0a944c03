//! What earlier runs hold that training learns from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::candidate::{Candidate, CandidateId};
use harness::problem::{Dataset, Problem, ProblemId};
use harness::prompt::{PromptStyle, TemplateChoice};
use harness::store::{CRITIC_SCORES, StoredRun, read_record_file};
use harness::training::{CriticScore, Origin};
use harness::verdict::{Grader, Judgement, Outcome};

use super::soundness::{check_run, check_scores};
use crate::context::Context;
use crate::exit::{data, usage};

/// A judged run with its dataset.
pub(crate) struct JudgedRun {
    pub(crate) dataset: Dataset,
    /// Those of the run, in order of id.
    pub(crate) problems: Vec<Problem>,
    pub(crate) candidates: Vec<Candidate>,
    judgements: BTreeMap<CandidateId, Judgement>,
    /// As the run put its problems to a model.
    template: Option<String>,
}

impl JudgedRun {
    /// Reads the run in `path`; its dataset is `dataset`, or what the run says.
    pub(crate) fn open(context: &Context, path: &Path, dataset: Option<&str>) -> Result<Self> {
        let run = read(path)?;
        let record = &run.manifest.dataset;
        let name = dataset
            .or(record.path.as_deref())
            .unwrap_or(&record.name)
            .to_owned();
        let dataset = context.open_dataset(&name).context(
            "cannot read the run's dataset; if it has moved, say where it is with --dataset",
        )?;
        if dataset.sha256 != record.sha256 {
            return Err(usage(format!(
                "dataset `{name}` is not the one of the run in `{}`: its SHA-256 is {}, the \
                 run's {}",
                path.display(),
                dataset.sha256,
                record.sha256
            )));
        }
        let wanted: BTreeSet<&ProblemId> = run.problems.iter().map(|problem| &problem.id).collect();
        let mut problems: Vec<Problem> = dataset
            .problems
            .iter()
            .filter(|problem| wanted.contains(&problem.id))
            .cloned()
            .collect();
        problems.sort_by(|a, b| a.id.cmp(&b.id));
        let model = run.manifest.generation.as_ref();
        let template =
            model.and_then(|generation| Some(generation.model.as_ref()?.template.clone()));
        Ok(Self {
            problems,
            judgements: judgements(&run, path)?,
            candidates: run.candidates,
            template,
            dataset,
        })
    }

    /// How its problems are put to a model: as `choice` says, else as the run did.
    pub(crate) fn style(&self, choice: &TemplateChoice) -> Result<(PromptStyle, TemplateChoice)> {
        let own = match (choice, &self.template) {
            (TemplateChoice::Auto, Some(template)) => template.parse().map_err(data)?,
            _ => choice.clone(),
        };
        Ok((style(&own, &self.dataset)?, own))
    }

    /// Judgement of a candidate, where it has one.
    pub(crate) fn judgement(&self, id: &CandidateId) -> Option<&Judgement> {
        self.judgements.get(id)
    }
}

/// What the run in `path` calls its dataset.
pub(crate) fn read_dataset_name(path: &Path) -> Result<String> {
    let dataset = StoredRun::read(path)?.manifest.dataset;
    Ok(dataset.path.unwrap_or(dataset.name))
}

/// How problems of `dataset` are put to a model.
pub(crate) fn style(choice: &TemplateChoice, dataset: &Dataset) -> Result<PromptStyle> {
    PromptStyle::new(choice, &dataset.problems).map_err(|error| usage(harness::error_chain(&error)))
}

/// Outcome of the greedy program of each problem of the run in `path`: of the first, where
/// there are several.
pub(crate) fn baselines(path: &Path) -> Result<BTreeMap<ProblemId, Outcome>> {
    let run = read(path)?;
    let mut outcomes = BTreeMap::new();
    // In order of id.
    for (id, judgement) in judgements(&run, path)? {
        if let Some(outcome) = judgement.outcome() {
            outcomes.entry(id.problem).or_insert(outcome);
        }
    }
    Ok(outcomes)
}

/// What a critic made of the programs of the run in `path`, where one was asked.
pub(crate) fn critic_scores(
    path: &Path,
) -> Result<Option<BTreeMap<(CandidateId, Origin), CriticScore>>> {
    let file = path.join(CRITIC_SCORES);
    let scores: Option<Vec<CriticScore>> = read_record_file(&file)?;
    if let Some(scores) = &scores {
        check_scores(scores, &file)?;
    }
    Ok(scores.map(|scores| {
        scores
            .into_iter()
            .map(|score| ((score.id.clone(), score.origin), score))
            .collect()
    }))
}

fn read(path: &Path) -> Result<StoredRun> {
    let run = StoredRun::read(path)?;
    if run.is_finished {
        check_run(&run, path)?;
        return Ok(run);
    }
    Err(data(format!(
        "the run in `{0}` is not judged to its end; go on with `coderl score {0}`",
        path.display()
    )))
}

/// Those of the run's main grader.
fn judgements(run: &StoredRun, path: &Path) -> Result<BTreeMap<CandidateId, Judgement>> {
    let judging = run.manifest.judging.as_ref();
    let grader: Grader = judging
        .and_then(|judging| judging.graders.first())
        .copied()
        .ok_or_else(|| data(format!("the run in `{}` has no grader", path.display())))?;
    let verdicts = run.verdicts.iter();
    Ok(verdicts
        .filter(|verdict| verdict.grader == grader)
        .map(|verdict| (verdict.candidate.clone(), verdict.judgement.clone()))
        .collect())
}
