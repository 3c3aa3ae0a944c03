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
use crate::problem::{Problem, WhichTests};
use crate::store::{InfrastructureEvent, KeyContext, RecordLog, VerdictCache};
use crate::verdict::{Grader, Judged, Judgement, Unjudged, Verdict};

/// A first try and two more.
const MAX_ATTEMPTS: u32 = 3;

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
    let pool = worker_pool(request.workers)?;
    if request.retry_infrastructure {
        verdicts.retain(|verdict| !is_infrastructure(&verdict.judgement))?;
    }
    let groups = pool.install(|| {
        plan(
            request.problems,
            request.candidates,
            request.graders,
            request.tests,
            request.context,
            verdicts,
        )
    })?;
    let total = request.candidates.len() * request.graders.len();
    let n_open: usize = groups.iter().map(|group| group.members.len()).sum();
    let already_done = total - n_open;
    listener.on_event(&Event::Started {
        total,
        already_done,
        distinct: groups.len(),
    });

    let (sender, receiver) = sync_channel(MAX_WAITING);
    let crew = Crew {
        groups: &groups,
        next: AtomicUsize::new(0),
        cache: request.cache,
        cache_failed: AtomicBool::new(false),
        cancel: request.cancel,
        judge: &judge,
    };
    let mut writer = Writer {
        crew: &crew,
        verdicts,
        events,
        listener,
        summary: ScoreSummary {
            total,
            already_done,
            ..ScoreSummary::default()
        },
    };
    // Workers end when there is no more work, or when nobody receives their results.
    pool.in_place_scope(|scope| {
        let crew = &crew;
        scope.spawn_broadcast(move |_, _| crew.work(&sender));
        writer.receive(receiver)
    })?;
    writer.end(n_open)
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
    cache_failed: AtomicBool,
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
        // A call that panicked is repeated from the start, so no half-made state is seen.
        match catch_unwind(AssertUnwindSafe(|| (self.judge)(work))) {
            Ok(Ok(judged)) => Ok(judged),
            Ok(Err(error)) => Err(chain(&*error)),
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
}

impl<'a, J> Crew<'a, J> {
    fn cache(&self) -> Option<&'a VerdictCache> {
        self.cache
            .filter(|_| !self.cache_failed.load(Ordering::Relaxed))
    }
}

/// The one that writes.
struct Writer<'a, J> {
    crew: &'a Crew<'a, J>,
    verdicts: &'a mut RecordLog<Verdict>,
    events: &'a mut RecordLog<InfrastructureEvent>,
    listener: &'a mut dyn Listener,
    summary: ScoreSummary,
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

    fn end(mut self, n_open: usize) -> Result<ScoreSummary, Error> {
        let n_done = self.summary.judged + self.summary.cache_hits + self.summary.repeated;
        self.summary.cancelled = n_done < n_open;
        if let Some(cache) = self.crew.cache()
            && let Err(error) = cache.flush()
        {
            self.cache_failed(&error);
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

pub(super) fn is_infrastructure(judgement: &Judgement) -> bool {
    matches!(
        judgement,
        Judgement::Unjudged {
            reason: Unjudged::Infrastructure { .. }
        }
    )
}

/// An error and its sources on one line.
fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
