//! Judges the hostile programs of `tests/attacks` and checks that none of them pays.
//!
//! Beside the verdict on each attack: that the verdicts after it are right, that judging it
//! again gives the same to the unit of fuel, that nothing is left on disk or changed there,
//! and that memory and descriptors of this process do not grow. `tests/tests/attacks.rs` runs
//! this in a place of its own, so that an attack that ends the process is a failed test too.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

mod corpus;
mod host;
mod problems;
mod range;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use harness::judge::{Judge, JudgeOptions, Judged};
use rayon::prelude::*;

use crate::corpus::Attack;
use crate::host::{Files, Usage, WithFiles};
use crate::range::{Range, shown};

/// Times that the corpus is judged again after the first time.
const REPETITIONS: usize = 2;
/// How much resident memory may grow over the repetitions, in KiB. What the allocator keeps
/// varies by some 10 MiB; the leak of a guest or of a large output in each repetition is more.
const MAX_GROWTH: u64 = 48 << 10;
/// How much memory may be resident at any time, in KiB: the machine code of the guest, and
/// for each of two workers a guest at its limits and what the host makes of its report.
const MAX_PEAK: u64 = 1 << 20;
/// Attacks judged at the same time.
const WORKERS: usize = 2;

/// Judge hostile programs and check that none of them pays.
#[derive(Parser)]
struct Arguments {
    /// Only attacks whose `class/name` contains this.
    #[arg(default_value = "")]
    only: String,
    /// Folder with the attacks; the project's own by default.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Print what each attack tries, its verdict, and how long that took.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = arguments
        .corpus
        .unwrap_or_else(|| e2e::workspace().join("tests/attacks"));
    let mut attacks = corpus::read(&folder)?;
    attacks.retain(|attack| attack.id.contains(&arguments.only));

    let files = Files::new()?;
    let sandbox = e2e::sandbox()?;
    let with_files = WithFiles {
        executor: &sandbox,
        files: &files,
    };
    let range = Range {
        judge: Judge::new(&sandbox, JudgeOptions::default()),
        judge_with_files: Judge::new(&with_files, JudgeOptions::default()),
        victims: problems::all(),
    };
    let workers = rayon::ThreadPoolBuilder::new()
        .num_threads(WORKERS)
        .build()?;

    let (first, mut complaints) =
        workers.install(|| judge_all(&attacks, &range, arguments.verbose))?;
    let before = Usage::now();
    for _ in 0..REPETITIONS {
        complaints.extend(workers.install(|| judge_again(&attacks, &first, &range))?);
    }
    if let (Some(before), Some(after)) = (before, Usage::now()) {
        println!("first {before}; {REPETITIONS} repetitions later {after}");
        complaints.extend(growth(before, after));
    }
    if !files.are_intact() {
        complaints.push("files outside of the guests' directories changed".to_owned());
    }
    for leftover in host::leftovers()? {
        complaints.push(format!("`{leftover}` was left behind"));
    }

    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("{} attacks, {} complaints", attacks.len(), complaints.len());
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}

/// Judges each attack, and harmless programs after it.
fn judge_all(
    attacks: &[Attack],
    range: &Range<'_>,
    verbose: bool,
) -> Result<(Vec<Judged>, Vec<String>)> {
    let results: Vec<(Judged, Vec<String>)> = attacks
        .par_iter()
        .enumerate()
        .map(|(index, attack)| {
            let (judged, mut complaints) = range.judge(attack)?;
            if verbose {
                println!(
                    "{}: {}: {}",
                    attack.id,
                    attack.tries,
                    shown(&judged.judgement)
                );
            }
            let expected = attack.expected()?;
            match (expected.is_met_by(&judged.judgement), attack.not_yet) {
                (true, false) | (false, true) => {}
                (false, false) => complaints.push(format!(
                    "expected {expected:?}, got {}",
                    shown(&judged.judgement)
                )),
                (true, true) => {
                    complaints.push("the expectation is met now; remove `not_yet`".to_owned());
                }
            }
            complaints.extend(range.wrong_next_verdict(index)?);
            let named = |complaint| format!("{}: {complaint}", attack.id);
            Ok((judged, complaints.into_iter().map(named).collect()))
        })
        .collect::<Result<_>>()?;
    let (judged, complaints): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    Ok((judged, complaints.concat()))
}

/// Judges each attack once more and complains about what differs.
fn judge_again(attacks: &[Attack], first: &[Judged], range: &Range<'_>) -> Result<Vec<String>> {
    let complaints: Vec<Option<String>> = attacks
        .par_iter()
        .zip(first)
        .map(|(attack, first)| {
            let (again, _) = range.judge(attack)?;
            // A guest with files sees their times and numbers on the host, and looking at
            // larger numbers takes more fuel.
            let is_same = if attack.with_files {
                again.judgement == first.judgement
            } else {
                again == *first
            };
            Ok((!is_same).then(|| {
                format!(
                    "{}: first {} with {} fuel, then {} with {}",
                    attack.id,
                    shown(&first.judgement),
                    first.fuel,
                    shown(&again.judgement),
                    again.fuel
                )
            }))
        })
        .collect::<Result<_>>()?;
    Ok(complaints.into_iter().flatten().collect())
}

fn growth(before: Usage, after: Usage) -> Vec<String> {
    let mut complaints = Vec::new();
    if after.resident > before.resident + MAX_GROWTH {
        complaints.push(format!("memory grew by more than {MAX_GROWTH} KiB"));
    }
    if after.peak > MAX_PEAK {
        complaints.push(format!("more than {MAX_PEAK} KiB were resident at a time"));
    }
    if after.descriptors > before.descriptors {
        complaints.push("descriptors were left open".to_owned());
    }
    complaints
}
