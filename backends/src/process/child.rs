//! A running child: lines go in, lines come out, and it can be killed.
//!
//! Three threads do what may block: one writes requests, one reads answers, one keeps the end
//! of standard error.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child as SystemChild, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ProcessError;
use super::protocol::FromChild;

/// Longest line that a child may write. A candidate of 10,000 tokens with their probabilities
/// has some hundred kilobytes.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// How much of standard error is kept for the report of a failure.
const LAST_WORDS_BYTES: usize = 2000;

/// How much of a line that is not in the protocol is shown.
const SHOWN_CHARS: usize = 200;

/// How long a child may take to end by itself after its standard input was closed.
const GRACE: Duration = Duration::from_secs(3);

/// What a child may say.
pub(crate) trait Message: DeserializeOwned + Send + 'static {
    /// Whether it says nothing but that the child lives.
    fn is_sign_of_life(&self) -> bool {
        false
    }
}

impl Message for FromChild {
    fn is_sign_of_life(&self) -> bool {
        matches!(self, Self::Alive)
    }
}

/// A running child that says `M`.
pub(crate) struct Child<M> {
    system: SystemChild,
    /// `None` once its standard input is to be closed.
    requests: Option<Sender<Vec<u8>>>,
    answers: Receiver<Heard<M>>,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    last_sign_of_life: Instant,
}

/// What comes from standard output.
enum Heard<M> {
    Message(M),
    Rubbish { detail: String, line: String },
}

/// How threads of OpenMP, which libtorch computes with, wait for each other.
const WAIT_POLICY: &str = "OMP_WAIT_POLICY";

/// Has the threads of a child sleep while they wait, unless the user decided about it: by default
/// they spin, and on a machine that others keep busy they then take the processor from the very
/// threads that they wait for. Reading 300 programs took 38 seconds so, and 8 without.
pub fn let_threads_sleep(order: &mut Command) {
    if std::env::var_os(WAIT_POLICY).is_none() {
        order.env(WAIT_POLICY, "passive");
    }
}

impl<M: Message> Child<M> {
    /// Starts `command`, behind `guard` where there is one.
    pub(crate) fn start(
        command: &[OsString],
        guard: Option<&[OsString]>,
    ) -> Result<Self, ProcessError> {
        let shown: Vec<_> = command.iter().map(|part| part.to_string_lossy()).collect();
        let failed = |source| ProcessError::Start {
            command: shown.join(" "),
            source,
        };
        let mut full: Vec<OsString> = Vec::new();
        if let Some(guard) = guard {
            full.extend(guard.iter().cloned());
            full.push(std::process::id().to_string().into());
        }
        full.extend(command.iter().cloned());
        let (program, arguments) = full
            .split_first()
            .ok_or_else(|| failed(io::Error::other("the command is empty")))?;
        let mut order = Command::new(program);
        // A group of its own: Ctrl-C in the terminal is for the harness to pass on, and what
        // the child starts is killed with it.
        order
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let_threads_sleep(&mut order);

        let (sender, answers) = channel();
        let mut system = spawn_and_read(order, sender).map_err(failed)?;
        let stdin = system.stdin.take().expect("it is piped");
        let stderr = system.stderr.take().expect("it is piped");
        let (requests, orders) = channel();
        let last_words = Arc::new(Mutex::default());
        let kept = Arc::clone(&last_words);
        let mut child = Self {
            system,
            requests: Some(requests),
            answers,
            last_words,
            last_sign_of_life: Instant::now(),
        };
        let threads = named("child-stdin", move || write_lines(stdin, &orders))
            .and_then(|()| named("child-stderr", move || keep_last(stderr, &kept)));
        if let Err(error) = threads {
            child.kill();
            return Err(failed(error));
        }
        Ok(child)
    }

    /// Sends a line. A child that has ended is noticed when it is listened to.
    pub(crate) fn say(&mut self, message: &impl Serialize) {
        let mut line = serde_json::to_vec(message).expect("messages are serialisable");
        line.push(b'\n');
        if let Some(requests) = &self.requests {
            let _ = requests.send(line);
        }
        // Silence counts from here.
        self.last_sign_of_life = Instant::now();
    }

    /// The next message, if there is one within `patience`.
    ///
    /// # Errors
    /// The child ended, wrote something else, or gave no sign of life for `limit`. It is of no
    /// use any more then.
    pub(crate) fn listen(
        &mut self,
        patience: Duration,
        limit: Duration,
    ) -> Result<Option<M>, ProcessError> {
        match self.answers.recv_timeout(patience) {
            Ok(heard) => {
                self.last_sign_of_life = Instant::now();
                match heard {
                    Heard::Message(message) if message.is_sign_of_life() => Ok(None),
                    Heard::Message(message) => Ok(Some(message)),
                    Heard::Rubbish { detail, line } => {
                        self.kill();
                        Err(ProcessError::Rubbish {
                            detail,
                            line,
                            words: self.words(),
                        })
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) if self.last_sign_of_life.elapsed() >= limit => {
                self.kill();
                Err(ProcessError::Silent {
                    limit,
                    words: self.words(),
                })
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// Standard output is closed: the child ended, or is about to, or is of no use.
    fn ended(&mut self) -> ProcessError {
        let status = self.wait_for(GRACE);
        let how = match status {
            Some(status) => status.to_string(),
            None => "it closed standard output".to_owned(),
        };
        self.kill();
        ProcessError::Ended {
            how,
            code: status.and_then(|status| status.code()),
            words: self.words(),
        }
    }

    /// Its last words, as the end of a message.
    fn words(&self) -> String {
        // What came before the end may still be on its way to the thread that keeps it.
        thread::sleep(Duration::from_millis(50));
        let mut kept = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(kept.make_contiguous());
        match text.trim() {
            "" => String::new(),
            words => format!("; its last words: {words}"),
        }
    }
}

impl<M> Child<M> {
    /// Closes its standard input, which asks it to end.
    pub(crate) fn hang_up(&mut self) {
        self.requests = None;
    }

    fn wait_for(&mut self, time: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            match self.system.try_wait() {
                Ok(None) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(5));
                }
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Kills it and what it started.
    pub(crate) fn kill(&mut self) {
        self.requests = None;
        // Waited for afterwards, so that the number still belongs to this group.
        if let Some(group) = i32::try_from(self.system.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // It may have ended.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.system.kill();
        let _ = self.system.wait();
    }
}

impl<M> Drop for Child<M> {
    /// Lets it end by itself, if it does so soon.
    fn drop(&mut self) {
        self.requests = None;
        if self.wait_for(GRACE).is_none() {
            self.kill();
        }
    }
}

/// Starts the child on the thread that reads from it: where a guard asks the kernel to end the
/// child with its parent, the kernel takes the *thread* for that, and this one lives as long as
/// the child is of use.
fn spawn_and_read<M: Message>(
    mut order: Command,
    answers: Sender<Heard<M>>,
) -> io::Result<SystemChild> {
    let (reply, born) = channel();
    named("child-stdout", move || {
        let mut spawned = order.spawn();
        let stdout = spawned.as_mut().ok().and_then(|child| child.stdout.take());
        // Whoever ordered it may have given up.
        let _ = reply.send(spawned);
        if let Some(stdout) = stdout {
            read_lines(BufReader::new(stdout), &answers);
        }
    })?;
    born.recv()
        .map_err(|_| io::Error::other("the thread that starts the child is gone"))?
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
}

fn write_lines(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    for line in lines {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            // The child is gone; whoever listens notices.
            return;
        }
    }
}

/// Reads messages until the end, or until something is no message.
fn read_lines<M: Message>(mut stdout: impl BufRead, answers: &Sender<Heard<M>>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut stdout).take(MAX_LINE_BYTES);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (heard, is_last) = match serde_json::from_slice(&line) {
            Ok(message) => (Heard::Message(message), false),
            Err(error) => {
                let text = String::from_utf8_lossy(&line[..line.len().min(8 * SHOWN_CHARS)]);
                let rubbish = Heard::Rubbish {
                    detail: error.to_string(),
                    line: text.trim_end().chars().take(SHOWN_CHARS).collect(),
                };
                (rubbish, true)
            }
        };
        if answers.send(heard).is_err() || is_last {
            return;
        }
    }
}

fn keep_last(mut stderr: ChildStderr, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..n]);
        let excess = kept.len().saturating_sub(LAST_WORDS_BYTES);
        kept.drain(..excess);
    }
}
