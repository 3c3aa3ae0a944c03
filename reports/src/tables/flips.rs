//! Where the two graders differ.

use std::collections::{BTreeMap, BTreeSet};

use harness::metric::Flip;
use harness::problem::ProblemId;

use crate::table::{Cell, ColumnKind, Table};
use crate::tables::outcomes::outcome_name;

/// What `rule` is called where none is on record.
pub(crate) const NO_RULE: &str = "other than output";

/// Flips by rule and direction, the most frequent first.
pub fn flip_counts_table(flips: &[Flip]) -> Table {
    let mut table = Table::new(
        "flips-by-rule",
        "Candidates on which `strict` and `apps-2021` differ, by rule",
    )
    .column("rule of apps-2021", ColumnKind::Text)
    .column("strict", ColumnKind::Text)
    .column("apps-2021", ColumnKind::Text)
    .column("candidates", ColumnKind::Count)
    .column("problems", ColumnKind::Count);
    let mut counts: BTreeMap<_, (usize, BTreeSet<&ProblemId>)> = BTreeMap::new();
    for flip in flips {
        let key = (
            flip.rule.as_deref().unwrap_or(NO_RULE),
            flip.strict_outcome,
            flip.apps_2021_outcome,
        );
        let (n, problems) = counts.entry(key).or_default();
        *n += 1;
        problems.insert(&flip.candidate.problem);
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, (n, _))| std::cmp::Reverse(*n));
    for ((rule, strict, apps_2021), (n, problems)) in counts {
        table.push(vec![
            Cell::text(rule),
            Cell::Text(outcome_name(strict)),
            Cell::Text(outcome_name(apps_2021)),
            Cell::count(n),
            Cell::count(problems.len()),
        ]);
    }
    table.note(format!("Differing candidates in all: {}.", flips.len()));
    table
}

/// Each flip with what both graders said.
pub fn flips_table(flips: &[Flip]) -> Table {
    let mut table = Table::new(
        "flips",
        "Candidates on which `strict` and `apps-2021` differ",
    )
    .column("problem", ColumnKind::Text)
    .column("candidate", ColumnKind::Count)
    .column("strict", ColumnKind::Text)
    .column("apps-2021", ColumnKind::Text)
    .column("rule of apps-2021", ColumnKind::Text)
    .column("detail", ColumnKind::Text);
    for flip in flips {
        table.push(vec![
            Cell::code(&flip.candidate.problem),
            Cell::Count(flip.candidate.index.into()),
            Cell::Text(outcome_name(flip.strict_outcome)),
            Cell::Text(outcome_name(flip.apps_2021_outcome)),
            Cell::text(flip.rule.as_deref().unwrap_or(NO_RULE)),
            Cell::code(&flip.detail),
        ]);
    }
    table
}
