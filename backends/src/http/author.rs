//! A server as the author of strategies.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use harness::config::Api;
use harness::decoding::Decoding;
use harness::problem::{Problem, ProblemId};
use harness::prompt::Prompt;
use harness::strategy::{Answers, Author, Draft, Stop, Written};
use serde_json::{Value, json};

use super::api::{self, Answer};
use super::client::{Client, Failure, HttpOptions};
use super::error::HttpError;
use super::log::RequestLog;
use crate::asking::{Asking, Luck, leave_room};

/// A model behind a server that writes programs for strategies, each by a request of its own.
///
/// The interface `completions` continues what it is given, so that a prefix is put behind the
/// prompt; `chat` cannot be made to begin with anything. A server has to count tokens, because
/// budgets are made of them.
pub struct HttpAuthor {
    client: Client,
    model: String,
    /// By problem, with the stop texts of its template.
    decoding: BTreeMap<ProblemId, Decoding>,
    luck: Luck,
    /// Once true, nothing more is asked.
    cancel: Arc<AtomicBool>,
}

impl HttpAuthor {
    /// An author for `problems`, asked as `asking` says, that keeps answers in `log`.
    ///
    /// # Errors
    /// When the address is none, or the decoding is nothing that servers do.
    pub fn new(
        options: HttpOptions,
        asking: &Asking,
        problems: &[Problem],
        log: Option<RequestLog>,
        cancel: Arc<AtomicBool>,
    ) -> Result<Self, HttpError> {
        api::common_part(&asking.model, &asking.decoding)?;
        Ok(Self {
            client: Client::new(options, log)?,
            model: asking.model.clone(),
            decoding: asking.decodings(problems),
            luck: Luck::default(),
            cancel,
        })
    }

    /// Sorts the log of answers: everything was asked.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self) -> Result<(), HttpError> {
        self.client.finish()
    }

    /// The request for the program of `draft` with `seed`.
    fn body(&self, draft: &Draft<'_>, seed: u64) -> Result<Value, HttpError> {
        let api = self.client.options().api;
        let mut decoding = self
            .decoding
            .get(draft.problem)
            .expect("a problem of the run")
            .clone();
        let mut prompt = draft.prompt.clone();
        if let Some(prefix) = &draft.prefix {
            leave_room(&mut decoding, prefix);
            match (api, &mut prompt) {
                (Api::Completions, Prompt::Text(text)) => text.push_str(&prefix.text),
                _ => {
                    return Err(HttpError::Unsupported {
                        what: "do not go on from a beginning in a conversation",
                        key: "refine",
                    });
                }
            }
        }
        let mut body = api::common_part(&self.model, &decoding)?;
        let (key, value) = api::prompt_part(api, &prompt, || "of this run".to_owned())?;
        body.insert(key.to_owned(), value);
        body.insert("n".to_owned(), json!(1));
        body.insert("seed".to_owned(), json!(api::wire_seed(seed)));
        if draft.wants_log_prob {
            let (key, value) = api::log_probs_part(api);
            body.insert(key.to_owned(), value);
        }
        body.extend(self.client.options().extra.clone());
        Ok(Value::Object(body))
    }

    /// One answer a request, in their order; nothing where there was no asking any more.
    fn ask_all(&self, bodies: &[Value]) -> Result<Vec<Option<Result<Answer, String>>>, HttpError> {
        let answers: Mutex<Vec<Option<Result<Answer, String>>>> =
            Mutex::new(vec![None; bodies.len()]);
        let fatal = Mutex::new(None);
        let next = AtomicUsize::new(0);
        let is_over = || lock(&fatal).is_some() || self.cancel.load(Ordering::Relaxed);
        let work = || {
            while !is_over() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(index) else {
                    return;
                };
                let answer = match self.client.ask(body, 1, &self.cancel, &mut |_, _| {}) {
                    Ok(answer) => {
                        self.luck.succeeded();
                        Ok(answer)
                    }
                    Err(Failure::Stopped) => return,
                    Err(Failure::Fatal(error)) => {
                        lock(&fatal).get_or_insert(error);
                        return;
                    }
                    Err(Failure::GaveUp { detail, .. }) => Err((self.luck.failed(), detail)),
                    Err(Failure::Refused { detail }) => Err((self.luck.refused(), detail)),
                };
                let answer = answer.map_err(|(too_many, detail)| {
                    if let Some(n) = too_many {
                        let detail = detail.clone();
                        lock(&fatal).get_or_insert(HttpError::TooManyFailures { n, detail });
                    }
                    detail
                });
                lock(&answers)[index] = Some(answer);
            }
        };
        thread::scope(|scope| {
            let n_threads = self.client.options().max_in_flight.max(1);
            for _ in 0..n_threads.min(bodies.len()) {
                scope.spawn(work);
            }
        });
        match fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(answers.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Author for HttpAuthor {
    fn write(&mut self, drafts: &[Draft<'_>]) -> Answers<Vec<Written>> {
        let failed = |error: HttpError| Stop::Failed(error.into());
        let mut bodies = Vec::new();
        for draft in drafts {
            for seed in &draft.seeds {
                bodies.push(self.body(draft, *seed).map_err(failed)?);
            }
        }
        let mut answers = self.ask_all(&bodies).map_err(failed)?.into_iter();
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        Ok(drafts
            .iter()
            .map(|draft| {
                // All answers are taken, so that the next draft finds its own.
                let own: Vec<_> = answers.by_ref().take(draft.seeds.len()).collect();
                own.into_iter()
                    .map(|answer| written(draft, answer.ok_or("it was not answered")??))
                    .collect()
            })
            .collect())
    }
}

fn written(draft: &Draft<'_>, answer: Answer) -> Result<Written, String> {
    const UNCOUNTED: &str = "the server does not say how many tokens it read and wrote (`usage`), \
                             of which budgets are made";
    let choice = answer.choices.into_iter().next().ok_or("it has no text")?;
    let log_probs = choice.logprobs.filter(|_| draft.wants_log_prob);
    let log_prob = log_probs.as_ref().and_then(api::mean_log_prob);
    if draft.wants_log_prob && log_prob.is_none() {
        return Err("the server tells no log-probabilities".to_owned());
    }
    let begin = draft.prefix.as_ref().map_or("", |prefix| &prefix.text);
    Ok(Written {
        text: format!("{begin}{}", choice.text),
        n_tokens: answer.n_tokens.ok_or(UNCOUNTED)?,
        n_prompt_tokens: answer.n_prompt_tokens.ok_or(UNCOUNTED)?,
        finish: choice.finish.unwrap_or_default(),
        log_prob,
        ..Written::default()
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
