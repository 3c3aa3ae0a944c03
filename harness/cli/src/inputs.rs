//! From the records of a run to what reports are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use anyhow::Result;
use harness::candidate::{CandidateId, Code};
use harness::decoding::Method;
use harness::metric::{
    Bootstrap, NAtK, ProblemTally, TallyError, TallyInput, UnjudgedPolicy, flips, tally,
};
use harness::problem::ProblemId;
use harness::store::{
    HelperRecord, ModelRecord, ProblemSummary, SourceRecord, StoredRun, StrategyManifest,
    sha256_of_file,
};
use harness::strategy::StrategySettings;
use harness::verdict::{Grader, Verdict};
use reports::{Judging, ReportInput};
use serde::de::DeserializeOwned;

use crate::arguments::ReportSettings;
use crate::exclusion;
use crate::exit::data;

/// Everything that the report of `run` shows.
pub(crate) fn report_input(
    path: &Path,
    run: &StoredRun,
    settings: &ReportSettings,
) -> Result<ReportInput> {
    let mut judgings = graders(run)
        .into_iter()
        .map(|grader| {
            Ok(Judging {
                grader,
                tallies: tallies(run, grader, settings)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut provenance = provenance(run);
    if let Some(path) = &settings.exclusion.exclude_broken {
        let mut n_excluded = 0;
        for judging in &mut judgings {
            n_excluded = exclusion::exclude_tallies(path, &mut judging.tallies, &graders(run))?;
        }
        provenance.push(excluded_row(
            n_excluded,
            path.display(),
            &sha256_of_file(path)?,
        ));
    }
    let flips = (judgings.len() > 1).then(|| flips(&run.verdicts));
    Ok(ReportInput {
        title: run_name(path),
        settings: provenance,
        ks: ks(run, settings),
        n_at_ks: n_at_ks(run)?,
        bootstrap: bootstrap(run, settings)?,
        judgings,
        flips,
        skipped: run.skipped.clone(),
        strategy: run.strategy.clone(),
    })
}

/// Name of a run: that of its directory.
pub(crate) fn run_name(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Graders of a run, the main one first.
fn graders(run: &StoredRun) -> Vec<Grader> {
    run.manifest
        .judging
        .as_ref()
        .map(|judging| judging.graders.clone())
        .unwrap_or_default()
}

fn tallies(
    run: &StoredRun,
    grader: Grader,
    settings: &ReportSettings,
) -> Result<Vec<ProblemTally>> {
    let recorded: Vec<CandidateId> = run.candidates.iter().map(|c| c.id.clone()).collect();
    let passed_examples: BTreeMap<CandidateId, bool> = run
        .example_verdicts
        .iter()
        .filter(|verdict| verdict.judgement.outcome().is_some())
        .map(|verdict| (verdict.candidate.clone(), verdict.judgement.passed()))
        .collect();
    tally(&TallyInput {
        problems: &run.problems,
        recorded: &recorded,
        verdicts: &run.verdicts,
        grader,
        passed_examples: &passed_examples,
        unjudged: unjudged(run, settings),
    })
    .map_err(|error| data(error.to_string()))
}

/// What the example tests said of the candidates, for the problems that show some.
///
/// # Errors
/// When the records contradict each other.
pub(crate) fn example_tallies(
    run: &StoredRun,
    grader: Grader,
) -> Result<Vec<ProblemTally>, TallyError> {
    let problems: Vec<ProblemSummary> = run
        .problems
        .iter()
        .filter(|problem| problem.n_example_tests > 0)
        .cloned()
        .collect();
    let shown: BTreeSet<&ProblemId> = problems.iter().map(|problem| &problem.id).collect();
    let recorded: Vec<CandidateId> = run
        .candidates
        .iter()
        .filter(|candidate| shown.contains(&candidate.id.problem))
        .map(|candidate| candidate.id.clone())
        .collect();
    let verdicts: Vec<Verdict> = run
        .example_verdicts
        .iter()
        .filter(|verdict| shown.contains(&verdict.candidate.problem))
        .cloned()
        .collect();
    tally(&TallyInput {
        problems: &problems,
        recorded: &recorded,
        verdicts: &verdicts,
        grader,
        passed_examples: &BTreeMap::new(),
        unjudged: unjudged(run, &ReportSettings::default()),
    })
}

/// What `grader`, or else the main grader of the run, made of the candidates.
pub(crate) fn judging(
    path: &Path,
    run: &StoredRun,
    grader: Option<Grader>,
    settings: &ReportSettings,
) -> Result<(Grader, Vec<ProblemTally>)> {
    let graders = graders(run);
    let first = graders.first().copied().ok_or_else(|| {
        data(format!(
            "the run in `{0}` is not judged; run `coderl score {0}`",
            path.display()
        ))
    })?;
    let grader = grader.unwrap_or(first);
    if !graders.contains(&grader) {
        return Err(data(format!(
            "the run in `{}` was judged by `{first}` and not by `{grader}`; judge all runs by the \
             same grader, or choose one that all have with --grader",
            path.display()
        )));
    }
    let mut tallies = tallies(run, grader, settings)?;
    if let Some(path) = &settings.exclusion.exclude_broken {
        exclusion::exclude_tallies(path, &mut tallies, &graders)?;
    }
    Ok((grader, tallies))
}

/// The programs of a run, to see whether two runs judged the same ones.
pub(crate) fn programs(run: &StoredRun) -> Vec<(&CandidateId, &Code)> {
    run.candidates.iter().map(|c| (&c.id, &c.code)).collect()
}

/// Pairs of n@k, which are recorded as they are written.
pub(crate) fn n_at_ks(run: &StoredRun) -> Result<Vec<NAtK>> {
    setting::<Vec<String>>(run, "n-at-k")
        .unwrap_or_default()
        .iter()
        .map(|pair| pair.parse().map_err(|error: String| data(error)))
        .collect()
}

/// What unjudged candidates count as. Runs from before there was a choice take the default.
fn unjudged(run: &StoredRun, settings: &ReportSettings) -> UnjudgedPolicy {
    settings
        .unjudged
        .or_else(|| setting(run, "unjudged"))
        .unwrap_or_default()
}

pub(crate) fn ks(run: &StoredRun, settings: &ReportSettings) -> Vec<u32> {
    let mut ks: Vec<u32> = match &settings.k {
        Some(ks) => ks.iter().map(|k| k.get()).collect(),
        None => setting(run, "k").unwrap_or_else(|| vec![1]),
    };
    ks.sort_unstable();
    ks.dedup();
    ks
}

pub(crate) fn bootstrap(run: &StoredRun, settings: &ReportSettings) -> Result<Bootstrap> {
    let default = Bootstrap::default();
    let confidence = settings
        .confidence_level
        .or_else(|| setting(run, "confidence-level"))
        .unwrap_or(default.confidence);
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(crate::exit::usage(format!(
            "--confidence-level {confidence} is not between 0 and 1"
        )));
    }
    Ok(Bootstrap {
        seed: setting(run, "seed").unwrap_or(default.seed),
        n_resamples: setting(run, "bootstrap-resamples").unwrap_or(default.n_resamples),
        confidence,
    })
}

fn excluded_row(n: usize, path: impl Display, sha256: &str) -> (String, String) {
    (
        "left out".to_owned(),
        format!("{n} broken problems, by the audit {path} (SHA-256 {sha256})"),
    )
}

/// A setting of the run as recorded in its manifest.
fn setting<T: DeserializeOwned>(run: &StoredRun, key: &str) -> Option<T> {
    let value = run.manifest.settings.get(key)?.value.clone()?;
    serde_json::from_value(value).ok()
}

fn model_rows(model: &ModelRecord) -> Vec<(String, String)> {
    let hash = |sha256: &Option<String>| match sha256 {
        Some(sha256) => format!(" (SHA-256 {sha256})"),
        None => String::new(),
    };
    let decoding = &model.decoding;
    let method = match decoding.method {
        Method::Greedy => "greedy".to_owned(),
        Method::Sample {
            temperature,
            top_p,
            top_k,
        } => {
            let top_k = top_k.map_or_else(String::new, |k| format!(", top-k {k}"));
            format!("temperature {temperature}, top-p {top_p}{top_k}")
        }
        Method::Beam {
            n_beams,
            length_penalty,
        } => format!("{n_beams} beams, length penalty {length_penalty}"),
    };
    vec![
        (
            "model".to_owned(),
            format!("{}{}", model.name, hash(&model.sha256)),
        ),
        (
            "template".to_owned(),
            format!("{}{}", model.template, hash(&model.template_sha256)),
        ),
        (
            "decoding".to_owned(),
            format!("{method}, at most {} tokens", decoding.max_new_tokens),
        ),
    ]
}

fn strategy_rows(strategy: &StrategyManifest) -> Vec<(String, String)> {
    let settings = match &strategy.settings {
        StrategySettings::CriticSampling(settings) => format!(
            ", up to {} repair and {} refine rounds, M = {}, repaired by {}, cut {}{}",
            settings.repair_rounds,
            settings.refine_rounds,
            settings.repair_top,
            settings.repair_by,
            settings.cut,
            match settings.keep_passing {
                true => ", passing programs kept",
                false => "",
            }
        ),
        StrategySettings::Guided(guidance) => {
            format!(", β = {}, top {}", guidance.strength, guidance.top)
        }
        StrategySettings::BestOfN(settings) => {
            format!(", the best {} by {}", settings.keep, settings.rank)
        }
        StrategySettings::Plain => String::new(),
    };
    let name = strategy.settings.name();
    let mut rows = vec![("strategy".to_owned(), format!("{name}{settings}"))];
    let helpers = [
        ("critic", &strategy.critic),
        ("repair model", &strategy.repair_model),
    ];
    for (role, helper) in helpers {
        if let Some(HelperRecord { name, sha256, .. }) = helper {
            let hash = sha256.as_ref().map(|it| format!(" (SHA-256 {it})"));
            let hash = hash.unwrap_or_default();
            rows.push((role.to_owned(), format!("{name}{hash}")));
        }
    }
    if let Some(SourceRecord { path, sha256 }) = &strategy.budget_of {
        let row = format!("the tokens of {path} (SHA-256 {sha256})");
        rows.push(("budget".to_owned(), row));
    }
    rows
}

/// What a number depends on, for the head of a report.
pub(crate) fn provenance(run: &StoredRun) -> Vec<(String, String)> {
    let manifest = &run.manifest;
    let dataset = &manifest.dataset;
    let mut rows = vec![
        ("coderl".to_owned(), manifest.coderl_version.clone()),
        (
            "dataset".to_owned(),
            format!(
                "{}, {} of {} problems, {} rows skipped",
                dataset.name, dataset.n_selected, dataset.n_problems, dataset.n_skipped
            ),
        ),
        ("dataset SHA-256".to_owned(), dataset.sha256.clone()),
    ];
    if let Some(excluded) = &dataset.excluded {
        rows.push(excluded_row(
            excluded.n_excluded,
            &excluded.path,
            &excluded.sha256,
        ));
    }
    if let Some(generation) = &manifest.generation {
        rows.push(("backend".to_owned(), generation.backend.clone()));
        if let Some(model) = &generation.model {
            rows.extend(model_rows(model));
        }
        rows.extend(generation.strategy.iter().flat_map(strategy_rows));
        for source in &generation.sources {
            rows.push((
                "samples".to_owned(),
                format!("{} (SHA-256 {})", source.path, source.sha256),
            ));
        }
        rows.push(("seed".to_owned(), generation.seed.to_string()));
    }
    rows.push(("candidates".to_owned(), run.candidates.len().to_string()));
    if let Some(judging) = &manifest.judging {
        let graders: Vec<&str> = judging.graders.iter().map(|grader| grader.name()).collect();
        rows.push(("graders".to_owned(), graders.join(", ")));
        rows.push((
            "limits".to_owned(),
            format!(
                "{} reference seconds a test ({} units of fuel), {} MiB memory, {} MiB output",
                judging.limits.reference_seconds(),
                judging.limits.fuel,
                judging.limits.memory_bytes >> 20,
                judging.limits.output_bytes >> 20
            ),
        ));
        rows.push((
            "early stop".to_owned(),
            if judging.options.early_stop {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        ));
        rows.push(("guest".to_owned(), judging.guest.clone()));
    }
    rows
}
