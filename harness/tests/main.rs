//! The store, the runner and the settings through their public interface.

mod batch;
mod cache;
mod fixture;
mod generating;
mod interruption;
mod records;
mod run_directory;
mod scoring;
mod settings;
mod strategy;
mod training;
