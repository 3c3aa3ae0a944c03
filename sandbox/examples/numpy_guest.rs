//! Measures the second guest beside the first: the table of `docs/numpy-guest.md`.
//! `cargo run --release -p sandbox --example numpy_guest -- ~/.cache/coderl`
//!
//! The guest must be installed (`coderl guest install numpy`).

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use harness::contract::Executor;
use harness::execution::{Ending, Grants, Limits, Step};
use sandbox::{Installation, Sandbox, SandboxOptions};

const WORKLOADS: &[&str] = &[
    "recursion",
    "arithmetic_loop",
    "sort_and_count",
    "grid_dp",
    "text",
    "objects",
];

const PROGRAMS: &[&str] = &[
    "print(1)",
    "import numpy",
    "import numpy as np\nprint(np.arange(10).sum())",
    "import scipy.stats, pandas, sympy",
];

const RUNS: usize = 20;

#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "an example that prints"
)]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = package.join("../target");
    let cache = std::env::args().nth(1).ok_or("name the cache directory")?;
    let first = Sandbox::new(
        &SandboxOptions {
            guest: target.join("guest/coderl-guest.wasm"),
            cache_dir: target.join("cache"),
            max_concurrent: 1,
        },
        || (),
    )?;
    let start = Instant::now();
    let cache = Path::new(&cache);
    let installation = Installation::new(cache);
    let second = Sandbox::numpy(&installation, cache, 1, || println!("compiling"))?;
    println!("loaded in {:.2?}\n", start.elapsed());

    println!("| program | fresh session and run, least of {RUNS} |");
    println!("|---|---|");
    for source in PROGRAMS {
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            fuel(&second, source, b"")?;
            least = least.min(start.elapsed().as_secs_f64());
        }
        println!(
            "| `{}` | {:.1} ms |",
            source.replace('\n', "; "),
            least * 1e3
        );
    }

    let source = std::fs::read_to_string(package.join("benches/reference_second.py"))?;
    println!("\n| program | 10^9 fuel, first guest | second guest | ratio |");
    println!("|---|---|---|---|");
    let mut logarithms = 0.0;
    for workload in WORKLOADS {
        let one = fuel(&first, &source, workload.as_bytes())? as f64 / 1e9;
        let other = fuel(&second, &source, workload.as_bytes())? as f64 / 1e9;
        logarithms += (other / one).ln();
        println!(
            "| {workload} | {one:.2} | {other:.2} | {:.2} |",
            other / one
        );
    }
    let mean = (logarithms / WORKLOADS.len() as f64).exp();
    println!("| geometric mean | | | {mean:.2} |");
    Ok(())
}

fn fuel(
    sandbox: &dyn Executor,
    source: &str,
    stdin: &[u8],
) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let limits = Limits {
        fuel: u64::MAX / 2,
        ..Limits::default()
    };
    let execution = sandbox
        .session(&limits, &Grants::default())?
        .run(&Step::RunScript { source, stdin })?;
    if execution.ending == Ending::Completed {
        Ok(execution.fuel)
    } else {
        Err(format!("{source}: {execution:?}").into())
    }
}
