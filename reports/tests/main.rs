//! Reports as their readers see them.

mod fixture;
mod golden;
mod plots;
mod writing;
