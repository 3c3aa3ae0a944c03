//! One guest and the steps that it performs.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use harness::contract::{PluginError, Session};
use harness::execution::{Ending, Execution, Limit, Limits, Step};
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::error::SandboxError;
use crate::grants::Scratch;
use crate::guest::Perform;
use crate::protocol::{self, Report};
use crate::state::State;
use crate::stdio::{Input, Output, OutputLimit};

/// A session on a fresh instance of the guest.
pub(crate) struct GuestSession {
    pub(crate) store: Store<State>,
    pub(crate) perform: Perform,
    pub(crate) limits: Limits,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    /// Removed when the session ends, after the store is gone.
    pub(crate) _scratch: Option<Scratch>,
    pub(crate) ended: bool,
}

impl Session for GuestSession {
    fn run(&mut self, step: &Step<'_>) -> Result<Execution, PluginError> {
        if self.ended {
            return Ok(self.execution(
                Ending::Aborted {
                    reason: "the guest ended in an earlier step".into(),
                },
                0,
            ));
        }
        if let Step::RunScript { stdin, .. } = step {
            self.stdin.set(stdin);
        }
        let budget = self.limits.fuel;
        self.store.set_fuel(budget).map_err(SandboxError::Start)?;
        self.store.data_mut().start_step(budget);
        let request = protocol::request(step, self.limits.output_bytes);
        let result = self.call(request)?;
        let fuel = budget
            - self
                .store
                .get_fuel()
                .map_err(SandboxError::Start)?
                .min(budget);
        self.store.data_mut().end_step(fuel);

        let report = match result {
            Ok(bytes) => protocol::report(&bytes).unwrap_or_else(|| Report {
                ending: Ending::Aborted {
                    reason: "malformed report".into(),
                },
                text: None,
                value: None,
            }),
            Err(error) => Report {
                ending: self.ending_of(&error),
                text: None,
                value: None,
            },
        };
        self.ended = matches!(
            report.ending,
            Ending::LimitHit { .. } | Ending::Aborted { .. }
        );
        let mut execution = self.execution(report.ending, fuel);
        if let Some(text) = report.text {
            execution.stdout = text;
        }
        execution.value = report.value;
        Ok(execution)
    }
}

impl GuestSession {
    /// Calls the guest. The inner error is how a guest ended, the outer one the backstop.
    ///
    /// The guest runs on a stack of its own, so that deep recursion in it cannot exhaust
    /// the caller's, and gives way from time to time, so that the clock can be looked at
    /// without the price of epoch checks in its code.
    fn call(&mut self, request: Vec<u8>) -> Result<wasmtime::Result<Vec<u8>>, SandboxError> {
        let limit = self.limits.wall_clock;
        let deadline = Instant::now().checked_add(limit);
        let mut call = pin!(self.perform.call(&mut self.store, request));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match call.as_mut().poll(&mut context) {
                Poll::Ready(result) => return Ok(result),
                Poll::Pending if deadline.is_some_and(|deadline| Instant::now() > deadline) => {
                    self.ended = true;
                    return Err(SandboxError::WallClock(limit));
                }
                Poll::Pending => {}
            }
        }
    }

    fn ending_of(&mut self, error: &wasmtime::Error) -> Ending {
        let memory_refused = self.store.data_mut().memory.take_refused();
        if error.is::<OutputLimit>() {
            return Ending::LimitHit {
                limit: Limit::Output,
            };
        }
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return Ending::Aborted {
                reason: format!("exit status {status}"),
            };
        }
        let limit = match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Limit::Fuel,
            Some(Trap::StackOverflow) => Limit::Stack,
            _ if memory_refused => Limit::Memory,
            Some(trap) => {
                return Ending::Aborted {
                    reason: trap.to_string(),
                };
            }
            None => {
                return Ending::Aborted {
                    reason: format!("{error:#}"),
                };
            }
        };
        Ending::LimitHit { limit }
    }

    fn execution(&mut self, ending: Ending, fuel: u64) -> Execution {
        Execution {
            ending,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            value: None,
            fuel,
            unsupported: self.store.data().unsupported.clone(),
        }
    }
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
