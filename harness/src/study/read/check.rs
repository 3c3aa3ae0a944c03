//! What has to hold of a study as a whole: it has what it needs, and names stand for something.

use std::collections::BTreeSet;

use super::check_name;
use crate::error::Error;
use crate::study::types::Study;

/// What must be there at all.
pub(super) fn check_study(study: &Study) -> Result<(), Error> {
    let files = &study.files;
    let missing =
        |key: &str, what: &str| Err(files.refused(1, key, format!("the study has no {what}")));
    if study.datasets.is_empty() {
        return missing(
            "datasets",
            "dataset to judge on; write a table `[datasets.NAME]`",
        );
    }
    if study.checkpoints.is_empty() {
        return missing(
            "checkpoints",
            "checkpoint to judge; write a table `[checkpoints.NAME]`",
        );
    }
    if study.strategies.is_empty() {
        let what = "way of making candidates; write a table `[strategies.NAME]`, such as \
                    `[strategies.plain]`";
        return missing("strategies", what);
    }
    if study.seeds.is_empty() {
        return missing("seeds", "seed; write `seeds = [1, 2, 3]`");
    }
    let mut seen = BTreeSet::new();
    for seed in &study.seeds {
        if !seen.insert(seed) {
            return Err(files.refused(1, "seeds", format!("{seed} is there twice")));
        }
    }
    for strategy in &study.strategies {
        if let Some(other) = &strategy.same_budget_as {
            let key = format!("strategies.{}.same-budget-as", strategy.name);
            let names = study.strategies.iter().map(|it| it.name.as_str());
            let names = names.filter(|name| *name != strategy.name);
            check_name((files, strategy.line, &key), "other strategy", other, names)?;
        }
    }
    Ok(())
}

pub(super) fn check_row(study: &Study, line: usize, key: &str, name: &str) -> Result<(), Error> {
    let rows = study.rows();
    let names = rows.iter().map(|row| row.name.as_str());
    check_name((&study.files, line, key), "row", name, names)
}

pub(super) fn check_rows(
    study: &Study,
    line: usize,
    key: &str,
    patterns: &[String],
) -> Result<(), Error> {
    for pattern in patterns {
        if study
            .rows_matching(std::slice::from_ref(pattern))
            .is_empty()
        {
            check_row(study, line, key, pattern)?;
        }
    }
    Ok(())
}

pub(super) fn check_datasets(
    study: &Study,
    line: usize,
    key: &str,
    given: &[String],
) -> Result<(), Error> {
    let names = study.datasets.iter().map(|it| it.name.as_str());
    for name in given {
        check_name((&study.files, line, key), "dataset", name, names.clone())?;
    }
    Ok(())
}
