//! The decoding loop: rows of many requests are decoded together, each row leaves when it is
//! finished, and the next candidate takes its place.
//!
//! Rows stand at different positions and have prompts of different lengths without padding, so
//! there is nothing to gain from sorting them by length.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::decoding::Method;
use rayon::prelude::*;

use super::beam;
use super::guide::{Guide, Reading};
use super::model::{Cache, Decoder, Prompt, StepRow};
use super::request::{Candidate, Finish, Request};
use super::sampler::{Choice, Draw};
use super::stop::StopWatch;
use crate::cpu::Rows;
use crate::error::Result;
use crate::random::uniform;
use crate::tokenizer::Tokenizer;

/// What the loop may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows that are decoded together.
    pub max_rows: usize,
    /// Memory for what rows have generated, in bytes. One row is always allowed.
    pub cache_bytes: usize,
}

/// What the loop has to tell.
#[derive(Debug)]
pub enum Event {
    Candidate(Candidate),
    /// All candidates of a request were told.
    Done {
        request: u64,
    },
    /// A request cannot be served.
    Failed {
        request: u64,
        error: crate::Error,
    },
}

/// Requests in work.
pub struct Engine<'a> {
    model: &'a dyn Decoder,
    tokenizer: &'a Tokenizer,
    /// Tokens at which a text ends.
    end_tokens: Vec<u32>,
    limits: Limits,
    guide: Option<Guide<'a>>,
    waiting: VecDeque<Waiting>,
    rows: Vec<Row>,
    /// Caches of rows that left.
    free: Vec<Cache>,
    logits: Rows,
}

/// A request of which not all candidates are begun.
struct Waiting {
    request: Arc<Request>,
    next: usize,
    /// Read when the first candidate is begun.
    prompt: Option<Prompts>,
    /// Candidates that are not told yet.
    left: Arc<AtomicUsize>,
}

/// A prompt as the model has read it, and as the critic has.
#[derive(Clone)]
struct Prompts {
    own: Prompt,
    critics: Option<Prompt>,
}

/// A candidate in work.
struct Row {
    request: Arc<Request>,
    index: usize,
    prompt: Prompt,
    cache: Cache,
    left: Arc<AtomicUsize>,
    /// The token to be read next.
    next: u32,
    state: State,
    /// Of the critic, where it has its say.
    reading: Option<Reading>,
}

/// What a candidate has become.
struct State {
    tokens: Vec<u32>,
    log_probs: Vec<f32>,
    watch: StopWatch,
    /// Why it ended, and how many bytes of its text count.
    finish: Option<(Finish, usize)>,
}

impl<'a> Engine<'a> {
    pub fn new(
        model: &'a dyn Decoder,
        tokenizer: &'a Tokenizer,
        end_tokens: &[u32],
        limits: Limits,
    ) -> Self {
        Self {
            model,
            tokenizer,
            end_tokens: end_tokens.to_vec(),
            limits,
            guide: None,
            waiting: VecDeque::new(),
            rows: Vec::new(),
            free: Vec::new(),
            logits: Rows::default(),
        }
    }

    /// Lets requests that ask for it be guided by a critic.
    pub fn guided_by(mut self, guide: Guide<'a>) -> Self {
        self.guide = Some(guide);
        self
    }

    /// Takes a request on. Nothing is computed yet.
    pub fn push(&mut self, request: Request) {
        let left = Arc::new(AtomicUsize::new(request.seeds.len()));
        self.waiting.push_back(Waiting {
            request: Arc::new(request),
            next: 0,
            prompt: None,
            left,
        });
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.rows.is_empty()
    }

    /// Decodes one token for each row, after free rows were taken by waiting candidates.
    pub fn step(&mut self, tell: &mut dyn FnMut(Event)) {
        self.fill(tell);
        if self.rows.is_empty() {
            return;
        }
        let mut steps: Vec<StepRow<'_>> = self
            .rows
            .iter_mut()
            .map(|row| StepRow {
                token: row.next,
                prompt: &row.prompt,
                cache: &mut row.cache,
            })
            .collect();
        let mut logits = std::mem::take(&mut self.logits);
        self.model.step(&mut steps, &mut logits);
        drop(steps);
        self.choose(0, &logits);
        self.logits = logits;
        self.release(tell);
    }

    /// Adds a token to each candidate from row `first` on, of which `logits` has the rows.
    fn choose(&mut self, first: usize, logits: &Rows) {
        let chooser = Chooser {
            tokenizer: self.tokenizer,
            end_tokens: &self.end_tokens,
            vocabulary_size: self.model.vocabulary_size(),
            max_positions: self.model.max_positions(),
        };
        let rows = &mut self.rows[first..];
        let mut draws: Vec<Option<Draw>> = rows
            .par_iter()
            .enumerate()
            .map(|(index, row)| chooser.draw(row, logits, index))
            .collect();
        if let Some(guide) = self.guide {
            let mut guided: Vec<(&mut Reading, &mut Draw)> = rows
                .iter_mut()
                .zip(&mut draws)
                .filter_map(|(row, draw)| Some((row.reading.as_mut()?, draw.as_mut()?)))
                .collect();
            if !guided.is_empty() {
                guide.weigh(&mut guided);
            }
        }
        rows.par_iter_mut()
            .zip(draws)
            .for_each(|(row, draw)| chooser.extend(row, draw));
    }

    /// Begins candidates while there is room.
    fn fill(&mut self, tell: &mut dyn FnMut(Event)) {
        while self.rows.len() < self.limits.max_rows {
            let Some(mut waiting) = self.waiting.pop_front() else {
                return;
            };
            let id = waiting.request.id;
            let prompt = match waiting.prompt.take() {
                Some(prompt) => prompt,
                None => match self.read(&waiting.request) {
                    Ok(prompt) => prompt,
                    Err(error) => {
                        tell(Event::Failed { request: id, error });
                        continue;
                    }
                },
            };
            if waiting.request.seeds.is_empty() {
                tell(Event::Done { request: id });
                continue;
            }
            if let Method::Beam { .. } = waiting.request.decoding.method {
                self.search(&waiting.request, &prompt.own, tell);
                continue;
            }
            let capacity = self.capacity(&waiting.request, &prompt.own);
            if !self.has_memory(&waiting.request, capacity) {
                waiting.prompt = Some(prompt);
                self.waiting.push_front(waiting);
                return;
            }
            self.begin(&waiting, prompt.clone(), capacity, tell);
            waiting.next += 1;
            if waiting.next < waiting.request.seeds.len() {
                waiting.prompt = Some(prompt);
                self.waiting.push_front(waiting);
            }
        }
    }

    fn read(&self, request: &Request) -> Result<Prompts> {
        request.check(self.model.vocabulary_size())?;
        let prompt = self.model.read(&request.prompt)?;
        if let Some(max) = self.model.max_positions() {
            let n = request.prompt.len() + request.forced.len();
            if n >= max {
                return Err(crate::Error::request(format!(
                    "prompt and forced prefix have {n} tokens, and the model is made for {max}: \
                     there is no room for a candidate"
                )));
            }
        }
        let critics = match (&request.guided, self.guide) {
            (None, _) => None,
            (Some(guided), Some(guide)) => Some(guide.read(&guided.prompt)?),
            (Some(_), None) => return Err(crate::Error::request("there is no critic to guide it")),
        };
        Ok(Prompts {
            own: prompt,
            critics,
        })
    }

    /// Tokens that a candidate has to remember at most.
    fn capacity(&self, request: &Request, prompt: &Prompt) -> usize {
        let wanted = 1 + request.forced.len() + request.decoding.max_new_tokens as usize;
        match self.model.max_positions() {
            Some(max) => wanted.min(max.saturating_sub(prompt.n_tokens()) + 1),
            None => wanted,
        }
    }

    fn has_memory(&mut self, request: &Request, capacity: usize) -> bool {
        // Caches that are too small for what comes now are given back.
        if !self.free.iter().any(|cache| cache.capacity() >= capacity) {
            self.free.clear();
        }
        let bytes = |is_guided: bool, capacity: usize| {
            let critics = self.guide.filter(|_| is_guided);
            let critics = critics.map_or(0, |guide| guide.bytes(capacity));
            capacity * self.model.bytes_per_token() + critics
        };
        let in_use = self.rows.iter();
        let in_use: usize = in_use
            .map(|row| bytes(row.reading.is_some(), row.cache.capacity()))
            .sum();
        let wanted = bytes(request.guided.is_some(), capacity);
        self.rows.is_empty() || in_use + wanted <= self.limits.cache_bytes
    }

    fn begin(
        &mut self,
        waiting: &Waiting,
        prompts: Prompts,
        capacity: usize,
        tell: &mut dyn FnMut(Event),
    ) {
        let found = self
            .free
            .iter()
            .position(|cache| cache.capacity() >= capacity);
        let mut cache = match found {
            Some(index) => self.free.swap_remove(index),
            None => self.model.new_cache(capacity),
        };
        cache.clear();
        let request = &waiting.request;
        let reading = match (self.guide, &request.guided, prompts.critics) {
            (Some(guide), Some(guided), Some(prompt)) => {
                Some(guide.begin(guided.guidance, prompt, capacity))
            }
            _ => None,
        };
        let first = prompts.own.logits().cloned();
        self.rows.push(Row {
            request: Arc::clone(request),
            index: waiting.next,
            cache,
            left: Arc::clone(&waiting.left),
            next: self.model.start_token().unwrap_or_default(),
            state: State {
                tokens: Vec::new(),
                log_probs: Vec::new(),
                watch: StopWatch::new(),
                finish: None,
            },
            prompt: prompts.own,
            reading,
        });
        if let Some(logits) = first {
            self.choose(self.rows.len() - 1, &logits);
        }
        self.release(tell);
    }

    fn search(&mut self, request: &Request, prompt: &Prompt, tell: &mut dyn FnMut(Event)) {
        let search = beam::Search {
            model: self.model,
            tokenizer: self.tokenizer,
            end_tokens: &self.end_tokens,
            capacity: self.capacity(request, prompt),
        };
        for candidate in search.run(request, prompt) {
            tell(Event::Candidate(candidate));
        }
        let request = request.id;
        tell(Event::Done { request });
    }

    /// Tells of finished rows and frees their places.
    fn release(&mut self, tell: &mut dyn FnMut(Event)) {
        let mut index = 0;
        while index < self.rows.len() {
            let Some((finish, length)) = self.rows[index].state.finish else {
                index += 1;
                continue;
            };
            let row = self.rows.swap_remove(index);
            let State {
                tokens, log_probs, ..
            } = row.state;
            let request = &row.request;
            let mut text = self.tokenizer.decode_bytes(&tokens);
            text.truncate(length);
            tell(Event::Candidate(Candidate {
                request: request.id,
                index: row.index,
                n_decoded: tokens.len().saturating_sub(request.forced.len()),
                text: String::from_utf8_lossy(&text).into_owned(),
                tokens,
                finish,
                log_probs,
                n_critic_tokens: row.reading.map_or(0, |reading| reading.n_read),
            }));
            if row.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                tell(Event::Done {
                    request: request.id,
                });
            }
            self.free.push(row.cache);
        }
    }
}

/// What extending a candidate needs besides the candidate.
#[derive(Clone, Copy)]
struct Chooser<'a> {
    tokenizer: &'a Tokenizer,
    end_tokens: &'a [u32],
    vocabulary_size: usize,
    max_positions: Option<usize>,
}

impl Chooser<'_> {
    /// What the next token of a candidate is drawn from, given row `row` of `logits`; `None` where
    /// it is forced.
    fn draw(&self, candidate: &Row, logits: &Rows, row: usize) -> Option<Draw> {
        let Row { request, state, .. } = candidate;
        let n_decoded = state.tokens.len().checked_sub(request.forced.len())?;
        let decoding = &request.decoding;
        let barred = if n_decoded < decoding.min_new_tokens as usize {
            self.end_tokens
        } else {
            &[]
        };
        let mut values = vec![0.0; self.vocabulary_size];
        logits.copy_row(row, &mut values);
        Some(Draw::new(
            &mut values,
            decoding.method,
            barred,
            request.wants_log_probs,
        ))
    }

    /// Adds a token to a candidate, which is to be read next.
    fn extend(&self, candidate: &mut Row, draw: Option<Draw>) {
        let Row {
            request,
            index,
            prompt,
            state,
            reading,
            next,
            ..
        } = candidate;
        *next = match draw {
            None => self.force(request, state),
            Some(draw) => self.add(request, *index, prompt.n_tokens(), state, &draw),
        };
        if let Some(reading) = reading {
            reading.push(*next);
        }
    }

    fn force(&self, request: &Request, state: &mut State) -> u32 {
        let token = request.forced[state.tokens.len()];
        state.tokens.push(token);
        // Stops are looked for in what the model writes, also where it only ends one.
        let bytes = self.tokenizer.bytes_of(token).unwrap_or_default();
        state.watch.push(bytes, &[]);
        token
    }

    fn add(
        &self,
        request: &Request,
        index: usize,
        n_prompt: usize,
        state: &mut State,
        draw: &Draw,
    ) -> u32 {
        let decoding = &request.decoding;
        let n_decoded = state.tokens.len() - request.forced.len();
        let Choice { token, log_prob } = draw.at(uniform(request.seeds[index], n_decoded as u64));
        state.tokens.push(token);
        if request.wants_log_probs {
            state.log_probs.push(log_prob);
        }
        if self.end_tokens.contains(&token) {
            state.finish = Some((Finish::End, usize::MAX));
            return token;
        }
        let stopped = match self.tokenizer.bytes_of(token) {
            Some(bytes) => state.watch.push(bytes, &decoding.stop),
            // All of the text again: what a token adds depends on those before it.
            None if decoding.stop.is_empty() => None,
            None => {
                let text = self.tokenizer.decode_bytes(&state.tokens);
                StopWatch::new().push(&text, &decoding.stop)
            }
        };
        let n_positions = n_prompt + state.tokens.len();
        if let Some(length) = stopped {
            state.finish = Some((Finish::Stop, length));
        } else if n_decoded + 1 >= decoding.max_new_tokens as usize
            || self.max_positions.is_some_and(|max| n_positions >= max)
        {
            state.finish = Some((Finish::Length, usize::MAX));
        }
        token
    }
}
