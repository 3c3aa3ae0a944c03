//! Integration tests: a real guest on the real engine.

mod cases;
mod support;
