//! What test problems share with training problems.

use std::collections::BTreeSet;

use harness::metric::{Bootstrap, Metric, ProblemTally, aggregate};
use harness::overlap::{LineOverlap, Overlap, ProblemOverlap, TextOverlap};
use harness::problem::ProblemId;

use crate::table::{Cell, ColumnKind, Table};
use crate::tables::metrics::{interval_note, refusal_notes};

/// What is compared with what.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlapInput {
    /// `apps, split train`.
    pub train: String,
    pub test: String,
    /// Provenance: datasets with their hashes.
    pub settings: Vec<(String, String)>,
    pub overlap: Overlap,
}

/// How many test problems overlap, by what.
pub fn overlap_table(input: &OverlapInput) -> Table {
    let overlap = &input.overlap;
    let settings = &overlap.settings;
    let mut table = Table::new(
        "overlap",
        format!(
            "Problems of `{}` that overlap with `{}`, in percent",
            input.test, input.train
        ),
    )
    .column("by", ColumnKind::Text)
    .column("problems", ColumnKind::Count)
    .column("overlapping", ColumnKind::Count)
    .column("share", ColumnKind::Share)
    .column("the same", ColumnKind::Count)
    .column("mean of best", ColumnKind::Share)
    .column("mean in any", ColumnKind::Share);
    let mut text_row = |by: String, text: fn(&ProblemOverlap) -> Option<&TextOverlap>| {
        let texts: Vec<&TextOverlap> = overlap.problems.iter().filter_map(text).collect();
        let n_overlapping = texts
            .iter()
            .filter(|text| text.best_share() >= settings.threshold)
            .count();
        let same = |text: &&&TextOverlap| text.best.as_ref().is_some_and(|it| it.is_identical);
        table.push(vec![
            Cell::Text(by),
            Cell::count(texts.len()),
            Cell::count(n_overlapping),
            share(n_overlapping, texts.len()),
            Cell::count(texts.iter().filter(same).count()),
            mean(texts.iter().map(|text| text.best_share())),
            mean(texts.iter().map(|text| text.in_any)),
        ]);
    };
    text_row(
        format!("statement, {} words", settings.statement_n),
        |problem| problem.statement.as_ref(),
    );
    text_row(
        format!("program, {} tokens", settings.program_n),
        |problem| problem.program.as_ref(),
    );
    let n_either = overlap.problems.iter().filter(|it| it.overlaps(settings));
    let n_either = n_either.count();
    table.push(vec![
        Cell::text("either"),
        Cell::count(overlap.problems.len()),
        Cell::count(n_either),
        share(n_either, overlap.problems.len()),
        Cell::Missing,
        Cell::Missing,
        Cell::Missing,
    ]);
    if let Some(row) = table.rows.last_mut() {
        row.is_total = true;
    }
    table.note(format!(
        "Training: {} problems with {} statements and {} programs. Test: {}, {} and {}.",
        overlap.train.n_problems,
        overlap.train.n_statements,
        overlap.train.n_programs,
        overlap.test.n_problems,
        overlap.test.n_statements,
        overlap.test.n_programs
    ));
    table.note(format!(
        "Overlapping: one training text has {} % or more of the runs of words or tokens. The same: \
         word by word or token by token. Best: share of the runs that one training text has; any: \
         that are in some training text or other.",
        100.0 * settings.threshold
    ));
    table
}

/// Test problems with the training problem that has most in common, the closest first.
pub fn overlap_pairs_table(input: &OverlapInput) -> Table {
    let mut table = Table::new("overlap-pairs", "Closest pairs of problems, in percent")
        .column("test problem", ColumnKind::Text)
        .column("training problem", ColumnKind::Text)
        .column("by", ColumnKind::Text)
        .column("share", ColumnKind::Share)
        .column("similarity", ColumnKind::Share)
        .column("the same", ColumnKind::Text);
    let mut pairs = Vec::new();
    for problem in &input.overlap.problems {
        let texts = [
            ("statement", problem.statement.as_ref()),
            ("program", problem.program.as_ref()),
        ];
        for (by, text) in texts {
            if let Some(best) = text.and_then(|text| text.best.as_ref()) {
                pairs.push((problem, by, best));
            }
        }
    }
    // Stable: equal ones stay in the order of the test problems.
    pairs.sort_by(|(_, _, p), (_, _, q)| {
        let by_share = q.share.total_cmp(&p.share);
        by_share.then(q.similarity.total_cmp(&p.similarity))
    });
    for (problem, by, best) in pairs {
        table.push(vec![
            Cell::code(&problem.problem),
            Cell::code(&best.problem),
            Cell::text(by),
            Cell::Share(best.share),
            Cell::Share(best.similarity),
            Cell::text(if best.is_identical { "yes" } else { "" }),
        ]);
    }
    table.note(
        "Share: of the test problem's runs; similarity: of both texts' runs together (Jaccard).",
    );
    table
}

/// Everything, problem by problem.
pub fn overlap_problems_table(input: &OverlapInput) -> Table {
    let mut table = Table::new("overlap-problems", "Test problems")
        .column("problem", ColumnKind::Text)
        .column("level", ColumnKind::Text)
        .column("overlaps", ColumnKind::Text)
        .column("statement best", ColumnKind::Share)
        .column("statement any", ColumnKind::Share)
        .column("program best", ColumnKind::Share)
        .column("program any", ColumnKind::Share)
        .column("lines", ColumnKind::Count)
        .column("lines considered", ColumnKind::Count)
        .column("lines duplicated", ColumnKind::Count)
        .column("longest run", ColumnKind::Count);
    for problem in &input.overlap.problems {
        let level = problem.difficulty;
        let overlaps = problem.overlaps(&input.overlap.settings);
        let mut cells = vec![
            Cell::code(&problem.problem),
            level.map_or(Cell::Missing, Cell::text),
            Cell::text(if overlaps { "yes" } else { "no" }),
        ];
        for text in [&problem.statement, &problem.program] {
            cells.extend(match text {
                Some(text) => [Cell::Share(text.best_share()), Cell::Share(text.in_any)],
                None => [Cell::Missing, Cell::Missing],
            });
        }
        cells.extend(match problem.lines {
            Some(lines) => [
                Cell::count(lines.n_lines),
                Cell::count(lines.n_considered),
                Cell::count(lines.n_duplicated),
                Cell::count(lines.longest_run),
            ],
            None => [const { Cell::Missing }; 4],
        });
        table.push(cells);
    }
    table
}

/// How many lines of a test program are in training programs (Figure 7, left).
pub fn duplicated_lines_table(input: &OverlapInput) -> Table {
    let lines = lines(input);
    let mut table = Table::new(
        "duplicated-lines",
        format!(
            "Lines of programs of `{}` found in `{}`, problems in percent",
            input.test, input.train
        ),
    )
    .column("duplicated lines", ColumnKind::Count)
    .column("problems", ColumnKind::Count)
    .column("share", ColumnKind::Share)
    .column("at most so many", ColumnKind::Share);
    let mut n_so_far = 0;
    for (n_lines, n) in counts(&lines) {
        n_so_far += n;
        table.push(vec![
            Cell::count(n_lines),
            Cell::count(n),
            share(n, lines.len()),
            share(n_so_far, lines.len()),
        ]);
    }
    let longest = lines.iter().map(|it| it.longest_run).max().unwrap_or(0);
    let n_longest = lines.iter().filter(|it| it.longest_run == longest).count();
    let more_than_half = lines.iter().filter(|it| it.share() > 0.5).count();
    table.note(format!(
        "The first reference program of each problem; comments dropped, white space made one \
         space, lines left out that occur more than {} times among the test programs. More than \
         half of the considered lines are duplicated in {more_than_half} programs. Longest run of \
         lines that a training program has too: {longest}, in {n_longest}.",
        input.overlap.settings.max_line_repeats
    ));
    table
}

/// Which part of a test program's lines is in training programs (Figure 7, right).
pub fn duplicated_share_table(input: &OverlapInput) -> Table {
    let lines = lines(input);
    let mut table = Table::new(
        "duplicated-share",
        "Share of the considered lines found, problems in percent",
    )
    .column("share of lines", ColumnKind::Text)
    .column("problems", ColumnKind::Count)
    .column("share of problems", ColumnKind::Share);
    for (bin, n) in shares(&lines) {
        table.push(vec![Cell::text(bin), Cell::count(n), share(n, lines.len())]);
    }
    table
}

pub(crate) fn lines(input: &OverlapInput) -> Vec<LineOverlap> {
    let problems = input.overlap.problems.iter();
    problems.filter_map(|problem| problem.lines).collect()
}

/// Problems by number of duplicated lines.
pub(crate) fn counts(lines: &[LineOverlap]) -> Vec<(usize, usize)> {
    let most = lines.iter().map(|it| it.n_duplicated).max();
    let count = |n: usize| lines.iter().filter(|it| it.n_duplicated == n).count();
    let all = most.map_or(0..0, |most| 0..most + 1).map(|n| (n, count(n)));
    // As the figure has it: each number up to 10, and those beyond that occur.
    all.filter(|&(n, count)| n <= 10 || count > 0).collect()
}

/// Problems by share of duplicated lines: ten bins and one for all lines.
pub(crate) fn shares(lines: &[LineOverlap]) -> Vec<(String, usize)> {
    let bin = |it: &LineOverlap| match it.n_considered {
        0 => 0,
        n => 10 * it.n_duplicated / n,
    };
    let name = |i: usize| match i {
        10 => "1".to_owned(),
        9 => "[0.9, 1)".to_owned(),
        i => format!("[0.{i}, 0.{})", i + 1),
    };
    let count = |i: usize| lines.iter().filter(|it| bin(it) == i).count();
    (0..=10).map(|i| (name(i), count(i))).collect()
}

/// Runs on the problems that overlap with the training set and on the others.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferInput {
    pub overlap: OverlapInput,
    pub metrics: Vec<Metric>,
    pub bootstrap: Bootstrap,
    /// Name of each run with its tallies.
    pub runs: Vec<(String, Vec<ProblemTally>)>,
}

/// Each run's metrics over all problems, over those without overlap, and over the others.
pub fn transfer_table(input: &TransferInput) -> Table {
    let overlap = &input.overlap.overlap;
    let mut table = Table::new(
        "transfer",
        format!(
            "Trained on `{}`, judged on `{}`, in percent",
            input.overlap.train, input.overlap.test
        ),
    )
    .column("run", ColumnKind::Text)
    .column("problems", ColumnKind::Text)
    .column("n", ColumnKind::Count);
    for metric in &input.metrics {
        table = table.column(metric.to_string(), ColumnKind::Estimate);
    }
    let overlapping: BTreeSet<&ProblemId> = overlap
        .problems
        .iter()
        .filter(|problem| problem.overlaps(&overlap.settings))
        .map(|problem| &problem.problem)
        .collect();
    for (run, tallies) in &input.runs {
        let part = |wanted: &dyn Fn(&ProblemTally) -> bool| -> Vec<ProblemTally> {
            tallies.iter().filter(|it| wanted(it)).cloned().collect()
        };
        let is_overlapping = |tally: &ProblemTally| overlapping.contains(&tally.problem);
        for (name, tallies) in [
            ("all", part(&|_| true)),
            ("no overlap", part(&|it| !is_overlapping(it))),
            ("overlap", part(&is_overlapping)),
        ] {
            let aggregate = aggregate(&tallies, &input.metrics, &input.bootstrap);
            let mut cells = vec![
                Cell::code(run),
                Cell::text(name),
                Cell::count(tallies.len()),
            ];
            match aggregate.rows.last() {
                Some(row) if !tallies.is_empty() => {
                    cells.extend(row.values.iter().map(Cell::estimate));
                    if name == "all" {
                        refusal_notes(&mut table, &aggregate);
                    }
                }
                _ => cells.extend(input.metrics.iter().map(|_| Cell::Missing)),
            }
            table.push(cells);
        }
    }
    table.note(format!(
        "Overlap: statement or program, {} % of the runs in one training text. {}",
        100.0 * overlap.settings.threshold,
        interval_note(&input.bootstrap)
    ));
    table
}

#[expect(clippy::cast_precision_loss, reason = "counts of problems")]
fn share(part: usize, whole: usize) -> Cell {
    match whole {
        0 => Cell::Missing,
        whole => Cell::Share(part as f64 / whole as f64),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of problems")]
fn mean(values: impl ExactSizeIterator<Item = f64>) -> Cell {
    match values.len() {
        0 => Cell::Missing,
        n => Cell::Share(values.sum::<f64>() / n as f64),
    }
}
