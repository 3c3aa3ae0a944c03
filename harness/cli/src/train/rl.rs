//! What `train rl` learns from: samples with their baselines and token values, or problems to
//! sample for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::config::Selection;
use harness::problem::{Dataset, Problem, ProblemId};
use harness::prompt::PromptStyle;
use harness::seed::candidate_seed;
use harness::training::{
    Algorithm, Baseline, DataSettings, ExampleMaker, RlSettings, TokenValue, TrainingSample,
};
use harness::verdict::Outcome;

use super::data::{
    Parts, TrainingData, Validation, note_source, references, sampled, tabs, validation_split,
};
use super::runs::{JudgedRun, baselines, critic_scores, style};
use crate::console::{Console, counted};
use crate::context::Context;
use crate::exit::{data, usage};

/// Problems that a model tries while it is trained.
pub(crate) struct Practice {
    pub(crate) dataset: Dataset,
    pub(crate) problems: Vec<Problem>,
    pub(crate) style: PromptStyle,
}

/// Problems to sample for, with reference programs for L_ce where it has a weight.
pub(crate) fn online(
    context: &Context,
    name: &str,
    selection: &Selection,
    settings: &DataSettings,
    rl: &RlSettings,
    seed: u64,
) -> Result<(TrainingData, Practice)> {
    let dataset = context.open_dataset(name)?;
    let parts = Parts::new(&dataset, selection, settings, seed)?;
    let style = style(&settings.template, &dataset)?;
    let maker = ExampleMaker {
        style: &style,
        tabs: tabs(settings, &settings.template),
    };
    let mut examples = Vec::new();
    for problem in &parts.train {
        let mut of_problem = Vec::new();
        if rl.ce_weight > 0.0 {
            of_problem = maker.references(problem)?;
        }
        if of_problem.is_empty() {
            of_problem.push(maker.prompt_alone(problem)?);
        }
        examples.extend(of_problem);
    }
    let mut sources = BTreeMap::new();
    note_source(&mut sources, &dataset, &settings.template);
    let held_out = held_out(&context.console, parts.validation, settings, rl, seed);
    let data = TrainingData {
        examples: Some(examples),
        validation: prompts(&maker, &held_out)?,
        sources,
        ..TrainingData::default()
    };
    let mut problems = parts.train;
    problems.extend(held_out);
    let practice = Practice {
        problems,
        dataset,
        style,
    };
    Ok((data, practice))
}

/// The problems of a validation: as many as the settings allow, drawn by the seed.
fn held_out(
    console: &Console,
    mut problems: Vec<Problem>,
    settings: &DataSettings,
    rl: &RlSettings,
    seed: u64,
) -> Vec<Problem> {
    // Without tests there is nothing to judge by.
    problems.retain(|problem| problem.tests.n_hidden() > 0);
    let n = rl.validation.problems as usize;
    if n == 0 && settings.validation_share > 0.0 {
        console.note(format_args!(
            "note: {} held out, which nothing is tried on; `--set rl.validation.problems=100` would",
            counted(problems.len(), "problem")
        ));
    }
    problems.sort_by_key(|problem| candidate_seed(seed, &problem.id, u32::MAX));
    problems.truncate(n);
    problems.sort_by(|a, b| a.id.cmp(&b.id));
    problems
}

fn prompts(maker: &ExampleMaker<'_>, problems: &[Problem]) -> Result<Validation> {
    let examples = problems.iter().map(|problem| maker.prompt_alone(problem));
    Ok(Validation::Examples(examples.collect::<Result<_, _>>()?))
}

/// Where offline samples come from.
pub(crate) struct OfflineRuns<'a> {
    pub(crate) samples: &'a Path,
    pub(crate) baselines: Option<&'a Path>,
    pub(crate) dataset: Option<&'a str>,
}

/// The programs of a run, with the outcome of the greedy program and the values of tokens; and
/// problems to try where some are held out.
pub(crate) fn offline(
    context: &Context,
    runs: &OfflineRuns<'_>,
    selection: &Selection,
    settings: &DataSettings,
    rl: &RlSettings,
    seed: u64,
) -> Result<(TrainingData, Option<Practice>)> {
    let run = JudgedRun::open(context, runs.samples, runs.dataset)?;
    let (style, template) = run.style(&settings.template)?;
    let maker = ExampleMaker {
        style: &style,
        tabs: tabs(settings, &template),
    };
    let problems = selection.apply(&run.dataset.name, run.problems.clone())?;
    let mut parts = Parts::held_out(problems, settings.validation_share, seed);
    if settings.use_validation_split {
        let of_run: BTreeSet<&ProblemId> = run.problems.iter().map(|it| &it.id).collect();
        let mut others = validation_split(&run.dataset)?;
        others.retain(|problem| !of_run.contains(&problem.id));
        parts.validation.extend(others);
    }
    let mut samples = sampled(&context.console, &run, &maker, &parts.train)?;
    if let Some(baselines) = baseline_outcomes(runs)? {
        for sample in &mut samples {
            sample.baseline = baselines.get(&sample.id.problem).copied();
        }
    }
    let mut samples = with_baselines(context, samples, rl)?;
    if samples.is_empty() {
        return Err(data("the run has no judged programs to learn from"));
    }
    let n_scored = add_token_values(runs.samples, &mut samples)?;
    check_token_values(rl, n_scored, samples.len(), runs.samples)?;
    if rl.lint_penalty > 0.0 {
        for sample in &mut samples {
            sample.feedback.n_lint_findings = Some(super::lint::n_findings(&sample.program));
        }
    }
    let mut sources = BTreeMap::new();
    note_source(&mut sources, &run.dataset, &template);
    let examples = match rl.ce_weight > 0.0 {
        true => Some(references(&context.console, &maker, &parts.train)?),
        false => None,
    };
    let held_out = held_out(&context.console, parts.validation, settings, rl, seed);
    let data = TrainingData {
        examples,
        samples: Some(samples),
        validation: prompts(&maker, &held_out)?,
        sources,
        ..TrainingData::default()
    };
    let practice = (!held_out.is_empty()).then_some(Practice {
        problems: held_out,
        dataset: run.dataset,
        style,
    });
    Ok((data, practice))
}

/// Of the run that was named, or of that beside the samples.
fn baseline_outcomes(runs: &OfflineRuns<'_>) -> Result<Option<BTreeMap<ProblemId, Outcome>>> {
    let beside = runs.samples.join("baseline");
    let path: Option<PathBuf> = match runs.baselines {
        Some(path) => Some(path.to_owned()),
        None => beside.join("manifest.json").is_file().then_some(beside),
    };
    path.map(|path| baselines(&path)).transpose()
}

/// Leaves out samples without a baseline where the algorithm needs one.
fn with_baselines(
    context: &Context,
    mut samples: Vec<TrainingSample>,
    rl: &RlSettings,
) -> Result<Vec<TrainingSample>> {
    let is_needed = matches!(
        rl.algorithm,
        Algorithm::CodeRl {
            baseline: Baseline::Greedy,
            ..
        } | Algorithm::Ppo {
            baseline: Baseline::Greedy,
            ..
        } | Algorithm::Rltf { .. }
    );
    if !is_needed || samples.is_empty() {
        return Ok(samples);
    }
    let n = samples.len();
    samples.retain(|sample| sample.baseline.is_some());
    if samples.is_empty() {
        return Err(usage(
            "the samples have no greedy program to be compared with: name a judged run of such \
             programs with --baselines RUN (`coderl sample` makes one), or choose --baseline \
             group or none",
        ));
    }
    if samples.len() < n {
        context.console.note(format_args!(
            "note: {} left out whose problem has no judged greedy program",
            counted(n - samples.len(), "program")
        ));
    }
    Ok(samples)
}

/// The number of samples that have a score.
fn add_token_values(run: &Path, samples: &mut [TrainingSample]) -> Result<usize> {
    let Some(scores) = critic_scores(run)? else {
        return Ok(0);
    };
    let mut n = 0;
    for sample in samples {
        let Some(score) = scores.get(&(sample.id.clone(), sample.origin)) else {
            continue;
        };
        let outcome = sample.feedback.outcome;
        let class = match score.logits.first().map(Vec::len) {
            Some(2) => outcome.binary_class(),
            _ => outcome.class(),
        };
        sample.token_values = Some(score.token_values(class));
        n += 1;
    }
    Ok(n)
}

fn check_token_values(rl: &RlSettings, n_scored: usize, n: usize, run: &Path) -> Result<()> {
    if rl.algorithm.token_value() != TokenValue::Critic || rl.critic.is_some() || n_scored == n {
        return Ok(());
    }
    Err(usage(format!(
        "{} of {n} samples have critic scores, and --token-value critic needs them: make them \
         with `coderl critic-score {} --critic DIR`, name a critic with --critic DIR, or choose \
         --token-value none",
        n_scored,
        run.display()
    )))
}
