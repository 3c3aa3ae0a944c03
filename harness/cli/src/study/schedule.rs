//! Stages as they can be done: each when what it needs is there, some at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use harness::store::StudyDirectory;
use harness::study::{Plan, StageRecord, StageResult, StageStatus, changes};

use super::child::{StageProcess, shell, tail};
use super::progress::{StudyProgress, short};
use super::{Opened, State};
use crate::console::counted;
use crate::context::Context;
use crate::exit::Exit;

/// How often a waiting loop looks around.
const TICK: Duration = Duration::from_millis(50);

/// Lines of a failed stage's log that are shown.
const TAIL: usize = 12;

/// Exit codes of the children that are told apart.
const DATA: i32 = Exit::Data as i32;
const INTERRUPTED: i32 = Exit::Interrupted as i32;

/// What is to be done.
pub(crate) struct Request {
    pub(crate) jobs: usize,
    /// For each stage of the plan, whether it is wanted.
    pub(crate) wanted: Vec<bool>,
}

/// Does what is wanted and not done. The study's directory is locked by the caller.
pub(crate) fn run(context: &Context, opened: &Opened, request: &Request) -> Result<Exit> {
    let state = State::new(opened, opened.directory.records()?, false);
    let n_done = (0..opened.plan.stages.len())
        .filter(|&at| request.wanted[at] && state.is_done(at))
        .count();
    let n_wanted = request.wanted.iter().filter(|it| **it).count();
    let mut schedule = Schedule {
        context,
        opened,
        jobs: request.jobs,
        progress: StudyProgress::new(context.console, n_done, n_wanted),
        stages: (0..opened.plan.stages.len())
            .map(|at| match (request.wanted[at], state.is_done(at)) {
                (false, false) => Phase::Unwanted,
                (_, true) => Phase::Done,
                (true, false) => Phase::Waiting,
            })
            .collect(),
        records: state.records.clone(),
        running: Vec::new(),
        failures: Vec::new(),
        is_stopping: false,
    };
    schedule.set_stale_aside(&state)?;
    let ended = schedule.work();
    schedule.progress.finish();
    ended?;
    Ok(schedule.summary())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unwanted,
    Waiting,
    Running,
    Done,
    Failed,
}

struct Schedule<'a> {
    context: &'a Context,
    opened: &'a Opened,
    jobs: usize,
    progress: StudyProgress,
    stages: Vec<Phase>,
    records: BTreeMap<String, StageRecord>,
    running: Vec<StageProcess>,
    /// Stages with their exit codes.
    failures: Vec<(usize, Option<i32>)>,
    is_stopping: bool,
}

impl Schedule<'_> {
    fn plan(&self) -> &Plan {
        &self.opened.plan
    }

    fn directory(&self) -> &StudyDirectory {
        &self.opened.directory
    }

    /// Moves out of the way what was made of something else. What adds to another stage's results
    /// takes them along where it cannot replace what it added.
    fn set_stale_aside(&mut self, state: &State) -> Result<()> {
        let stages = &self.opened.plan.stages;
        let mut stale: Vec<usize> = (0..stages.len())
            .filter(|&at| {
                self.stages[at] == Phase::Waiting && state.statuses[at] == StageStatus::Stale
            })
            .collect();
        for at in stale.clone() {
            if let Some(place) = stages[at].in_place
                && place.binds_owner
                && !stale.contains(&place.owner)
            {
                stale.push(place.owner);
            }
        }
        stale.sort_unstable();
        for at in stale {
            let stage = &stages[at];
            if stage.in_place.is_some() {
                continue;
            }
            if let Some(record) = self.records.get(&stage.name) {
                let command = self.plan().command(at, self.opened.out());
                let why: Vec<String> = changes(self.plan(), stage, &command, record)
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let why = match why.is_empty() {
                    true => "what was added to it has other settings".to_owned(),
                    false => why.join(", "),
                };
                if let Some(path) = self.directory().set_aside(&stage.directory)? {
                    self.progress.note(format_args!(
                        "{}: stale ({why}); it is made again, and what was there is in `{}`",
                        stage.name,
                        path.display()
                    ));
                }
            }
            // What was added to it went with it.
            for (other, phase) in self.stages.iter_mut().enumerate() {
                let is_there =
                    other == at || stages[other].in_place.is_some_and(|it| it.owner == at);
                if is_there && *phase == Phase::Done {
                    *phase = Phase::Waiting;
                }
            }
        }
        Ok(())
    }

    fn work(&mut self) -> Result<()> {
        loop {
            if self.context.cancel.load(Ordering::Relaxed) && !self.is_stopping {
                self.is_stopping = true;
                for process in &self.running {
                    process.interrupt();
                }
            }
            while !self.is_stopping && self.running.len() < self.jobs {
                let Some(stage) = self.next() else {
                    break;
                };
                self.start(stage)?;
            }
            if self.running.is_empty() {
                return Ok(());
            }
            self.reap()?;
            let left = self.left();
            self.progress.tick(|| left);
            thread::sleep(TICK);
        }
    }

    /// The first stage that waits for nothing.
    fn next(&self) -> Option<usize> {
        let is_ready = |at: &usize| {
            let stage = &self.plan().stages[*at];
            // Two processes in one directory would lock each other out.
            let is_free = self.running.iter().all(|it| {
                let running = &self.plan().stages[it.stage];
                running.directory != stage.directory
            });
            let inputs = || stage.inputs.iter();
            self.stages[*at] == Phase::Waiting
                && is_free
                && inputs().all(|&input| self.stages[input] == Phase::Done)
        };
        (0..self.stages.len()).find(is_ready)
    }

    fn start(&mut self, at: usize) -> Result<()> {
        let stage = &self.opened.plan.stages[at];
        let out = self.opened.out();
        let command = self.opened.plan.command(at, out);
        if let Some(parent) = self.opened.path(at).parent() {
            std::fs::create_dir_all(parent)?;
        }
        let earlier = self
            .records
            .get(&stage.name)
            .filter(|record| record.identity == stage.identity);
        let record = StageRecord {
            name: stage.name.clone(),
            identity: stage.identity.clone(),
            result: StageResult::Begun,
            command: command.clone(),
            inputs: stage
                .inputs
                .iter()
                .map(|&input| {
                    let input = &self.opened.plan.stages[input];
                    (input.name.clone(), input.identity.clone())
                })
                .collect(),
            outside: stage.outside.clone(),
            begun: earlier.map_or_else(now, |record| record.begun.clone()),
            seconds: earlier.map_or(0.0, |record| record.seconds),
            exit_code: None,
        };
        self.write(record)?;
        let name = stage.name.clone();
        let process = StageProcess::start(self.context, self.directory(), at, &name, &command)?;
        self.progress.begin(at, &name, self.directory().log(&name));
        self.stages[at] = Phase::Running;
        self.running.push(process);
        Ok(())
    }

    fn write(&mut self, record: StageRecord) -> Result<()> {
        self.directory().write(&record)?;
        self.records.insert(record.name.clone(), record);
        Ok(())
    }

    /// Takes note of the stages that ended.
    fn reap(&mut self) -> Result<()> {
        let mut ended = Vec::new();
        for (index, process) in self.running.iter_mut().enumerate() {
            if let Some(status) = process.poll()? {
                ended.push((index, status));
            }
        }
        for (index, status) in ended.into_iter().rev() {
            let process = self.running.remove(index);
            self.end(process.stage, status, process.began.elapsed())?;
        }
        Ok(())
    }

    fn end(&mut self, at: usize, status: ExitStatus, took: Duration) -> Result<()> {
        let stage = &self.opened.plan.stages[at];
        let code = status.code();
        let result = match code {
            Some(0) => StageResult::Done,
            // Rows that were left out are told by this code; the run may be whole all the same.
            Some(DATA) if is_whole(&stage.command, &self.opened.path(at)) => StageResult::Done,
            Some(INTERRUPTED) => StageResult::Interrupted,
            _ if self.is_stopping => StageResult::Interrupted,
            _ => StageResult::Failed,
        };
        let mut record = self.records[&stage.name].clone();
        record.result = result;
        record.seconds += took.as_secs_f64();
        record.exit_code = code;
        let total = Duration::from_secs_f64(record.seconds);
        self.write(record)?;
        self.progress.end(at, result == StageResult::Done);
        let log = self.directory().log(&stage.name);
        match result {
            StageResult::Done => {
                self.stages[at] = Phase::Done;
                let left_out = match code {
                    Some(DATA) => "; rows were left out, see its log",
                    _ => "",
                };
                self.progress.note(format_args!(
                    "{}: done in {}{left_out}",
                    stage.name,
                    short(total)
                ));
            }
            StageResult::Interrupted | StageResult::Begun => {
                self.stages[at] = Phase::Waiting;
                self.is_stopping = true;
                self.progress
                    .note(format_args!("{}: interrupted", stage.name));
            }
            StageResult::Failed => {
                self.stages[at] = Phase::Failed;
                self.failures.push((at, code));
                let how = match code {
                    Some(code) => format!("exit code {code}"),
                    None => status.to_string(),
                };
                let mut text = format!("{}: FAILED ({how}); its log ends with\n", stage.name);
                for line in tail(&log, TAIL) {
                    text += &format!("    {line}\n");
                }
                let command = self.plan().command(at, self.opened.out());
                text += &format!("  log: `{}`\n  again: {}", log.display(), shell(&command));
                self.progress.note(text);
            }
        }
        Ok(())
    }

    /// How long what is left may take, by what stages alike took.
    fn left(&self) -> Option<Duration> {
        let mut times: BTreeMap<&str, (f64, u32)> = BTreeMap::new();
        let done = (0..self.stages.len()).filter(|&at| self.stages[at] == Phase::Done);
        for at in done {
            let stage = &self.plan().stages[at];
            if let Some(record) = self.records.get(&stage.name) {
                let command = times.entry(&stage.command).or_default();
                *command = (command.0 + record.seconds, command.1 + 1);
            }
        }
        let mean = |(sum, n): &(f64, u32)| sum / f64::from(*n);
        let any = times.values().map(mean).reduce(f64::max)?;
        let mut seconds = 0.0;
        for (at, phase) in self.stages.iter().enumerate() {
            let expected = times.get(self.plan().stages[at].command.as_str());
            let expected = expected.map_or(any, mean);
            match phase {
                Phase::Waiting => seconds += expected,
                Phase::Running => {
                    let process = self.running.iter().find(|it| it.stage == at);
                    let spent = process.map_or(0.0, |it| it.began.elapsed().as_secs_f64());
                    seconds += (expected - spent).max(0.0);
                }
                Phase::Unwanted | Phase::Done | Phase::Failed => {}
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of jobs")]
        let jobs = self.jobs as f64;
        Some(Duration::from_secs_f64(seconds / jobs))
    }

    fn summary(&self) -> Exit {
        let console = &self.context.console;
        let n_waiting = self
            .stages
            .iter()
            .filter(|it| **it == Phase::Waiting)
            .count();
        if self.is_stopping {
            console.note("interrupted; the same command goes on from here");
            return Exit::Interrupted;
        }
        let Some((_, code)) = self.failures.first() else {
            return Exit::Done;
        };
        let names: Vec<&str> = self
            .failures
            .iter()
            .map(|(at, _)| self.plan().stages[*at].name.as_str())
            .collect();
        console.note(format_args!(
            "{} failed: {}{}; the same command tries again",
            counted(names.len(), "stage"),
            names.join(", "),
            match n_waiting {
                0 => String::new(),
                n => format!("; {} that need them were not tried", counted(n, "stage")),
            }
        ));
        match *code {
            Some(DATA) => Exit::Data,
            Some(code) if code == Exit::Usage as i32 => Exit::Usage,
            _ => Exit::Unexpected,
        }
    }
}

/// Whether a command that left rows out came to its end.
fn is_whole(command: &str, path: &Path) -> bool {
    let file = match command {
        "run" | "score" => "verdicts.jsonl",
        "sample" | "generate" => "candidates.jsonl",
        "audit" => "audit.jsonl",
        _ => return false,
    };
    path.join(file).is_file()
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
