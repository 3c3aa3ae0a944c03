//! Studies: a file, the plan of commands that follows from it, and their state on disk.
//!
//! `catalog.rs` tells the planner which commands there are, `outside.rs` what they depend on
//! besides their arguments; `schedule.rs` runs them as child processes (`child.rs`) and shows what
//! they do (`progress.rs`); `report.rs` reads what they left.

mod catalog;
mod child;
mod outside;
mod progress;
mod report;
mod schedule;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use harness::store::StudyDirectory;
use harness::study::{Overrides, Plan, StageRecord, StageStatus, Study, plan, read_study, status};

use crate::arguments::StudyChoice;
use crate::context::Context;
use crate::pipeline::stem;

pub(crate) use child::shell;
pub(crate) use progress::short;
pub(crate) use report::make as make_report;
pub(crate) use schedule::{Request, run};

/// A study that was read and planned.
pub(crate) struct Opened {
    pub(crate) study: Study,
    pub(crate) plan: Plan,
    pub(crate) directory: StudyDirectory,
}

impl Opened {
    pub(crate) fn new(context: &Context, choice: &StudyChoice) -> Result<Self> {
        let file = choice.file.display().to_string();
        let text = std::fs::read_to_string(&choice.file).map_err(|error| {
            crate::exit::usage(format!("cannot read study file `{file}`: {error}"))
        })?;
        let overrides = Overrides {
            built_in: choice.built_in,
            mini: choice.mini,
            variables: choice.set.clone(),
            seeds: choice.seeds.clone(),
        };
        let study = read_study(&file, &text, &overrides)?;
        reports::study::check_paper(&study).map_err(crate::exit::usage)?;
        let mut plan = plan(&study, &catalog::catalog())?;
        outside::identify(context, &mut plan).context("looking at what the study depends on")?;
        let out = choice.out.clone().unwrap_or_else(|| {
            let mut name = stem(&choice.file);
            if choice.built_in {
                name += "-built-in";
            }
            if choice.mini {
                name += "-mini";
            }
            Path::new("runs").join(name)
        });
        Ok(Self {
            study,
            plan,
            directory: StudyDirectory::new(out),
        })
    }

    pub(crate) fn out(&self) -> &Path {
        self.directory.path()
    }

    /// Where every stage stands.
    pub(crate) fn state(&self) -> Result<State> {
        // Looked at first: a stage that ends meanwhile is then called running.
        let is_at_work = self.directory.is_at_work();
        let records = self.directory.records()?;
        Ok(State::new(self, records, is_at_work))
    }

    /// Directory of a stage.
    pub(crate) fn path(&self, stage: usize) -> PathBuf {
        self.plan.directory(stage, self.out())
    }
}

/// Records, and what follows from them for each stage of the plan.
pub(crate) struct State {
    pub(crate) records: BTreeMap<String, StageRecord>,
    pub(crate) statuses: Vec<StageStatus>,
}

impl State {
    pub(crate) fn new(
        opened: &Opened,
        records: BTreeMap<String, StageRecord>,
        is_at_work: bool,
    ) -> Self {
        let stages = opened.plan.stages.iter().enumerate();
        let statuses = stages.map(|(at, stage)| {
            let record = records.get(&stage.name);
            status(stage, record, opened.path(at).exists(), is_at_work)
        });
        Self {
            statuses: statuses.collect(),
            records,
        }
    }

    pub(crate) fn is_done(&self, stage: usize) -> bool {
        self.statuses[stage] == StageStatus::Done
    }

    pub(crate) fn count(&self, status: StageStatus) -> usize {
        self.statuses.iter().filter(|it| **it == status).count()
    }
}
