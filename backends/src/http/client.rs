//! One request, as often as it takes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use harness::config::Api;
use serde_json::{Map, Value};
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode};

use super::api::{self, Answer};
use super::error::HttpError;
use super::log::RequestLog;

/// Longest wait between two tries, unless the server names a longer one.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Longest wait that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Connections that were idle for longer are not used again: uvicorn, under many servers, closes
/// them after five seconds.
const MAX_IDLE_AGE: Duration = Duration::from_secs(4);

/// Largest answer that is read.
const MAX_BODY_BYTES: u64 = 256 << 20;

/// How much of an answer that is no answer is shown.
const SHOWN_CHARS: usize = 300;

/// How often somebody who waits looks whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// How to reach a server.
#[derive(Clone)]
pub struct HttpOptions {
    /// Address up to and with the version: `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// Sent as bearer token; never written anywhere.
    pub api_key: Option<String>,
    pub api: Api,
    /// Candidates for which one request asks, at least 1.
    pub choices_per_request: u32,
    /// Requests that may be unanswered at a time, at least 1.
    pub max_in_flight: usize,
    pub request_timeout: Duration,
    /// Tries after the first.
    pub max_retries: u32,
    /// Wait before the first of them, twice as long before each further one. The real wait is
    /// random between half of it and all of it.
    pub first_wait: Duration,
    /// Further fields of each body, which replace those of the same name.
    pub extra: Map<String, Value>,
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        f.debug_struct("HttpOptions")
            .field("base_url", &super::without_credentials(&self.base_url))
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

/// Why a request has no answer.
pub(super) enum Failure {
    /// It was tried as often as allowed.
    GaveUp { attempt: u32, detail: String },
    /// The server does not like this request.
    Refused { detail: String },
    /// The server would like no other one either.
    Fatal(HttpError),
    /// Somebody wants to stop.
    Stopped,
}

/// A try that failed.
enum Trouble {
    /// May go better.
    Passing {
        detail: String,
        retry_after: Option<Duration>,
    },
    Refused(String),
    Fatal(HttpError),
}

/// Asks a server. Shared by threads.
pub(super) struct Client {
    agent: Agent,
    url: String,
    /// For people.
    shown_url: String,
    options: HttpOptions,
    log: Option<RequestLog>,
    /// The server wants no request before.
    pause_until: Mutex<Option<Instant>>,
}

impl Client {
    pub(super) fn new(options: HttpOptions, log: Option<RequestLog>) -> Result<Self, HttpError> {
        let base = options.base_url.trim_end_matches('/');
        let shown = super::without_credentials(base);
        if !(base.starts_with("http://") || base.starts_with("https://")) {
            return Err(HttpError::BadUrl { url: shown });
        }
        let path = api::path(options.api);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(options.request_timeout))
            .max_idle_connections_per_host(options.max_in_flight)
            .max_idle_connections(options.max_in_flight)
            .max_idle_age(MAX_IDLE_AGE)
            .user_agent(concat!("coderl/", env!("CARGO_PKG_VERSION")));
        if is_local(&shown) {
            // Nobody means this machine's servers to be reached through another machine.
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().into(),
            url: format!("{base}/{path}"),
            shown_url: format!("{shown}/{path}"),
            options,
            log,
            pause_until: Mutex::default(),
        })
    }

    pub(super) fn options(&self) -> &HttpOptions {
        &self.options
    }

    pub(super) fn finish(&self) -> Result<(), HttpError> {
        self.log.as_ref().map_or(Ok(()), RequestLog::finish)
    }

    /// The answer to `body`, which asks for `n` choices. `on_trouble` hears of each try that
    /// failed and is followed by another, with its number from 1.
    pub(super) fn ask(
        &self,
        body: &Value,
        n: usize,
        stop: &AtomicBool,
        on_trouble: &mut dyn FnMut(u32, &str),
    ) -> Result<Answer, Failure> {
        let key = RequestLog::key(api::path(self.options.api), body);
        if let Some(log) = &self.log
            && let Some(answer) = log.get(&key).map_err(Failure::Fatal)?
        {
            return Ok(answer);
        }
        let mut attempt = 1;
        loop {
            self.wait_for_server(stop)?;
            match self.try_once(body, n) {
                Ok(answer) => {
                    if let Some(log) = &self.log {
                        log.put(key, &answer).map_err(Failure::Fatal)?;
                    }
                    return Ok(answer);
                }
                Err(Trouble::Refused(detail)) => {
                    let detail = self.without_key(detail);
                    return Err(Failure::Refused { detail });
                }
                Err(Trouble::Fatal(error)) => return Err(Failure::Fatal(error)),
                Err(Trouble::Passing {
                    detail,
                    retry_after,
                }) => {
                    let detail = self.without_key(detail);
                    if attempt > self.options.max_retries {
                        return Err(Failure::GaveUp { attempt, detail });
                    }
                    on_trouble(attempt, &detail);
                    if let Some(time) = retry_after {
                        self.pause(time.min(MAX_RETRY_AFTER));
                    }
                    self.sleep(wait(self.options.first_wait, attempt), stop)?;
                    attempt += 1;
                }
            }
        }
    }

    fn try_once(&self, body: &Value, n: usize) -> Result<Answer, Trouble> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json");
        if let Some(key) = &self.options.api_key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let text = serde_json::to_vec(body).expect("bodies are serialisable");
        let passing = |error: ureq::Error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
                Trouble::Fatal(HttpError::BadUrl {
                    url: self.shown_url.clone(),
                })
            }
            error => Trouble::Passing {
                detail: format!("`{}`: {error}", self.shown_url),
                retry_after: None,
            },
        };
        let mut response = request.send(&text[..]).map_err(passing)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let kind = response.body().mime_type().unwrap_or("nothing").to_owned();
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .read_to_vec()
            .map_err(passing)?;
        if !status.is_success() {
            return Err(self.trouble(status, retry_after, &body));
        }
        api::read_answer(&body, n).map_err(|detail| Trouble::Passing {
            detail: format!(
                "the answer of `{}` {detail} ({} bytes of {kind}: {})",
                self.shown_url,
                body.len(),
                excerpt(&body)
            ),
            retry_after,
        })
    }

    /// What a status means.
    fn trouble(&self, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Trouble {
        let error: Option<Value> = serde_json::from_slice(body).ok();
        let error = error.map(|mut body| match body.get_mut("error") {
            Some(error) => error.take(),
            None => body,
        });
        let detail = match &error {
            Some(error) => api::error_message(error),
            None => excerpt(body),
        };
        let out_of_money = error
            .as_ref()
            .and_then(|error| error.get("code")?.as_str())
            .is_some_and(|code| code == "insufficient_quota");
        let fatal = |hint: &'static str| {
            Trouble::Fatal(HttpError::Refused {
                url: self.shown_url.clone(),
                status: status.as_u16(),
                hint,
                detail: self.without_key(detail.clone()),
            })
        };
        match status.as_u16() {
            _ if out_of_money => fatal(" (the account has no money left)"),
            401 if self.options.api_key.is_none() => fatal(" (OPENAI_API_KEY is not set)"),
            401 | 403 => fatal(" (is OPENAI_API_KEY the right one?)"),
            404 => fatal(
                " (is the model's name right, and does the address end with the version, as \
                 `/v1` does?)",
            ),
            300..=399 | 405 => fatal(" (is the address right?)"),
            408 | 409 | 425 | 429 | 500.. => Trouble::Passing {
                detail: format!("`{}` answered {status}: {detail}", self.shown_url),
                retry_after,
            },
            _ => Trouble::Refused(format!("`{}` answered {status}: {detail}", self.shown_url)),
        }
    }

    /// `text` without the key, should the server have repeated it.
    fn without_key(&self, text: String) -> String {
        match &self.options.api_key {
            Some(key) => text.replace(key, "***"),
            None => text,
        }
    }

    /// Lets nobody ask for `time`.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut pause = self
            .pause_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *pause = Some(pause.map_or(until, |set| set.max(until)));
    }

    fn wait_for_server(&self, stop: &AtomicBool) -> Result<(), Failure> {
        loop {
            let pause = *self
                .pause_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match pause.and_then(|until| until.checked_duration_since(Instant::now())) {
                Some(left) => self.sleep(left, stop)?,
                None if stop.load(Ordering::Relaxed) => return Err(Failure::Stopped),
                None => return Ok(()),
            }
        }
    }

    fn sleep(&self, time: Duration, stop: &AtomicBool) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::Stopped);
            }
            thread::sleep(left.min(TICK));
        }
        Ok(())
    }
}

/// Before the try behind `attempt`.
fn wait(first: Duration, attempt: u32) -> Duration {
    let longest = first
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(MAX_WAIT.max(first));
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// What the server says about when to come again: seconds, or milliseconds as OpenAI has them.
/// A date is not understood, and the usual wait is taken.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| -> Option<f64> {
        let value = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (0.0..1e9).contains(&value).then_some(value)
    };
    let milliseconds = number("retry-after-ms").map(|number| number / 1000.0);
    milliseconds
        .or_else(|| number("retry-after"))
        .map(Duration::from_secs_f64)
}

fn is_local(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|host| authority.starts_with(host))
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(8 * SHOWN_CHARS)]);
    let text = text.trim();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("`{}`…", &text[..end]),
        None => format!("`{text}`"),
    }
}
