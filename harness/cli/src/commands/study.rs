//! `coderl study`: run, status, report.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use harness::study::{StageStatus, changes, matches};
use reports::{Cell, ColumnKind, Table, render};
use serde::Serialize;

use crate::arguments;
use crate::commands::terminal_width;
use crate::console::counted;
use crate::context::Context;
use crate::exit::{Exit, usage};
use crate::study::{Opened, Request, make_report, run as run_stages, shell, short};

pub(crate) fn study(context: &Context, command: &arguments::Study) -> Result<Exit> {
    match command {
        arguments::Study::Run(arguments) => run(context, arguments),
        arguments::Study::Status(arguments) => status(context, arguments),
        arguments::Study::Report(arguments) => {
            let opened = Opened::new(context, &arguments.choice)?;
            let folder = arguments.folder.clone();
            make_report(context, &opened, folder.as_deref())
        }
    }
}

fn run(context: &Context, arguments: &arguments::StudyRun) -> Result<Exit> {
    let opened = Opened::new(context, &arguments.choice)?;
    let plan = &opened.plan;
    for pattern in &arguments.only {
        if !plan.stages.iter().any(|it| matches(pattern, &it.name)) {
            let names: Vec<&str> = plan.stages.iter().map(|it| it.name.as_str()).collect();
            return Err(usage(format!(
                "no stage matches --only `{pattern}`; there are {}",
                names.join(", ")
            )));
        }
    }
    let wanted = plan.needed(|stage| {
        let mut patterns = arguments.only.iter();
        arguments.only.is_empty() || patterns.any(|pattern| matches(pattern, &stage.name))
    });
    for name in &plan.unused {
        context.console.note(format_args!(
            "stage `{name}` is left out: no checkpoint needs it"
        ));
    }
    if arguments.dry_run {
        return dry_run(context, &opened, &wanted);
    }
    let lock = opened.directory.lock()?;
    let files = &opened.study.files;
    std::fs::write(opened.out().join("study.toml"), &files.main().text)?;
    for file in files.included() {
        let folder = opened.out().join("included");
        std::fs::create_dir_all(&folder)?;
        let name = Path::new(&file.name).file_name().unwrap_or_default();
        std::fs::write(folder.join(name), &file.text)?;
    }
    context.console.note(format_args!(
        "{}: {}, {} on {}; in `{}`",
        opened.study.title,
        counted(plan.stages.len(), "stage"),
        counted(opened.study.rows().len(), "row"),
        counted(opened.study.datasets.len(), "dataset"),
        opened.out().display()
    ));
    let request = Request {
        jobs: arguments.jobs.get(),
        wanted,
    };
    let exit = run_stages(context, &opened, &request)?;
    drop(lock);
    if exit == Exit::Interrupted || arguments.no_report {
        return Ok(exit);
    }
    let reported = make_report(context, &opened, None)?;
    Ok(match exit {
        Exit::Done => reported,
        exit => exit,
    })
}

/// Prints what `run` would do, as commands that can be typed.
fn dry_run(context: &Context, opened: &Opened, wanted: &[bool]) -> Result<Exit> {
    let state = opened.state()?;
    let mut out = std::io::stdout().lock();
    let mut n_left = 0;
    for (at, stage) in opened.plan.stages.iter().enumerate() {
        if !wanted[at] || state.is_done(at) {
            continue;
        }
        n_left += 1;
        let command = opened.plan.command(at, opened.out());
        writeln!(out, "# {}: {}", stage.name, state.statuses[at])?;
        writeln!(out, "{}", shell(&command))?;
    }
    context.console.note(format_args!(
        "{} left to be done, {} done",
        counted(n_left, "stage"),
        state.count(StageStatus::Done)
    ));
    Ok(Exit::Done)
}

/// What `status --json` prints of a stage.
#[derive(Serialize)]
struct StageLine {
    stage: String,
    status: &'static str,
    seconds: Option<f64>,
    needs: Vec<String>,
    command: Vec<String>,
    /// Why it is stale.
    changes: Vec<String>,
    log: Option<String>,
}

fn status(context: &Context, arguments: &arguments::StudyStatus) -> Result<Exit> {
    let opened = Opened::new(context, &arguments.choice)?;
    let state = opened.state()?;
    let plan = &opened.plan;
    let lines: Vec<StageLine> = plan
        .stages
        .iter()
        .enumerate()
        .map(|(at, stage)| {
            let status = state.statuses[at];
            let command = plan.command(at, opened.out());
            let record = state.records.get(&stage.name);
            let changes = match (status, record) {
                (StageStatus::Stale, Some(record)) => changes(plan, stage, &command, record),
                _ => Vec::new(),
            };
            let log = opened.directory.log(&stage.name);
            StageLine {
                stage: stage.name.clone(),
                status: status.name(),
                seconds: record.map(|record| record.seconds),
                needs: stage
                    .inputs
                    .iter()
                    .map(|&input| plan.stages[input].name.clone())
                    .collect(),
                command,
                changes: changes.iter().map(ToString::to_string).collect(),
                log: log.exists().then(|| log.display().to_string()),
            }
        })
        .collect();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &lines)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    let table = status_table(&opened, &lines);
    write!(out, "{}", render::terminal(&table, terminal_width()))?;
    let planned = |name: &str| plan.stages.iter().any(|stage| stage.name == name);
    let strange: Vec<&str> = state
        .records
        .keys()
        .map(String::as_str)
        .filter(|name| !planned(name))
        .collect();
    if !strange.is_empty() {
        context.console.note(format_args!(
            "on record, and not in the study: {}",
            strange.join(", ")
        ));
    }
    Ok(Exit::Done)
}

fn status_table(opened: &Opened, lines: &[StageLine]) -> Table {
    let mut table = Table::new(
        "status",
        format!("{} in {}", opened.study.title, opened.out().display()),
    )
    .column("stage", ColumnKind::Text)
    .column("status", ColumnKind::Text)
    .column("took", ColumnKind::Text)
    .column("", ColumnKind::Text);
    for line in lines {
        let took = line.seconds.filter(|seconds| *seconds > 0.0);
        let waits_for: Vec<&str> = match line.status {
            "waiting" => line
                .needs
                .iter()
                .filter(|need| {
                    lines
                        .iter()
                        .any(|it| it.stage == **need && it.status != "done")
                })
                .map(String::as_str)
                .collect(),
            _ => Vec::new(),
        };
        let more = match line.status {
            "failed" => format!("see {}", line.log.as_deref().unwrap_or_default()),
            "waiting" if !waits_for.is_empty() => format!("for {}", waits_for.join(", ")),
            _ => line.changes.join(", "),
        };
        table.push(vec![
            Cell::text(&line.stage),
            Cell::text(line.status),
            Cell::text(took.map_or_else(String::new, |it| short(Duration::from_secs_f64(it)))),
            Cell::text(more),
        ]);
    }
    let counts: Vec<String> = StageStatus::ALL
        .iter()
        .map(|status| status.name())
        .map(|name| (name, lines.iter().filter(|it| it.status == name).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    table.note(format!("{}.", counts.join(", ")));
    table
}
