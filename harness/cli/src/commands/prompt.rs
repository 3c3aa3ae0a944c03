//! `coderl prompt`: what a model reads for one problem.

use std::io::Write;

use anyhow::Result;
use datasets::show;
use harness::config::BackendChoice;
use harness::prompt::{Prompt, PromptStyle};

use crate::arguments;
use crate::context::Context;
use crate::exit::{Exit, usage};
use crate::models::{self, ModelSource};
use crate::pipeline::resolve;

pub(crate) fn prompt(context: &Context, arguments: &arguments::Prompt) -> Result<Exit> {
    let resolved = resolve(
        &arguments.settings,
        Some(&arguments.backend),
        Some(arguments.dataset.clone()),
    )?;
    let settings = &resolved.settings;
    let dataset = context.open_dataset(&arguments.dataset)?;
    let problem = show::find_problem(&dataset, &arguments.id)?;

    let backend = settings.model.backend;
    let choice = models::template(backend.unwrap_or(BackendChoice::Replay), settings);
    let style = PromptStyle::new(&choice, &dataset.problems)
        .map_err(|error| usage(format!("{:#}", anyhow::Error::from(error))))?;
    let prompt = style.prompt(problem)?;
    // Loading a model takes a while; a prompt that cannot be made is told before.
    let counted = match backend {
        Some(backend @ (BackendChoice::Process | BackendChoice::Torch)) => {
            let source = ModelSource::new(backend, settings)?;
            let asking = source.asking(settings, &dataset.problems)?;
            match source.child(settings, asking) {
                Some(process) => Some(process?.model()?.count_tokens(&prompt)?),
                None => None,
            }
        }
        _ => None,
    };
    let (n_tokens, text) = counted.map_or((None, None), |(n, text)| (Some(n), text));
    let text = text.unwrap_or_else(|| as_text(&prompt));
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;

    let length = match n_tokens {
        Some(n) => format!("{n} tokens"),
        None => format!(
            "{} bytes, {} characters; tokens are counted by the backends `torch` and `process`",
            text.len(),
            text.chars().count()
        ),
    };
    let mut about = format!(
        "{}: template `{}`, {length}; the answer is read as `{}`",
        problem.id,
        style.name(problem),
        style.answer(problem)
    );
    let stop = style.stop(problem);
    if !stop.is_empty() {
        let stop: Vec<String> = stop.iter().map(|text| format!("{text:?}")).collect();
        about.push_str(&format!(" up to {}", stop.join(", ")));
    }
    // On a line of its own where both go to the same terminal.
    let is_open_line = !text.ends_with('\n');
    context.console.note(format_args!(
        "{}{about}",
        if is_open_line { "\n" } else { "" }
    ));
    Ok(Exit::Done)
}

/// A conversation as a person reads it, where nobody knows the model's own template.
fn as_text(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Messages(messages) => messages
            .iter()
            .map(|message| {
                let role = serde_json::to_value(message.role).expect("a role is serialisable");
                let role = role.as_str().unwrap_or_default().to_owned();
                format!("--- {role}\n{}\n", message.content)
            })
            .collect(),
    }
}
