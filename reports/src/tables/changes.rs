//! What moved between two sides: problems, outcomes, rules.

use std::collections::BTreeMap;

use harness::metric::{Flip, OutcomeChange, Transitions};
use harness::problem::ProblemId;
use harness::verdict::Outcome;

use crate::input::CompareInput;
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::NO_RULE;
use crate::tables::outcomes::outcome_name;

/// Problems that only one of the sides solves, or that only one has.
pub fn problem_changes_table(input: &CompareInput) -> Table {
    let comparison = &input.comparison;
    let mut table = Table::new("problem-changes", "Problems that tell the sides apart")
        .column("problem", ColumnKind::Text)
        .column("change", ColumnKind::Text);
    let mut list = |ids: &[ProblemId], change: &str| {
        for id in ids {
            table.push(vec![Cell::code(id), Cell::text(change)]);
        }
    };
    list(&comparison.gained, "solved by B only");
    list(&comparison.lost, "solved by A only");
    list(&comparison.only_in_a, "only in A");
    list(&comparison.only_in_b, "only in B");
    list(&comparison.incomplete, "lacking in some run");
    table.note("Solved: at least one candidate passes.");
    table
}

/// Every common problem with both scores; those with the largest difference of the first metric
/// come first.
pub fn problem_scores_table(input: &CompareInput) -> Table {
    let comparison = &input.comparison;
    let mut table = Table::new("problem-scores", "Problems, by difference")
        .column("problem", ColumnKind::Text)
        .column("level", ColumnKind::Text);
    for metric in &comparison.metrics {
        table = table
            .column(format!("{metric} A"), ColumnKind::Share)
            .column(format!("{metric} B"), ColumnKind::Share)
            .column(format!("{metric} B − A"), ColumnKind::Difference);
    }
    let size = |scores: &[Option<(f64, f64)>]| match scores.first() {
        Some(Some((a, b))) => (b - a).abs(),
        _ => -1.0,
    };
    let mut problems: Vec<_> = comparison.by_problem.iter().collect();
    // Stable: equal ones stay in the order of their ids.
    problems.sort_by(|p, q| size(&q.scores).total_cmp(&size(&p.scores)));
    for problem in problems {
        let level = problem.difficulty;
        let mut cells = vec![
            Cell::code(&problem.problem),
            level.map_or(Cell::Missing, Cell::text),
        ];
        for scores in &problem.scores {
            cells.extend(match *scores {
                Some((a, b)) => [
                    Cell::Share(a),
                    Cell::Share(b),
                    Cell::Difference {
                        value: b - a,
                        interval: None,
                    },
                ],
                None => [Cell::Missing, Cell::Missing, Cell::Missing],
            });
        }
        table.push(cells);
    }
    table
}

/// Shares of the outcomes on both sides.
pub fn outcome_shifts_table(input: &CompareInput) -> Table {
    let mut table = Table::new("outcome-shifts", "Outcomes in percent of candidates")
        .column("outcome", ColumnKind::Text)
        .column("A", ColumnKind::Share)
        .column("B", ColumnKind::Share)
        .column("B − A", ColumnKind::Difference);
    for shift in &input.shifts {
        table.push(vec![
            Cell::Text(outcome_name(shift.outcome)),
            Cell::Share(shift.a),
            Cell::Share(shift.b),
            Cell::Difference {
                value: shift.b - shift.a,
                interval: shift.interval,
            },
        ]);
    }
    table.note("Shares are taken within each problem and averaged over problems.");
    table
}

/// From which outcome to which; `None` where candidates are no pairs.
pub fn transitions_table(input: &CompareInput) -> Option<Table> {
    let pairs = input.pairs.as_deref()?;
    let outcomes: Vec<Option<Outcome>> = Outcome::ALL.into_iter().map(Some).chain([None]).collect();
    let mut table = Table::new("outcome-transitions", "Candidates by outcome on both sides")
        .column("A", ColumnKind::Text);
    for outcome in &outcomes {
        table = table.column(format!("B: {}", outcome_name(*outcome)), ColumnKind::Count);
    }
    for (outcome, counts) in outcomes.iter().zip(Transitions::of(pairs).counts) {
        let mut cells = vec![Cell::Text(outcome_name(*outcome))];
        cells.extend(counts.map(Cell::count));
        table.push(cells);
    }
    table.note(format!("Pairs of candidates: {}.", pairs.len()));
    Some(table)
}

/// Pairs of candidates whose outcome differs; `None` where candidates are no pairs.
pub fn outcome_changes_table(input: &CompareInput) -> Option<Table> {
    let mut table = Table::new("outcome-changes", "Candidates whose outcome differs")
        .column("problem", ColumnKind::Text)
        .column("candidate", ColumnKind::Count)
        .column("A", ColumnKind::Text)
        .column("B", ColumnKind::Text);
    let changed = |pair: &&OutcomeChange| pair.before != pair.after;
    for change in input.pairs.as_deref()?.iter().filter(changed) {
        table.push(vec![
            Cell::code(&change.candidate.problem),
            Cell::Count(change.candidate.index.into()),
            Cell::Text(outcome_name(change.before)),
            Cell::Text(outcome_name(change.after)),
        ]);
    }
    Some(table)
}

/// How often each rule of `apps-2021` made the difference to `strict`, on both sides; `None`
/// where a side was judged by one grader.
pub fn rule_shifts_table(input: &CompareInput) -> Option<Table> {
    let (a, b) = input.flips.as_ref()?;
    let mut table = Table::new(
        "rule-shifts",
        "Candidates on which `strict` and `apps-2021` differ, by rule",
    )
    .column("rule of apps-2021", ColumnKind::Text)
    .column("passes under", ColumnKind::Text)
    .column("A", ColumnKind::Count)
    .column("B", ColumnKind::Count);
    let mut counts: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    for (side, flips) in [a, b].into_iter().enumerate() {
        for flip in flips {
            let rule = flip.rule.as_deref().unwrap_or(NO_RULE);
            counts.entry((rule, passes_under(flip))).or_default()[side] += 1;
        }
    }
    for ((rule, passes_under), [in_a, in_b]) in counts {
        table.push(vec![
            Cell::text(rule),
            Cell::text(passes_under),
            Cell::count(in_a),
            Cell::count(in_b),
        ]);
    }
    table.note("All runs of a side together.");
    Some(table)
}

fn passes_under(flip: &Flip) -> &'static str {
    match Some(Outcome::PassedTests) {
        passed if flip.apps_2021_outcome == passed => "apps-2021",
        passed if flip.strict_outcome == passed => "strict",
        _ => "neither",
    }
}
