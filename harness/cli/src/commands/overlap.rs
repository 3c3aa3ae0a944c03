//! `coderl overlap`: what test problems have in common with training problems.

use anyhow::Result;
use harness::overlap::{OverlapSettings, overlap as overlap_of};
use harness::problem::{Dataset, Problem, Split};
use reports::tables::{self, OverlapInput};
use reports::write_overlap;
use serde::Serialize;

use crate::arguments::{self, Part};
use crate::commands::{print_json, print_tables};
use crate::context::Context;
use crate::exit::{Exit, data, usage};

pub(crate) fn overlap(context: &Context, arguments: &arguments::Overlap) -> Result<Exit> {
    let settings = arguments.settings.settings().map_err(usage)?;
    let train = Selected::open(
        context,
        &arguments.train,
        arguments.train_split,
        Split::Train,
    )?;
    let test = Selected::open(context, &arguments.test, arguments.test_split, Split::Test)?;
    let input = look(context, &train, &test, &settings);
    if arguments.json {
        print_json(&Report {
            train: &input.train,
            test: &input.test,
            overlap: &input.overlap,
        })?;
    } else {
        let mut pairs = tables::overlap_pairs_table(&input);
        pairs.rows.truncate(arguments.top);
        print_tables(&[
            tables::overlap_table(&input),
            pairs,
            tables::duplicated_lines_table(&input),
            tables::duplicated_share_table(&input),
        ])?;
    }
    if let Some(folder) = &arguments.out {
        let files = write_overlap(&input, None, folder)?;
        if let Some(page) = files.last() {
            let page = page.display();
            context.console.note(format_args!("overlap: `{page}`"));
        }
    }
    Ok(Exit::Done)
}

/// A part of a dataset.
pub(crate) struct Selected {
    dataset: String,
    /// `apps, split train`.
    name: String,
    sha256: String,
    problems: Vec<Problem>,
}

impl Selected {
    /// Opens a dataset and keeps `part` of it, or `usual` where there is such a split.
    pub(crate) fn open(
        context: &Context,
        name: &str,
        part: Option<Part>,
        usual: Split,
    ) -> Result<Self> {
        let dataset = context.open_dataset(name)?;
        let has = |split| dataset.problems.iter().any(|it| it.split == Some(split));
        let part = part.unwrap_or(match has(usual) {
            true => Part::Split(usual),
            false => Part::All,
        });
        let selected = Self::of(dataset, part);
        if selected.problems.is_empty() {
            return Err(data(format!("no problems in {}", selected.name)));
        }
        Ok(selected)
    }

    pub(crate) fn of(dataset: Dataset, part: Part) -> Self {
        let mut problems = dataset.problems;
        let part = match part {
            Part::All => "all".to_owned(),
            Part::Split(split) => {
                problems.retain(|problem| problem.split == Some(split));
                format!("split {split}")
            }
        };
        Self {
            name: format!("{}, {part}", dataset.name),
            dataset: dataset.name,
            sha256: dataset.sha256,
            problems,
        }
    }

    /// Keeps some of the problems, which are called `part`.
    pub(crate) fn keep(&mut self, part: &str, is_wanted: impl FnMut(&Problem) -> bool) {
        self.problems.retain(is_wanted);
        self.name = format!("{}, {part}", self.dataset);
    }
}

/// Compares both, with a note for who waits.
pub(crate) fn look(
    context: &Context,
    train: &Selected,
    test: &Selected,
    settings: &OverlapSettings,
) -> OverlapInput {
    let spinner = context.console.spinner("comparing");
    let overlap = overlap_of(&train.problems, &test.problems, settings);
    spinner.finish_and_clear();
    let row = |what: &str, selected: &Selected| {
        let value = format!("{} (SHA-256 {})", selected.name, selected.sha256);
        (what.to_owned(), value)
    };
    OverlapInput {
        train: train.name.clone(),
        test: test.name.clone(),
        settings: vec![
            ("coderl".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            row("training problems", train),
            row("test problems", test),
        ],
        overlap,
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    train: &'a str,
    test: &'a str,
    #[serde(flatten)]
    overlap: &'a harness::overlap::Overlap,
}
