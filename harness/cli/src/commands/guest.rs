//! `coderl guest install`: guests beside the one that coderl is built with.

use std::time::Instant;

use anyhow::{Context as _, Result};
use harness::contract::Executor;
use harness::execution::{Grants, Limits};
use sandbox::{Installation, Wheel};

use crate::arguments::{Guest, GuestInstall, GuestName};
use crate::context::Context;
use crate::exit::Exit;

pub(crate) fn guest(context: &Context, guest: &Guest) -> Result<Exit> {
    match guest {
        Guest::Install(install) => match install.name {
            GuestName::Numpy => install_numpy(context, install),
        },
    }
}

fn install_numpy(context: &Context, install: &GuestInstall) -> Result<Exit> {
    let started = Instant::now();
    let installation = Installation::new(&context.places.cache);
    let wheel = install.wheel.clone().map_or(Wheel::Index, Wheel::File);
    let spinner = context
        .console
        .spinner("getting and preparing the numpy guest (about two minutes)");
    let installed = installation.install(&install.python, &wheel);
    spinner.finish_and_clear();
    installed.context("cannot install the numpy guest")?;

    // Compiles it, so that the first run does not have to.
    let sandbox = context
        .numpy_sandbox()?
        .context("the numpy guest was installed just now and is gone")?;
    sandbox
        .session(&Limits::default(), &Grants::default())
        .map_err(anyhow::Error::from_boxed)
        .context("the numpy guest does not start")?;
    context.console.note(format_args!(
        "the numpy guest is in `{}` (after {:.0?})",
        installation.directory().display(),
        started.elapsed()
    ));
    Ok(Exit::Done)
}
