//! Helpers shared by the end-to-end tests and checks.

pub mod browser;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sandbox::SandboxOptions;
use sandbox::worker::{Workers, WorkersOptions};
use tempfile::TempDir;

/// Root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the workspace")
}

/// The sandbox that the binary uses: worker processes on the guest that `make guest` builds,
/// with the user's guest for numpy where it is installed.
///
/// # Errors
/// When the guest is missing.
pub fn sandbox() -> Result<Workers> {
    let command = || vec![binary().into(), "sandbox-worker".into()];
    let options = WorkersOptions {
        sandbox: SandboxOptions {
            guest: guest(),
            cache_dir: cache(),
            max_concurrent: 1,
        },
        command: command(),
    };
    let workers = Workers::new(options, || {}).context("run `make guest` first")?;
    let numpy = numpy_cache().and_then(|cache| Workers::numpy(&cache, command(), || {}));
    Ok(workers.with_packages(numpy))
}

/// The guest's component file.
fn guest() -> PathBuf {
    std::env::var_os("CODERL_GUEST").map_or_else(
        || workspace().join("target/guest/coderl-guest.wasm"),
        PathBuf::from,
    )
}

/// Where `coderl guest install numpy` puts the second guest. It is large, so tests do not
/// install it; they use the user's.
pub fn numpy_cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("CODERL_CACHE_DIR")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("coderl")))
        .or_else(|| Some(variable("HOME")?.join(".cache/coderl")))
}

/// Compiled guests and verdicts of tests, apart from the user's own.
fn cache() -> PathBuf {
    std::env::var_os("CODERL_CACHE_DIR")
        .map_or_else(|| workspace().join("target/test-cache"), PathBuf::from)
}

/// The binary in a directory of its own.
pub struct Coderl {
    directory: TempDir,
}

/// How a run of the binary ended.
pub struct Done {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Coderl {
    /// # Panics
    /// When there is no binary: `make test` builds it first.
    #[expect(clippy::new_without_default, reason = "a directory on disk is made")]
    pub fn new() -> Self {
        assert!(
            binary().is_file(),
            "there is no `{}`; run `cargo build --release` first",
            binary().display()
        );
        Self {
            directory: TempDir::new().expect("a temporary directory can be made"),
        }
    }

    /// A path in the directory.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.command(arguments)
            .output()
            .map(Done::from)
            .expect("the binary starts")
    }

    /// Runs the binary and ends it by SIGKILL after `patience`; `None` if that was needed.
    pub fn run_killed_after(&self, arguments: &[&str], patience: Duration) -> Option<Done> {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if child.try_wait().expect("the child can be asked").is_some() {
                return child.wait_with_output().ok().map(Done::from);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        None
    }

    /// The binary with these arguments, in the directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("CODERL_GUEST", guest())
            .env("CODERL_CACHE_DIR", cache())
            .env("NO_COLOR", "1")
            .env_remove("CODERL_DATA")
            .env_remove("COLUMNS");
        command
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Done {
    /// # Panics
    /// When the exit code is another.
    #[track_caller]
    pub fn assert_exit(&self, code: i32) {
        assert_eq!(
            self.status,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
    }
}

/// The release binary: beside this program, or beside the `deps` folder from which tests run.
fn binary() -> PathBuf {
    let program = std::env::current_exe().expect("the program knows its path");
    let folder = program.parent().expect("the program lies in a folder");
    let profile = if folder.ends_with("deps") {
        folder.parent().expect("`deps` lies in a folder")
    } else {
        folder
    };
    profile.join("coderl")
}
