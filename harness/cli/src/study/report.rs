//! The report of a study, from the records of its runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use harness::error_chain;
use harness::metric::{Pooled, ProblemTally};
use harness::store::{CRITIC_SCORES, Manifest, StoredRun};
use harness::study::{Judged, StageStatus};
use harness::verdict::Grader;
use reports::plot::{METRICS, TrainingCurve};
use reports::render;
use reports::study::{
    RowRun, Spent, StageFolder, StudyDataset, StudyInput, StudyRow, StudyTables, write_study,
};

use super::{Opened, State};
use crate::commands::terminal_width;
use crate::context::Context;
use crate::exit::{Exit, data};
use crate::inputs;

/// Prints the tables of what is done, and writes the report into `folder`.
pub(crate) fn make(context: &Context, opened: &Opened, folder: Option<&Path>) -> Result<Exit> {
    let state = opened.state()?;
    let input = input(opened, &state)?;
    if input.datasets.iter().all(|dataset| dataset.rows.is_empty()) {
        return Err(data(format!(
            "nothing of the study in `{}` is judged yet; `coderl study status` tells how far it is",
            opened.out().display()
        )));
    }
    for line in &input.missing {
        context
            .console
            .note(format_args!("not in the report: {line}"));
    }
    let tables = StudyTables::new(&input);
    let mut out = std::io::stdout().lock();
    // By level and beside the paper they are in the folder.
    for table in tables.results() {
        writeln!(out, "{}", render::terminal(&table, terminal_width()))?;
    }
    let own = opened.out().join("report");
    let files = write_study(&input, folder.unwrap_or(&own))?;
    if let Some(page) = files.last() {
        context
            .console
            .note(format_args!("report: `{}`", page.display()));
    }
    Ok(Exit::Done)
}

/// A run that is done.
struct Run {
    name: String,
    of_row: RowRun,
    stored: StoredRun,
}

fn input(opened: &Opened, state: &State) -> Result<StudyInput> {
    let study = &opened.study;
    let mut missing = Vec::new();
    let mut datasets = Vec::new();
    for dataset in &study.datasets {
        let mut rows = Vec::new();
        let mut first: Option<(String, Manifest)> = None;
        let cells = opened.plan.judged.iter();
        for judged in cells.filter(|judged| judged.dataset == dataset.name) {
            missing.extend(unfinished(opened, state, judged));
            let mut runs = Vec::new();
            for &at in judged.runs.iter().filter(|&&at| state.is_done(at)) {
                let path = opened.path(at);
                let scores = path.join(CRITIC_SCORES);
                let run = Run {
                    name: opened.plan.stages[at].name.clone(),
                    stored: StoredRun::read(&path)?,
                    of_row: RowRun {
                        seed: opened.plan.stages[at].seed,
                        critic_scores: scores.is_file().then_some(scores),
                        directory: path,
                    },
                };
                match &first {
                    None => first = Some((run.name.clone(), run.stored.manifest.clone())),
                    Some((name, manifest)) => {
                        check_alike((name, manifest), (&run.name, &run.stored.manifest))?;
                    }
                }
                runs.push(run);
            }
            rows.extend(row(judged, &runs)?);
        }
        datasets.push(StudyDataset {
            name: dataset.name.clone(),
            title: dataset.title.clone(),
            settings: first
                .map(|(_, manifest)| shared(&manifest))
                .unwrap_or_default(),
            rows,
        });
    }
    Ok(StudyInput {
        settings: settings(opened, state),
        study: study.clone(),
        datasets,
        missing,
        trainings: trainings(opened, state)?,
        stages: figures(opened, state),
    })
}

/// Learning curves of what was trained, by command; repetitions have one name.
fn trainings(opened: &Opened, state: &State) -> Result<Vec<(String, Vec<TrainingCurve>)>> {
    let mut found: Vec<(String, Vec<TrainingCurve>)> = Vec::new();
    for (at, stage) in opened.plan.stages.iter().enumerate() {
        let path = opened.path(at);
        if !stage.command.starts_with("train ")
            || !state.is_done(at)
            || !path.join(METRICS).is_file()
        {
            continue;
        }
        let name = stage.name.split('/').next().unwrap_or_default();
        let checkpoint = opened.study.checkpoint(name);
        let label = checkpoint.map_or(name, |it| it.title.as_str());
        let curve = TrainingCurve::read(label, &path)?;
        match found.iter_mut().find(|it| it.0 == stage.command) {
            Some((_, curves)) => curves.push(curve),
            None => found.push((stage.command.clone(), vec![curve])),
        }
    }
    for (_, curves) in &mut found {
        // Seeds of one setting together, settings in the order of the plan.
        let mut labels: Vec<String> = curves.iter().map(|curve| curve.label.clone()).collect();
        labels.dedup();
        curves.sort_by_key(|curve| labels.iter().position(|label| *label == curve.label));
    }
    Ok(found)
}

/// Folders of stages that figures show.
fn figures(opened: &Opened, state: &State) -> BTreeMap<String, StageFolder> {
    let done = opened
        .plan
        .figures
        .iter()
        .filter(|(_, at)| state.is_done(**at));
    done.map(|(name, &at)| {
        let directory = opened.path(at);
        (name.clone(), StageFolder { directory })
    })
    .collect()
}

/// Runs of a row that are not done, as a sentence.
fn unfinished(opened: &Opened, state: &State, judged: &Judged) -> Option<String> {
    let open: Vec<String> = judged
        .runs
        .iter()
        .filter(|&&at| !state.is_done(at))
        .map(|&at| {
            let stage = &opened.plan.stages[at];
            let why = match state.statuses[at] {
                StageStatus::Waiting => waits_for(opened, state, at),
                status => status.to_string(),
            };
            format!("`{}` ({why})", stage.name)
        })
        .collect();
    (!open.is_empty()).then(|| open.join(", "))
}

/// The stage that keeps another one waiting: one that failed, if there is one.
fn waits_for(opened: &Opened, state: &State, at: usize) -> String {
    let plan = &opened.plan;
    let needed = plan.needed(|stage| stage.name == plan.stages[at].name);
    let open = || (0..at).filter(|&it| needed[it] && !state.is_done(it));
    let failed = open().find(|&it| state.statuses[it] == StageStatus::Failed);
    match failed.or_else(|| open().next()) {
        Some(it) => format!("`{}` is {}", plan.stages[it].name, state.statuses[it]),
        None => "waiting".to_owned(),
    }
}

/// Refuses to put results side by side that other problems, graders, limits or guests gave.
fn check_alike((name_a, a): (&str, &Manifest), (name_b, b): (&str, &Manifest)) -> Result<()> {
    // How candidates were made is what rows differ in.
    let judged = |manifest: &Manifest| Manifest {
        generation: None,
        ..manifest.clone()
    };
    let differences = judged(a).differences(&judged(b));
    if differences.is_empty() {
        return Ok(());
    }
    let lines: String = differences
        .iter()
        .map(|it| format!("\n  {}: {} and {}", it.key, it.stored, it.requested))
        .collect();
    Err(data(format!(
        "`{name_a}` and `{name_b}` cannot stand in one table, since they differ in{lines}\nremove \
         the directory of the one that is wrong, and `coderl study run` makes it again"
    )))
}

fn row(judged: &Judged, runs: &[Run]) -> Result<Option<StudyRow>> {
    let mut hidden = Vec::new();
    let mut examples = Vec::new();
    let mut spent = Spent::default();
    for run in runs {
        let path = Path::new(&run.name);
        let (grader, tallies) = inputs::judging(path, &run.stored, None, &Default::default())?;
        hidden.push(tallies);
        examples.extend(example_tallies(&run.stored, grader)?);
        spent.add(&run.stored.strategy);
    }
    let Some(hidden) = Pooled::new(&hidden) else {
        return Ok(None);
    };
    Ok(Some(StudyRow {
        name: judged.row.name.clone(),
        title: judged.row.title.clone(),
        runs: runs.iter().map(|run| run.of_row.clone()).collect(),
        n_planned: judged.runs.len(),
        hidden,
        examples: Pooled::new(&examples).filter(|_| examples.len() == runs.len()),
        spent: (spent.n_problems > 0).then_some(spent),
    }))
}

/// What the example tests said, of the problems that show some.
fn example_tallies(run: &StoredRun, grader: Grader) -> Result<Option<Vec<ProblemTally>>> {
    if run.example_verdicts.is_empty() {
        return Ok(None);
    }
    let tallies =
        inputs::example_tallies(run, grader).map_err(|error| data(error_chain(&error)))?;
    Ok((!tallies.is_empty()).then_some(tallies))
}

/// What all runs on a dataset share.
fn shared(manifest: &Manifest) -> Vec<(String, String)> {
    let dataset = &manifest.dataset;
    let mut rows = vec![
        (
            "dataset".to_owned(),
            format!(
                "{}, {} of {} problems, SHA-256 {}",
                dataset.name, dataset.n_selected, dataset.n_problems, dataset.sha256
            ),
        ),
        ("coderl".to_owned(), manifest.coderl_version.clone()),
    ];
    if let Some(judging) = &manifest.judging {
        let graders: Vec<&str> = judging.graders.iter().map(|grader| grader.name()).collect();
        rows.push(("grader".to_owned(), graders[0].to_owned()));
        let seconds = judging.limits.reference_seconds();
        let memory = judging.limits.memory_bytes >> 20;
        rows.push((
            "limits".to_owned(),
            format!("{seconds} reference seconds a test, {memory} MiB memory"),
        ));
        rows.push(("guest".to_owned(), judging.guest.clone()));
    }
    rows
}

fn settings(opened: &Opened, state: &State) -> Vec<(String, String)> {
    let study = &opened.study;
    let seeds: Vec<String> = study.seeds.iter().map(u64::to_string).collect();
    let seconds: f64 = opened
        .plan
        .stages
        .iter()
        .filter_map(|stage| state.records.get(&stage.name))
        .map(|record| record.seconds)
        .sum();
    let bootstrap = &study.metrics.bootstrap;
    vec![
        ("study".to_owned(), format!("`{}`", study.files.main().name)),
        ("seeds".to_owned(), seeds.join(", ")),
        (
            "stages".to_owned(),
            format!(
                "{} of {} done, {} of work",
                state.count(StageStatus::Done),
                opened.plan.stages.len(),
                super::short(std::time::Duration::from_secs_f64(seconds))
            ),
        ),
        (
            "intervals".to_owned(),
            format!(
                "{} %, bootstrap over problems, {} resamples, seed {}",
                100.0 * bootstrap.confidence,
                bootstrap.n_resamples,
                bootstrap.seed
            ),
        ),
    ]
}
