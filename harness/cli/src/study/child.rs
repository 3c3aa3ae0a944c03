//! A stage as a child process.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use harness::store::StudyDirectory;
use rustix::process::{Pid, Signal, kill_process};

use crate::arguments::MODEL_GUARD;
use crate::context::{Context, own_executable};

/// A command at work.
pub(super) struct StageProcess {
    pub(super) stage: usize,
    child: Child,
    pub(super) began: Instant,
}

impl StageProcess {
    /// Starts `command`, which is one of this program's. What it says goes to the stage's log, what it
    /// prints into a file beside it.
    ///
    /// It is a group of its own: Ctrl-C in a terminal goes to this process alone, which passes it
    /// on once, so that no child takes it for the second time. It dies with this process.
    pub(super) fn start(
        context: &Context,
        directory: &StudyDirectory,
        stage: usize,
        name: &str,
        command: &[String],
    ) -> Result<Self> {
        let log = directory.open_log(name, "log")?;
        let line = shell(command);
        std::io::Write::write_all(&mut &log, format!("$ {line}\n").as_bytes())?;
        let program = own_executable()?;
        let child = Command::new(&program)
            .arg(MODEL_GUARD)
            .arg(std::process::id().to_string())
            .arg(&program)
            .args(command)
            .envs(context.places.variables())
            .stdin(Stdio::null())
            .stdout(directory.open_log(name, "out")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        Ok(Self {
            stage,
            child,
            began: Instant::now(),
        })
    }

    /// How it ended, if it has.
    pub(super) fn poll(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot wait for a stage")
    }

    /// Asks it to stop where it can go on.
    pub(super) fn interrupt(&self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::INT);
        }
    }
}

/// A command as it would be typed.
pub(crate) fn shell(command: &[String]) -> String {
    let words = std::iter::once("coderl").chain(command.iter().map(String::as_str));
    // What a shell takes as it is; shlex quotes more than that.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    let quoted = words.map(|word| match shlex::try_quote(word) {
        Ok(quoted) if !word.chars().all(is_plain) => quoted.into_owned(),
        // Also words with a zero byte, which no argument can have.
        _ => word.to_owned(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// The last lines of a log.
pub(super) fn tail(log: &Path, n: usize) -> Vec<String> {
    const ENOUGH: u64 = 1 << 14;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let begin = lines.len().saturating_sub(n);
    lines[begin..].iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_typed_again() {
        let command = ["run", "--k", "1,5", "--command", "python3 toy.py well"].map(str::to_owned);
        let line = shell(&command);
        assert_eq!(line, "coderl run --k 1,5 --command 'python3 toy.py well'");
        assert_eq!(shlex::split(&line).unwrap()[1..], command);
    }

    #[test]
    fn the_end_of_a_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        assert_eq!(tail(&log, 3), [""; 0]);
        let text: String = (0..5000).map(|n| format!("line {n}\n\n")).collect();
        std::fs::write(&log, text).unwrap();
        assert_eq!(tail(&log, 2), ["line 4998", "line 4999"]);
    }
}
