//! `coderl-torch`: models on libtorch, apart from `coderl`, which does without libtorch.

mod arguments;
mod export;
mod fetch;
mod generate;
mod logits;
mod model;
mod new;
mod serve;
mod show;
mod texts;
mod tokenize;
mod train;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the place where errors are shown")]
            {
                eprintln!("error: {error:#}");
            }
            // As `coderl` has it: 3 is bad data.
            ExitCode::from(if error.is::<backend_torch::Error>() {
                3
            } else {
                1
            })
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
        tch::set_num_threads(i32::try_from(threads)?);
    }
    match &arguments.command {
        Command::Show(options) => show::show(options),
        Command::Fetch { name } => fetch::fetch(name),
        Command::New(options) => new::new(options),
        Command::Export(options) => export::export(options),
        Command::Generate(options) => generate::generate(options),
        Command::Logits(options) => logits::logits(options),
        Command::Tokenize(options) => tokenize::tokenize(options),
        Command::Serve(options) => serve::serve(options),
        Command::Train(options) => train::train(options, arguments.threads.is_some()),
        Command::Gradients(options) => train::gradients(options),
        Command::CriticScore(options) => train::critic_score(options),
    }
}
