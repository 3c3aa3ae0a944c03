//! The whole pipeline through the binary, on real parts. One integration binary.

mod attacks;
mod built_in_suite;
mod dependencies;
mod interruption;
mod score;
mod wrong_input;
