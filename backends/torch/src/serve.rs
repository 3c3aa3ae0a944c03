//! The child's side of the process backend's protocol (`backends::process::protocol`).
//!
//! One thread reads requests; the calling thread owns the model. Requests that come while
//! others are decoded join them at the next token. [`critic`] serves critics.

pub mod critic;

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use backends::process::protocol::{
    Capability, Completion, Finish, ForcedPrefix, FromChild, Generate, PROTOCOL_VERSION, Ready,
    RequestId, Score, Scores, ToChild,
};
use harness::decoding::{Decoding, Guidance};
use harness::prompt::Prompt;

use crate::cpu::Rows;
use crate::decode::{
    self, Candidate, Decoder, Engine, Event, Guide, Guided, Limits, Request, StepRow,
    log_probability,
};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// What is served.
pub struct Served<'a> {
    pub model: &'a dyn Decoder,
    pub tokenizer: &'a Tokenizer,
    /// Tokens at which a text ends.
    pub end_tokens: &'a [u32],
    /// The model as a person would name it.
    pub name: String,
    pub sha256: String,
    /// [`Tokenizer::digest`].
    pub tokenizer_sha256: String,
    pub limits: Limits,
    pub guide: Option<ServedGuide<'a>>,
}

/// A critic that guides decoding.
pub struct ServedGuide<'a> {
    pub guide: Guide<'a>,
    /// Tokens of a prompt that it reads at most.
    pub max_prompt: usize,
    pub sha256: String,
}

/// Why serving ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot write an answer")]
    Write(#[source] std::io::Error),
    #[error("cannot read requests")]
    Read(#[source] std::io::Error),
    #[error("request {line}: {source}")]
    Malformed {
        line: usize,
        source: serde_json::Error,
    },
    #[error("the first request is not `hello`")]
    NoHello,
    #[error(
        "the harness speaks version {found} of the protocol, and this is version {PROTOCOL_VERSION}"
    )]
    Version { found: u32 },
}

/// Answers requests until `input` ends.
///
/// # Errors
/// Requests that are not of the protocol, and trouble with reading and writing. A request that
/// is of the protocol but cannot be served is answered with [`FromChild::Error`].
pub fn serve(
    served: &Served<'_>,
    input: impl BufRead + Send + 'static,
    output: &mut dyn Write,
) -> std::result::Result<(), ServeError> {
    let requests = read(input);
    let mut engine = Engine::new(
        served.model,
        served.tokenizer,
        served.end_tokens,
        served.limits,
    );
    if let Some(guide) = &served.guide {
        engine = engine.guided_by(guide.guide);
    }
    Server {
        served,
        engine,
        output,
        pending: Vec::new(),
        last_told: Instant::now(),
    }
    .run(&requests)
}

/// Requests, read on a thread of their own.
fn read(input: impl BufRead + Send + 'static) -> Receiver<Incoming> {
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for (line, text) in input.lines().enumerate() {
            let request = text.map_err(ServeError::Read).and_then(|text| {
                serde_json::from_str::<ToChild>(&text).map_err(|source| ServeError::Malformed {
                    line: line + 1,
                    source,
                })
            });
            // The receiver is gone when serving has ended.
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    requests
}

/// Whether the other side speaks our version.
fn check_hello(request: &ToChild) -> std::result::Result<(), ServeError> {
    match request {
        ToChild::Hello { protocol } if *protocol == PROTOCOL_VERSION => Ok(()),
        ToChild::Hello { protocol } => Err(ServeError::Version { found: *protocol }),
        _ => Err(ServeError::NoHello),
    }
}

/// Writes an answer.
fn tell(output: &mut dyn Write, message: &FromChild) -> std::result::Result<(), ServeError> {
    let mut line = serde_json::to_string(message).expect("messages can be written as JSON");
    line.push('\n');
    output
        .write_all(line.as_bytes())
        .and_then(|()| output.flush())
        .map_err(ServeError::Write)
}

/// Longest silence while tokens are decoded. On a crowded machine the first candidate of many may
/// take longer than anybody waits.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// What every child of ours says of itself.
const NAME: &str = concat!("coderl-torch ", env!("CARGO_PKG_VERSION"));

struct Server<'a> {
    served: &'a Served<'a>,
    engine: Engine<'a>,
    output: &'a mut dyn Write,
    /// Of requests in work: what is told when they are done.
    pending: Vec<Pending>,
    last_told: Instant,
}

struct Pending {
    id: RequestId,
    n_prompt_tokens: u32,
    prompt_cut: bool,
    wants_log_probs: bool,
    /// Where a critic guides, the tokens of its prompt.
    n_critic_prompt_tokens: Option<u32>,
}

type Incoming = std::result::Result<ToChild, ServeError>;

impl Server<'_> {
    fn run(mut self, requests: &Receiver<Incoming>) -> std::result::Result<(), ServeError> {
        match requests.recv() {
            Ok(request) => self.greet(&request?)?,
            Err(_) => return Ok(()),
        }
        loop {
            if self.engine.is_idle() {
                match requests.recv() {
                    Ok(request) => self.take(request?)?,
                    Err(_) => return Ok(()),
                }
            }
            loop {
                match requests.try_recv() {
                    Ok(request) => self.take(request?)?,
                    Err(TryRecvError::Empty) => break,
                    // Nobody waits for answers any more.
                    Err(TryRecvError::Disconnected) if self.engine.is_idle() => return Ok(()),
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            let mut events = Vec::new();
            self.engine.step(&mut |event| events.push(event));
            for event in events {
                self.report(event)?;
            }
            if self.last_told.elapsed() >= SIGN_OF_LIFE {
                self.tell(&FromChild::Alive)?;
            }
        }
    }

    fn greet(&mut self, request: &ToChild) -> std::result::Result<(), ServeError> {
        check_hello(request)?;
        let mut capabilities = vec![
            Capability::Generate,
            Capability::ForcedPrefix,
            Capability::LogProbs,
            Capability::Beam,
            Capability::Score,
            Capability::Tokenize,
        ];
        if self.served.tokenizer.chat_template().is_some() {
            capabilities.push(Capability::Chat);
        }
        let guide = self.served.guide.as_ref();
        if guide.is_some() {
            capabilities.push(Capability::Guidance);
        }
        self.tell(&FromChild::Ready(Ready {
            protocol: PROTOCOL_VERSION,
            name: NAME.to_owned(),
            model: self.served.name.clone(),
            model_sha256: Some(self.served.sha256.clone()),
            tokenizer_sha256: Some(self.served.tokenizer_sha256.clone()),
            critic_sha256: guide.map(|guide| guide.sha256.clone()),
            capabilities,
            // Enough to fill every row with a request of one candidate, and to have the next
            // one at hand.
            max_in_flight: u32::try_from(self.served.limits.max_rows + 1).unwrap_or(u32::MAX),
        }))
    }

    fn take(&mut self, request: ToChild) -> std::result::Result<(), ServeError> {
        let (id, outcome) = match request {
            ToChild::Hello { .. } => return Ok(()),
            ToChild::Generate(request) => (request.id, self.begin(&request).map(|()| None)),
            ToChild::Score(request) => (request.id, self.score(&request).map(Some)),
            ToChild::Tokenize { id, prompt } => (id, self.tokenize(id, &prompt).map(Some)),
            ToChild::Train { id, .. } => (id, Err(Error::request("this child does not train"))),
        };
        match outcome {
            Ok(Some(answer)) => self.tell(&answer),
            Ok(None) => Ok(()),
            Err(error) => self.refuse(id, &error),
        }
    }

    fn begin(&mut self, request: &Generate) -> Result<()> {
        let tokenizer = self.served.tokenizer;
        let mut prompt = tokenizer.encode_prompt(&request.prompt)?;
        let n_tokens = prompt.len();
        let guided = request
            .guidance
            .map(|guidance| self.guided(guidance, &prompt));
        if let Some(max) = request.decoding.max_prompt_tokens {
            tokenizer.cut(&mut prompt, max as usize);
        }
        let forced = match &request.forced_prefix {
            None => Vec::new(),
            Some(ForcedPrefix::Text(text)) => tokenizer.encode_completion(text)?.0,
            Some(ForcedPrefix::TokenIds(tokens)) => tokens.clone(),
        };
        self.pending.push(Pending {
            id: request.id,
            n_prompt_tokens: u32::try_from(prompt.len()).unwrap_or(u32::MAX),
            prompt_cut: prompt.len() < n_tokens,
            wants_log_probs: request.log_probs,
            n_critic_prompt_tokens: guided
                .as_ref()
                .map(|guided| u32::try_from(guided.prompt.len()).unwrap_or(u32::MAX)),
        });
        self.engine.push(Request {
            id: request.id,
            prompt,
            forced,
            seeds: request.seeds.clone(),
            decoding: Decoding::clone(&request.decoding),
            wants_log_probs: request.log_probs,
            guided,
        });
        Ok(())
    }

    /// The critic reads as much of a prompt as in its training.
    fn guided(&self, guidance: Guidance, prompt: &[u32]) -> Guided {
        let mut prompt = prompt.to_vec();
        if let Some(guide) = &self.served.guide {
            self.served.tokenizer.cut(&mut prompt, guide.max_prompt);
        }
        Guided { guidance, prompt }
    }

    fn tokenize(&self, id: RequestId, prompt: &Prompt) -> Result<FromChild> {
        let tokenizer = self.served.tokenizer;
        let n_tokens = tokenizer.encode_prompt(prompt)?.len();
        Ok(FromChild::Tokens {
            id,
            n_tokens: u32::try_from(n_tokens).unwrap_or(u32::MAX),
            text: match prompt {
                Prompt::Text(_) => None,
                Prompt::Messages(_) => Some(tokenizer.text(prompt)?),
            },
        })
    }

    /// Reads the completion token by token, as decoding does.
    fn score(&self, request: &Score) -> Result<FromChild> {
        let Served {
            model, tokenizer, ..
        } = self.served;
        let tokens = tokenizer.encode_prompt(&request.prompt)?;
        let (token_ids, token_ends) = tokenizer.encode_completion(&request.completion)?;
        if let Some(max) = model.max_positions()
            && tokens.len() + token_ids.len() > max
        {
            return Err(Error::request(format!(
                "prompt and completion have {} tokens, and the model is made for {max}",
                tokens.len() + token_ids.len()
            )));
        }
        let prompt = model.read(&tokens)?;
        let mut cache = model.new_cache(token_ids.len() + 1);
        let mut logits = prompt.logits().cloned().unwrap_or_default();
        let mut next = model.start_token();
        let mut log_probs = Vec::with_capacity(token_ids.len());
        for token in &token_ids {
            if let Some(token) = next {
                let mut row = [StepRow {
                    token,
                    prompt: &prompt,
                    cache: &mut cache,
                }];
                model.step(&mut row, &mut logits);
            }
            log_probs.push(self.log_probability(&logits, *token));
            next = Some(*token);
        }
        Ok(FromChild::Scores(Scores {
            id: request.id,
            n_prompt_tokens: u32::try_from(tokens.len()).unwrap_or(u32::MAX),
            token_ids,
            token_ends,
            log_probs: Some(log_probs),
            classes: None,
            outcome_logits: None,
            pooled_outcome_logits: None,
        }))
    }

    fn log_probability(&self, logits: &Rows, token: u32) -> f32 {
        let mut values = vec![0.0; self.served.model.vocabulary_size()];
        logits.copy_row(0, &mut values);
        log_probability(&values, token)
    }

    fn report(&mut self, event: Event) -> std::result::Result<(), ServeError> {
        match event {
            Event::Candidate(candidate) => {
                let pending = self.pending.iter().find(|it| it.id == candidate.request);
                let wants_log_probs = pending.is_some_and(|it| it.wants_log_probs);
                let is_guided = pending.is_some_and(|it| it.n_critic_prompt_tokens.is_some());
                let n_critic_tokens = is_guided.then_some(candidate.n_critic_tokens);
                self.tell(&FromChild::Completion(Completion {
                    n_critic_tokens: n_critic_tokens.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
                    ..completion(candidate, wants_log_probs)
                }))
            }
            Event::Done { request } => {
                let at = self.pending.iter().position(|it| it.id == request);
                let pending = at.map(|at| self.pending.swap_remove(at));
                self.tell(&FromChild::Done {
                    id: request,
                    n_prompt_tokens: pending.as_ref().map(|it| it.n_prompt_tokens),
                    prompt_cut: pending.as_ref().is_some_and(|it| it.prompt_cut),
                    n_critic_prompt_tokens: pending.and_then(|it| it.n_critic_prompt_tokens),
                })
            }
            Event::Failed { request, error } => {
                self.pending.retain(|it| it.id != request);
                self.refuse(request, &error)
            }
        }
    }

    /// The same request would fail again: nothing that can fail depends on anything else.
    fn refuse(&mut self, id: RequestId, error: &Error) -> std::result::Result<(), ServeError> {
        self.tell(&FromChild::Error {
            id,
            message: error.to_string(),
            try_again: false,
        })
    }

    fn tell(&mut self, message: &FromChild) -> std::result::Result<(), ServeError> {
        self.last_told = Instant::now();
        tell(self.output, message)
    }
}

fn completion(candidate: Candidate, wants_log_probs: bool) -> Completion {
    Completion {
        id: candidate.request,
        index: u32::try_from(candidate.index).unwrap_or(u32::MAX),
        text: candidate.text,
        n_tokens: u32::try_from(candidate.n_decoded).unwrap_or(u32::MAX),
        finish: match candidate.finish {
            decode::Finish::End => Finish::End,
            decode::Finish::Stop => Finish::Stop,
            decode::Finish::Length => Finish::Length,
        },
        log_probs: wants_log_probs.then_some(candidate.log_probs),
        n_critic_tokens: None,
    }
}
