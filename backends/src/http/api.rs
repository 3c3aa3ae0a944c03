//! What is sent, and what is made of what comes back.

use harness::config::Api;
use harness::decoding::{Decoding, Method};
use harness::prompt::{Message, Prompt, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::HttpError;

/// Stop texts that servers take at most; what they do not stop at is cut off here.
const MAX_STOP: usize = 4;

/// Bits of a seed that every server understands.
const SEED_MASK: u64 = 0x7fff_ffff;

/// Where requests of an interface go, below the base address.
pub(super) fn path(api: Api) -> &'static str {
    match api {
        Api::Completions => "completions",
        Api::Chat => "chat/completions",
    }
}

/// The part of `seed` that is sent.
pub(super) fn wire_seed(seed: u64) -> u64 {
    seed & SEED_MASK
}

/// The prompt as a part of a body. A conversation cannot be a text without knowing the model;
/// a text can be what a user says.
///
/// # Errors
/// A conversation for an interface that takes texts.
pub(super) fn prompt_part(
    api: Api,
    prompt: &Prompt,
    template: impl FnOnce() -> String,
) -> Result<(&'static str, Value), HttpError> {
    match (api, prompt) {
        (Api::Completions, Prompt::Text(text)) => Ok(("prompt", json!(text))),
        (Api::Completions, Prompt::Messages(_)) => Err(HttpError::NeedsChat {
            template: template(),
        }),
        (Api::Chat, Prompt::Messages(messages)) => Ok(("messages", json!(messages))),
        (Api::Chat, Prompt::Text(text)) => {
            let message = Message {
                role: Role::User,
                content: text.clone(),
            };
            Ok(("messages", json!([message])))
        }
    }
}

/// Everything but the prompt, the number of choices and the seed.
///
/// # Errors
/// A decoding that the interfaces have no words for.
pub(super) fn common_part(
    model: &str,
    decoding: &Decoding,
) -> Result<Map<String, Value>, HttpError> {
    let (temperature, top_p) = match decoding.method {
        Method::Greedy => (0.0, 1.0),
        Method::Sample {
            temperature, top_p, ..
        } => (temperature, top_p),
        Method::Beam { .. } => {
            return Err(HttpError::Unsupported {
                what: "do not search with beams",
                key: "beams",
            });
        }
    };
    if decoding.max_prompt_tokens.is_some() {
        return Err(HttpError::Unsupported {
            what: "do not cut prompts",
            key: "max-prompt-tokens",
        });
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("temperature".to_owned(), json!(temperature));
    body.insert("top_p".to_owned(), json!(top_p));
    body.insert("max_tokens".to_owned(), json!(decoding.max_new_tokens));
    if let Method::Sample { top_k: Some(k), .. } = decoding.method {
        // Not OpenAI's, but known to the servers that people run themselves.
        body.insert("top_k".to_owned(), json!(k));
    }
    let stop = &decoding.stop[..decoding.stop.len().min(MAX_STOP)];
    if !stop.is_empty() {
        body.insert("stop".to_owned(), json!(stop));
    }
    Ok(body)
}

/// The part that asks for the log-probability of each token that is written.
pub(super) fn log_probs_part(api: Api) -> (&'static str, Value) {
    match api {
        // How many alternatives there are to be beside it; servers take 0 for none at all.
        Api::Completions => ("logprobs", json!(1)),
        Api::Chat => ("logprobs", json!(true)),
    }
}

/// The mean natural logarithm of the tokens' probabilities, as either interface sends them.
pub(super) fn mean_log_prob(found: &Value) -> Option<f64> {
    let values: Vec<f64> = match (found.get("token_logprobs"), found.get("content")) {
        (Some(list), _) => list.as_array()?.iter().filter_map(Value::as_f64).collect(),
        (None, Some(list)) => list
            .as_array()?
            .iter()
            .filter_map(|token| token.get("logprob")?.as_f64())
            .collect(),
        (None, None) => return None,
    };
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// One candidate of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    pub text: String,
    /// Why it ended, in the server's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// As the server sends them, where it was asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
}

/// What was understood of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// At least one.
    pub(super) choices: Vec<Choice>,
    /// Tokens of all choices together.
    pub(super) n_tokens: Option<u32>,
    /// Of the prompt, which the choices share.
    pub(super) n_prompt_tokens: Option<u32>,
}

/// An answer as it comes, of both interfaces.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    choices: Option<Vec<WireChoice>>,
    #[serde(default)]
    usage: Option<Usage>,
    /// Some servers send errors with a status of success.
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireChoice {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    message: Option<WireMessage>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Value>,
}

#[derive(Deserialize)]
struct WireMessage {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    completion_tokens: Option<u32>,
    #[serde(default)]
    prompt_tokens: Option<u32>,
}

/// Reads an answer with at most `n` choices.
///
/// # Errors
/// What is wrong with it, as a fragment of a sentence.
pub(super) fn read_answer(body: &[u8], n: usize) -> Result<Answer, String> {
    let wire: Wire = serde_json::from_slice(body).map_err(|error| format!("is broken: {error}"))?;
    if let Some(error) = wire.error {
        return Err(format!("is an error: {}", error_message(&error)));
    }
    let mut choices = wire.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err("has no choices".to_owned());
    }
    // Servers may finish them in any order.
    choices.sort_by_key(|choice| choice.index.unwrap_or_default());
    let choices = choices
        .into_iter()
        .take(n)
        .map(|choice| {
            let content = match choice.message {
                // A message without content is an answer without text: a refusal, a tool call.
                Some(message) => Some(message.content.unwrap_or_default()),
                None => choice.text,
            };
            Ok(Choice {
                text: content.ok_or("has a choice without text")?,
                finish: choice.finish_reason,
                logprobs: choice.logprobs,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let usage = wire.usage.as_ref();
    Ok(Answer {
        choices,
        n_tokens: usage.and_then(|usage| usage.completion_tokens),
        n_prompt_tokens: usage.and_then(|usage| usage.prompt_tokens),
    })
}

/// What an error says, in any of the ways in which servers put it.
pub(super) fn error_message(error: &Value) -> String {
    [error.get("message"), error.get("detail"), Some(error)]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
        .map_or_else(|| error.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoding() -> Decoding {
        Decoding {
            method: Method::Sample {
                temperature: 0.6,
                top_p: 0.95,
                top_k: None,
            },
            max_new_tokens: 512,
            min_new_tokens: 0,
            stop: (0..5).map(|n| n.to_string()).collect(),
            max_prompt_tokens: None,
        }
    }

    #[test]
    fn bodies_have_the_usual_fields() {
        let body = common_part("m", &decoding()).unwrap();
        let expected = json!({
            "model": "m", "temperature": 0.6, "top_p": 0.95, "max_tokens": 512,
            "stop": ["0", "1", "2", "3"]
        });
        assert_eq!(Value::Object(body), expected);
        let greedy = Decoding {
            method: Method::Greedy,
            stop: Vec::new(),
            ..decoding()
        };
        let body = common_part("m", &greedy).unwrap();
        let expected = json!({"model": "m", "temperature": 0.0, "top_p": 1.0, "max_tokens": 512});
        assert_eq!(Value::Object(body), expected);
        let cut = Decoding {
            max_prompt_tokens: Some(600),
            ..decoding()
        };
        let error = common_part("m", &cut).unwrap_err().to_string();
        assert!(error.contains("`max-prompt-tokens`"), "{error}");
    }

    #[test]
    fn prompts_suit_the_interface() {
        let text = Prompt::Text("def f():".to_owned());
        let name = || "chat".to_owned();
        let (key, value) = prompt_part(Api::Completions, &text, name).unwrap();
        assert_eq!((key, value), ("prompt", json!("def f():")));
        let (key, value) = prompt_part(Api::Chat, &text, name).unwrap();
        let messages = json!([{"role": "user", "content": "def f():"}]);
        assert_eq!((key, value), ("messages", messages));
        let conversation = Prompt::Messages(Vec::new());
        let error = prompt_part(Api::Completions, &conversation, name).unwrap_err();
        assert!(error.to_string().contains("`--api chat`"), "{error}");
    }

    #[test]
    fn log_probabilities_of_both_interfaces_are_read() {
        // OpenAI's first token of an echoed prompt has none.
        let completions = json!({"token_logprobs": [null, -0.5, -1.5], "tokens": ["a", "b", "c"]});
        assert_eq!(mean_log_prob(&completions), Some(-1.0));
        let chat = json!({"content": [{"token": "a", "logprob": -0.25}]});
        assert_eq!(mean_log_prob(&chat), Some(-0.25));
        for nothing in [
            json!(null),
            json!({}),
            json!({"content": null}),
            json!({"content": []}),
        ] {
            assert_eq!(mean_log_prob(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn answers_of_both_interfaces_are_read() {
        let read = |body: Value, n: usize| read_answer(body.to_string().as_bytes(), n);
        let texts = |answer: Answer| -> Vec<String> {
            answer.choices.into_iter().map(|c| c.text).collect()
        };
        let body = json!({
            "choices": [{"index": 1, "text": "b", "finish_reason": "length"},
                        {"index": 0, "text": "a"}],
            "usage": {"completion_tokens": 9, "prompt_tokens": 5}
        });
        let answer = read(body.clone(), 2).unwrap();
        assert_eq!(
            (answer.n_tokens, answer.n_prompt_tokens),
            (Some(9), Some(5))
        );
        assert_eq!(answer.choices[1].finish.as_deref(), Some("length"));
        assert_eq!(texts(answer), ["a", "b"]);
        assert_eq!(texts(read(body, 1).unwrap()), ["a"]);
        let chat = json!({"choices": [{"message": {"role": "assistant", "content": "hi"}}]});
        assert_eq!(texts(read(chat, 1).unwrap()), ["hi"]);
        let refusal = json!({"choices": [{"message": {"content": null}}]});
        assert_eq!(texts(read(refusal, 1).unwrap()), [""]);
        for (body, expected) in [
            (json!({"choices": []}), "has no choices"),
            (json!({"choices": [{}]}), "has a choice without text"),
            (json!({"error": {"message": "busy"}}), "is an error: busy"),
            (json!({"error": "busy"}), "is an error: busy"),
            (json!([1]), "is broken: "),
        ] {
            let error = read(body, 1).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
