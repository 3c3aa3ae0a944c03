//! One sandbox for all tests.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use harness::contract::{Executor, Session};
use harness::execution::{Execution, Grants, Limits, Step};
use sandbox::{Sandbox, SandboxOptions};

pub(crate) fn options() -> SandboxOptions {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let guest = std::env::var_os("CODERL_GUEST")
        .map_or_else(|| target.join("guest/coderl-guest.wasm"), PathBuf::from);
    assert!(
        guest.exists(),
        "no guest at {}: run `make guest` first",
        guest.display()
    );
    SandboxOptions {
        guest,
        cache_dir: target.join("cache"),
        max_concurrent: 256,
    }
}

pub(crate) fn sandbox() -> &'static Sandbox {
    static SANDBOX: LazyLock<Sandbox> =
        LazyLock::new(|| Sandbox::new(&options(), || ()).expect("a sandbox"));
    &SANDBOX
}

pub(crate) fn session() -> Box<dyn Session + 'static> {
    session_with(&Limits::default(), &Grants::default())
}

pub(crate) fn session_with(limits: &Limits, grants: &Grants) -> Box<dyn Session + 'static> {
    sandbox().session(limits, grants).expect("a session")
}

/// Why no session can be had.
pub(crate) fn session_error(limits: &Limits, grants: &Grants) -> String {
    match sandbox().session(limits, grants) {
        Ok(_) => panic!("a session was given"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn run_script(source: &str, stdin: &str) -> Execution {
    run_script_with(source, stdin, &Limits::default())
}

pub(crate) fn run_script_with(source: &str, stdin: &str, limits: &Limits) -> Execution {
    session_with(limits, &Grants::default())
        .run(&Step::RunScript {
            source,
            stdin: stdin.as_bytes(),
        })
        .expect("an execution")
}
