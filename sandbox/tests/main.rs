//! Integration tests: a real guest on the real engine.

mod support;

mod guest_files;
mod host_safety;
mod numpy;
mod sessions;
mod testers;
mod text_calls;
mod values;
mod workers;

mod cache;
mod determinism;
mod grants;
