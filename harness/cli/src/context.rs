//! What commands share: the console, the user's folders, and what is opened from there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use harness::contract::Executor;
use harness::problem::Dataset;
use sandbox::SandboxOptions;
use sandbox::worker::{Workers, WorkersOptions};

use crate::arguments::SANDBOX_WORKER;
use crate::console::Console;
use crate::places::Places;

/// What every command may use.
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) places: Places,
    /// Set by Ctrl-C.
    pub(crate) cancel: Arc<AtomicBool>,
}

impl Context {
    pub(crate) fn open_dataset(&self, name: &str) -> Result<Dataset> {
        let spinner = self.console.spinner(&format!("reading {name}"));
        let dataset = datasets::open(name, &self.places.lookup());
        spinner.finish_and_clear();
        Ok(dataset?)
    }

    /// Worker processes of this same program; they start when they are needed.
    pub(crate) fn sandbox(&self) -> Result<Workers> {
        let guest = self.places.guest()?;
        let spinner = self.console.spinner("starting the sandbox");
        let options = WorkersOptions {
            sandbox: SandboxOptions {
                guest,
                cache_dir: self.places.cache.clone(),
                max_concurrent: 1,
            },
            command: worker_command()?,
        };
        let workers = Workers::new(options, || {
            spinner.set_message("compiling the sandbox guest (once, about half a minute)");
        });
        spinner.finish_and_clear();
        let workers = workers.context("cannot start the sandbox; `coderl doctor` may know why")?;
        Ok(workers.with_packages(self.numpy_sandbox()?))
    }

    /// The same for programs that import numpy, if that guest is installed.
    pub(crate) fn numpy_sandbox(&self) -> Result<Option<Workers>> {
        let console = self.console;
        let on_compile = move || {
            console.note("compiling the numpy guest (once, a minute or two)");
        };
        Ok(Workers::numpy(
            &self.places.cache,
            worker_command()?,
            on_compile,
        ))
    }
}

/// Names the guest for programs that import packages, if it is installed.
pub(crate) fn with_packages(sandbox: &dyn Executor) -> Option<String> {
    let executor = sandbox.with_packages()?;
    Some(executor.fingerprint().to_owned())
}

/// This program as a worker.
fn worker_command() -> Result<Vec<OsString>> {
    Ok(vec![own_executable()?.into(), SANDBOX_WORKER.into()])
}

/// This program, also if its file was replaced meanwhile.
pub(crate) fn own_executable() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("cannot find the program's own file")
}
