//! Reports as their readers see them.

mod fixture;
mod golden;
mod page;
mod plots;
mod writing;
