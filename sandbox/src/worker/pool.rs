//! The harness's side: workers are started when they are needed, and lent to one session at a
//! time.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness::contract::{Executor, PluginError, Session};
use harness::execution::{Grants, Limits};
use tempfile::TempDir;

use super::lazy::LazyGuest;
use super::patience::Patience;
use super::scratch;
use super::wire::{Confinement, FromWorker, Terms, ToWorker, decode, receive, send};
use crate::error::SandboxError;
use crate::guest::{AnswerBytes, Facts, Performer, Request};
use crate::numpy_guest::Installation;
use crate::sandbox::{self, SandboxOptions};
use crate::session::GuestSession;

/// Processor time of a worker beyond the limit of a step before it is given up.
const GRACE: Duration = Duration::from_secs(30);

/// Processor time that a worker may take to start.
const START_LIMIT: Duration = Duration::from_secs(300);

/// Workers that may die one after the other before a session gives up.
const MAX_DEATHS_AT_START: u32 = 5;

/// Standard error of a worker that died, for the report of its death.
const LAST_WORDS: u64 = 2000;

/// How to start [`Workers`].
#[derive(Clone, Debug)]
pub struct WorkersOptions {
    pub sandbox: SandboxOptions,
    /// Program and arguments of a worker: something that calls [`super::main`] first thing.
    pub command: Vec<OsString>,
}

/// Runs Python programs in worker processes. See [`crate::Sandbox`] for what a guest is.
pub struct Workers {
    command: Vec<OsString>,
    guest: LazyGuest,
    packages: Option<Box<Workers>>,
    idle: Mutex<Vec<Worker>>,
    nursery: Nursery,
}

impl Workers {
    /// Compiles the guest where needed; `on_compile` is called before. Workers start later.
    ///
    /// # Errors
    /// When the guest is missing or not a guest, or the cache cannot be written.
    pub fn new(
        options: WorkersOptions,
        mut on_compile: impl FnMut(),
    ) -> Result<Self, SandboxError> {
        let prepared = sandbox::prepare(&options.sandbox, &mut on_compile)?;
        let guest = LazyGuest::ready(prepared);
        Ok(Self::with_guest(guest, options.command))
    }

    /// The same on the guest with numpy and other packages; `None` where it is not installed.
    /// It is large, and most runs have no program that needs it: nothing is read or compiled
    /// before the first session. `on_compile` is called before it is compiled, which takes a
    /// minute or two, once.
    pub fn numpy(
        cache_dir: &Path,
        command: Vec<OsString>,
        on_compile: impl Fn() + Send + 'static,
    ) -> Option<Self> {
        let installation = Installation::new(cache_dir);
        if !installation.is_installed() {
            return None;
        }
        let fingerprint = installation.fingerprint();
        let cache_dir = cache_dir.to_owned();
        let prepare =
            move || sandbox::prepare_numpy(&installation, &cache_dir, &mut || on_compile());
        let guest = LazyGuest::new(fingerprint, Box::new(prepare));
        Some(Self::with_guest(guest, command))
    }

    fn with_guest(guest: LazyGuest, command: Vec<OsString>) -> Self {
        scratch::sweep();
        Self {
            command,
            guest,
            packages: None,
            idle: Mutex::default(),
            nursery: Nursery::default(),
        }
    }

    /// With other workers for programs that import numpy and the like.
    #[must_use]
    pub fn with_packages(mut self, packages: Option<Self>) -> Self {
        self.packages = packages.map(Box::new);
        self
    }

    /// What the kernel of this machine takes away from a worker.
    ///
    /// # Errors
    /// When no worker can be started.
    pub fn confinement(&self) -> Result<Confinement, SandboxError> {
        let worker = self.idle_or_new(&[])?;
        let confinement = worker.confinement.clone();
        self.give_back(worker);
        Ok(confinement)
    }

    /// Process ids of workers without a session.
    pub fn idle_processes(&self) -> Vec<u32> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().map(|worker| worker.child.id()).collect()
    }

    fn idle_or_new(&self, read_only: &[PathBuf]) -> Result<Worker, SandboxError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let found = idle
            .iter()
            .rposition(|worker| worker.read_only == read_only);
        let found = found.map(|index| idle.swap_remove(index));
        drop(idle);
        match found {
            Some(worker) => Ok(worker),
            None => Worker::start(self, read_only),
        }
    }

    /// A worker with a fresh guest. One that dies before it has a program is no event worth
    /// a retry of the candidate: another takes its place.
    fn open(
        &self,
        limits: &Limits,
        grants: &Grants,
        read_only: &[PathBuf],
    ) -> Result<Worker, SandboxError> {
        let mut failures = 0;
        loop {
            match self.try_to_open(limits, grants, read_only) {
                Err(SandboxError::WorkerDied { .. }) if failures < MAX_DEATHS_AT_START => {
                    failures += 1;
                }
                result => return result,
            }
        }
    }

    fn try_to_open(
        &self,
        limits: &Limits,
        grants: &Grants,
        read_only: &[PathBuf],
    ) -> Result<Worker, SandboxError> {
        let mut worker = self.idle_or_new(read_only)?;
        worker.say(&ToWorker::Open(Terms::new(limits, grants)))?;
        match worker.listen(START_LIMIT)? {
            FromWorker::Opened => Ok(worker),
            FromWorker::Trouble(trouble) => {
                self.give_back(worker);
                Err(SandboxError::InWorker(trouble.message))
            }
            _ => Err(worker.out_of_turn()),
        }
    }

    fn give_back(&self, worker: Worker) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(worker);
    }
}

impl Executor for Workers {
    fn fingerprint(&self) -> &str {
        &self.guest.fingerprint
    }

    fn with_packages(&self) -> Option<&dyn Executor> {
        let packages = self.packages.as_deref()?;
        Some(packages)
    }

    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError> {
        let read_only: Vec<PathBuf> = grants
            .read_only
            .iter()
            .map(|(path, _)| path.clone())
            .collect();
        let worker = self.open(limits, grants, &read_only)?;
        let lent = Lent {
            pool: self,
            worker: Some(worker),
            patience: limits.processor_time.saturating_add(GRACE),
        };
        Ok(Box::new(GuestSession::new(lent, limits)))
    }
}

/// A worker for the time of a session.
struct Lent<'p> {
    pool: &'p Workers,
    /// `None` once it failed.
    worker: Option<Worker>,
    patience: Duration,
}

impl Performer for Lent<'_> {
    fn perform(
        &mut self,
        request: Request<'_>,
        mut answer: Option<AnswerBytes<'_>>,
    ) -> Result<Facts, PluginError> {
        let Some(mut worker) = self.worker.take() else {
            return Err("the worker of this session is gone".into());
        };
        worker.say(&ToWorker::Perform {
            request,
            answers: answer.is_some(),
        })?;
        loop {
            match worker.listen(self.patience)? {
                FromWorker::Done(facts) => {
                    self.worker = Some(worker);
                    return Ok(facts);
                }
                FromWorker::Question(question) => {
                    let Some(answer) = &mut answer else {
                        return Err(worker.out_of_turn().into());
                    };
                    let reply = answer(&question)?;
                    worker.say(&ToWorker::Answer(reply.as_deref()))?;
                }
                FromWorker::Trouble(trouble) => {
                    self.pool.give_back(worker);
                    return Err(match trouble.processor_time {
                        Some(limit) => SandboxError::ProcessorTime(limit).into(),
                        None => trouble.message.into(),
                    });
                }
                _ => return Err(worker.out_of_turn().into()),
            }
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // The worker drops the guest when it opens the next one, off the critical path of
        // this thread; `Close` makes it do so now, and is answered before the next `Open`.
        if let Some(mut worker) = self.worker.take()
            && worker.say(&ToWorker::Close).is_ok()
        {
            worker.unread += 1;
            self.pool.give_back(worker);
        }
    }
}

/// A process and the socket to it. Killed when dropped.
struct Worker {
    child: Child,
    stream: UnixStream,
    buffer: Vec<u8>,
    confinement: Confinement,
    read_only: Vec<PathBuf>,
    /// Replies to `Close` that nobody waited for.
    unread: u32,
    /// Where its scratch directories are made; removed after it.
    _scratch: TempDir,
}

impl Worker {
    fn start(pool: &Workers, read_only: &[PathBuf]) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::WorkerStart { source };
        let guest = pool.guest.prepared()?;
        let scratch = tempfile::Builder::new()
            .prefix(&scratch::own_prefix())
            .tempdir()
            .map_err(|source| SandboxError::Scratch { source })?;
        let (stream, other) = UnixStream::pair().map_err(failed)?;
        let [program, arguments @ ..] = pool.command.as_slice() else {
            return Err(failed(io::Error::other("no command")));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("TMPDIR", scratch.path())
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(other)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // An interrupt from the terminal is the harness's to handle.
            .process_group(0);
        let child = pool.nursery.spawn(command).map_err(failed)?;
        let mut worker = Self {
            child,
            stream,
            buffer: Vec::new(),
            confinement: Confinement::default(),
            read_only: read_only.to_vec(),
            unread: 0,
            _scratch: scratch,
        };
        worker.say(&ToWorker::Hello {
            guest,
            read_only: read_only.to_vec(),
        })?;
        match worker.listen(START_LIMIT)? {
            FromWorker::Ready(confinement) => worker.confinement = confinement,
            FromWorker::Trouble(trouble) => {
                return Err(failed(io::Error::other(trouble.message)));
            }
            _ => return Err(worker.out_of_turn()),
        }
        Ok(worker)
    }

    fn say(&mut self, message: &ToWorker<'_>) -> Result<(), SandboxError> {
        send(&mut self.stream, message).map_err(|error| self.died(&error))
    }

    fn listen(&mut self, patience: Duration) -> Result<FromWorker, SandboxError> {
        self.hear(patience).map_err(|error| self.died(&error))
    }

    fn hear(&mut self, patience: Duration) -> io::Result<FromWorker> {
        let mut stream = Patience::new(&self.stream, self.child.id(), patience)?;
        loop {
            receive(&mut stream, &mut self.buffer)?;
            match decode(&self.buffer)? {
                FromWorker::Closed if self.unread > 0 => self.unread -= 1,
                message => return Ok(message),
            }
        }
    }

    fn out_of_turn(&mut self) -> SandboxError {
        self.died(&io::Error::other("a message out of turn"))
    }

    /// Ends the process and says what is known of its end.
    fn died(&mut self, error: &io::Error) -> SandboxError {
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => Some(status),
            // It may be about to end: its side of the socket is closed already.
            _ if error.kind() == io::ErrorKind::UnexpectedEof
                || error.kind() == io::ErrorKind::BrokenPipe
                || error.kind() == io::ErrorKind::ConnectionReset =>
            {
                self.child.wait().ok()
            }
            _ => None,
        };
        let how = match ended {
            Some(status) => match status.signal() {
                Some(signal) => format!("ended by signal {signal}"),
                None => status.to_string(),
            },
            None => {
                // Nothing to do if it ended by itself meanwhile.
                let _ = self.child.kill();
                let _ = self.child.wait();
                error.to_string()
            }
        };
        let mut words = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What is no text is of no use to anybody.
            let _ = stderr.take(LAST_WORDS).read_to_string(&mut words);
        }
        SandboxError::WorkerDied {
            how,
            words: words.trim().to_owned(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The thread that starts workers. A worker asks the kernel to be killed with its parent, and
/// the kernel takes the *thread* that started it for that: threads that judge come and go.
#[derive(Default)]
struct Nursery(Mutex<Option<Sender<Order>>>);

type Order = (Command, Sender<io::Result<Child>>);

impl Nursery {
    fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts workers is gone");
        let (reply, child) = channel();
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*orders {
            Some(sender) => sender,
            None => orders.insert(start_nursery()?),
        };
        sender.send((command, reply)).map_err(|_| gone())?;
        drop(orders);
        child.recv().map_err(|_| gone())?
    }
}

fn start_nursery() -> io::Result<Sender<Order>> {
    let (sender, orders) = channel::<Order>();
    thread::Builder::new()
        .name("workers".to_owned())
        .spawn(move || {
            for (mut command, reply) in orders {
                // Whoever ordered it may have given up.
                let _ = reply.send(command.spawn());
            }
        })?;
    Ok(sender)
}
