//! `coderl gate`: whether a run may replace another.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::metric::{Bar, Criterion, Decision, Metric, compare as compare_sides, gate as decide};
use reports::{GateInput, JunitProblems, RuleResult, gate_junit, gate_summary, gate_table};
use serde::Serialize;

use crate::arguments::{self, ReportSettings};
use crate::commands::{print_json, print_tables};
use crate::comparable::{Sides, not_finished, refuse};
use crate::context::Context;
use crate::exit::{Exit, data, usage};
use crate::inputs;

pub(crate) fn gate(context: &Context, arguments: &arguments::Gate) -> Result<Exit> {
    if !(arguments.confidence > 0.5 && arguments.confidence < 1.0) {
        return Err(usage(format!(
            "--confidence {} is not between 0.5 and 1",
            arguments.confidence
        )));
    }
    let settings = ReportSettings {
        exclusion: arguments.exclusion.clone(),
        ..ReportSettings::default()
    };
    let sides = Sides::read(
        &arguments.baseline,
        &arguments.candidate,
        arguments.grader,
        &settings,
    )?;
    if let Some(path) = sides.unfinished() {
        return Err(not_finished(path));
    }
    // A gate that compares the wrong things says yes or no all the same.
    let differences = sides.differences();
    refuse(&differences, |_| true, &arguments.allow)?;
    let input = input(&sides, arguments, &settings, differences)?;
    if arguments.json {
        print_json(&Report::of(&input))?;
    } else {
        print_tables(&[gate_table(&input)])?;
    }
    if let Some(path) = &arguments.junit {
        let problems = match arguments.junit_problems {
            true => JunitProblems::All,
            false => JunitProblems::None,
        };
        write_new(path, &gate_junit(&input, problems)?)?;
    }
    if let Some(path) = &arguments.summary {
        append(path, &gate_summary(&input))?;
    }
    for decision in &input.decisions {
        let result = RuleResult::of(decision);
        if result != RuleResult::Holds {
            let reason = input.reason(decision);
            let rule = &decision.rule;
            context
                .console
                .note(format_args!("{rule} {}: {reason}", result.name()));
        }
    }
    Ok(match input.result() {
        RuleResult::Holds => Exit::Done,
        RuleResult::Fails => Exit::Threshold,
        RuleResult::Undecided => Exit::Data,
    })
}

fn input(
    sides: &Sides,
    arguments: &arguments::Gate,
    settings: &ReportSettings,
    differences: Vec<crate::comparable::Difference>,
) -> Result<GateInput> {
    let mut bootstrap = inputs::bootstrap(&sides.a.runs[0].run, settings)?;
    bootstrap.confidence = arguments.confidence;
    let (a, b) = (sides.a.tallies(), sides.b.tallies());
    // Which problems are lost; also says so where nothing is in common.
    let comparison = compare_sides(&a, &b, &[Metric::PassAtK(1)], &bootstrap);
    let comparison = comparison.map_err(|error| data(error.to_string()))?;
    let criterion = Criterion::from(arguments.criterion);
    let (max_drops, minimums) = (&arguments.max_drop, &arguments.min);
    Ok(GateInput {
        baseline: sides.a.name(),
        candidate: sides.b.name(),
        criterion,
        confidence: arguments.confidence,
        decisions: decide(&a, &b, max_drops, minimums, criterion, &bootstrap),
        cautions: differences.into_iter().map(|it| it.text).collect(),
        problems: comparison.by_problem,
    })
}

/// Writes beside the place and renames, so that nobody reads half a file.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("tmp");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

fn append(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot append to `{}`", path.display()))
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    result: &'static str,
    baseline: &'a str,
    candidate: &'a str,
    criterion: Criterion,
    confidence: f64,
    rules: Vec<RuleReport<'a>>,
    cautions: &'a [String],
}

#[derive(Debug, Serialize)]
struct RuleReport<'a> {
    rule: &'a str,
    result: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_problems: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Bar>,
}

impl<'a> Report<'a> {
    fn of(input: &'a GateInput) -> Self {
        let rule = |decision: &'a Decision| {
            let measured = decision.outcome.as_ref().ok();
            RuleReport {
                rule: &decision.rule,
                result: RuleResult::of(decision).name(),
                reason: input.reason(decision),
                candidate: measured.map(|it| it.candidate),
                n_problems: measured.map(|it| it.n_problems),
                against: measured.map(|it| it.bar),
            }
        };
        Self {
            result: input.result().name(),
            baseline: &input.baseline,
            candidate: &input.candidate,
            criterion: input.criterion,
            confidence: input.confidence,
            rules: input.decisions.iter().map(rule).collect(),
            cautions: &input.cautions,
        }
    }
}
