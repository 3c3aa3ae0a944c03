//! Candidates from a server.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use harness::candidate::{Candidate, Provenance};
use harness::contract::{Demand, Generated, GenerationTrouble, Generator, PluginError};
use harness::problem::{Problem, ProblemId};
use serde_json::{Map, Value, json};

use super::api;
use super::client::{Client, Failure, HttpOptions};
use super::error::HttpError;
use super::log::RequestLog;
use crate::asking::{Asking, Luck, generate_one};

/// How often the sink is asked whether to go on.
const TICK: Duration = Duration::from_millis(100);

/// Generates candidates with a model behind a server.
pub struct Http {
    client: Client,
    asking: Asking,
    /// The server answered a request for several choices with one, so the rest of them would be
    /// asked for one by one: so is everything from then on.
    ignores_n: AtomicBool,
}

/// Candidates of one problem for which one request can ask. Small, since there may be millions.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    demand: &'a Demand<'a>,
    /// Chunks have the same indices whatever is there already, so that a run that goes on asks
    /// what it asked before.
    first: u32,
    end: u32,
}

/// What threads that ask tell the one that stores.
enum Message {
    Candidates(Vec<Candidate>),
    Trouble(GenerationTrouble),
    /// A chunk is over, whatever came of it.
    Over(ProblemId),
    Fatal(HttpError),
}

impl Http {
    /// A generator that keeps answers in `log`.
    ///
    /// # Errors
    /// When the address is none, or the decoding is nothing that servers do.
    pub fn new(
        options: HttpOptions,
        asking: Asking,
        log: Option<RequestLog>,
    ) -> Result<Self, HttpError> {
        // What is wrong with it is wrong for all problems.
        api::common_part(&asking.model, &asking.decoding)?;
        Ok(Self {
            client: Client::new(options, log)?,
            asking,
            ignores_n: AtomicBool::new(false),
        })
    }

    /// Makes the first request for `problem` and does not send it.
    ///
    /// # Errors
    /// When its prompt cannot be made, or not be sent to this interface.
    pub fn check(&self, problem: &Problem) -> Result<(), PluginError> {
        self.common_body(problem).map(drop)
    }

    /// What is to be asked.
    fn chunks<'a>(&self, demand: &'a Demand<'a>) -> Result<Vec<Chunk<'a>>, PluginError> {
        // Known before anything is paid for.
        self.check(demand.problem)?;
        let missing = self.asking.missing(demand)?;
        let end = u32::try_from(demand.n).unwrap_or(u32::MAX);
        let size = self.client.options().choices_per_request.max(1);
        let mut firsts: Vec<u32> = missing.iter().map(|index| index / size * size).collect();
        firsts.dedup();
        Ok(firsts
            .into_iter()
            .map(|first| Chunk {
                demand,
                first,
                end: end.min(first.saturating_add(size)),
            })
            .collect())
    }

    /// What all requests for `problem` have in common.
    fn common_body(&self, problem: &Problem) -> Result<Map<String, Value>, PluginError> {
        let api = self.client.options().api;
        let prompt = self.asking.prompt(problem)?;
        let (key, value) = api::prompt_part(api, &prompt, || self.asking.style.name(problem))?;
        let mut body = api::common_part(&self.asking.model, &self.asking.decoding(problem))?;
        body.insert(key.to_owned(), value);
        Ok(body)
    }

    /// Asks for a chunk, and then for what is missing one by one.
    fn ask_chunk(
        &self,
        chunk: Chunk<'_>,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Message),
    ) -> Result<(), Failure> {
        let common = self
            .common_body(chunk.problem())
            .expect("it was made before");
        let mut missing = chunk.missing();
        let indices: Vec<u32> = (chunk.first..chunk.end).collect();
        if indices.len() > 1 && !self.ignores_n.load(Ordering::Relaxed) {
            let candidates = self.ask(chunk, &common, &indices, stop, tell)?;
            if candidates.len() == 1 {
                self.ignores_n.store(true, Ordering::Relaxed);
            }
            let came: BTreeSet<u32> = candidates.iter().map(|it| it.id.index).collect();
            missing.retain(|index| !came.contains(index));
            tell(Message::Candidates(chunk.without_present(candidates)));
        }
        for index in missing {
            let candidates = self.ask(chunk, &common, &[index], stop, tell)?;
            tell(Message::Candidates(candidates));
        }
        Ok(())
    }

    /// Asks for the candidates `indices`; at least one, and the first of them, comes.
    fn ask(
        &self,
        chunk: Chunk<'_>,
        common: &Map<String, Value>,
        indices: &[u32],
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Message),
    ) -> Result<Vec<Candidate>, Failure> {
        let (problem, n) = (chunk.problem(), indices.len());
        let seed = api::wire_seed(self.asking.seed(&problem.id, indices[0]));
        let mut body = common.clone();
        body.insert("n".to_owned(), json!(n));
        body.insert("seed".to_owned(), json!(seed));
        body.extend(self.client.options().extra.clone());
        let body = Value::Object(body);
        let answer = self.client.ask(&body, n, stop, &mut |attempt, detail| {
            tell(Message::Trouble(GenerationTrouble {
                problem: problem.id.clone(),
                index: indices[0],
                attempt,
                gave_up: false,
                detail: detail.to_owned(),
            }));
        })?;
        // Servers count all choices together, so that it is known for all candidates or for none.
        let is_single = self.client.options().choices_per_request <= 1;
        let n_tokens = answer.n_tokens.filter(|_| is_single);
        let choices = indices.iter().zip(answer.choices);
        Ok(choices
            .map(|(index, choice)| {
                let provenance = Provenance {
                    seed: Some(seed),
                    n_tokens,
                    finish: choice.finish,
                    ..self.provenance()
                };
                self.asking
                    .candidate(problem, *index, &choice.text, provenance)
            })
            .collect())
    }
}

impl<'a> Chunk<'a> {
    fn problem(&self) -> &'a Problem {
        self.demand.problem
    }

    fn missing(&self) -> Vec<u32> {
        let present = &self.demand.present;
        (self.first..self.end)
            .filter(|index| !present.contains(index))
            .collect()
    }

    fn without_present(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        candidates.retain(|candidate| !self.demand.present.contains(&candidate.id.index));
        candidates
    }
}

impl Generator for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn provenance(&self) -> Provenance {
        self.asking.provenance(self.name())
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        generate_one(self, problem, n)
    }

    fn generate_many(
        &mut self,
        demands: &[Demand<'_>],
        sink: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), PluginError> {
        let mut chunks = Vec::new();
        let mut open: HashMap<&ProblemId, usize> = HashMap::new();
        for demand in demands {
            let of_problem = self.chunks(demand)?;
            open.insert(&demand.problem.id, of_problem.len());
            if of_problem.is_empty()
                && sink(Generated::Complete(demand.problem.id.clone())).is_break()
            {
                return Ok(());
            }
            chunks.extend(of_problem);
        }
        let crew = Crew {
            http: self,
            chunks: &chunks,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            luck: Luck::default(),
        };
        let mut fatal = None;
        let mut is_stopped = false;
        thread::scope(|scope| {
            let (sender, messages) = channel();
            let n_threads = self.client.options().max_in_flight.max(1);
            for _ in 0..n_threads.min(chunks.len()) {
                let sender = sender.clone();
                let crew = &crew;
                scope.spawn(move || crew.work(&sender));
            }
            drop(sender);
            loop {
                let generated = match messages.recv_timeout(TICK) {
                    Ok(Message::Candidates(candidates)) => Generated::Candidates(candidates),
                    Ok(Message::Trouble(trouble)) => Generated::Trouble(trouble),
                    Ok(Message::Over(id)) => {
                        let n_open = open.get_mut(&id).expect("it was asked for");
                        *n_open -= 1;
                        if *n_open > 0 {
                            continue;
                        }
                        Generated::Complete(id)
                    }
                    Ok(Message::Fatal(error)) => {
                        crew.stop.store(true, Ordering::Relaxed);
                        fatal.get_or_insert(error);
                        continue;
                    }
                    Err(RecvTimeoutError::Timeout) => Generated::Waiting,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                // What is in flight comes to its end, since it may be paid for; it is in the log.
                if !is_stopped && sink(generated).is_break() {
                    is_stopped = true;
                    crew.stop.store(true, Ordering::Relaxed);
                }
            }
        });
        match fatal {
            Some(error) => Err(error.into()),
            None if is_stopped => Ok(()),
            None => Ok(self.client.finish()?),
        }
    }
}

/// What threads that ask share.
struct Crew<'c, 'a> {
    http: &'c Http,
    chunks: &'c [Chunk<'a>],
    next: AtomicUsize,
    stop: AtomicBool,
    luck: Luck,
}

impl Crew<'_, '_> {
    fn work(&self, sender: &Sender<Message>) {
        // The receiver is there as long as threads are.
        let mut tell = |message| {
            let _ = sender.send(message);
        };
        while !self.stop.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = self.chunks.get(index) else {
                return;
            };
            match self.http.ask_chunk(*chunk, &self.stop, &mut tell) {
                Ok(()) => self.luck.succeeded(),
                Err(Failure::Stopped) => return,
                Err(Failure::Fatal(error)) => {
                    tell(Message::Fatal(error));
                    return;
                }
                Err(Failure::GaveUp { attempt, detail }) => {
                    self.failed(*chunk, attempt, detail, self.luck.failed(), &mut tell);
                }
                Err(Failure::Refused { detail }) => {
                    self.failed(*chunk, 1, detail, self.luck.refused(), &mut tell);
                }
            }
            tell(Message::Over(chunk.problem().id.clone()));
        }
    }

    fn failed(
        &self,
        chunk: Chunk<'_>,
        attempt: u32,
        detail: String,
        too_many: Option<u32>,
        tell: &mut dyn FnMut(Message),
    ) {
        tell(Message::Trouble(GenerationTrouble {
            problem: chunk.problem().id.clone(),
            index: chunk.missing().first().copied().unwrap_or_default(),
            attempt,
            gave_up: true,
            detail: detail.clone(),
        }));
        if let Some(n) = too_many {
            tell(Message::Fatal(HttpError::TooManyFailures { n, detail }));
        }
    }
}
