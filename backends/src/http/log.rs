//! Answers of a server in the run directory: what was paid for is not asked for again.

use std::sync::{Mutex, PoisonError};

use harness::store::{Record, RecordLog, sha256_of_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{Answer, Choice};
use super::error::HttpError;

/// One answered request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// SHA-256 of the interface and the body. Neither the address of the server nor the key has
    /// a part in it.
    pub request: String,
    pub choices: Vec<Choice>,
    /// Tokens of all choices together, where the server says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_tokens: Option<u32>,
    /// Of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_prompt_tokens: Option<u32>,
}

impl Record for RequestRecord {
    type Id = String;

    fn id(&self) -> String {
        self.request.clone()
    }
}

/// `requests.jsonl` of a run directory, shared by the threads that ask.
#[derive(Debug)]
pub struct RequestLog(Mutex<RecordLog<RequestRecord>>);

impl RequestLog {
    /// The log over `records`.
    pub fn new(records: RecordLog<RequestRecord>) -> Self {
        Self(Mutex::new(records))
    }

    /// Under which the answer to `body` is kept.
    pub(super) fn key(path: &str, body: &Value) -> String {
        sha256_of_json(&(path, body))
    }

    pub(super) fn get(&self, key: &String) -> Result<Option<Answer>, HttpError> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = log.get(key).map_err(|source| HttpError::Log { source })?;
        Ok(record.map(|record| Answer {
            choices: record.choices,
            n_tokens: record.n_tokens,
            n_prompt_tokens: record.n_prompt_tokens,
        }))
    }

    pub(super) fn put(&self, key: String, answer: &Answer) -> Result<(), HttpError> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.append(&RequestRecord {
            request: key,
            choices: answer.choices.clone(),
            n_tokens: answer.n_tokens,
            n_prompt_tokens: answer.n_prompt_tokens,
        })
        .map_err(|source| HttpError::Log { source })
    }

    /// Sorts it: everything was asked.
    pub(super) fn finish(&self) -> Result<(), HttpError> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.finish().map_err(|source| HttpError::Log { source })
    }
}
