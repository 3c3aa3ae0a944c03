//! `coderl compare`: two sides on the problems that all their runs have.

use anyhow::Result;
use harness::metric::{
    ComparisonRow, Group, McNemar, Metric, OutcomeChange, OutcomeShift, ProblemScores, RunValues,
    Transitions, compare as compare_sides, flips, outcome_pairs, outcome_shifts,
};
use reports::{CompareInput, ComparedRun, ComparedSide, tables, write_comparison};
use serde::Serialize;

use crate::arguments::{self, Aspect};
use crate::commands::{print_json, print_tables};
use crate::comparable::{Side, Sides, refuse};
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::inputs;

pub(crate) fn compare(context: &Context, arguments: &arguments::Compare) -> Result<Exit> {
    let sides = Sides::read(
        &arguments.a,
        &arguments.b,
        arguments.grader,
        &arguments.settings,
    )?;
    let differences = sides.differences();
    // Other files are other problems under the same names. The rest may be what is compared.
    refuse(&differences, |it| it == Aspect::Dataset, &arguments.allow)?;
    let mut cautions: Vec<String> = differences.into_iter().map(|it| it.text).collect();
    if let Some(path) = sides.unfinished() {
        cautions.push(format!(
            "the run in `{}` is not judged to its end, so this is about its verdicts so far",
            path.display()
        ));
    }
    for caution in &cautions {
        context.console.note(format_args!("warning: {caution}"));
    }
    let input = input(&sides, cautions, arguments)?;
    if arguments.json {
        print_json(&Report::of(&input))?;
    } else {
        print_tables(&shown(&input))?;
    }
    if let Some(folder) = &arguments.out {
        let files = write_comparison(&input, folder)?;
        if let Some(page) = files.last() {
            let page = page.display();
            context.console.note(format_args!("comparison: `{page}`"));
        }
    }
    Ok(Exit::Done)
}

fn input(
    sides: &Sides,
    cautions: Vec<String>,
    arguments: &arguments::Compare,
) -> Result<CompareInput> {
    let first = &sides.a.runs[0].run;
    let ks = inputs::ks(first, &arguments.settings);
    let n_at_ks = inputs::n_at_ks(first)?;
    let mut metrics: Vec<Metric> = ks.into_iter().map(Metric::PassAtK).collect();
    metrics.extend(n_at_ks.into_iter().map(Metric::NAtK));
    let bootstrap = inputs::bootstrap(first, &arguments.settings)?;
    let (a, b) = (sides.a.tallies(), sides.b.tallies());
    let comparison = compare_sides(&a, &b, &metrics, &bootstrap);
    let comparison = comparison.map_err(|error| data(error.to_string()))?;
    Ok(CompareInput {
        title: format!("{} against {}", sides.b.name(), sides.a.name()),
        a: compared(&sides.a),
        b: compared(&sides.b),
        grader: sides.grader,
        cautions,
        shifts: outcome_shifts(&a, &b, &bootstrap),
        pairs: pairs(sides),
        flips: all_flips(&sides.a).zip(all_flips(&sides.b)),
        comparison,
    })
}

fn compared(side: &Side) -> ComparedSide {
    let run = |run: &crate::comparable::JudgedRun| ComparedRun {
        name: inputs::run_name(&run.path),
        settings: inputs::provenance(&run.run),
    };
    ComparedSide {
        name: side.name(),
        runs: side.runs.iter().map(run).collect(),
    }
}

/// Outcomes candidate by candidate, where those of both sides belong together: the same programs,
/// or one program a problem.
fn pairs(sides: &Sides) -> Option<Vec<OutcomeChange>> {
    let ([a], [b]) = (sides.a.runs.as_slice(), sides.b.runs.as_slice()) else {
        return None;
    };
    let is_single = |run: &crate::comparable::JudgedRun| {
        let mut tallies = run.tallies.iter();
        tallies.all(|tally| tally.candidates.len() == 1)
    };
    let are_pairs =
        inputs::programs(&a.run) == inputs::programs(&b.run) || (is_single(a) && is_single(b));
    are_pairs.then(|| outcome_pairs(&a.tallies, &b.tallies))
}

/// Where the graders differ in the runs of a side; `None` where one of them had one grader.
fn all_flips(side: &Side) -> Option<Vec<harness::metric::Flip>> {
    let mut all = Vec::new();
    for run in &side.runs {
        let judging = run.run.manifest.judging.as_ref()?;
        if judging.graders.len() < 2 {
            return None;
        }
        all.extend(flips(&run.run.verdicts));
    }
    Some(all)
}

fn shown(input: &CompareInput) -> Vec<reports::Table> {
    [
        Some(tables::compare_table(input)),
        Some(tables::solved_table(input)),
        tables::runs_table(input),
        Some(tables::outcome_shifts_table(input)),
        tables::transitions_table(input),
        tables::rule_shifts_table(input),
        Some(tables::problem_changes_table(input)),
    ]
    .into_iter()
    .flatten()
    .filter(|table| !table.rows.is_empty())
    .collect()
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    a: SideReport<'a>,
    b: SideReport<'a>,
    grader: &'static str,
    cautions: &'a [String],
    n_common: usize,
    rows: Vec<RowReport<'a>>,
    solved: Vec<SolvedReport>,
    outcome_shifts: &'a [OutcomeShift],
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_transitions: Option<Transitions>,
    gained: &'a [harness::problem::ProblemId],
    lost: &'a [harness::problem::ProblemId],
    problems: &'a [ProblemScores],
    bootstrap: harness::metric::Bootstrap,
}

#[derive(Debug, Serialize)]
struct SideReport<'a> {
    runs: Vec<&'a str>,
    /// Of each run, in the order of the metrics.
    values: &'a [RunValues],
}

#[derive(Debug, Serialize)]
struct RowReport<'a> {
    metric: String,
    level: &'static str,
    #[serde(flatten)]
    row: Option<&'a ComparisonRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

#[derive(Debug, Serialize)]
struct SolvedReport {
    level: &'static str,
    #[serde(flatten)]
    test: Option<McNemar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl<'a> Report<'a> {
    fn of(input: &'a CompareInput) -> Self {
        let comparison = &input.comparison;
        let side = |side: &'a ComparedSide, values| SideReport {
            runs: side.runs.iter().map(|run| run.name.as_str()).collect(),
            values,
        };
        let rows = comparison
            .metrics
            .iter()
            .enumerate()
            .flat_map(|(i, metric)| {
                let row =
                    move |(group, rows): &'a (Group, Vec<Result<ComparisonRow, _>>)| RowReport {
                        metric: metric.to_string(),
                        level: group.name(),
                        row: rows[i].as_ref().ok(),
                        refused: rows[i].as_ref().err().map(ToString::to_string),
                    };
                comparison.groups.iter().map(row)
            });
        Self {
            a: side(&input.a, &comparison.by_run.0),
            b: side(&input.b, &comparison.by_run.1),
            grader: input.grader.name(),
            cautions: &input.cautions,
            n_common: comparison.n_common,
            rows: rows.collect(),
            solved: comparison
                .solved
                .iter()
                .map(|(group, test)| SolvedReport {
                    level: group.name(),
                    test: test.as_ref().ok().copied(),
                    refused: test.as_ref().err().map(ToString::to_string),
                })
                .collect(),
            outcome_shifts: &input.shifts,
            outcome_transitions: input.pairs.as_deref().map(Transitions::of),
            gained: &comparison.gained,
            lost: &comparison.lost,
            problems: &comparison.by_problem,
            bootstrap: comparison.bootstrap,
        }
    }
}
