//! The backends through their interface.

mod built_in;
mod coderl_tree;
mod errors;
mod export;
mod fixture;
mod formats;
mod generators;
mod http;
mod http_author;
mod http_server;
mod process;
mod real_data;
mod replay_report;
