//! Runs Python programs in a WASI sandbox: CPython as a WebAssembly component under wasmtime.
//!
//! [`Sandbox`] implements [`harness::contract::Executor`]. Each session is a fresh instance
//! of the same snapshot of an interpreter, in which the modules of the standard library are
//! already imported; `guest/` holds its source and `make guest` builds it.
//!
//! [`Sandbox::numpy`] does the same with a second guest that holds numpy, scipy, pandas, sympy
//! and networkx (`docs/numpy-guest.md`). [`worker::Workers`] keeps guests in processes of their
//! own and chooses between the two.
//!
//! # Covered
//!
//! - **Isolation.** A guest has no environment, no network, no processes, and no files but
//!   those that [`Grants`](harness::execution::Grants) name. It cannot reach another guest
//!   or what an earlier one left.
//! - **Limits.** Fuel, memory, output bytes and stack; each ends the step with the limit's
//!   name. Fuel decides time-outs (`docs/reference-second.md`). Processor time is a backstop
//!   that is reported as our own trouble, [`SandboxError::ProcessorTime`], never as a program's.
//! - **Reproducibility.** Clocks follow the fuel, random numbers and string hashes have fixed
//!   seeds: the same steps under the same limits give the same
//!   [`Execution`](harness::execution::Execution), fuel included, on every machine.
//! - **The host's stack.** Guests run on stacks of their own, so that recursion of any depth
//!   ends in a Python exception or in [`Limit::Stack`](harness::execution::Limit::Stack),
//!   also on small threads of the caller.
//! - **Reports.** An exception is described without running methods of its class other than
//!   `__str__`, a result is encoded without running any but `__repr__` of what is not plain
//!   data. Replaced built-in functions do not reach the code that reports.
//! - **What programs expect of a script's surroundings**: standard streams over real
//!   descriptors, `sys.argv`, `__main__`, exit handlers, recursion limits like native ones,
//!   integers of any number of digits, threads that run while they are started, `asyncio`
//!   without sockets, `resource`, `sys.maxsize` of a 64-bit machine.
//!
//! # Not covered
//!
//! - **A program that lies about itself.** Program and reporting code share an interpreter:
//!   frames of the latter can be reached through `sys._getframe`, and a program could alter
//!   the report about itself. So a report is a claim: the judge compares values that it alone
//!   knows, in the host or through a tester ([`Step::Test`](harness::execution::Step::Test))
//!   in a guest of its own, and believes no program that it is right. A guest whose caller
//!   gives no answers is ended when it asks.
//! - **Size of a scratch directory.** A worker bounds the length of each file (64 MiB), nothing
//!   bounds their number but fuel. Judging grants no scratch directory.
//! - **Memory beyond the limit for recursion.** The stack of a guest may take up to 512 MiB
//!   beside its linear memory while it deletes very long chains of objects.
//! - **What WASI lacks.** Sockets, processes, signals, real threads, `ctypes`, packages that are
//!   in neither guest: asked for, they are named in
//!   [`Execution::unsupported`](harness::execution::Execution::unsupported), and the program
//!   gets the exception that a missing module or function gives.
//! - **A 32-bit interpreter.** `array('l')` holds 32 bits, and the order of sets of integers
//!   beyond 2^31 differs from that of a 64-bit CPython.
//! - **Speculative execution.** wasmtime's mitigations are on; guests of [`worker::Workers`] run
//!   in processes that hold nothing of value, those of [`Sandbox`] in the process of the host.

mod sandbox;
mod session;
pub mod worker;

mod form;
mod numpy_guest;

mod clock;
mod grants;
mod guest;
mod limiter;
mod mailbox;
mod state;
mod stdio;

mod codec;
mod marshal;
mod protocol;

mod cache;
mod engine;
mod link;
mod precompiled;

mod error;

pub use cache::{CompiledGuest, compiled_guests};
pub use error::{LinkError, SandboxError};
pub use numpy_guest::{Installation, NumpyError, Wheel};
pub use sandbox::{Sandbox, SandboxOptions};
