//! The `coderl` command line: arguments, wiring, exit codes.
//!
//! Results go to standard output, everything for people to standard error. This package
//! alone reads the environment and names concrete backends.

mod arguments;
mod commands;
mod comparable;
mod console;
mod context;
mod exclusion;
mod exit;
mod inputs;
mod models;
mod pipeline;
mod places;
mod results;
mod study;
mod train;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::console::Console;
use crate::context::Context;
use crate::exit::Exit;
use crate::places::Places;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::SandboxWorker) {
        return sandbox::worker::main();
    }
    if let Command::ModelGuard { command } = &arguments.command {
        return backends::process::guard::main(command);
    }
    let exit = match run(arguments) {
        Ok(exit) => exit,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            Exit::of(&error)
        }
    };
    exit.into()
}

fn run(arguments: Arguments) -> Result<Exit> {
    let context = Context {
        console: Console::new(arguments.quiet),
        places: Places::new(arguments.places)?,
        cancel: Arc::new(AtomicBool::new(false)),
    };
    match arguments.command {
        Command::Generate(generate) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::generate(&context, generate)
        }
        Command::Score(score) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::score(&context, score)
        }
        Command::Run(run) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::run(&context, run)
        }
        Command::Train(train) => {
            stop_cleanly_on_ctrl_c(&context)?;
            train::train(&context, &train)
        }
        Command::Sample(sample) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::sample(&context, sample)
        }
        Command::CriticScore(score) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::critic_score(&context, &score)
        }
        Command::Export(export) => commands::export(&context, &export),
        Command::Import(import) => commands::import(&context, &import),
        Command::Report(report) => commands::report(&context, &report),
        Command::Compare(compare) => commands::compare(&context, &compare),
        Command::Gate(gate) => commands::gate(&context, &gate),
        Command::Overlap(overlap) => commands::overlap(&context, &overlap),
        Command::Transfer(transfer) => commands::transfer(&context, &transfer),
        Command::Study(study) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::study(&context, &study)
        }
        Command::Verify(verify) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::verify(&context, &verify)
        }
        Command::Audit(audit) => {
            stop_cleanly_on_ctrl_c(&context)?;
            commands::audit(&context, &audit)
        }
        Command::Corpus(corpus) => commands::corpus(&context, &corpus),
        Command::Models(models) => commands::models(&models),
        Command::Cache(cache) => commands::cache(&context, &cache),
        Command::Datasets(datasets) => commands::datasets(&context, &datasets),
        Command::Guest(guest) => commands::guest(&context, &guest),
        Command::Prompt(prompt) => commands::prompt(&context, &prompt),
        Command::ShowConfig(show) => commands::show_config(&show),
        Command::Doctor => commands::doctor(&context),
        Command::SandboxWorker | Command::ModelGuard { .. } => {
            unreachable!("neither has a context")
        }
    }
}

/// The first Ctrl-C lets what is being judged come to its end; the second ends the process,
/// which loses nothing that was stored.
fn stop_cleanly_on_ctrl_c(context: &Context) -> Result<()> {
    let cancel = Arc::clone(&context.cancel);
    let console = context.console;
    ctrlc::set_handler(move || {
        if cancel.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "asked twice to stop at once")]
            std::process::exit(Exit::Interrupted as i32);
        }
        console.note("stopping; press Ctrl-C again to stop at once");
    })
    .context("cannot handle Ctrl-C")
}

/// `coderl … | head` is no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
