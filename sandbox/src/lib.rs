//! Runs Python programs in a WASI sandbox.

mod sandbox;
mod session;

mod clock;
mod grants;
mod limiter;
mod state;
mod stdio;

mod codec;
mod protocol;

mod cache;
mod engine;
mod precompiled;

mod error;

pub use error::SandboxError;
pub use sandbox::{Sandbox, SandboxOptions};
