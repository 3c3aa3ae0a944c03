//! Runs a Python file in the sandbox, with this process's standard input, and prints what
//! happened: `cargo run --release -p sandbox --example run_script -- program.py <input`

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

use harness::contract::Executor;
use harness::execution::{Grants, Limits, Step};
use sandbox::{Sandbox, SandboxOptions};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example")]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let program = std::env::args().nth(1).ok_or("usage: run_script FILE")?;
    let source = std::fs::read_to_string(program)?;
    let mut stdin = Vec::new();
    std::io::stdin().read_to_end(&mut stdin)?;

    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let options = SandboxOptions {
        guest: target.join("guest/coderl-guest.wasm"),
        cache_dir: target.join("cache"),
        max_concurrent: 1,
    };
    let sandbox = Sandbox::new(&options, || eprintln!("compiling the guest (once, ~10 s)"))?;

    let start = Instant::now();
    let mut session = sandbox.session(&Limits::default(), &Grants::default())?;
    let execution = session.run(&Step::RunScript {
        source: &source,
        stdin: &stdin,
    })?;
    let elapsed = start.elapsed();
    print!("{}", String::from_utf8_lossy(&execution.stdout));
    eprint!("{}", String::from_utf8_lossy(&execution.stderr));
    eprintln!("{:?}", execution.ending);
    eprintln!("{} fuel, {elapsed:?}", execution.fuel);
    if !execution.unsupported.is_empty() {
        eprintln!("unsupported: {}", execution.unsupported.join(", "));
    }
    Ok(())
}
