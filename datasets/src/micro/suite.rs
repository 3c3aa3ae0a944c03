//! The suite as files of rows, and as datasets that are read from them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::problem::{Dataset, Split};

use super::problem::{Drawn, Form};
use super::random::Random;
use super::row::{self, FIRST_MBPP_TASK, MAX_MBPP_TASKS};
use crate::error::Error;
use crate::form::Context;
use crate::opening::RowReader;
use crate::reading::{Reading, sha256_of_bytes};
use crate::rows;

/// Names of the datasets that are part of the program.
pub(crate) const APPS: &str = "micro-apps";
pub(crate) const MBPP: &str = "micro-mbpp";

/// What a suite depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub seed: u64,
    /// Problems in the form of APPS.
    pub n_train: usize,
    pub n_validation: usize,
    pub n_test: usize,
    /// Problems in the form of MBPP, all of them test; at most [`Settings::MAX_MBPP`].
    pub n_mbpp: usize,
}

impl Settings {
    /// The suite that has a name, version 1. A change of anything that follows from these
    /// numbers is another version, and says so here and in `docs/micro-suite.md`.
    pub const DEFAULT: Self = Self {
        seed: 1,
        n_train: 6_000,
        n_validation: 300,
        n_test: 500,
        n_mbpp: 300,
    };

    /// MBPP's numbers tell its splits, and those of test end here.
    pub const MAX_MBPP: usize = MAX_MBPP_TASKS;
}

/// A file that [`write()`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub n_problems: usize,
    pub sha256: String,
}

/// One file of rows in the form of APPS.
#[derive(Clone, Copy)]
struct AppsFile {
    split: Split,
    name: &'static str,
    n_problems: usize,
}

fn apps_files(settings: &Settings) -> [AppsFile; 3] {
    [
        (Split::Train, "train.jsonl", settings.n_train),
        (Split::Validation, "validation.jsonl", settings.n_validation),
        (Split::Test, "test.jsonl", settings.n_test),
    ]
    .map(|(split, name, n_problems)| AppsFile {
        split,
        name,
        n_problems,
    })
}

const MBPP_FILE: &str = "test.jsonl";

/// `micro-apps`: problems are called `micro/apps/train/0042`. Its digest is that of the files that
/// [`write()`] would write.
///
/// # Errors
/// None with the generator as it is; a test sees to that.
pub(crate) fn apps() -> Result<Dataset, Error> {
    let mut reading = Reading::default();
    for file in apps_files(&Settings::DEFAULT) {
        let context = Context {
            split: Some(file.split),
            id_prefix: Some(format!("micro/apps/{}", file.split)),
        };
        let text = apps_text(&Settings::DEFAULT, file);
        read(file.name, &text, context, &mut reading)?;
    }
    Ok(reading.finish(APPS))
}

/// `micro-mbpp`: problems are called `micro/mbpp/11`.
///
/// # Errors
/// None with the generator as it is; a test sees to that.
pub(crate) fn mbpp() -> Result<Dataset, Error> {
    let mut reading = Reading::default();
    let context = Context {
        split: Some(Split::Test),
        id_prefix: Some("micro/mbpp".to_owned()),
    };
    let text = mbpp_text(&Settings::DEFAULT);
    read(MBPP_FILE, &text, context, &mut reading)?;
    Ok(reading.finish(MBPP))
}

fn read(name: &str, text: &str, context: Context, reading: &mut Reading) -> Result<(), Error> {
    let mut rows = RowReader::new(name, context);
    rows::for_each_embedded(name, text, |row, content| rows.row(row, content, reading))?;
    rows.finish()?;
    reading.add_digest(name, sha256_of_bytes(text.as_bytes()));
    Ok(())
}

/// Writes a suite below `folder`: `apps/train.jsonl`, `apps/validation.jsonl`, `apps/test.jsonl`
/// and `mbpp/test.jsonl`, without those that would have no rows.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If [`Settings::n_mbpp`] is too large.
pub fn write(folder: &Path, settings: &Settings) -> Result<Vec<WrittenFile>, Error> {
    assert!(settings.n_mbpp <= Settings::MAX_MBPP, "{settings:?}");
    let mut written = Vec::new();
    let mut write = |set: &str, name: &str, n_problems: usize, text: String| {
        let folder = folder.join(set);
        let path = folder.join(name);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, &text))
            .map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
        written.push(WrittenFile {
            path,
            n_problems,
            sha256: sha256_of_bytes(text.as_bytes()),
        });
        Ok(())
    };
    for file in apps_files(settings) {
        if file.n_problems > 0 {
            let text = apps_text(settings, file);
            write("apps", file.name, file.n_problems, text)?;
        }
    }
    if settings.n_mbpp > 0 {
        write("mbpp", MBPP_FILE, settings.n_mbpp, mbpp_text(settings))?;
    }
    Ok(written)
}

fn apps_text(settings: &Settings, file: AppsFile) -> String {
    let problems = problems(settings.seed, Form::Apps(file.split), file.n_problems);
    lines(
        (0..).zip(problems).map(|(number, (problem, mut random))| {
            row::json(&problem.apps_row(number, &mut random))
        }),
    )
}

fn mbpp_text(settings: &Settings) -> String {
    let problems = problems(settings.seed, Form::Mbpp, settings.n_mbpp);
    lines(
        (FIRST_MBPP_TASK..)
            .zip(problems)
            .map(|(task, (problem, mut random))| row::json(&problem.mbpp_row(task, &mut random))),
    )
}

/// Problems of one file, each with the generator that made it.
fn problems(seed: u64, form: Form, n: usize) -> impl Iterator<Item = (Drawn, Random)> {
    let mut texts = HashSet::new();
    (0..n).map(move |index| {
        let mut random = Random::of_problem(seed, &form.to_string(), index);
        (Drawn::draw(form, &mut texts, &mut random), random)
    })
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    rows.fold(String::new(), |mut text, row| {
        text.push_str(&row);
        text.push('\n');
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::micro::cases::Case;

    #[test]
    fn splits_share_no_composition_and_no_text() {
        let settings = Settings::DEFAULT;
        let keys = |form, n| -> BTreeSet<String> {
            problems(settings.seed, form, n)
                .map(|(problem, _)| match problem.chain.steps.len() {
                    1 => problem.task,
                    _ => problem.chain.composition(),
                })
                .collect()
        };
        let [train, validation, test] =
            apps_files(&settings).map(|file| keys(Form::Apps(file.split), file.n_problems));
        let mbpp = keys(Form::Mbpp, settings.n_mbpp);
        for held_out in [&validation, &test, &mbpp] {
            assert!(train.is_disjoint(held_out));
        }
        assert!(validation.is_disjoint(&test));
        assert!(validation.is_disjoint(&mbpp));
        assert!(!test.is_disjoint(&mbpp), "the forms share compositions");
    }

    #[test]
    fn held_out_texts_do_not_repeat() {
        let settings = Settings::DEFAULT;
        for (form, n) in [
            (Form::Apps(Split::Validation), settings.n_validation),
            (Form::Apps(Split::Test), settings.n_test),
            (Form::Mbpp, settings.n_mbpp),
        ] {
            let texts: BTreeSet<String> = problems(settings.seed, form, n)
                .map(|(problem, _)| format!("{} {:?}", problem.task, problem.call))
                .collect();
            assert_eq!(texts.len(), n, "{form}");
        }
    }

    #[test]
    fn programs_without_guard_pass_what_is_shown_alone() {
        let guarded: Vec<Drawn> = problems(1, Form::Apps(Split::Test), 500)
            .map(|(problem, _)| problem)
            .filter(|problem| problem.chain.is_guarded())
            .collect();
        assert!(guarded.len() >= 25, "{}", guarded.len());
        for problem in &guarded {
            assert!(problem.task.contains("(0 if the list is empty)"));
            let fragile = problem.chain.fragile();
            let passes = |case: &Case| fragile.evaluate(&case.input).as_ref() == Some(&case.output);
            assert!(problem.cases.shown().iter().all(passes));
            assert!(!problem.cases.hidden().iter().all(passes));
        }
    }
}
