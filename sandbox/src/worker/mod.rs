//! Worker processes: guests that the harness can lose.
//!
//! A worker is this program started again ([`main`]). It holds one guest at a time, talks to
//! the harness through one socket, and has given up whatever else a process may do
//! (`confine.rs`): a program that breaks out of WebAssembly finds a process without files,
//! network, environment and other processes, in which no expected value ever was. A worker
//! that dies costs its session; the caller tries again on another one.
//!
//! Workers are processes also for speed: guests of one process wait for each other in the
//! kernel, which guards the memory map of a process with one lock.

mod confine;
mod lazy;
mod patience;
mod pool;
mod scratch;
mod serve;
mod wire;

pub use pool::{Workers, WorkersOptions};
pub use serve::main;
