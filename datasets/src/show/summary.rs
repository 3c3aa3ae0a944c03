//! Counts of a dataset, and what was skipped.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness::problem::{Dataset, Difficulty, Split};

use crate::show::layout::{indented, wrapped};
use crate::show::{ShowOptions, style_name};

/// Counts of a dataset: problems by split and difficulty and by style of test, and what was
/// skipped.
pub fn summary(dataset: &Dataset, options: ShowOptions) -> String {
    let mut text = String::new();
    let n_problems = dataset.problems.len();
    let n_skipped = dataset.skipped.len();
    let _ = writeln!(
        text,
        "{}: {n_problems} problems, {n_skipped} skipped, {} rows",
        dataset.name,
        n_problems + n_skipped
    );
    let _ = writeln!(text, "sha256 {}", dataset.sha256);
    text.push('\n');
    text.push_str(&counts(dataset));
    text.push('\n');
    text.push_str(&styles(dataset));
    if n_skipped > 0 {
        let _ = writeln!(text, "\nskipped");
        for skipped in dataset.skipped.iter().take(options.max_skipped) {
            let line = format!("{}: {}", skipped.id, skipped.reason);
            text.push_str(&indented(
                &wrapped(&line, options.width.saturating_sub(4)),
                "  ",
                "    ",
            ));
        }
        if n_skipped > options.max_skipped {
            let _ = writeln!(text, "  and {} more", n_skipped - options.max_skipped);
        }
    }
    text
}

/// Problems by split (rows) and difficulty (columns).
fn counts(dataset: &Dataset) -> String {
    type Key = (Option<Split>, Option<Difficulty>);
    let mut counts: BTreeMap<Key, usize> = BTreeMap::new();
    for problem in &dataset.problems {
        *counts
            .entry((problem.split, problem.difficulty))
            .or_default() += 1;
    }
    let mut splits: Vec<Option<Split>> = counts.keys().map(|(split, _)| *split).collect();
    splits.dedup();
    let mut levels: Vec<Option<Difficulty>> = counts.keys().map(|(_, level)| *level).collect();
    levels.sort();
    levels.dedup();
    let of = |split, level| counts.get(&(split, level)).copied().unwrap_or(0);
    let mut rows = vec![vec!["split".to_owned()]];
    let has_levels = levels.iter().any(Option::is_some);
    if has_levels {
        rows[0].extend(
            levels
                .iter()
                .map(|level| level.map_or("no level", Difficulty::name).to_owned()),
        );
    }
    rows[0].push("problems".to_owned());
    for &split in &splits {
        let mut row = vec![split.map_or("none", Split::name).to_owned()];
        if has_levels {
            row.extend(levels.iter().map(|&level| of(split, level).to_string()));
        }
        row.push(
            levels
                .iter()
                .map(|&level| of(split, level))
                .sum::<usize>()
                .to_string(),
        );
        rows.push(row);
    }
    if splits.len() > 1 {
        let sum = |level| splits.iter().map(|&split| of(split, level)).sum::<usize>();
        let mut row = vec!["all".to_owned()];
        if has_levels {
            row.extend(levels.iter().map(|&level| sum(level).to_string()));
        }
        row.push(dataset.problems.len().to_string());
        rows.push(row);
    }
    table(&rows)
}

/// Problems and tests by style.
fn styles(dataset: &Dataset) -> String {
    #[derive(Default)]
    struct Style {
        problems: usize,
        hidden: usize,
        example: usize,
        untested: usize,
        solved: usize,
    }
    let mut styles: BTreeMap<&str, Style> = BTreeMap::new();
    for problem in &dataset.problems {
        let style = styles.entry(style_name(&problem.tests)).or_default();
        style.problems += 1;
        style.hidden += problem.tests.n_hidden();
        style.example += problem.tests.n_example();
        style.untested += usize::from(problem.tests.n_hidden() == 0);
        style.solved += usize::from(!problem.reference_solutions.is_empty());
    }
    let headings = [
        "tests",
        "problems",
        "hidden tests",
        "example tests",
        "without tests",
        "with solutions",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    for (name, style) in styles {
        let numbers = [
            style.problems,
            style.hidden,
            style.example,
            style.untested,
            style.solved,
        ];
        let mut row = vec![name.to_owned()];
        row.extend(numbers.map(|number| number.to_string()));
        rows.push(row);
    }
    table(&rows)
}

/// First column to the left, numbers to the right.
fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column == 0 {
                let _ = write!(line, "{cell:<width$}", width = width(0));
            } else {
                let _ = write!(line, "  {cell:>width$}", width = width(column));
            }
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::builtin;

    #[test]
    fn counts_of_the_built_in_suite() {
        let mut dataset = builtin().unwrap();
        dataset.sha256 = "HASH".to_owned();
        dataset.skipped = vec![harness::problem::SkippedProblem {
            id: "`a.jsonl` row 3".to_owned(),
            reason: "key `question` is missing".to_owned(),
        }];
        let n_tests = |style: &str| -> (usize, usize) {
            let of_style = dataset
                .problems
                .iter()
                .filter(|p| style_name(&p.tests) == style);
            of_style.fold((0, 0), |(hidden, example), problem| {
                (
                    hidden + problem.tests.n_hidden(),
                    example + problem.tests.n_example(),
                )
            })
        };
        let (asserts, calls, stdin) = (
            n_tests("asserts"),
            n_tests("calls"),
            n_tests("standard input"),
        );
        let expected = format!(
            "\
builtin: 40 problems, 1 skipped, 41 rows
sha256 HASH

split  introductory  interview  competition  problems
test             14         14           12        40

tests           problems  hidden tests  example tests  without tests  with solutions
asserts               16  {:>12}  {:>13}              0              16
calls                 10  {:>12}  {:>13}              0              10
standard input        14  {:>12}  {:>13}              0              14

skipped
  `a.jsonl` row 3: key `question` is missing
",
            asserts.0, asserts.1, calls.0, calls.1, stdin.0, stdin.1
        );
        assert_eq!(summary(&dataset, ShowOptions::default()), expected);
    }
}
