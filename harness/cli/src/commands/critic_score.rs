//! `coderl critic-score`: what a critic makes of the programs of a run.

use std::io::Write;
use std::process::Command;

use anyhow::{Context as _, Result};
use backends::process::let_threads_sleep;
use harness::metric::{ClassifierQuality, Prediction, classifier_quality};
use harness::prompt::TemplateChoice;
use harness::store::{CRITIC_SCORES, read_record_file, write_records};
use harness::training::{
    ClassSet, CriticScore, ExampleMaker, Origin, TrainingSample, TrainingSettings,
};
use harness::verdict::Outcome;
use reports::{render, tables};
use serde::Serialize;

use crate::arguments;
use crate::commands::models::exit;
use crate::commands::terminal_width;
use crate::context::Context;
use crate::exit::{Exit, data, usage};
use crate::models::torch_program;
use crate::train::{JudgedRun, sampled, tabs_of};

/// What the critic reads, in the run directory.
const SAMPLES: &str = "critic_samples.jsonl";

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    classes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampled: Option<ClassifierQuality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<ClassifierQuality>,
}

pub(crate) fn critic_score(context: &Context, arguments: &arguments::CriticScore) -> Result<Exit> {
    let samples = samples(context, arguments)?;
    let out = arguments.run.join(CRITIC_SCORES);
    let file = arguments.run.join(SAMPLES);
    write_records(&file, samples.clone())?;
    let program = torch_program()?;
    let mut command = Command::new(&program);
    command
        .arg("critic-score")
        .arg(&arguments.critic)
        .arg("--samples")
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .arg("--device")
        .arg(arguments.device.name());
    for (option, value) in lengths(arguments) {
        command.arg(option).arg(value.to_string());
    }
    let_threads_sleep(&mut command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    if !status.success() {
        // It has said why.
        return Ok(exit(status));
    }
    let scores: Vec<CriticScore> = read_record_file(&out)?
        .ok_or_else(|| data(format!("the critic left no `{}`", out.display())))?;
    let report = report(&samples, &scores)?;
    print(&report, arguments.json)?;
    Ok(Exit::Done)
}

/// The longest prompt and program: those that were asked for, else those that the critic was
/// trained with, whose settings lie beside its folder.
fn lengths(arguments: &arguments::CriticScore) -> Vec<(&'static str, u32)> {
    let beside = arguments
        .critic
        .parent()
        .map(|folder| folder.join("settings.json"));
    let settings: Option<TrainingSettings> = beside
        .and_then(|path| std::fs::read(path).ok())
        .and_then(|json| serde_json::from_slice(&json).ok());
    let of = |given: Option<u32>, trained: fn(&TrainingSettings) -> u32| {
        given.or_else(|| settings.as_ref().map(trained))
    };
    let source = of(arguments.max_source_tokens, |s| s.batch.max_source_tokens);
    let target = of(arguments.max_target_tokens, |s| s.batch.max_target_tokens);
    let options = [
        ("--max-source-tokens", source),
        ("--max-target-tokens", target),
    ];
    options
        .into_iter()
        .filter_map(|(option, value)| Some((option, value?)))
        .collect()
}

/// The judged programs of the run.
fn samples(context: &Context, arguments: &arguments::CriticScore) -> Result<Vec<TrainingSample>> {
    let run = JudgedRun::open(context, &arguments.run, arguments.dataset.as_deref())?;
    let choice: TemplateChoice = match &arguments.template {
        Some(template) => template.parse().map_err(usage)?,
        None => TemplateChoice::Auto,
    };
    let (style, template) = run.style(&choice)?;
    let maker = ExampleMaker {
        style: &style,
        tabs: tabs_of(&template),
    };
    let mut samples = sampled(&context.console, &run, &maker, &run.problems)?;
    if arguments.references {
        for problem in &run.problems {
            samples.extend(maker.reference_samples(problem)?);
        }
    }
    if samples.is_empty() {
        return Err(data("the run has no judged programs to score"));
    }
    Ok(samples)
}

fn report(samples: &[TrainingSample], scores: &[CriticScore]) -> Result<Report> {
    let n_classes = scores
        .iter()
        .find_map(|score| score.logits.first())
        .map_or(ClassSet::Outcomes.len(), Vec::len);
    let classes = match n_classes {
        4 => ClassSet::Outcomes,
        2 => ClassSet::Binary,
        n => {
            return Err(data(format!(
                "the critic tells {n} classes apart, neither 4 nor 2"
            )));
        }
    };
    let by_id: std::collections::BTreeMap<_, _> = scores
        .iter()
        .map(|score| ((&score.id, score.origin), score))
        .collect();
    let of = |origin: Origin| -> Result<Option<ClassifierQuality>> {
        let mut predictions = Vec::new();
        for sample in samples.iter().filter(|sample| sample.origin == origin) {
            let score = by_id
                .get(&(&sample.id, origin))
                .ok_or_else(|| data(format!("the critic left out program {}", sample.id)))?;
            let confidence = score.probabilities.get(score.predicted).ok_or_else(|| {
                data(format!(
                    "the critic took {} for class {}",
                    sample.id, score.predicted
                ))
            })?;
            predictions.push(Prediction {
                truth: classes.class_of(sample.feedback.outcome),
                predicted: score.predicted,
                confidence: f64::from(*confidence),
            });
        }
        Ok(classifier_quality(&predictions, classes.len()))
    };
    Ok(Report {
        classes: match classes {
            ClassSet::Outcomes => Outcome::ALL.map(Outcome::name).to_vec(),
            ClassSet::Binary => vec!["failed", "passed"],
        },
        sampled: of(Origin::Sampled)?,
        reference: of(Origin::Reference)?,
    })
}

fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    let parts = [
        ("sampled", &report.sampled),
        ("reference", &report.reference),
    ];
    for (name, quality) in parts {
        if let Some(quality) = quality {
            let table = tables::confusion_table(name, &report.classes, quality);
            writeln!(out, "{}", render::terminal(&table, terminal_width()))?;
        }
    }
    Ok(())
}
