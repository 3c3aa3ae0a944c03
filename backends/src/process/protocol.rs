//! The protocol between the harness and a child process that runs a model: JSON Lines, one
//! object a line, requests on the child's standard input and answers on its standard output.
//! `docs/process-protocol.md` says the same in words, for authors of children.
//!
//! Both sides ignore fields that they do not know, so that fields can be added within a
//! version. Anything else that is not as described here costs the child its life.

use std::collections::BTreeMap;

use harness::decoding::{Decoding, Guidance};
use harness::prompt::Prompt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of everything in this file.
pub const PROTOCOL_VERSION: u32 = 1;

/// Names a request; the harness never uses one twice for the same child.
pub type RequestId = u64;

/// A line from the harness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToChild {
    /// Comes first, and once. The answer is [`FromChild::Ready`], when the model is loaded.
    Hello { protocol: u32 },
    /// Asks for candidates. The answers are a [`FromChild::Completion`] for each, in any
    /// order, and then [`FromChild::Done`].
    Generate(Generate),
    /// Asks what the model thinks of a text. The answer is [`FromChild::Scores`].
    Score(Score),
    /// Asks how many tokens a prompt has. The answer is [`FromChild::Tokens`].
    Tokenize { id: RequestId, prompt: Prompt },
    /// Asks for training, in settings that the child alone understands. The answers are any
    /// number of [`FromChild::Progress`], and then [`FromChild::Trained`].
    Train {
        id: RequestId,
        settings: BTreeMap<String, Value>,
    },
}

/// Asks for candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    pub id: RequestId,
    pub prompt: Prompt,
    /// One seed a candidate, as many as are wanted. A candidate that is drawn at random
    /// depends on the prompt, the decoding and its own seed, and not on which others are
    /// drawn beside it.
    ///
    /// Greedy decoding and beam search have no use for the values. Beam search gives the
    /// `seeds.len()` best hypotheses, which are at most as many as there are beams.
    pub seeds: Vec<u64>,
    #[serde(flatten)]
    pub decoding: Decoding,
    /// What each candidate has to begin with (critic sampling).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced_prefix: Option<ForcedPrefix>,
    /// Whether the log-probability of each sampled token is wanted.
    #[serde(default)]
    pub log_probs: bool,
    /// Lets the child's critic have its say in each token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<Guidance>,
}

/// The beginning of a candidate that the decoder does not choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForcedPrefix {
    Text(String),
    /// Ids as [`Scores::token_ids`] has them: cuts between tokens are not always cuts between
    /// characters, and text need not be tokenised again to the same tokens.
    TokenIds(Vec<u32>),
}

/// Asks for the scores of a completion under a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    pub id: RequestId,
    pub prompt: Prompt,
    pub completion: String,
}

/// A line from the child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromChild {
    /// The model is loaded.
    Ready(Ready),
    /// One candidate.
    Completion(Completion),
    /// All candidates of a request were sent.
    Done {
        id: RequestId,
        #[serde(default)]
        n_prompt_tokens: Option<u32>,
        /// Whether the prompt lost its end to [`Decoding::max_prompt_tokens`].
        #[serde(default)]
        prompt_cut: bool,
        /// Of a guided request: tokens of the prompt that the critic read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n_critic_prompt_tokens: Option<u32>,
    },
    /// Answers [`ToChild::Score`].
    Scores(Scores),
    /// Answers [`ToChild::Tokenize`].
    Tokens {
        id: RequestId,
        n_tokens: u32,
        /// The prompt as the tokenizer gets it, where that is not what was sent: a
        /// conversation after the model's chat template.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Training goes on.
    Progress {
        id: RequestId,
        values: BTreeMap<String, Value>,
    },
    /// Answers [`ToChild::Train`].
    Trained {
        id: RequestId,
        values: BTreeMap<String, Value>,
    },
    /// A request cannot be done and is over, whatever was answered before. The child goes on
    /// with others.
    Error {
        id: RequestId,
        message: String,
        /// Whether another try, on a fresh child, may end otherwise. A prompt that does not
        /// fit the model stays too long.
        #[serde(default = "yes")]
        try_again: bool,
    },
    /// Nothing to report but being alive. Any line counts as a sign of life; this one is for
    /// children that compute long without one.
    Alive,
}

/// What the child is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    pub protocol: u32,
    /// Program and version, such as `coderl-torch 0.1.0`.
    pub name: String,
    /// The model as a person would name it.
    pub model: String,
    /// SHA-256 of weights, configuration and tokenizer, as hex, where the child knows it: a
    /// run is not resumed with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// SHA-256 over the texts of all tokens in order of their ids, as hex, where the child knows
    /// it: ids of one model mean the same to another that says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer_sha256: Option<String>,
    /// The same as `model_sha256` of the critic that guides, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic_sha256: Option<String>,
    pub capabilities: Vec<Capability>,
    /// Requests that may be unanswered at a time, at least 1.
    pub max_in_flight: u32,
}

/// What a child can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    Generate,
    /// [`Generate::forced_prefix`].
    ForcedPrefix,
    /// [`Generate::log_probs`].
    LogProbs,
    /// [`Generate::guidance`]: there is a critic beside the model.
    Guidance,
    /// [`harness::decoding::Method::Beam`].
    Beam,
    /// Prompts that are conversations: the model has a chat template.
    Chat,
    Score,
    /// [`Scores::outcome_logits`] and [`Scores::pooled_outcome_logits`]: the model is a critic.
    Critic,
    Tokenize,
    Train,
    /// Something that this version of the harness does not know.
    #[serde(other)]
    Other,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub id: RequestId,
    /// Position in [`Generate::seeds`].
    pub index: u32,
    /// What the model wrote, with a forced prefix and without the prompt, special tokens and
    /// whatever ended it.
    pub text: String,
    /// Tokens that were decoded, a forced prefix apart.
    pub n_tokens: u32,
    pub finish: Finish,
    /// Natural logarithm of the probability of each of these tokens, in the distribution from
    /// which it was drawn before `temperature`, `top_k` and `top_p`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probs: Option<Vec<f32>>,
    /// Of a guided candidate: tokens that the critic read or tried for it, the prompt apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_critic_tokens: Option<u32>,
}

/// Why a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model ended the text.
    End,
    /// One of [`Decoding::stop`] came up.
    Stop,
    /// [`Decoding::max_new_tokens`], or the model's own limit.
    Length,
}

/// What the model thinks of a completion. All lists have one entry for each of its tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    pub id: RequestId,
    pub n_prompt_tokens: u32,
    pub token_ids: Vec<u32>,
    /// Where each token ends in the completion, in bytes.
    pub token_ends: Vec<u32>,
    /// Natural logarithm of the probability of each token; of a model that generates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probs: Option<Vec<f32>>,
    /// Names of a critic's classes, in the order of its logits: `failed`, `passed`; or, as where
    /// this is left out, `compile-error`, `runtime-error`, `failed-tests`, `passed-tests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Logits of the classes at each token, of the state that has read it; of a critic. Where
    /// the completion is longer than the critic reads, all lists end earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_logits: Option<Vec<Vec<f32>>>,
    /// The same for the whole completion, with what ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled_outcome_logits: Option<Vec<f32>>,
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use harness::decoding::Method;
    use harness::prompt::{Message, Role};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check<T>(message: &T, line: Value)
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(serde_json::to_value(message).unwrap(), line);
        let text = line.to_string();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *message);
    }

    #[test]
    fn requests_are_as_documented() {
        check(
            &ToChild::Hello { protocol: 1 },
            json!({"type": "hello", "protocol": 1}),
        );
        let decoding = Decoding {
            method: Method::Sample {
                temperature: 0.6,
                top_p: 0.95,
                top_k: None,
            },
            max_new_tokens: 512,
            min_new_tokens: 0,
            stop: vec!["[DONE]".to_owned()],
            max_prompt_tokens: Some(600),
        };
        let generate = Generate {
            id: 7,
            prompt: Prompt::Text("def f():".to_owned()),
            seeds: vec![u64::MAX, 0],
            decoding: decoding.clone(),
            forced_prefix: Some(ForcedPrefix::TokenIds(vec![3])),
            log_probs: true,
            guidance: Some(Guidance {
                strength: 1.5,
                top: 8,
            }),
        };
        let method = json!({"name": "sample", "temperature": 0.6, "top_p": 0.95, "top_k": null});
        check(
            &ToChild::Generate(generate.clone()),
            json!({
                "type": "generate", "id": 7, "prompt": {"text": "def f():"},
                "seeds": [u64::MAX, 0], "method": method, "max_new_tokens": 512,
                "min_new_tokens": 0, "stop": ["[DONE]"], "max_prompt_tokens": 600,
                "forced_prefix": {"token-ids": [3]}, "log_probs": true,
                "guidance": {"strength": 1.5, "top": 8}
            }),
        );
        let message = Message {
            role: Role::User,
            content: "Hello".to_owned(),
        };
        check(
            &ToChild::Generate(Generate {
                prompt: Prompt::Messages(vec![message]),
                forced_prefix: None,
                log_probs: false,
                guidance: None,
                decoding: Decoding {
                    method: Method::Greedy,
                    stop: Vec::new(),
                    max_prompt_tokens: None,
                    ..decoding
                },
                ..generate
            }),
            json!({
                "type": "generate", "id": 7,
                "prompt": {"messages": [{"role": "user", "content": "Hello"}]},
                "seeds": [u64::MAX, 0], "method": {"name": "greedy"}, "max_new_tokens": 512,
                "min_new_tokens": 0, "stop": [], "max_prompt_tokens": null, "log_probs": false
            }),
        );
    }

    #[test]
    fn answers_are_as_documented() {
        check(
            &FromChild::Ready(Ready {
                protocol: 1,
                name: "toy 1".to_owned(),
                model: "toy".to_owned(),
                model_sha256: None,
                tokenizer_sha256: None,
                critic_sha256: None,
                capabilities: vec![Capability::Generate, Capability::ForcedPrefix],
                max_in_flight: 8,
            }),
            json!({
                "type": "ready", "protocol": 1, "name": "toy 1", "model": "toy",
                "capabilities": ["generate", "forced-prefix"], "max_in_flight": 8
            }),
        );
        check(
            &FromChild::Completion(Completion {
                id: 7,
                index: 1,
                text: "pass".to_owned(),
                n_tokens: 1,
                finish: Finish::End,
                log_probs: None,
                n_critic_tokens: None,
            }),
            json!({
                "type": "completion", "id": 7, "index": 1, "text": "pass", "n_tokens": 1,
                "finish": "end"
            }),
        );
        let scores = Scores {
            id: 8,
            n_prompt_tokens: 2,
            token_ids: vec![203],
            token_ends: vec![1],
            log_probs: None,
            classes: Some(vec!["failed".to_owned(), "passed".to_owned()]),
            outcome_logits: Some(vec![vec![0.5, -0.5]]),
            pooled_outcome_logits: Some(vec![0.5, -0.25]),
        };
        check(
            &FromChild::Scores(scores),
            json!({
                "type": "scores", "id": 8, "n_prompt_tokens": 2, "token_ids": [203],
                "token_ends": [1], "classes": ["failed", "passed"],
                "outcome_logits": [[0.5, -0.5]], "pooled_outcome_logits": [0.5, -0.25]
            }),
        );
        check(&FromChild::Alive, json!({"type": "alive"}));
    }

    #[test]
    fn what_may_be_left_out_has_a_meaning() {
        let read = |text: &str| serde_json::from_str::<FromChild>(text).unwrap();
        assert_eq!(
            read(r#"{"type": "done", "id": 7, "unknown": []}"#),
            FromChild::Done {
                id: 7,
                n_prompt_tokens: None,
                prompt_cut: false,
                n_critic_prompt_tokens: None,
            }
        );
        assert_eq!(
            read(r#"{"type": "error", "id": 7, "message": "no"}"#),
            FromChild::Error {
                id: 7,
                message: "no".to_owned(),
                try_again: true
            }
        );
        let ready = r#"{"type": "ready", "protocol": 1, "name": "a", "model": "b",
                        "capabilities": ["generate", "dance"], "max_in_flight": 1}"#;
        let FromChild::Ready(ready) = read(ready) else {
            panic!("not ready")
        };
        assert_eq!(
            ready.capabilities,
            [Capability::Generate, Capability::Other]
        );
    }
}
