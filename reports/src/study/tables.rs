//! The tables of a study.

use std::collections::BTreeMap;

use harness::metric::{ComparisonRow, Estimate, Group, Metric, OutcomeShares, Pooled, Refusal};
use harness::study::TableChoice;
use harness::verdict::Outcome;

use super::input::{StudyDataset, StudyInput, StudyRow};
use super::paper::{paper_rows, row_names, value};
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::interval_note;

/// All tables of a report, by what they are for.
#[derive(Clone, Debug, Default)]
pub struct StudyTables {
    /// Of each `[[tables]]` entry: results, by level, beside the paper.
    pub choices: Vec<(TableChoice, Vec<Table>)>,
    /// Of each dataset: outcomes, budgets, seeds.
    pub datasets: Vec<(String, Vec<Table>)>,
}

impl StudyTables {
    pub fn new(input: &StudyInput) -> Self {
        let of_choice = |choice: &TableChoice| {
            let mut tables = Vec::new();
            for dataset in input.datasets_of(&choice.datasets) {
                tables.push(results_table(input, dataset, choice));
                tables.extend(levels_table(input, dataset, choice));
            }
            tables.extend(paper_table(input, choice));
            tables.retain(|table| !table.rows.is_empty());
            (choice.clone(), tables)
        };
        let of_dataset = |dataset: &StudyDataset| {
            let tables = [
                Some(outcomes_table(dataset)),
                budget_table(dataset),
                seeds_table(input, dataset),
            ];
            (
                dataset.title.clone(),
                tables.into_iter().flatten().collect(),
            )
        };
        Self {
            choices: input.study.tables.iter().map(of_choice).collect(),
            datasets: input.datasets.iter().map(of_dataset).collect(),
        }
    }

    /// The main tables: of each entry and dataset one.
    pub fn results(&self) -> impl Iterator<Item = Table> {
        let of_choice = |(choice, tables): &'_ (TableChoice, Vec<Table>)| {
            let main = format!("{}.", choice.name);
            let is_main = move |table: &&Table| {
                let dataset = table.name.strip_prefix(&main);
                dataset.is_some_and(|name| name != "paper" && !name.ends_with(".levels"))
            };
            tables.iter().filter(is_main).cloned().collect::<Vec<_>>()
        };
        self.choices.iter().flat_map(of_choice)
    }

    pub fn all(&self) -> impl Iterator<Item = &Table> {
        let choices = self.choices.iter().flat_map(|(_, tables)| tables);
        choices.chain(self.datasets.iter().flat_map(|(_, tables)| tables))
    }
}

/// A row for each variant, with its metrics and what it has over the control.
pub fn results_table(input: &StudyInput, dataset: &StudyDataset, choice: &TableChoice) -> Table {
    let metrics = input.metrics();
    let control = input.control(dataset, choice);
    let mut table = Table::new(
        format!("{}.{}", choice.name, dataset.name),
        format!("{}: {}, in percent", choice.title, dataset.title),
    )
    .column("variant", ColumnKind::Text)
    .column("seeds", ColumnKind::Count);
    table = metric_columns(table, &metrics, control.is_some());
    let mut notes = Notes::default();
    for row in input.rows_of(dataset, &choice.rows) {
        notes.row(row);
        let mut cells = vec![Cell::text(&row.title), Cell::count(row.hidden.n_runs())];
        cells.extend(values(
            input,
            &row.hidden,
            control.map(|it| (it, &it.hidden)),
            row,
            &mut notes,
        ));
        table.push(cells);
    }
    note_control(&mut table, control);
    table.note(interval_note(&input.study.metrics.bootstrap));
    notes.write(&mut table);
    table
}

/// A column for each metric, and where there is a control one for what is over it.
fn metric_columns(mut table: Table, metrics: &[Metric], has_control: bool) -> Table {
    for metric in metrics {
        table = table.column(metric.to_string(), ColumnKind::Estimate);
        if has_control {
            table = table.column(
                format!("{metric}, over the control"),
                ColumnKind::Difference,
            );
        }
    }
    table
}

fn note_control(table: &mut Table, control: Option<&StudyRow>) {
    if let Some(control) = control {
        table.note(format!(
            "Over the control: percentage points more than `{}`, paired by problem, after the mean \
             over seeds. A range without 0 is a difference that other problems would show too; how \
             much trainings differ, the table of seeds shows.",
            control.title
        ));
    }
}

/// A variant's metrics, each followed by its difference to the control if there is one.
fn values(
    input: &StudyInput,
    own: &Pooled,
    control: Option<(&StudyRow, &Pooled)>,
    row: &StudyRow,
    notes: &mut Notes,
) -> Vec<Cell> {
    let metrics = input.metrics();
    let bootstrap = &input.study.metrics.bootstrap;
    let estimates = own.estimates(&metrics, bootstrap);
    let differences = match control {
        Some((control, pooled)) if control.name != row.name => own
            .against(pooled, &metrics, bootstrap)
            .into_iter()
            .map(Some)
            .collect(),
        _ => vec![None; metrics.len()],
    };
    let mut cells = Vec::new();
    for ((metric, estimate), difference) in metrics.iter().zip(&estimates).zip(differences) {
        notes.estimate(*metric, row, estimate);
        cells.push(Cell::estimate(estimate));
        if control.is_some() {
            cells.push(difference_cell(difference));
        }
    }
    cells
}

fn difference_cell(difference: Option<Result<ComparisonRow, Refusal>>) -> Cell {
    match difference {
        Some(Ok(row)) => Cell::Difference {
            value: row.difference,
            interval: row.interval,
        },
        _ => Cell::Missing,
    }
}

/// What has to be said below a table.
#[derive(Default)]
struct Notes {
    unfinished: Vec<String>,
    refused: BTreeMap<Metric, (String, Refusal)>,
    n_bounded: usize,
}

impl Notes {
    fn row(&mut self, row: &StudyRow) {
        let n_runs = row.hidden.n_runs();
        if n_runs < row.n_planned {
            let text = format!("{} of {} of `{}`", n_runs, row.n_planned, row.title);
            self.unfinished.push(text);
        }
    }

    fn estimate(&mut self, metric: Metric, row: &StudyRow, estimate: &Result<Estimate, Refusal>) {
        match estimate {
            Ok(estimate) => self.n_bounded += usize::from(estimate.bounds.is_some()),
            Err(refusal) => {
                let first = (row.title.clone(), refusal.clone());
                self.refused.entry(metric).or_insert(first);
            }
        }
    }

    fn write(self, table: &mut Table) {
        if !self.unfinished.is_empty() {
            table.note(format!("Runs so far: {}.", self.unfinished.join(", ")));
        }
        if self.n_bounded > 0 {
            table.note("Some candidates were not judged and count as failed (docs/metrics.md).");
        }
        for (metric, (row, refusal)) in self.refused {
            table.note(format!("{metric} is refused for `{row}`: {refusal}."));
        }
    }
}

/// The same by level; `None` for a dataset without levels.
pub fn levels_table(
    input: &StudyInput,
    dataset: &StudyDataset,
    choice: &TableChoice,
) -> Option<Table> {
    let metrics = input.metrics();
    let control = input.control(dataset, choice);
    let rows = input.rows_of(dataset, &choice.rows);
    if rows.first()?.hidden.groups().len() < 2 {
        return None;
    }
    let mut table = Table::new(
        format!("{}.{}.levels", choice.name, dataset.name),
        format!("{} by level: {}, in percent", choice.title, dataset.title),
    )
    .column("variant", ColumnKind::Text)
    .column("level", ColumnKind::Text)
    .column("problems", ColumnKind::Count);
    table = metric_columns(table, &metrics, control.is_some());
    let mut notes = Notes::default();
    for row in rows {
        for group in row.hidden.groups() {
            if group == Group::All {
                continue;
            }
            let own = row.hidden.group(group);
            let of_control = control.map(|it| (it, it.hidden.group(group)));
            let of_control = of_control.as_ref().map(|(row, pooled)| (*row, pooled));
            let mut cells = vec![
                Cell::text(&row.title),
                Cell::text(group),
                Cell::count(own.n_problems()),
            ];
            cells.extend(values(input, &own, of_control, row, &mut notes));
            table.push(cells);
        }
    }
    note_control(&mut table, control);
    notes.write(&mut table);
    Some(table)
}

/// Ours beside the paper's, where a table says which rows are alike.
pub fn paper_table(input: &StudyInput, choice: &TableChoice) -> Option<Table> {
    let paper = choice.paper.as_deref()?;
    let dataset = input.datasets_of(&choice.datasets).next()?;
    let control = input.control(dataset, choice);
    let theirs = |ours: &str| {
        let pair = choice.paper_rows.iter().find(|(row, _)| row == ours)?;
        Some(pair.1.as_str())
    };
    let their_control = choice.control.as_deref().and_then(theirs);
    let mut table = Table::new(
        format!("{}.paper", choice.name),
        format!(
            "{paper} of the paper, and {} beside it, in percent",
            dataset.title
        ),
    )
    .column("the paper's row", ColumnKind::Text)
    .column("level", ColumnKind::Text)
    .column("metric", ColumnKind::Text)
    .column("paper", ColumnKind::Share)
    .column("over its control", ColumnKind::Difference)
    .column("our row", ColumnKind::Text)
    .column("ours", ColumnKind::Estimate)
    .column("over our control", ColumnKind::Difference);
    let bootstrap = &input.study.metrics.bootstrap;
    for name in row_names(paper) {
        let ours = choice.paper_rows.iter().find(|(_, row)| row == name);
        let ours = ours.and_then(|(row, _)| dataset.row(row));
        for number in paper_rows(paper).iter().filter(|number| number.row == name) {
            let over_control = their_control
                .filter(|control| *control != name)
                .and_then(|control| value(paper, control, &number.level, &number.metric));
            let mut cells = vec![
                Cell::text(name),
                Cell::text(&number.level),
                Cell::text(&number.metric),
                Cell::Share(number.value / 100.0),
                match over_control {
                    Some(control) => Cell::Difference {
                        value: (number.value - control) / 100.0,
                        interval: None,
                    },
                    None => Cell::Missing,
                },
            ];
            let metric = input
                .metrics()
                .into_iter()
                .find(|it| it.to_string() == number.metric);
            let group = ours.and_then(|row| {
                let mut groups = row.hidden.groups().into_iter();
                groups.find(|group| group.name() == number.level)
            });
            match (ours, metric, group) {
                (Some(row), Some(metric), Some(group)) => {
                    let own = row.hidden.group(group);
                    cells.push(Cell::text(&row.title));
                    cells.push(Cell::estimate(&own.estimates(&[metric], bootstrap)[0]));
                    let difference = control.filter(|it| it.name != row.name).map(|control| {
                        let control = control.hidden.group(group);
                        own.against(&control, &[metric], bootstrap).remove(0)
                    });
                    cells.push(difference_cell(difference));
                }
                (row, _, _) => {
                    cells.push(row.map_or(Cell::Missing, |row| Cell::text(&row.title)));
                    cells.extend([Cell::Missing, Cell::Missing]);
                }
            }
            table.push(cells);
        }
    }
    table.note(format!(
        "The paper's numbers: arXiv:2207.01780v3, {paper}, with models and problems of its own. \
         What can be compared is the order of rows and the sign of differences, not the values."
    ));
    Some(table)
}

/// The paper's numbers alone, for a figure.
pub fn paper_listing(figure: &str, paper: &str) -> Table {
    let mut table = Table::new(format!("{figure}.paper"), format!("{paper} of the paper"))
        .column("row", ColumnKind::Text)
        .column("level", ColumnKind::Text)
        .column("metric", ColumnKind::Text)
        .column("value", ColumnKind::Text)
        .column("how", ColumnKind::Text);
    for row in paper_rows(paper) {
        table.push(vec![
            Cell::text(&row.row),
            Cell::text(&row.level),
            Cell::text(&row.metric),
            Cell::text(row.value),
            Cell::text(&row.how),
        ]);
    }
    table.note(format!(
        "Source: arXiv:2207.01780v3, {paper}; percent, or numbers of programs."
    ));
    table
}

/// What became of candidates, by hidden and by example tests (Figure 8).
pub fn outcomes_table(dataset: &StudyDataset) -> Table {
    let mut table = Table::new(
        format!("outcomes.{}", dataset.name),
        format!(
            "Outcomes in percent of judged candidates: {}",
            dataset.title
        ),
    )
    .column("variant", ColumnKind::Text)
    .column("tests", ColumnKind::Text)
    .column("level", ColumnKind::Text)
    .column("judged", ColumnKind::Count)
    .column("unjudged", ColumnKind::Count);
    for outcome in Outcome::ALL.iter().rev() {
        table = table.column(outcome.name().replace('-', " "), ColumnKind::Share);
    }
    for row in &dataset.rows {
        for (tests, shares) in outcome_shares(row) {
            for shares in shares {
                let mut cells = vec![
                    Cell::text(&row.title),
                    Cell::text(tests),
                    Cell::text(shares.group),
                    Cell::Count(shares.n_judged()),
                    Cell::Count(shares.n_unjudged),
                ];
                let shown = shares.shares.iter().rev();
                cells.extend(shown.map(|&share| Cell::Share(share)));
                table.push(cells);
            }
        }
    }
    table.note(
        "Shares are taken within each problem, averaged over problems, then over seeds. Example \
         tests are those of the statement; problems that show none are left out there.",
    );
    table
}

/// By hidden tests, and by example tests where that was done.
pub(super) fn outcome_shares(row: &StudyRow) -> Vec<(&'static str, Vec<OutcomeShares>)> {
    let hidden = Some(("hidden", row.hidden.outcome_shares()));
    let examples = row.examples.as_ref();
    let examples = examples.map(|pooled| ("example", pooled.outcome_shares()));
    hidden.into_iter().chain(examples).collect()
}

/// What strategies spent for each problem; `None` where no row has one.
pub fn budget_table(dataset: &StudyDataset) -> Option<Table> {
    let mut table = Table::new(
        format!("budget.{}", dataset.name),
        format!("What was spent on each problem: {}", dataset.title),
    )
    .column("variant", ColumnKind::Text)
    .column("tokens generated", ColumnKind::Text)
    .column("of these repair", ColumnKind::Text)
    .column("tokens of prompts", ColumnKind::Text)
    .column("tokens of seeds", ColumnKind::Text)
    .column("critic passes", ColumnKind::Text)
    .column("example runs", ColumnKind::Text)
    .column("plain samples alike", ColumnKind::Text);
    for row in &dataset.rows {
        let Some(spent) = &row.spent else {
            continue;
        };
        let budget = &spent.budget;
        let mut cells = vec![Cell::text(&row.title)];
        cells.extend(
            [
                budget.generated(),
                budget.repair_tokens,
                budget.prompt_tokens,
                budget.seed_tokens,
                budget.critic_passes,
                budget.example_runs,
            ]
            .map(|value| Cell::text(format!("{:.1}", spent.mean(value)))),
        );
        let alike = spent.plain_equivalent / spent.n_problems.max(1) as f64;
        cells.push(Cell::text(format!("{alike:.1}")));
        table.push(cells);
    }
    table.note(
        "Means over problems and seeds. Budgets are equal where the tokens generated are; plain \
         samples alike: how many samples of the first round's length these tokens would have been. \
         Variants without a strategy record no budget.",
    );
    (!table.rows.is_empty()).then_some(table)
}

/// Every seed; `None` where nothing depends on one.
pub fn seeds_table(input: &StudyInput, dataset: &StudyDataset) -> Option<Table> {
    let metrics = input.metrics();
    let mut table = Table::new(
        format!("seeds.{}", dataset.name),
        format!("Each seed: {}, in percent", dataset.title),
    )
    .column("variant", ColumnKind::Text)
    .column("seed", ColumnKind::Text);
    for metric in &metrics {
        table = table.column(metric.to_string(), ColumnKind::Share);
    }
    let rows = dataset.rows.iter();
    for row in rows.filter(|row| row.runs.iter().any(|run| run.seed.is_some())) {
        let means: Vec<Vec<Result<f64, Refusal>>> = metrics
            .iter()
            .map(|metric| row.hidden.means(*metric))
            .collect();
        for (at, run) in row.runs.iter().enumerate() {
            let seed = run
                .seed
                .map_or_else(|| "–".to_owned(), |seed| seed.to_string());
            let mut cells = vec![Cell::text(&row.title), Cell::text(seed)];
            cells.extend(means.iter().map(|means| match &means[at] {
                Ok(mean) => Cell::Share(*mean),
                Err(_) => Cell::Missing,
            }));
            table.push(cells);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}
