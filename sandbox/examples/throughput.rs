//! Measures fresh runs of a one-line program that reads standard input, on one thread and
//! on two: `cargo run --release -p sandbox --example throughput`

use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use harness::contract::Executor;
use harness::execution::{Ending, Grants, Limits, Step};
use sandbox::{Sandbox, SandboxOptions};

const RUNS: u32 = 2000;

#[expect(clippy::print_stdout, reason = "an example")]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let options = SandboxOptions {
        guest: target.join("guest/coderl-guest.wasm"),
        cache_dir: target.join("cache"),
        max_concurrent: 8,
    };
    let mut compiled_from = None;
    let start = Instant::now();
    let sandbox = Sandbox::new(&options, || compiled_from = Some(Instant::now()))?;
    match compiled_from {
        Some(from) => println!("compiled the guest in {:?}", from.elapsed()),
        None => println!("opened in {:?}", start.elapsed()),
    }

    let run = |step: bool| {
        let mut session = sandbox
            .session(&Limits::default(), &Grants::default())
            .expect("a session");
        if step {
            let execution = session.run(&Step::RunScript {
                source: "print(sum(map(int, input().split())))",
                stdin: b"1 2 3\n",
            });
            assert_eq!(execution.expect("an execution").ending, Ending::Completed);
        }
    };
    for n_threads in [1, 2, 4] {
        for (what, step) in [("start and drop", false), ("start, run and drop", true)] {
            let mut best = Duration::MAX;
            for _ in 0..3 {
                let start = Instant::now();
                thread::scope(|scope| {
                    for _ in 0..n_threads {
                        scope.spawn(|| (0..RUNS / n_threads).for_each(|_| run(step)));
                    }
                });
                best = best.min(start.elapsed() / RUNS);
            }
            println!("{n_threads} threads, {what}: {best:?} each, best of 3");
        }
    }
    Ok(())
}
