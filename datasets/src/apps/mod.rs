//! APPS (Hendrycks et al., 2021): the Hub's rows, the original directory tree, and the
//! selection that CodeTree published.

mod row;
mod selected;
mod tests;
mod tree;

pub(crate) use row::{difficulty, problem};
pub(crate) use selected::selected_problem;
pub(crate) use tree::{read_tree, tree_of};
