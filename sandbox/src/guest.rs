//! One instance of the guest, as bytes see it: requests in, reports out.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use harness::contract::PluginError;
use harness::execution::{Limit, Limits};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::error::SandboxError;
use crate::form::Perform;
use crate::grants::Scratch;
use crate::mailbox::Mailbox;
use crate::state::State;
use crate::stdio::{Input, Output, OutputLimit};

/// What a report may have beside the value that a step limits: names, texts, framing.
const REPORT_HEAD_BYTES: usize = 1 << 20;

/// A step for a guest to perform.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Request<'a> {
    /// In the encoding of `protocol.rs`.
    #[serde(with = "serde_bytes")]
    pub(crate) step: &'a [u8],
    /// New standard input, for a script.
    #[serde(with = "serde_bytes")]
    pub(crate) stdin: Option<&'a [u8]>,
    pub(crate) fuel: u64,
}

/// What came of it, before anybody looks into the report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) outcome: Outcome,
    #[serde(with = "serde_bytes")]
    pub(crate) stdout: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub(crate) stderr: Vec<u8>,
    pub(crate) fuel: u64,
    pub(crate) unsupported: Vec<String>,
}

/// How the call of a guest ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Report(#[serde(with = "serde_bytes")] Vec<u8>),
    LimitHit(Limit),
    /// The program ended the process that it believes to be in.
    Exited(i32),
    Aborted(String),
}

/// Answers a question; `None` ends the guest that asked.
pub(crate) type AnswerBytes<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Option<Vec<u8>>, PluginError>;

/// Something that performs steps: a guest in this process, or one behind a worker.
pub(crate) trait Performer {
    /// # Errors
    /// Trouble of the infrastructure, and errors of `answer`. The performer is spent then.
    fn perform(
        &mut self,
        request: Request<'_>,
        answer: Option<AnswerBytes<'_>>,
    ) -> Result<Facts, PluginError>;
}

/// An instance in this process.
pub(crate) struct Guest {
    pub(crate) store: Store<State>,
    pub(crate) perform: Perform,
    pub(crate) limits: Limits,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    /// Removed when the session ends, after the store is gone.
    pub(crate) _scratch: Option<Scratch>,
}

impl Performer for Guest {
    fn perform(
        &mut self,
        request: Request<'_>,
        answer: Option<AnswerBytes<'_>>,
    ) -> Result<Facts, PluginError> {
        if let Some(stdin) = request.stdin {
            self.stdin.set(stdin);
        }
        let budget = request.fuel;
        self.store.set_fuel(budget).map_err(SandboxError::Start)?;
        self.store.data_mut().start_step(budget);
        let mailbox = self.store.data().mailbox.clone();
        if answer.is_some() {
            mailbox.open();
        }
        let result = self.call(request.step.to_owned(), &mailbox, answer);
        mailbox.close();
        let result = result?;
        let left = self.store.get_fuel().map_err(SandboxError::Start)?;
        let fuel = budget - left.min(budget);
        self.store.data_mut().end_step(fuel);

        let longest = usize::try_from(self.limits.output_bytes).unwrap_or(usize::MAX);
        let outcome = match result {
            // The guest keeps to the limit unless the program got hold of it.
            Ok(report) if report.len() > longest.saturating_add(REPORT_HEAD_BYTES) => {
                Outcome::LimitHit(Limit::Output)
            }
            Ok(report) => Outcome::Report(report),
            Err(error) => self.outcome_of(&error),
        };
        Ok(Facts {
            outcome,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            fuel,
            unsupported: self.store.data().unsupported.clone(),
        })
    }
}

impl Guest {
    /// Calls the guest. The inner error is how a guest ended, the outer one the backstop.
    ///
    /// The guest runs on a stack of its own, so that deep recursion in it cannot exhaust
    /// the caller's, and gives way from time to time, so that the clock can be looked at
    /// without the price of epoch checks in its code.
    fn call(
        &mut self,
        step: Vec<u8>,
        mailbox: &Mailbox,
        mut answer: Option<AnswerBytes<'_>>,
    ) -> Result<wasmtime::Result<Vec<u8>>, PluginError> {
        let limit = self.limits.processor_time;
        let mut start = processor_time();
        let mut call = pin!(self.perform.call(&mut self.store, step));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match call.as_mut().poll(&mut context) {
                Poll::Ready(result) => return Ok(result),
                Poll::Pending
                    if let Some(answer) = &mut answer
                        && let Some(question) = mailbox.take_question() =>
                {
                    let asked = processor_time();
                    mailbox.answer(answer(&question)?);
                    start += processor_time() - asked;
                }
                Poll::Pending if processor_time() - start > limit => {
                    return Err(SandboxError::ProcessorTime(limit).into());
                }
                Poll::Pending => {}
            }
        }
    }

    fn outcome_of(&mut self, error: &wasmtime::Error) -> Outcome {
        let memory_refused = self.store.data_mut().memory.take_refused();
        if error.is::<OutputLimit>() {
            return Outcome::LimitHit(Limit::Output);
        }
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return Outcome::Exited(*status);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Outcome::LimitHit(Limit::Fuel),
            Some(Trap::StackOverflow) => Outcome::LimitHit(Limit::Stack),
            _ if memory_refused => Outcome::LimitHit(Limit::Memory),
            Some(trap) => Outcome::Aborted(trap.to_string()),
            None => Outcome::Aborted(format!("{error:#}")),
        }
    }
}

/// Processor time of this thread, on which the guest runs.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// The result of a future that has no reason to wait.
pub(crate) fn ready<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::format_err!("the start of a guest took too long")),
    }
}
