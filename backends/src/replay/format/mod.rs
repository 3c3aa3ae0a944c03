//! The forms in which recorded candidates come, one file each, and how they are told apart.

mod all_codes;
mod candidates;
mod coderl_codes;
mod detect;
mod evalplus_folder;
mod evalplus_results;
mod gen_solutions;
mod generations;
mod rows;

pub use detect::Format;
pub(crate) use detect::RECOGNIZED;
pub(crate) use detect::read_file;

pub(crate) use coderl_codes::read_folder as read_codes_folder;
pub(crate) use evalplus_folder::{is_problem_folder, read_folder as read_evalplus_folder};
pub(crate) use gen_solutions::{FILE_NAME as GEN_SOLUTIONS, read_tree as read_gen_solutions_tree};
