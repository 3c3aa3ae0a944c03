//! `coderl verify`: judges a run's candidates again and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use harness::candidate::{Candidate, CandidateId};
use harness::contract::Executor;
use harness::judge::{Judge, WhichTests};
use harness::problem::{Problem, ProblemId};
use harness::runner::{self, Score, Verification};
use harness::store::{
    JUDGE_FINGERPRINT, JudgingRecord, KeyContext, RunDirectory, StoredRun, sha256_hex,
};
use harness::verdict::Verdict;
use reports::{render, tables};
use serde::Serialize;

use crate::arguments::Verify;
use crate::commands::terminal_width;
use crate::console::{ScoreProgress, counted};
use crate::context::{Context, with_packages};
use crate::exit::{Exit, data, usage};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    run: String,
    /// Candidates on record, and those judged again.
    n_candidates: usize,
    n_judged_again: usize,
    /// `null` when all were judged.
    seed: Option<u64>,
    guest_on_record: &'a str,
    guest: &'a str,
    hidden_tests: Verification,
    /// Where the run has verdicts on the tests shown in the statements.
    #[serde(skip_serializing_if = "Option::is_none")]
    example_tests: Option<Verification>,
}

pub(crate) fn verify(context: &Context, arguments: &Verify) -> Result<Exit> {
    let run = StoredRun::read(&arguments.run)?;
    let judging = run.manifest.judging.as_ref().filter(|_| run.is_finished);
    let judging = judging.ok_or_else(|| {
        data(format!(
            "the run in `{0}` is not judged to its end; go on with `coderl score {0}`",
            arguments.run.display()
        ))
    })?;
    let problems = problems(context, &run, arguments)?;
    let candidates = choose(&run.candidates, arguments);
    let workers = arguments
        .workers
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN);
    let sandbox = context.sandbox()?;
    check_guest(context, judging, sandbox.fingerprint(), arguments)?;

    let again = Again {
        context,
        judging,
        problems: &problems,
        candidates: &candidates,
        sandbox: &sandbox,
        workers,
        manifest: &run,
    };
    let example_tests = if run.example_verdicts.is_empty() {
        None
    } else {
        Some(again.verify(WhichTests::Example, &run.example_verdicts)?)
    };
    let report = Report {
        run: arguments.run.display().to_string(),
        n_candidates: run.candidates.len(),
        n_judged_again: candidates.len(),
        seed: arguments.sample.map(|_| arguments.seed),
        guest_on_record: &judging.guest,
        guest: sandbox.fingerprint(),
        hidden_tests: again.verify(WhichTests::Hidden, &run.verdicts)?,
        example_tests,
    };
    if context.cancel.load(Ordering::Relaxed) {
        context
            .console
            .note("interrupted: what follows is about what was judged again until then");
    }
    print(&report, arguments.json)?;
    Ok(exit(context, &report))
}

/// The run's problems, from the same dataset.
fn problems(context: &Context, run: &StoredRun, arguments: &Verify) -> Result<Vec<Problem>> {
    let record = &run.manifest.dataset;
    let name = arguments
        .dataset
        .as_ref()
        .or(record.path.as_ref())
        .unwrap_or(&record.name);
    let dataset = context.open_dataset(name).context(
        "cannot read the run's dataset; if it has moved, say where it is with --dataset",
    )?;
    if dataset.sha256 != record.sha256 {
        return Err(usage(format!(
            "dataset `{name}` is not the one that the run was judged by: its SHA-256 is {}, the \
             run's {}. Verdicts on other tests cannot be compared; name the run's dataset with \
             --dataset",
            dataset.sha256, record.sha256
        )));
    }
    let wanted: BTreeSet<&ProblemId> = run.problems.iter().map(|problem| &problem.id).collect();
    let mut problems = dataset.problems;
    problems.retain(|problem| wanted.contains(&problem.id));
    Ok(problems)
}

fn check_guest(
    context: &Context,
    judging: &JudgingRecord,
    guest: &str,
    arguments: &Verify,
) -> Result<()> {
    if judging.judge != JUDGE_FINGERPRINT {
        context.console.note(
            "note: the run was judged by another version of coderl; differences may come from that",
        );
    }
    if guest == judging.guest {
        return Ok(());
    }
    let both = format!("the run was judged in guest `{}`", judging.guest);
    if arguments.allow_other_guest {
        context.console.note(format_args!(
            "note: {both}, and this is `{guest}`; differences may come from that"
        ));
        return Ok(());
    }
    Err(usage(format!(
        "{both}, and the guest at hand is `{guest}`; name the run's with --guest, or compare all \
         the same with --allow-other-guest"
    )))
}

/// All candidates, or as many as asked for: those with the smallest hashes of seed and id,
/// which does not depend on the order of records.
fn choose(candidates: &[Candidate], arguments: &Verify) -> Vec<Candidate> {
    let Some(n) = arguments.sample else {
        return candidates.to_vec();
    };
    let draw = |id: &CandidateId| sha256_hex(format!("{} {id}", arguments.seed).as_bytes());
    let mut drawn: Vec<(String, &Candidate)> = candidates
        .iter()
        .map(|candidate| (draw(&candidate.id), candidate))
        .collect();
    drawn.sort_by(|a, b| a.0.cmp(&b.0));
    drawn
        .into_iter()
        .take(n.get())
        .map(|(_, candidate)| candidate.clone())
        .collect()
}

/// A second judging.
struct Again<'a> {
    context: &'a Context,
    judging: &'a JudgingRecord,
    problems: &'a [Problem],
    candidates: &'a [Candidate],
    sandbox: &'a dyn Executor,
    workers: NonZeroUsize,
    manifest: &'a StoredRun,
}

impl Again<'_> {
    /// Judges by `tests` into a directory of its own, and compares with `stored`.
    fn verify(&self, tests: WhichTests, stored: &[Verdict]) -> Result<Verification> {
        let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
        self.judge(tests, stored, scratch.path())?;
        let again = StoredRun::read(scratch.path())?;
        Ok(match tests {
            WhichTests::Hidden => Verification::of(stored, &again.verdicts),
            WhichTests::Example => Verification::of(stored, &again.example_verdicts),
        })
    }

    fn judge(&self, tests: WhichTests, stored: &[Verdict], scratch: &Path) -> Result<()> {
        let directory = RunDirectory::create_or_resume(scratch, self.manifest.manifest.clone())?;
        let limits = &self.judging.limits;
        let judge = Judge::new(self.sandbox, self.judging.options);
        // The graders of this stage: only one where tests merely filter.
        let mut graders = self.judging.graders.clone();
        graders.retain(|&grader| stored.iter().any(|verdict| verdict.grader == grader));
        let by_id: BTreeMap<&CandidateId, ()> = stored.iter().map(|v| (&v.candidate, ())).collect();
        let candidates: Vec<Candidate> = self
            .candidates
            .iter()
            .filter(|candidate| by_id.contains_key(&candidate.id))
            .cloned()
            .collect();
        let request = Score {
            problems: self.problems,
            candidates: &candidates,
            graders: &graders,
            tests,
            context: &KeyContext {
                options: self.judging.options,
                limits: limits.clone(),
                guest: self.sandbox.fingerprint().to_owned(),
                guest_with_packages: with_packages(self.sandbox),
            },
            cache: None,
            workers: self.workers,
            retry_infrastructure: false,
            cancel: &self.context.cancel,
        };
        let label = match tests {
            WhichTests::Hidden => "judging again",
            WhichTests::Example => "example tests",
        };
        runner::score(
            &request,
            |work| {
                judge.judge(
                    work.problem,
                    &work.program(),
                    work.grader,
                    work.tests,
                    limits,
                )
            },
            &mut directory.verdicts(tests)?,
            &mut directory.events()?,
            &mut ScoreProgress::new(&self.context.console, label),
        )?;
        Ok(())
    }
}

fn print(report: &Report<'_>, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    for (name, verification) in report.stages() {
        if !verification.differences.is_empty() {
            let mut table = tables::verification_table(verification);
            table.title = format!("{}: {name}", table.title);
            writeln!(out, "{}", render::terminal(&table, terminal_width()))?;
        }
        writeln!(
            out,
            "{name}: {} compared, {} with differences{}",
            counted(verification.n_compared, "verdict"),
            verification.n_different,
            match verification.n_not_comparable {
                0 => String::new(),
                n => format!(", {n} not comparable for trouble of the machine"),
            }
        )?;
    }
    Ok(())
}

impl Report<'_> {
    fn stages(&self) -> impl Iterator<Item = (&'static str, &Verification)> {
        let example = self.example_tests.as_ref();
        example
            .map(|verification| ("example tests", verification))
            .into_iter()
            .chain([("hidden tests", &self.hidden_tests)])
    }
}

fn exit(context: &Context, report: &Report<'_>) -> Exit {
    let any = |n: fn(&Verification) -> usize| report.stages().any(|(_, stage)| n(stage) > 0);
    if any(|stage| stage.n_different) {
        Exit::Threshold
    } else if context.cancel.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else if any(|stage| stage.n_not_comparable) {
        Exit::Unexpected
    } else {
        Exit::Done
    }
}
