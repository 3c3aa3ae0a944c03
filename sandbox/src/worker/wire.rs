//! Messages between the harness and a worker: a length in four bytes, then `postcard`.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use harness::execution::{Grants, Limits};
use serde::{Deserialize, Serialize};

use crate::guest::{Facts, Request};
use crate::sandbox::Prepared;

/// What the harness says.
#[derive(Serialize, Deserialize)]
pub(super) enum ToWorker<'a> {
    /// The first message.
    Hello {
        guest: Prepared,
        /// Directories that later sessions may be granted.
        read_only: Vec<PathBuf>,
    },
    /// Starts a session, and ends the one before.
    Open(Terms),
    Perform {
        #[serde(borrow)]
        request: Request<'a>,
        /// Questions will be answered.
        answers: bool,
    },
    /// To a question. `None` ends the guest.
    Answer(#[serde(with = "serde_bytes")] Option<&'a [u8]>),
    Close,
}

/// What a worker says, each time in reply.
#[derive(Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// To `Hello`.
    Ready(Confinement),
    Opened,
    Done(Facts),
    Question(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Trouble of the infrastructure. The session is over, the worker lives.
    Trouble(Trouble),
    Closed,
}

/// An error that crossed a process boundary.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) processor_time: Option<Duration>,
}

/// What the kernel agreed to take away from a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Files outside of the worker's own scratch directory (Landlock).
    pub files: bool,
    /// System calls that a guest never needs (seccomp).
    pub system_calls: bool,
}

/// Limits and grants of a session.
#[derive(Serialize, Deserialize)]
pub(super) struct Terms {
    fuel: u64,
    memory_bytes: u64,
    output_bytes: u64,
    processor_time: Duration,
    scratch: Option<String>,
    read_only: Vec<(PathBuf, String)>,
}

impl Terms {
    pub(super) fn new(limits: &Limits, grants: &Grants) -> Self {
        Self {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
            output_bytes: limits.output_bytes,
            processor_time: limits.processor_time,
            scratch: grants.scratch.clone(),
            read_only: grants.read_only.clone(),
        }
    }

    pub(super) fn split(self) -> (Limits, Grants) {
        let limits = Limits {
            fuel: self.fuel,
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes,
            processor_time: self.processor_time,
        };
        let grants = Grants {
            scratch: self.scratch,
            read_only: self.read_only,
        };
        (limits, grants)
    }
}

pub(super) fn send(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let frame = postcard::to_extend(message, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).map_err(io::Error::other)?;
    let mut frame = frame;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&frame)
}

/// The bytes of the next message.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the other side is gone.
pub(super) fn receive(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    buffer.clear();
    let read = stream.take(length.into()).read_to_end(buffer)?;
    if read < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
