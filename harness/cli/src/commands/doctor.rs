//! `coderl doctor`: what is installed, what is missing, how to get it.

use std::io::Write;

use anyhow::Result;
use harness::contract::Executor;
use harness::execution::{Ending, Grants, Limits, Step};

use crate::context::Context;
use crate::exit::Exit;
use crate::models::torch_program;

/// Result of one check.
struct Finding {
    name: String,
    state: State,
    detail: String,
}

enum State {
    Good,
    /// Not needed for everything.
    Absent,
    Bad,
}

pub(crate) fn doctor(context: &Context) -> Result<Exit> {
    let mut findings = vec![
        guest(context),
        numpy_guest(context),
        torch_engine(),
        cache(context),
    ];
    findings.extend(datasets_at_hand(context));
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        let state = match finding.state {
            State::Good => "ok     ",
            State::Absent => "absent ",
            State::Bad => "MISSING",
        };
        writeln!(out, "{state} {:<22} {}", finding.name, finding.detail)?;
    }
    let broken = findings
        .iter()
        .any(|finding| matches!(finding.state, State::Bad));
    Ok(if broken { Exit::Unexpected } else { Exit::Done })
}

/// Starts the sandbox and runs a program in it.
fn guest(context: &Context) -> Finding {
    let source = "import sys; print('CPython', sys.version.split()[0])";
    let tried = context.sandbox().and_then(|sandbox| {
        let versions = identify(&sandbox, source)?;
        let confinement = sandbox.confinement()?;
        let given_up = match (confinement.files, confinement.system_calls) {
            (true, true) => "confined by Landlock and seccomp",
            (true, false) => "confined by Landlock; this kernel has no seccomp",
            (false, true) => "confined by seccomp; this kernel has no Landlock",
            (false, false) => "not confined: this kernel has neither Landlock nor seccomp",
        };
        Ok(format!("{versions}; workers are {given_up}"))
    });
    guest_finding("sandbox guest", tried)
}

/// The same for the guest with numpy, which is not needed for everything.
fn numpy_guest(context: &Context) -> Finding {
    let source =
        "import numpy, sys; print('CPython', sys.version.split()[0], 'numpy', numpy.__version__)";
    let name = "numpy guest";
    let tried = match context.numpy_sandbox() {
        Ok(None) => {
            return Finding {
                name: name.to_owned(),
                state: State::Absent,
                detail: "`coderl guest install numpy` gets it; without it programs that import \
                         numpy are not judged"
                    .to_owned(),
            };
        }
        Ok(Some(sandbox)) => identify(&sandbox, source),
        Err(error) => Err(error),
    };
    guest_finding(name, tried)
}

/// What the guest says about itself when `source` runs in it.
fn identify(sandbox: &dyn Executor, source: &str) -> Result<String> {
    let mut session = sandbox
        .session(&Limits::default(), &Grants::default())
        .map_err(anyhow::Error::from_boxed)?;
    let execution = session
        .run(&Step::RunScript { source, stdin: b"" })
        .map_err(anyhow::Error::from_boxed)?;
    anyhow::ensure!(
        execution.ending == Ending::Completed,
        "the guest does not run programs: {:?}",
        execution.ending
    );
    let versions = String::from_utf8_lossy(&execution.stdout).trim().to_owned();
    Ok(format!("{versions}, {}", sandbox.fingerprint()))
}

fn guest_finding(name: &str, tried: Result<String>) -> Finding {
    let name = name.to_owned();
    match tried {
        Ok(detail) => Finding {
            name,
            state: State::Good,
            detail,
        },
        Err(error) => Finding {
            name,
            state: State::Bad,
            detail: format!("{error:#}"),
        },
    }
}

fn cache(context: &Context) -> Finding {
    let path = &context.places.cache;
    let written = std::fs::create_dir_all(path).and_then(|()| {
        let probe = path.join("doctor.tmp");
        std::fs::write(&probe, b"")?;
        std::fs::remove_file(probe)
    });
    Finding {
        name: "cache".to_owned(),
        state: if written.is_ok() {
            State::Good
        } else {
            State::Bad
        },
        detail: match written {
            Ok(()) => format!("`{}`", path.display()),
            Err(error) => format!(
                "`{}` cannot be written ({error}); name another with --cache-dir",
                path.display()
            ),
        },
    }
}

/// The engine that runs checkpoints, which nothing else needs.
fn torch_engine() -> Finding {
    let (state, detail) = match torch_program() {
        Ok(path) => (State::Good, format!("`{}`", path.display())),
        Err(_) => (
            State::Absent,
            "`make torch` builds it; the other backends do without".to_owned(),
        ),
    };
    Finding {
        name: "torch engine".to_owned(),
        state,
        detail,
    }
}

fn datasets_at_hand(context: &Context) -> Vec<Finding> {
    datasets::KNOWN
        .iter()
        .map(|known| {
            let opened = datasets::open(known.name, &context.places.lookup());
            let (state, detail) = match opened {
                Ok(dataset) => (State::Good, format!("{} problems", dataset.problems.len())),
                Err(datasets::Error::NotAtHand { .. }) => (
                    State::Absent,
                    format!("`coderl datasets fetch {}` gets it", known.name),
                ),
                Err(error) => (State::Bad, format!("{:#}", anyhow::Error::from(error))),
            };
            Finding {
                name: known.name.to_owned(),
                state,
                detail,
            }
        })
        .collect()
}
