//! `coderl datasets`: list, fetch, show.

use std::io::Write;

use anyhow::Result;
use datasets::fetch::{self, FetchProgress};
use datasets::micro;
use datasets::show::{self, ShowOptions};
use indicatif::HumanBytes;

use crate::arguments;
use crate::commands::terminal_width;
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn datasets(context: &Context, command: &arguments::Datasets) -> Result<Exit> {
    match command {
        arguments::Datasets::List => list(context),
        arguments::Datasets::Fetch { name } => fetch(context, name),
        arguments::Datasets::Show { dataset, id } => show(context, dataset, id.as_deref()),
        arguments::Datasets::Micro(arguments) => write_micro(arguments),
    }
}

fn list(context: &Context) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    for known in datasets::KNOWN {
        let state = match datasets::open(known.name, &context.places.lookup()) {
            Ok(dataset) => format!("{} problems at hand", dataset.problems.len()),
            Err(datasets::Error::NotAtHand { .. }) => {
                format!("not here; `coderl datasets fetch {}`", known.name)
            }
            Err(error @ datasets::Error::SeveralDatasets { .. }) => error.to_string(),
            Err(error) => format!("unreadable: {:#}", anyhow::Error::from(error)),
        };
        writeln!(
            out,
            "{:<16} {}\n{:<16} {state}",
            known.name, known.title, ""
        )?;
    }
    Ok(Exit::Done)
}

fn fetch(context: &Context, name: &str) -> Result<Exit> {
    let mut bar = None;
    let mut shown = None;
    let fetched = fetch::fetch(
        name,
        context.places.hub(),
        &mut |progress: &FetchProgress| {
            if shown != Some(progress.file_index) {
                shown = Some(progress.file_index);
                let label = format!(
                    "{}/{} {}",
                    progress.file_index + 1,
                    progress.n_files,
                    progress.file
                );
                bar = Some(context.console.byte_bar(progress.bytes_total, &label));
            }
            if let Some(bar) = &bar {
                bar.set_position(progress.bytes_done);
            }
        },
    );
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let fetched = fetched?;
    let mut out = std::io::stdout().lock();
    for file in &fetched.record.files {
        writeln!(
            out,
            "{}  {}  {}",
            file.sha256,
            HumanBytes(file.bytes),
            fetched.snapshot.join(&file.path).display()
        )?;
    }
    context.console.note(format_args!(
        "{} transferred; recorded in `{}`",
        HumanBytes(fetched.bytes_transferred),
        fetched.record_path.display()
    ));
    Ok(Exit::Done)
}

fn write_micro(arguments: &arguments::Micro) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    for file in micro::write(&arguments.out, &arguments.settings())? {
        writeln!(
            out,
            "{}  {} problems  {}",
            file.sha256,
            file.n_problems,
            file.path.display()
        )?;
    }
    Ok(Exit::Done)
}

fn show(context: &Context, name: &str, id: Option<&str>) -> Result<Exit> {
    let dataset = context.open_dataset(name)?;
    let options = ShowOptions {
        width: terminal_width(),
        ..ShowOptions::default()
    };
    let text = match id {
        Some(id) => show::problem(show::find_problem(&dataset, id)?, options),
        None => show::summary(&dataset, options),
    };
    write!(std::io::stdout(), "{text}")?;
    Ok(Exit::Done)
}
