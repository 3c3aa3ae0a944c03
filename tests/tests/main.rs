//! The whole pipeline through the binary, on real parts. One integration binary.

mod attacks;
mod audit;
mod built_in_suite;
mod cache;
mod ci;
mod compare;
mod dependencies;
mod forgery;
mod interruption;
mod micro_suite;
mod models;
mod page;
mod score;
mod strategy;
mod study;
mod training;
mod unjudged;
mod verify;
mod workers;
mod wrong_input;
