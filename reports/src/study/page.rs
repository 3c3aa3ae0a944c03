//! The HTML pages of a study: one with everything, and for each further dataset one with its
//! candidates, since a page lists problems of one dataset.

use super::input::{StudyDataset, StudyInput};
use super::tables::StudyTables;
use super::write::DrawnFigure;
use crate::page::{Block, Page, PageRun, Section};
use crate::plot::TrainingCurve;

/// Settings whose learning curves stand in one figure.
const CURVES: usize = 6;

/// Pages with their file names, the main one first.
pub(super) fn pages(
    input: &StudyInput,
    tables: &StudyTables,
    figures: &[DrawnFigure<'_>],
) -> Vec<(String, Page)> {
    let study = &input.study;
    let mut datasets = input.datasets.iter().filter(|it| !it.rows.is_empty());
    let first = datasets.next();
    let others: Vec<&StudyDataset> = datasets.collect();
    let mut sections = vec![about(input, first, &others)];
    for (choice, of_choice) in &tables.choices {
        sections.push(Section {
            id: id("table", &choice.name),
            title: choice.title.clone(),
            blocks: of_choice.iter().cloned().map(Block::Table).collect(),
        });
    }
    for figure in figures {
        let mut blocks: Vec<Block> = figure
            .plots
            .iter()
            .map(|plot| Block::Figure {
                plot: plot.clone(),
                caption: String::new(),
            })
            .collect();
        blocks.extend(figure.paper.iter().cloned().map(Block::Table));
        blocks.extend(figure.stage.iter().map(|stage| {
            Block::Text(format!(
                "Its tables and plots are in `{}`.",
                stage.directory.display()
            ))
        }));
        sections.push(Section {
            id: id("figure", &figure.figure.name),
            title: figure.figure.title.clone(),
            blocks,
        });
    }
    for (dataset, (title, of_dataset)) in input.datasets.iter().zip(&tables.datasets) {
        let mut blocks: Vec<Block> = of_dataset.iter().cloned().map(Block::Table).collect();
        blocks.push(Block::Text(facts(&dataset.settings)));
        sections.push(Section {
            id: id("dataset", &dataset.name),
            title: format!("{title}: outcomes, budgets, seeds"),
            blocks,
        });
    }
    sections.extend(learning(&input.trainings));
    sections.retain(|section| !section.blocks.is_empty());
    let mut pages = vec![(
        "index.html".to_owned(),
        Page {
            title: study.title.clone(),
            subtitle: subtitle(input, first),
            facts: input.settings.clone(),
            sections,
            runs: first.map(runs).unwrap_or_default(),
        },
    )];
    for dataset in others {
        pages.push((
            file_name(dataset),
            Page {
                title: format!("{}: {}", study.title, dataset.title),
                subtitle: subtitle(input, Some(dataset)),
                facts: dataset.settings.clone(),
                sections: Vec::new(),
                runs: runs(dataset),
            },
        ));
    }
    pages
}

fn file_name(dataset: &StudyDataset) -> String {
    format!("{}.html", dataset.name)
}

fn subtitle(input: &StudyInput, dataset: Option<&StudyDataset>) -> String {
    let n_seeds = input.study.seeds.len();
    let seeds = if n_seeds == 1 { "seed" } else { "seeds" };
    match dataset {
        Some(dataset) => format!("{n_seeds} {seeds} · candidates of {}", dataset.title),
        None => format!("{n_seeds} {seeds}"),
    }
}

fn about(input: &StudyInput, first: Option<&StudyDataset>, others: &[&StudyDataset]) -> Section {
    let mut text = Vec::new();
    if !input.study.about.is_empty() {
        text.push(input.study.about.trim().to_owned());
    }
    if !input.missing.is_empty() {
        text.push(format!(
            "This report is about a part of the study. Not done yet: {}.",
            input.missing.join("; ")
        ));
    }
    if let Some(dataset) = first {
        let mut line = format!("The candidates on this page are those of {}", dataset.title);
        for other in others {
            line += &format!("; those of {} are in `{}`", other.title, file_name(other));
        }
        text.push(line + ". Of a variant with several seeds, the first one is shown.");
    }
    Section {
        id: "about".to_owned(),
        title: "The study".to_owned(),
        blocks: vec![Block::Text(text.join("\n\n"))],
    }
}

/// The runs of a dataset that can be looked at: of each row the first.
fn runs(dataset: &StudyDataset) -> Vec<PageRun> {
    let rows = dataset.rows.iter();
    rows.filter_map(|row| {
        let run = row.runs.first()?;
        Some(PageRun {
            label: row.title.clone(),
            directory: run.directory.clone(),
            critic_scores: run.critic_scores.clone(),
        })
    })
    .collect()
}

fn learning(trainings: &[(String, Vec<TrainingCurve>)]) -> Vec<Section> {
    let of_command = |(command, curves): &(String, Vec<TrainingCurve>)| {
        let mut labels: Vec<&str> = curves.iter().map(|curve| curve.label.as_str()).collect();
        labels.dedup();
        let of_labels = |labels: &[&str]| {
            let curves = curves.iter();
            let curves = curves.filter(|curve| labels.contains(&curve.label.as_str()));
            Block::Curves(curves.cloned().collect())
        };
        Section {
            id: id("learning", command),
            title: format!("Learning curves: {command}"),
            blocks: labels.chunks(CURVES).map(of_labels).collect(),
        }
    };
    trainings.iter().map(of_command).collect()
}

fn facts(settings: &[(String, String)]) -> String {
    let lines = settings
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    lines.collect::<Vec<_>>().join("\n\n")
}

/// Small letters, digits and hyphens.
fn id(prefix: &str, name: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    format!("{prefix}-{}", name.chars().map(plain).collect::<String>())
}
