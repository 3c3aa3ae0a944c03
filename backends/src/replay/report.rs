//! What became of the programs that were read.

use std::fmt;

use harness::problem::ProblemId;

use crate::replay::format::Format;

/// How many unmatched programs are named.
pub(crate) const N_NAMED: usize = 8;

/// Counts that add up: `n_programs == n_matched + unmatched.count`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    pub sources: Vec<ReplaySource>,
    /// Programs read.
    pub n_programs: usize,
    /// Programs that belong to a problem of the dataset.
    pub n_matched: usize,
    pub unmatched: Unmatched,
    /// Problems for which nothing was recorded, in the order of the dataset.
    pub without_candidates: Vec<ProblemId>,
    /// Fewest and most candidates of a problem that has any.
    pub candidates_per_problem: Option<(usize, usize)>,
    /// Programs that are word for word an earlier one of the same problem. They are samples
    /// like any other and stay.
    pub n_repeated: usize,
    /// Records with an id of their own that were there twice; one of each was dropped and
    /// is not among `n_programs`.
    pub n_duplicates: usize,
    /// Files or rows with text that is not Unicode; U+FFFD stands for what could not be read.
    pub n_repaired: usize,
    /// Entries of folders that are no candidates.
    pub ignored: Vec<String>,
}

/// One file or folder that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaySource {
    /// As the user named it.
    pub file: String,
    pub format: Format,
    /// Of the file, or over the files of a folder.
    pub sha256: String,
    pub n_programs: usize,
    /// How bare numbers were understood, where there were any.
    pub numbering: Option<&'static str>,
}

/// Programs of no problem of the dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmatched {
    pub count: usize,
    /// The first few: file, place, and what was wrong.
    pub first: Vec<String>,
}

impl ReplayReport {
    /// Programs that belong to no problem of the dataset.
    pub fn n_unmatched(&self) -> usize {
        self.unmatched.count
    }

    /// What was read, a line for each source.
    pub fn sources(&self) -> Vec<String> {
        let line = |source: &ReplaySource| {
            let numbering = source.numbering.map(|text| format!("; {text}"));
            format!(
                "{} programs from `{}` ({}{})",
                source.n_programs,
                source.file,
                source.format,
                numbering.unwrap_or_default()
            )
        };
        self.sources.iter().map(line).collect()
    }

    /// Whatever a user should know before trusting the numbers, a fragment a line; empty if
    /// every program fits and every problem has as many.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.unmatched.count > 0 {
            lines.push(format!(
                "{} of {} programs belong to no problem of the dataset and are left out: {}{}",
                self.unmatched.count,
                self.n_programs,
                self.unmatched.first.join("; "),
                if self.unmatched.count > self.unmatched.first.len() {
                    "; …"
                } else {
                    ""
                }
            ));
        }
        if !self.without_candidates.is_empty() {
            lines.push(format!(
                "{} problems have no candidates: {}",
                self.without_candidates.len(),
                first_of(&self.without_candidates)
            ));
        }
        if let Some((fewest, most)) = self.candidates_per_problem
            && fewest != most
        {
            lines.push(format!("problems have {fewest} to {most} candidates"));
        }
        if self.n_duplicates > 0 {
            lines.push(format!(
                "{} records were there twice; one of each was dropped",
                self.n_duplicates
            ));
        }
        if self.n_repeated > 0 {
            lines.push(format!(
                "{} programs repeat an earlier one of their problem; they are kept as samples",
                self.n_repeated
            ));
        }
        if self.n_repaired > 0 {
            lines.push(format!(
                "{} texts are not Unicode; U+FFFD stands for what could not be read",
                self.n_repaired
            ));
        }
        if !self.ignored.is_empty() {
            lines.push(format!(
                "{} files or folders are no candidates and were passed over: {}",
                self.ignored.len(),
                first_of(&self.ignored)
            ));
        }
        lines
    }
}

fn first_of<T: fmt::Display>(items: &[T]) -> String {
    let mut names: Vec<String> = items
        .iter()
        .take(N_NAMED)
        .map(|item| format!("`{item}`"))
        .collect();
    if items.len() > N_NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}
