//! Readers on files, and fetching, through the public interface alone.

mod bad_files;
mod corpus;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "fetch")]
mod hub_server;
mod micro_suite;
mod parquet_files;
mod real_data;
