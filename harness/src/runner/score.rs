//! Judging candidates in parallel, into the store.
//!
//! Workers take work in order from a shared counter and send what they find to the calling
//! thread, which alone writes files and talks to the listener. Results arrive in any order;
//! the store sorts them when the stage ends.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::event::{Event, Listener, ScoreSummary};
use super::work::{Group, Work, plan};
use crate::candidate::Candidate;
use crate::contract::PluginError;
use crate::error::Error;
use crate::error::error_chain;
use crate::problem::{Problem, WhichTests};
use crate::store::{InfrastructureEvent, KeyContext, RecordLog, VerdictCache};
use crate::verdict::{Grader, Judged, Judgement, Unjudged, Verdict};

/// A first try and two more.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// Stack of a worker thread. Guests run on it, and deep recursion in a guest must meet the
/// guest's limit before it meets the end of this. Pages that are not touched cost nothing.
const STACK_BYTES: usize = 256 << 20;

/// Results that may wait to be stored, so that a slow disk slows the workers down instead
/// of filling the memory.
const MAX_WAITING: usize = 1024;

/// What to judge and how.
#[derive(Clone, Copy)]
pub struct Score<'a> {
    pub problems: &'a [Problem],
    pub candidates: &'a [Candidate],
    pub graders: &'a [Grader],
    pub tests: WhichTests,
    /// What verdicts depend on beside program, tests and grader.
    pub context: &'a KeyContext,
    /// `None` judges everything anew.
    pub cache: Option<&'a VerdictCache>,
    pub workers: NonZeroUsize,
    /// Judge again what an earlier process gave up for trouble of the infrastructure.
    pub retry_infrastructure: bool,
    /// Once true, no further work is begun.
    pub cancel: &'a AtomicBool,
}

/// Judges what `verdicts` lacks and finishes it. `judge` is called on worker threads with a
/// large stack; equal work must give equal results. When it fails or panics it is called
/// again, on a fresh session, before the candidate is left unjudged.
///
/// # Errors
/// When the request is not consistent or a record cannot be written. What was stored
/// remains, and the next call goes on from there.
pub fn score(
    request: &Score<'_>,
    judge: impl Fn(&Work<'_>) -> Result<Judged, PluginError> + Sync,
    verdicts: &mut RecordLog<Verdict>,
    events: &mut RecordLog<InfrastructureEvent>,
    listener: &mut dyn Listener,
) -> Result<ScoreSummary, Error> {
    let mut stage = Stage::begin(request, &judge, verdicts, events, listener)?;
    let groups = stage.plan(request.candidates)?;
    let total = request.candidates.len() * request.graders.len();
    stage.start(total, total - n_verdicts(&groups), groups.len());
    stage.judge(&groups)?;
    let is_done = stage.n_done() == n_verdicts(&groups);
    stage.end(is_done)
}

/// The same while candidates are still being made: judges [`Score::candidates`], which are
/// those that are there already, and then what `arrivals` brings until [`Arrival::End`] or until
/// its other end is gone, which leaves the stage open. Candidates that arrive while others are
/// judged are judged together, so that a program that several of them share is judged once.
///
/// `total` is the number of verdicts to expect. When [`Score::cancel`] becomes true, what
/// arrives is left to the next call.
///
/// # Errors
/// As [`score()`].
pub fn score_arriving(
    request: &Score<'_>,
    total: usize,
    arrivals: &Receiver<Arrival>,
    judge: impl Fn(&Work<'_>) -> Result<Judged, PluginError> + Sync,
    verdicts: &mut RecordLog<Verdict>,
    events: &mut RecordLog<InfrastructureEvent>,
    listener: &mut dyn Listener,
) -> Result<ScoreSummary, Error> {
    let mut stage = Stage::begin(request, &judge, verdicts, events, listener)?;
    let groups = stage.plan(request.candidates)?;
    let n_stored = request.candidates.len() * request.graders.len();
    let already_done = n_stored - n_verdicts(&groups);
    stage.start(total, already_done, total.saturating_sub(already_done));
    stage.judge(&groups)?;
    let mut n_open = n_verdicts(&groups);
    let mut n_candidates = request.candidates.len();
    let mut is_end = false;
    while !is_end && let Ok(first) = arrivals.recv() {
        let mut candidates = Vec::new();
        for arrival in std::iter::once(first).chain(arrivals.try_iter()) {
            match arrival {
                Arrival::Candidates(arrived) => candidates.extend(arrived),
                Arrival::End => is_end = true,
            }
        }
        let groups = stage.plan(&candidates)?;
        stage.judge(&groups)?;
        n_open += n_verdicts(&groups);
        n_candidates += candidates.len();
    }
    stage.summary.total = n_candidates * request.graders.len();
    let is_done = stage.n_done() == n_open;
    stage.end(is_end && is_done)
}

/// What comes from those who make candidates to those who judge them.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    Candidates(Vec<Candidate>),
    /// There will be no more.
    End,
}

/// Threads on which guests can run.
pub(crate) fn worker_pool(workers: NonZeroUsize) -> Result<rayon::ThreadPool, Error> {
    let workers = workers.get();
    rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .thread_name(|index| format!("judge-{index}"))
        .stack_size(STACK_BYTES)
        .build()
        .map_err(|source| Error::Workers { workers, source })
}

/// What workers share.
struct Crew<'a, J> {
    groups: &'a [Group<'a>],
    next: AtomicUsize,
    cache: Option<&'a VerdictCache>,
    cache_failed: &'a AtomicBool,
    cancel: &'a AtomicBool,
    judge: &'a J,
}

/// What a worker reports.
enum Message {
    AttemptFailed {
        group: usize,
        attempt: u32,
        detail: String,
    },
    Done {
        group: usize,
        judged: Judged,
        cached: bool,
    },
    CacheFailed {
        error: Error,
    },
}

/// Nobody receives any more.
struct Hangup;

impl<J: Fn(&Work<'_>) -> Result<Judged, PluginError> + Sync> Crew<'_, J> {
    fn work(&self, sender: &SyncSender<Message>) {
        while !self.cancel.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.groups.len() || self.work_on(index, sender).is_err() {
                return;
            }
        }
    }

    fn work_on(&self, index: usize, sender: &SyncSender<Message>) -> Result<(), Hangup> {
        let send = |message| sender.send(message).map_err(|_| Hangup);
        let group = &self.groups[index];
        if let Some(cache) = self.cache() {
            match cache.get(&group.key) {
                Ok(Some(judged)) => {
                    return send(Message::Done {
                        group: index,
                        judged,
                        cached: true,
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    if !self.cache_failed.swap(true, Ordering::Relaxed) {
                        send(Message::CacheFailed { error })?;
                    }
                }
            }
        }
        let mut attempt = 1;
        let judged = loop {
            match self.attempt(&group.members[0]) {
                Ok(judged) => break judged,
                Err(detail) => {
                    send(Message::AttemptFailed {
                        group: index,
                        attempt,
                        detail: detail.clone(),
                    })?;
                    if attempt == MAX_ATTEMPTS {
                        break Judged {
                            judgement: Judgement::Unjudged {
                                reason: Unjudged::Infrastructure { detail },
                            },
                            fuel: 0,
                        };
                    }
                }
            }
            attempt += 1;
        };
        send(Message::Done {
            group: index,
            judged,
            cached: false,
        })
    }

    fn attempt(&self, work: &Work<'_>) -> Result<Judged, String> {
        attempt(|| (self.judge)(work))
    }
}

/// One try at judging. What goes wrong, a panic too, is told in words.
pub(super) fn attempt(
    judge: impl FnOnce() -> Result<Judged, PluginError>,
) -> Result<Judged, String> {
    // A call that panicked is repeated from the start, so no half-made state is seen.
    match catch_unwind(AssertUnwindSafe(judge)) {
        Ok(Ok(judged)) => Ok(judged),
        Ok(Err(error)) => Err(error_chain(&*error)),
        Err(payload) => {
            let message = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| payload.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Err(format!("the judge panicked: {message}"))
        }
    }
}

impl<'a, J> Crew<'a, J> {
    fn cache(&self) -> Option<&'a VerdictCache> {
        usable(self.cache, self.cache_failed)
    }
}

fn usable<'a>(cache: Option<&'a VerdictCache>, failed: &AtomicBool) -> Option<&'a VerdictCache> {
    cache.filter(|_| !failed.load(Ordering::Relaxed))
}

/// Judging by one kind of tests, from the first candidate to the last. The one that writes.
struct Stage<'a, J> {
    request: &'a Score<'a>,
    judge: &'a J,
    pool: rayon::ThreadPool,
    cache_failed: AtomicBool,
    verdicts: &'a mut RecordLog<Verdict>,
    events: &'a mut RecordLog<InfrastructureEvent>,
    listener: &'a mut dyn Listener,
    summary: ScoreSummary,
}

impl<'a, J: Fn(&Work<'_>) -> Result<Judged, PluginError> + Sync> Stage<'a, J> {
    fn begin(
        request: &'a Score<'a>,
        judge: &'a J,
        verdicts: &'a mut RecordLog<Verdict>,
        events: &'a mut RecordLog<InfrastructureEvent>,
        listener: &'a mut dyn Listener,
    ) -> Result<Self, Error> {
        let pool = worker_pool(request.workers)?;
        if request.retry_infrastructure {
            verdicts.retain(|verdict| !is_infrastructure(&verdict.judgement))?;
        }
        Ok(Self {
            request,
            judge,
            pool,
            cache_failed: AtomicBool::new(false),
            verdicts,
            events,
            listener,
            summary: ScoreSummary::default(),
        })
    }

    /// What `candidates` lack.
    fn plan<'c>(&self, candidates: &'c [Candidate]) -> Result<Vec<Group<'c>>, Error>
    where
        'a: 'c,
    {
        self.pool.install(|| {
            plan(
                self.request.problems,
                candidates,
                self.request.graders,
                self.request.tests,
                self.request.context,
                self.verdicts,
            )
        })
    }

    fn start(&mut self, total: usize, already_done: usize, distinct: usize) {
        self.summary.total = total;
        self.summary.already_done = already_done;
        self.listener.on_event(&Event::Started {
            total,
            already_done,
            distinct,
        });
    }

    /// Judges `groups`, or as many as there is time for before it is cancelled.
    fn judge(&mut self, groups: &[Group<'_>]) -> Result<(), Error> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let cache_failed = AtomicBool::new(self.cache_failed.load(Ordering::Relaxed));
        let crew = Crew {
            groups,
            next: AtomicUsize::new(0),
            cache: self.request.cache,
            cache_failed: &cache_failed,
            cancel: self.request.cancel,
            judge: self.judge,
        };
        let mut writer = Writer {
            crew: &crew,
            verdicts: self.verdicts,
            events: self.events,
            listener: self.listener,
            summary: &mut self.summary,
        };
        // Workers end when there is no more work, or when nobody receives their results.
        let result = self.pool.in_place_scope(|scope| {
            let crew = &crew;
            scope.spawn_broadcast(move |_, _| crew.work(&sender));
            writer.receive(receiver)
        });
        self.cache_failed = cache_failed;
        result
    }

    /// Verdicts reached by this call.
    fn n_done(&self) -> usize {
        self.summary.judged + self.summary.cache_hits + self.summary.repeated
    }

    /// `is_done`: whether everything was judged.
    fn end(mut self, is_done: bool) -> Result<ScoreSummary, Error> {
        self.summary.cancelled = !is_done;
        if let Some(cache) = usable(self.request.cache, &self.cache_failed)
            && let Err(error) = cache.flush()
        {
            self.listener
                .on_event(&Event::CacheFailed { error: &error });
        }
        if self.summary.cancelled {
            self.events.sync()?;
            self.verdicts.sync()?;
        } else {
            self.events.finish()?;
            self.verdicts.finish()?;
        }
        self.listener.on_event(&Event::Finished {
            summary: &self.summary,
        });
        Ok(self.summary)
    }
}

fn n_verdicts(groups: &[Group<'_>]) -> usize {
    groups.iter().map(|group| group.members.len()).sum()
}

/// Stores what workers report.
struct Writer<'a, J> {
    crew: &'a Crew<'a, J>,
    verdicts: &'a mut RecordLog<Verdict>,
    events: &'a mut RecordLog<InfrastructureEvent>,
    listener: &'a mut dyn Listener,
    summary: &'a mut ScoreSummary,
}

impl<J> Writer<'_, J> {
    /// Stores what comes until all workers have ended. On return the receiver is gone.
    fn receive(&mut self, receiver: Receiver<Message>) -> Result<(), Error> {
        for message in receiver {
            match message {
                Message::AttemptFailed {
                    group,
                    attempt,
                    detail,
                } => self.attempt_failed(group, attempt, detail)?,
                Message::Done {
                    group,
                    judged,
                    cached,
                } => self.done(group, judged, cached)?,
                Message::CacheFailed { error } => {
                    self.listener
                        .on_event(&Event::CacheFailed { error: &error });
                }
            }
        }
        Ok(())
    }

    fn attempt_failed(&mut self, group: usize, attempt: u32, detail: String) -> Result<(), Error> {
        self.summary.failed_attempts += 1;
        let work = self.crew.groups[group].members[0];
        let event = InfrastructureEvent {
            candidate: work.candidate.id.clone(),
            grader: work.grader,
            tests: work.tests,
            attempt,
            detail,
        };
        self.events.append(&event)?;
        self.listener.on_event(&Event::Retried {
            candidate: &event.candidate,
            grader: event.grader,
            attempt,
            detail: &event.detail,
        });
        Ok(())
    }

    fn done(&mut self, group: usize, judged: Judged, cached: bool) -> Result<(), Error> {
        let group = &self.crew.groups[group];
        let verdicts: Vec<Verdict> = group
            .members
            .iter()
            .map(|work| Verdict {
                candidate: work.candidate.id.clone(),
                grader: work.grader,
                judgement: judged.judgement.clone(),
                fuel: judged.fuel,
            })
            .collect();
        self.verdicts.append_all(&verdicts)?;
        if !cached
            && let Some(cache) = self.crew.cache()
            && let Err(error) = cache.put(&group.key, &judged)
        {
            self.cache_failed(&error);
        }
        if is_infrastructure(&judged.judgement) {
            self.summary.infrastructure_failures += verdicts.len();
        }
        for (index, verdict) in verdicts.iter().enumerate() {
            let (count, event) = match (cached, index) {
                (true, _) => (&mut self.summary.cache_hits, Event::CacheHit { verdict }),
                (false, 0) => (&mut self.summary.judged, Event::Judged { verdict }),
                (false, _) => (&mut self.summary.repeated, Event::Repeated { verdict }),
            };
            *count += 1;
            self.listener.on_event(&event);
        }
        Ok(())
    }

    fn cache_failed(&mut self, error: &Error) {
        if !self.crew.cache_failed.swap(true, Ordering::Relaxed) {
            self.listener.on_event(&Event::CacheFailed { error });
        }
    }
}

pub(super) fn is_infrastructure(judgement: &Judgement) -> bool {
    matches!(
        judgement,
        Judgement::Unjudged {
            reason: Unjudged::Infrastructure { .. }
        }
    )
}
