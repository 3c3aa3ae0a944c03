//! What stands between the harness and a child so that the child dies with the harness.
//!
//! Ending the harness closes the child's standard input, but a child at work does not look
//! there. The kernel can kill a process when its parent ends; a process has to ask for that
//! itself, and a child that somebody else wrote does not. So the harness starts a guard, which
//! asks, and becomes the child.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Becomes the command `arguments[1..]`, to be killed with the process `arguments[0]`, which
/// is its parent. Returns when that fails.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [parent, program, arguments @ ..] = arguments else {
        return ExitCode::FAILURE;
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        // Fails only for an invalid signal.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // It may have ended before.
        let is_orphan = getppid().map(|pid| pid.as_raw_nonzero().to_string())
            != Some(parent.to_string_lossy().into_owned());
        if is_orphan {
            return ExitCode::FAILURE;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    let error = Command::new(program).args(arguments).exec();
    // The harness reads this when it finds that the child ended.
    let _ = writeln!(
        std::io::stderr(),
        "cannot start `{}`: {error}",
        program.to_string_lossy()
    );
    ExitCode::FAILURE
}
