//! Judges the hostile programs of `tests/attacks` and checks that none of them pays.
//!
//! Beside the verdict of each attack: that the next verdict is right, that judging it again
//! gives the same to the unit of fuel, that nothing is left on disk, and that memory and
//! descriptors of this process do not grow. `tests/tests/attacks.rs` runs this in a place of
//! its own, so that an attack that ends the process is a failed test too.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod corpus;
mod host;
mod problems;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use harness::execution::Limits;
use harness::judge::{Judge, JudgeOptions, Judged, WhichTests};
use harness::verdict::{Grader, Judgement, Outcome};

use crate::corpus::Attack;
use crate::host::{Files, Usage, WithFiles};
use crate::problems::Victim;

/// Times that the corpus is judged again after the first time.
const REPETITIONS: usize = 2;
/// How much resident memory may grow over the repetitions, in KiB. What the allocator keeps
/// varies by a few MiB; a leak of one guest or of one large output is beyond this.
const MAX_GROWTH: u64 = 32 << 10;
/// How much memory may be resident at any time, in KiB: the machine code of the guest, one
/// guest at its limits, and what the host makes of the largest report.
const MAX_PEAK: u64 = 1 << 20;

/// Judge hostile programs and check that none of them pays.
#[derive(Parser)]
struct Arguments {
    /// Only attacks whose `class/name` contains this.
    #[arg(default_value = "")]
    only: String,
    /// Folder with the attacks.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Print every verdict.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = arguments
        .corpus
        .unwrap_or_else(|| e2e::workspace().join("tests/attacks"));
    let mut attacks = corpus::read(&folder)?;
    attacks.retain(|(class, attack)| format!("{class}/{}", attack.name).contains(&arguments.only));

    let victims = problems::all();
    let files = Files::new()?;
    let sandbox = e2e::sandbox()?;
    let with_files = WithFiles {
        executor: &sandbox,
        files: &files,
    };
    let range = Range {
        judge: Judge::new(&sandbox, JudgeOptions::default()),
        judge_with_files: Judge::new(&with_files, JudgeOptions::default()),
        victims: &victims,
    };

    let mut complaints = Vec::new();
    let mut first = Vec::with_capacity(attacks.len());
    for (index, (class, attack)) in attacks.iter().enumerate() {
        let start = Instant::now();
        let judged = range.judge(attack)?;
        let fits = attack.expected()?.is_met_by(&judged.judgement);
        let name = format!("{class}/{}", attack.name);
        if arguments.verbose {
            let shown = shown(&judged.judgement);
            println!("{name}: {shown} ({} fuel, {:?})", judged.fuel, start.elapsed());
        }
        match (fits, attack.forges_today) {
            (true, false) | (false, true) => {}
            (false, false) => complaints.push(format!(
                "{name}: expected {:?}, got {}",
                attack.expected()?,
                shown(&judged.judgement)
            )),
            (true, true) => complaints.push(format!(
                "{name}: the expectation is met now; remove `forges_today`"
            )),
        }
        first.push(judged);
        complaints.extend(
            range
                .next_verdicts_are_right(index)?
                .map(|wrong| format!("after {name}: {wrong}")),
        );
        if !files.are_intact() {
            complaints.push(format!("{name}: changed files outside of its directory"));
        }
        for leftover in host::leftovers()? {
            complaints.push(format!("{name}: left `{leftover}` behind"));
        }
    }

    let before = Usage::now();
    for _ in 0..REPETITIONS {
        for ((class, attack), first) in attacks.iter().zip(&first) {
            let again = range.judge(attack)?;
            if again != *first {
                complaints.push(format!(
                    "{class}/{}: first {} with {} fuel, then {} with {}",
                    attack.name,
                    shown(&first.judgement),
                    first.fuel,
                    shown(&again.judgement),
                    again.fuel
                ));
            }
        }
    }
    if let (Some(before), Some(after)) = (before, Usage::now()) {
        println!(
            "resident memory: {} KiB, then {} KiB, at most {} KiB; {} descriptors, then {}",
            before.resident, after.resident, after.peak, before.descriptors, after.descriptors
        );
        if after.resident > before.resident + MAX_GROWTH {
            complaints.push("memory of the host grew".to_owned());
        }
        if after.peak > MAX_PEAK {
            complaints.push("the host needed too much memory".to_owned());
        }
        if after.descriptors > before.descriptors {
            complaints.push("descriptors were left open".to_owned());
        }
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("{} attacks, {} complaints", attacks.len(), complaints.len());
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}

/// Judges and problems, as on a shooting range.
struct Range<'a> {
    judge: Judge<'a>,
    judge_with_files: Judge<'a>,
    victims: &'a [Victim],
}

impl Range<'_> {
    fn judge(&self, attack: &Attack) -> Result<Judged> {
        let victim = self
            .victims
            .iter()
            .find(|victim| victim.problem.id.as_str() == attack.problem)
            .with_context(|| format!("there is no problem `{}`", attack.problem))?;
        let judge = if attack.with_files {
            &self.judge_with_files
        } else {
            &self.judge
        };
        judge
            .judge(
                &victim.problem,
                &attack.program,
                attack.grader,
                WhichTests::Hidden,
                &attack.limits(),
            )
            .map_err(|error| anyhow!(error))
            .with_context(|| format!("judging `{}`", attack.name))
    }

    /// Judges a right and a wrong program of some problem; what was wrong about it, if anything.
    fn next_verdicts_are_right(&self, index: usize) -> Result<Option<String>> {
        let victim = &self.victims[index % self.victims.len()];
        for (program, expected) in [
            (victim.right, Outcome::PassedTests),
            (victim.wrong, Outcome::FailedTests),
        ] {
            let judged = self
                .judge
                .judge(
                    &victim.problem,
                    program,
                    Grader::Strict,
                    WhichTests::Hidden,
                    &Limits::default(),
                )
                .map_err(|error| anyhow!(error))?;
            if judged.judgement.outcome() != Some(expected) {
                return Ok(Some(format!(
                    "`{}` got {}, not {expected}",
                    victim.problem.id,
                    shown(&judged.judgement)
                )));
            }
        }
        Ok(None)
    }
}

fn shown(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Judged { outcome, cause, .. } => match cause {
            Some(cause) => format!("{outcome}: {} {cause:?}", cause.label()),
            None => outcome.to_string(),
        },
        Judgement::Unjudged { reason } => reason.to_string(),
    }
}
