//! The worker's side: one guest after the other.

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use harness::contract::{Executor, PluginError};
use harness::error_chain;
use harness::execution::{Grants, Limits, Step};

use super::confine;
use super::wire::{FromWorker, ToWorker, Trouble, decode, receive, send};
use crate::error::SandboxError;
use crate::form::Form;
use crate::guest::{Guest, Performer};
use crate::sandbox::{Prepared, Sandbox};

/// Runs as a worker: standard input is the socket to the harness. Returns when the harness
/// closes it.
#[must_use]
pub fn main() -> ExitCode {
    confine::drop_descriptors();
    let stream = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => UnixStream::from(socket),
        Err(_) => return ExitCode::FAILURE,
    };
    match serve(stream) {
        // The harness is gone, or done with this worker.
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(mut stream: UnixStream) -> io::Result<()> {
    let mut buffer = Vec::new();
    receive(&mut stream, &mut buffer)?;
    let ToWorker::Hello {
        guest,
        mut read_only,
    } = decode(&buffer)?
    else {
        return Err(io::Error::other("no greeting"));
    };
    if let Form::Numpy { library } = &guest.form {
        read_only.push(library.clone());
    }
    // Functions on files ask for a Tokio runtime, although they block: one without threads.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let _entered = runtime.enter();
    let sandbox = match ready(guest) {
        Ok(sandbox) => sandbox,
        Err(error) => return send(&mut stream, &FromWorker::Trouble(trouble(&*error))),
    };
    let confinement = confine::confine(&std::env::temp_dir(), &read_only);
    send(&mut stream, &FromWorker::Ready(confinement))?;
    sessions(stream, buffer, &sandbox)
}

/// A sandbox that has run once: what is opened or made on first use is there before the
/// worker gives up the right to do so.
fn ready(guest: Prepared) -> Result<Sandbox, PluginError> {
    let sandbox = Sandbox::load(guest, 1)?;
    sandbox
        .session(&Limits::default(), &Grants::default())?
        .run(&Step::RunScript {
            source: "print(input())",
            stdin: b"warm\n",
        })?;
    Ok(sandbox)
}

fn sessions(mut stream: UnixStream, mut buffer: Vec<u8>, sandbox: &Sandbox) -> io::Result<()> {
    let mut guest: Option<Guest> = None;
    loop {
        receive(&mut stream, &mut buffer)?;
        let reply = match decode(&buffer)? {
            ToWorker::Open(terms) => {
                // The next guest takes the place of the last one.
                drop(guest.take());
                let (limits, grants) = terms.split();
                match sandbox.guest(&limits, &grants) {
                    Ok(new) => {
                        guest = Some(new);
                        FromWorker::Opened
                    }
                    Err(error) => FromWorker::Trouble(trouble(&error)),
                }
            }
            ToWorker::Perform { request, answers } => match &mut guest {
                None => FromWorker::Trouble(Trouble {
                    message: "there is no session".to_owned(),
                    processor_time: None,
                }),
                Some(performer) => {
                    let connection = RefCell::new(&mut stream);
                    let mut ask = |question: &[u8]| ask(*connection.borrow_mut(), question);
                    let answer = answers.then_some(&mut ask as _);
                    match performer.perform(request, answer) {
                        Ok(facts) => FromWorker::Done(facts),
                        Err(error) => {
                            guest = None;
                            FromWorker::Trouble(trouble(&*error))
                        }
                    }
                }
            },
            ToWorker::Close => {
                drop(guest.take());
                FromWorker::Closed
            }
            ToWorker::Hello { .. } | ToWorker::Answer(_) => {
                return Err(io::Error::other("a message out of turn"));
            }
        };
        send(&mut stream, &reply)?;
    }
}

fn ask(stream: &mut UnixStream, question: &[u8]) -> Result<Option<Vec<u8>>, PluginError> {
    send(stream, &FromWorker::Question(question.to_owned()))?;
    let mut buffer = Vec::new();
    receive(stream, &mut buffer)?;
    match decode(&buffer)? {
        ToWorker::Answer(answer) => Ok(answer.map(<[u8]>::to_owned)),
        _ => Err("a message out of turn".into()),
    }
}

fn trouble(error: &(dyn std::error::Error + 'static)) -> Trouble {
    Trouble {
        message: error_chain(error),
        processor_time: match error.downcast_ref() {
            Some(SandboxError::ProcessorTime(limit)) => Some(*limit),
            _ => None,
        },
    }
}
