//! The suite as files of rows, and as datasets that are read from them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::problem::{Dataset, Split};

use super::problem::{Drawn, Form};
use super::random::Random;
use super::row::{self, MBPP_TEST_TASKS, MBPP_TRAIN_TASKS};
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
    /// Training problems in the form of MBPP; at most [`Settings::MAX_MBPP_TRAIN`].
    pub n_mbpp_train: usize,
    /// Test problems in the form of MBPP; at most [`Settings::MAX_MBPP`].
    pub n_mbpp: usize,
}

impl Settings {
    /// The suite that has a name: version 1 of `micro-apps`, version 2 of `micro-mbpp`. A change of
    /// anything that follows from these numbers is another version, and says so here and in
    /// `docs/micro-suite.md`.
    pub const DEFAULT: Self = Self {
        seed: 1,
        n_train: 6_000,
        n_validation: 300,
        n_test: 500,
        n_mbpp_train: MBPP_TRAIN_TASKS.end - MBPP_TRAIN_TASKS.start,
        n_mbpp: 300,
    };

    /// MBPP's numbers tell its splits, and there are no more of test.
    pub const MAX_MBPP: usize = MBPP_TEST_TASKS.end - MBPP_TEST_TASKS.start;
    /// And of train.
    pub const MAX_MBPP_TRAIN: usize = MBPP_TRAIN_TASKS.end - MBPP_TRAIN_TASKS.start;
}

/// A file that [`write()`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub n_problems: usize,
    pub sha256: String,
}

/// One file of rows.
#[derive(Clone, Copy)]
struct RowFile {
    form: Form,
    name: &'static str,
    n_problems: usize,
}

impl RowFile {
    /// Folder of the file, and what its problems are called after.
    fn set(self) -> &'static str {
        match self.form {
            Form::Apps(_) => "apps",
            Form::Mbpp(_) => "mbpp",
        }
    }

    fn text(self, seed: u64) -> String {
        let problems = problems(seed, self.form, self.n_problems);
        match self.form {
            Form::Apps(_) => lines((0..).zip(problems).map(|(number, (problem, mut random))| {
                row::json(&problem.apps_row(number, &mut random))
            })),
            Form::Mbpp(split) => {
                let first = match split {
                    Split::Train => MBPP_TRAIN_TASKS.start,
                    _ => MBPP_TEST_TASKS.start,
                };
                lines(
                    (first..)
                        .zip(problems)
                        .map(|(task, (problem, mut random))| {
                            row::json(&problem.mbpp_row(task, &mut random))
                        }),
                )
            }
        }
    }
}

fn files(settings: &Settings) -> [RowFile; 5] {
    [
        (Form::Apps(Split::Train), "train.jsonl", settings.n_train),
        (
            Form::Apps(Split::Validation),
            "validation.jsonl",
            settings.n_validation,
        ),
        (Form::Apps(Split::Test), "test.jsonl", settings.n_test),
        (
            Form::Mbpp(Split::Train),
            "train.jsonl",
            settings.n_mbpp_train,
        ),
        (Form::Mbpp(Split::Test), "test.jsonl", settings.n_mbpp),
    ]
    .map(|(form, name, n_problems)| RowFile {
        form,
        name,
        n_problems,
    })
}

/// `micro-apps`: problems are called `micro/apps/train/0042`. Its digest is that of the files that
/// [`write()`] would write.
///
/// # Errors
/// None with the generator as it is; a test sees to that.
pub(crate) fn apps() -> Result<Dataset, Error> {
    dataset(APPS, "apps")
}

/// `micro-mbpp`: problems are called `micro/mbpp/11`, and the number tells the split.
///
/// # Errors
/// None with the generator as it is; a test sees to that.
pub(crate) fn mbpp() -> Result<Dataset, Error> {
    dataset(MBPP, "mbpp")
}

fn dataset(name: &str, set: &str) -> Result<Dataset, Error> {
    let settings = Settings::DEFAULT;
    let mut reading = Reading::default();
    for file in files(&settings) {
        if file.set() != set {
            continue;
        }
        let (split, id_prefix) = match file.form {
            Form::Apps(split) => (split, format!("micro/apps/{split}")),
            Form::Mbpp(split) => (split, "micro/mbpp".to_owned()),
        };
        let context = Context {
            split: Some(split),
            id_prefix: Some(id_prefix),
        };
        read(file.name, &file.text(settings.seed), context, &mut reading)?;
    }
    Ok(reading.finish(name))
}

fn read(name: &str, text: &str, context: Context, reading: &mut Reading) -> Result<(), Error> {
    let mut rows = RowReader::new(name, context);
    rows::for_each_embedded(name, text, |row, content| rows.row(row, content, reading))?;
    rows.finish()?;
    reading.add_digest(name, sha256_of_bytes(text.as_bytes()));
    Ok(())
}

/// Writes a suite below `folder`: `apps/train.jsonl`, `apps/validation.jsonl`, `apps/test.jsonl`,
/// `mbpp/train.jsonl` and `mbpp/test.jsonl`, without those that would have no rows.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// If [`Settings::n_mbpp`] or [`Settings::n_mbpp_train`] is too large.
pub fn write(folder: &Path, settings: &Settings) -> Result<Vec<WrittenFile>, Error> {
    assert!(settings.n_mbpp <= Settings::MAX_MBPP, "{settings:?}");
    assert!(
        settings.n_mbpp_train <= Settings::MAX_MBPP_TRAIN,
        "{settings:?}"
    );
    let with_rows = files(settings)
        .into_iter()
        .filter(|file| file.n_problems > 0);
    let write = |file: RowFile| {
        let text = file.text(settings.seed);
        let folder = folder.join(file.set());
        let path = folder.join(file.name);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, &text))
            .map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
        Ok(WrittenFile {
            path,
            n_problems: file.n_problems,
            sha256: sha256_of_bytes(text.as_bytes()),
        })
    };
    with_rows.map(write).collect()
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
        let [train, validation, test, mbpp_train, mbpp] =
            files(&settings).map(|file| keys(file.form, file.n_problems));
        for held_out in [&validation, &test, &mbpp] {
            assert!(train.is_disjoint(held_out));
            assert!(mbpp_train.is_disjoint(held_out));
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
            (Form::Mbpp(Split::Test), settings.n_mbpp),
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
