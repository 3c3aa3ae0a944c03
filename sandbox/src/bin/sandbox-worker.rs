//! A worker process by itself, for tests and benchmarks of this package. Users have it as a
//! part of `coderl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbox::worker::main()
}
