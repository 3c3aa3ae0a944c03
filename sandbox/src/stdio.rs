//! Standard streams in memory.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Bytes that a guest may write at once.
const PERMIT: usize = 1 << 20;

/// The guest wrote more to standard output than it may.
#[derive(Debug, thiserror::Error)]
#[error("too much output")]
pub(crate) struct OutputLimit;

/// Standard input whose content the host sets before a step.
#[derive(Clone, Default)]
pub(crate) struct Input(Arc<Mutex<Bytes>>);

impl Input {
    pub(crate) fn set(&self, content: &[u8]) {
        *self.lock() = Bytes::copy_from_slice(content);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }

    // Only WASI 0.3 calls this, which the guest does not import.
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(MemoryInputPipe::new(Bytes::new()))
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {}
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut content = self.lock();
        if content.is_empty() {
            return Err(StreamError::Closed);
        }
        let size = size.min(content.len());
        Ok(content.split_to(size))
    }
}

/// What happens to output beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The guest ends with [`OutputLimit`].
    Trap,
    /// The rest is dropped, up to [`MAX_DROPPED`] bytes: writing costs a guest next to no fuel.
    Cut,
}

/// What may be dropped in a session.
const MAX_DROPPED: usize = 256 << 20;

/// What a guest wrote.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    dropped: usize,
}

/// Standard output or standard error, kept up to a limit.
#[derive(Clone)]
pub(crate) struct Output {
    written: Arc<Mutex<Written>>,
    limit: usize,
    overflow: Overflow,
}

impl Output {
    pub(crate) fn new(limit: usize, overflow: Overflow) -> Self {
        Self {
            written: Arc::default(),
            limit,
            overflow,
        }
    }

    /// What was written since the last call.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    // Only WASI 0.3 calls this, which the guest does not import.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(MemoryOutputPipe::new(0))
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut written = self.lock();
        let room = self.limit - written.bytes.len();
        if bytes.len() <= room {
            written.bytes.extend_from_slice(&bytes);
            return Ok(());
        }
        written.bytes.extend_from_slice(&bytes[..room]);
        written.dropped += bytes.len() - room;
        if self.overflow == Overflow::Cut && written.dropped <= MAX_DROPPED {
            return Ok(());
        }
        Err(StreamError::Trap(OutputLimit.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded() {
        let mut cut = Output::new(3, Overflow::Cut);
        cut.write(Bytes::from_static(b"ab")).unwrap();
        cut.write(Bytes::from_static(b"cd")).unwrap();
        cut.write(Bytes::from_static(b"e")).unwrap();
        assert_eq!(cut.take(), b"abc");
        cut.write(Bytes::from_static(b"f")).unwrap();
        assert_eq!(cut.take(), b"f");
        let much = Bytes::from(vec![b'g'; MAX_DROPPED]);
        cut.write(much.clone()).unwrap();
        assert!(cut.write(much).is_err());

        let mut trap = Output::new(3, Overflow::Trap);
        trap.write(Bytes::from_static(b"abc")).unwrap();
        let error = trap.write(Bytes::from_static(b"d")).unwrap_err();
        assert!(matches!(error, StreamError::Trap(error) if error.is::<OutputLimit>()));
        assert_eq!(trap.take(), b"abc");
    }

    #[test]
    fn input_ends() {
        let input = Input::default();
        input.set(b"abc");
        let (mut one, mut other) = (input.clone(), input);
        assert_eq!(one.read(2).unwrap(), "ab");
        assert_eq!(other.read(2).unwrap(), "c");
        assert!(matches!(one.read(2), Err(StreamError::Closed)));
    }
}
