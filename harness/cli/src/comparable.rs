//! Whether runs can be held against each other, and in what they differ beside what is compared.

use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::metric::ProblemTally;
use harness::store::{JudgingRecord, StoredRun};
use harness::verdict::Grader;

use crate::arguments::{Aspect, ReportSettings, Runs};
use crate::exit::{data, usage};
use crate::inputs;

/// Runs that were read, with what one grader made of their candidates.
pub(crate) struct Side {
    pub(crate) runs: Vec<JudgedRun>,
}

/// One of them.
pub(crate) struct JudgedRun {
    pub(crate) path: PathBuf,
    pub(crate) run: StoredRun,
    pub(crate) tallies: Vec<ProblemTally>,
}

/// Two sides, both judged by `grader`.
pub(crate) struct Sides {
    pub(crate) grader: Grader,
    pub(crate) a: Side,
    pub(crate) b: Side,
}

impl Side {
    /// Reads runs; `grader` is that of the first one unless it is given.
    pub(crate) fn read(
        runs: &Runs,
        grader: Option<Grader>,
        settings: &ReportSettings,
    ) -> Result<(Grader, Self)> {
        let mut chosen = grader;
        let mut side = Self { runs: Vec::new() };
        for path in &runs.0 {
            let run = StoredRun::read(path)?;
            let (grader, tallies) = inputs::judging(path, &run, chosen, settings)?;
            chosen = Some(grader);
            side.runs.push(JudgedRun {
                path: path.clone(),
                run,
                tallies,
            });
        }
        let grader = chosen.expect("a list of runs has at least one");
        Ok((grader, side))
    }

    pub(crate) fn tallies(&self) -> Vec<&[ProblemTally]> {
        self.runs.iter().map(|run| run.tallies.as_slice()).collect()
    }

    /// Names of the runs.
    pub(crate) fn name(&self) -> String {
        let names = self.runs.iter().map(|run| inputs::run_name(&run.path));
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Sides {
    pub(crate) fn read(
        a: &Runs,
        b: &Runs,
        grader: Option<Grader>,
        settings: &ReportSettings,
    ) -> Result<Self> {
        let (grader, a) = Side::read(a, grader, settings)?;
        let (_, b) = Side::read(b, Some(grader), settings)?;
        Ok(Self { grader, a, b })
    }

    fn runs(&self) -> impl Iterator<Item = &JudgedRun> {
        self.a.runs.iter().chain(&self.b.runs)
    }

    /// In what the runs differ, each aspect once, as told of the first run and the first one that
    /// differs from it.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        differences(&self.runs().collect::<Vec<_>>())
    }

    /// Runs whose judging did not come to its end.
    pub(crate) fn unfinished(&self) -> Option<&Path> {
        let unfinished = self.runs().find(|run| !run.run.is_finished);
        unfinished.map(|run| run.path.as_path())
    }
}

/// An aspect in which runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) aspect: Aspect,
    /// As a sentence without full stop.
    pub(crate) text: String,
}

/// What of `differences` is not among those allowed, as an error that names all of it.
pub(crate) fn refuse(
    differences: &[Difference],
    refused: impl Fn(Aspect) -> bool,
    allowed: &[Aspect],
) -> Result<()> {
    let bad: Vec<&Difference> = differences
        .iter()
        .filter(|it| refused(it.aspect) && !allowed.contains(&it.aspect))
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    let texts: Vec<&str> = bad.iter().map(|it| it.text.as_str()).collect();
    let names: Vec<String> = bad.iter().map(|it| name(it.aspect)).collect();
    Err(usage(format!(
        "the runs cannot be compared: {}. To compare them all the same: --allow {}",
        texts.join("; "),
        names.join(",")
    )))
}

fn name(aspect: Aspect) -> String {
    let value = clap::ValueEnum::to_possible_value(&aspect);
    value.map_or_else(String::new, |it| it.get_name().to_owned())
}

fn differences(runs: &[&JudgedRun]) -> Vec<Difference> {
    let Some((first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut look = |aspect, what: &str, of: &dyn Fn(&JudgedRun) -> String| {
        let here = of(first);
        if let Some((run, there)) = others
            .iter()
            .map(|run| (run, of(run)))
            .find(|(_, there)| *there != here)
        {
            found.push(Difference {
                aspect,
                text: format!(
                    "{what} differs: {here} in `{}`, {there} in `{}`",
                    first.path.display(),
                    run.path.display()
                ),
            });
        }
    };
    look(Aspect::Dataset, "the dataset", &|run| {
        let dataset = &run.run.manifest.dataset;
        format!("{} (SHA-256 {})", dataset.name, short(&dataset.sha256))
    });
    look(Aspect::Problems, "the set of problems", &|run| {
        let ids: Vec<&str> = run.tallies.iter().map(|it| it.problem.as_str()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        let digest = harness::store::sha256_hex(sorted.join("\n").as_bytes());
        format!("{} problems (SHA-256 of ids {})", ids.len(), short(&digest))
    });
    let judging = |run: &JudgedRun, of: &dyn Fn(&JudgingRecord) -> String| {
        let judging = run.run.manifest.judging.as_ref();
        judging.map_or_else(|| "not on record".to_owned(), of)
    };
    look(Aspect::Limits, "the limit", &|run| {
        judging(run, &|it| {
            format!(
                "{} units of fuel, {} MiB memory, {} MiB output",
                it.limits.fuel,
                it.limits.memory_bytes >> 20,
                it.limits.output_bytes >> 20
            )
        })
    });
    look(Aspect::Options, "grading by challenge tests", &|run| {
        judging(run, &|it| {
            if it.options.challenge_tests {
                "on"
            } else {
                "off"
            }
            .to_owned()
        })
    });
    look(Aspect::Guest, "the guest", &|run| {
        judging(run, &|it| {
            let packages = it.guest_with_packages.as_deref().unwrap_or("none");
            format!("`{}`, with packages `{packages}`,", it.guest)
        })
    });
    look(Aspect::Judge, "the version of the judge", &|run| {
        judging(run, &|it| format!("`{}`", short(&it.judge)))
    });
    found
}

/// As much of a hash as tells it from others.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// An error where a run is not judged to its end.
pub(crate) fn not_finished(path: &Path) -> anyhow::Error {
    data(format!(
        "the run in `{0}` is not judged to its end; go on with `coderl score {0}`",
        path.display()
    ))
}
