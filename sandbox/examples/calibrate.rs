//! Measures how much fuel stands for a second of native Python:
//! `cargo run --release -p sandbox --example calibrate`
//!
//! Prints the table of `docs/reference-second.md`. Native times are the least of several
//! runs, on a machine that should be idle.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use harness::contract::Executor;
use harness::execution::{Ending, Grants, Limits, Step};
use sandbox::{Sandbox, SandboxOptions};

const WORKLOADS: &[&str] = &[
    "recursion",
    "arithmetic_loop",
    "sort_and_count",
    "grid_dp",
    "breadth_first_search",
    "shortest_paths",
    "text",
    "primes_and_combinations",
    "memoized_search",
    "objects",
];

const NATIVE_RUNS: usize = 7;

#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "an example that prints"
)]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = package.join("benches/reference_second.py");
    let source = std::fs::read_to_string(&script)?;
    let target = PathBuf::from(package).join("../target");
    let sandbox = Sandbox::new(
        &SandboxOptions {
            guest: target.join("guest/coderl-guest.wasm"),
            cache_dir: target.join("cache"),
            max_concurrent: 1,
        },
        || (),
    )?;
    let limits = Limits {
        fuel: u64::MAX / 2,
        ..Limits::default()
    };

    println!("| program | native s | guest s | 10^9 fuel | 10^9 fuel per native s |");
    println!("|---|---|---|---|---|");
    let mut logarithms = 0.0;
    for workload in WORKLOADS {
        let mut native = f64::INFINITY;
        for _ in 0..NATIVE_RUNS {
            native = native.min(run_natively(&script, workload)?);
        }
        let mut session = sandbox.session(&limits, &Grants::default())?;
        let start = Instant::now();
        let execution = session.run(&Step::RunScript {
            source: &source,
            stdin: workload.as_bytes(),
        })?;
        let guest = start.elapsed().as_secs_f64();
        assert_eq!(execution.ending, Ending::Completed, "{workload}");
        let fuel = execution.fuel as f64 / 1e9;
        let rate = fuel / native;
        logarithms += rate.ln();
        println!("| {workload} | {native:.3} | {guest:.3} | {fuel:.2} | {rate:.1} |");
    }
    let mean = (logarithms / WORKLOADS.len() as f64).exp();
    println!("| geometric mean | | | | {mean:.1} |");
    Ok(())
}

/// Seconds that the workload takes under `python3`, without the start of the process.
fn run_natively(script: &Path, workload: &str) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = python.stdin.take() {
        stdin.write_all(workload.as_bytes())?;
    }
    let output = python.wait_with_output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
