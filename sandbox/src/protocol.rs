//! Steps as requests to the guest, and the guest's reports.

use harness::execution::{Ending, Exception, Limit, Question, Reply, Step};
use harness::value::Value;

use crate::codec::{self, Decoder};

/// Bounds on the names of a program's classes and functions, which it may choose freely.
const MAX_NAME_CHARS: usize = 200;
const MAX_BASES: usize = 32;

/// What a guest reports about a step that it came to the end of.
pub(crate) struct Report {
    pub(crate) ending: Ending,
    /// Text captured by [`Step::CallWithText`].
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) value: Option<Value>,
}

impl Report {
    /// The report of a guest that could not write one.
    pub(crate) fn of(ending: Ending) -> Self {
        Self {
            ending,
            text: None,
            value: None,
        }
    }
}

/// The request for a step.
pub(crate) fn request(step: &Step<'_>, output_bytes: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut head = |kind: &str, details: usize| {
        codec::tuple(2 + details, &mut out);
        codec::string(kind, &mut out);
        let limit = output_bytes.min(i64::MAX as u64);
        codec::encode(&Value::Int(limit.into()), &mut out);
    };
    match step {
        // Its standard input goes through WASI.
        Step::RunScript { source, stdin: _ } => {
            head("run-script", 1);
            codec::string(source, &mut out);
        }
        Step::Load {
            prelude,
            source,
            name,
            instantiate,
        } => {
            head("load", 4);
            codec::string(prelude, &mut out);
            codec::string(source, &mut out);
            codec::string(name, &mut out);
            match instantiate {
                Some(class) => codec::string(class, &mut out),
                None => codec::encode(&Value::None, &mut out),
            }
        }
        Step::Execute { source } => {
            head("execute", 1);
            codec::string(source, &mut out);
        }
        Step::Call {
            function,
            arguments,
        } => {
            head("call", 2);
            codec::string(function, &mut out);
            codec::tuple(arguments.len(), &mut out);
            for argument in *arguments {
                codec::encode(argument, &mut out);
            }
        }
        Step::Evaluate { expression } => {
            head("evaluate", 1);
            codec::string(expression, &mut out);
        }
        Step::Answer { question } => {
            head("answer", 3);
            codec::string(&question.function, &mut out);
            codec::encode(&Value::List(question.arguments.clone()), &mut out);
            let keywords = question.keywords.iter();
            let keywords =
                keywords.map(|(name, value)| (Value::from(name.as_str()), value.clone()));
            codec::encode(&Value::Dict(keywords.collect()), &mut out);
        }
        Step::Test {
            prelude,
            source,
            functions,
        } => {
            head("test", 3);
            codec::string(prelude, &mut out);
            codec::string(source, &mut out);
            codec::tuple(functions.len(), &mut out);
            for function in *functions {
                codec::string(function, &mut out);
            }
        }
        Step::CallWithText { function, input } => {
            head("call-with-text", 2);
            codec::string(function, &mut out);
            codec::string(input, &mut out);
        }
    }
    out
}

/// Reads a report. `None` if it is not one.
pub(crate) fn report(bytes: &[u8]) -> Option<Report> {
    let mut decoder = Decoder::new(bytes);
    let Value::Tuple(head) = decoder.value().ok()? else {
        return None;
    };
    let [ending, text] = <[Value; 2]>::try_from(head).ok()?;
    let text = match text {
        Value::None => None,
        Value::Bytes(text) => Some(text),
        _ => return None,
    };
    let value = if decoder.is_at_end() {
        None
    } else {
        Some(decoder.value().ok()?)
    };
    Some(Report {
        ending: read_ending(ending)?,
        text,
        value: value.filter(|_| decoder.is_at_end()),
    })
}

/// Reads what a tester asks. `None` if it is no question.
pub(crate) fn question(bytes: &[u8]) -> Option<Question> {
    let mut decoder = Decoder::new(bytes);
    let parts = items(decoder.value().ok()?)?;
    let [function, arguments, Value::Dict(keywords)] = <[Value; 3]>::try_from(parts).ok()? else {
        return None;
    };
    Some(Question {
        function: text(function)?,
        arguments: items(arguments)?,
        keywords: keywords
            .into_iter()
            .map(|(name, value)| Some((text(name)?, value)))
            .collect::<Option<_>>()?,
    })
    .filter(|_| decoder.is_at_end())
}

/// A reply as a tester reads it; [`Reply::Stop`] is not for it to read.
pub(crate) fn reply(reply: &Reply) -> Vec<u8> {
    let texts = |texts: &[String]| Value::List(texts.iter().map(|t| t.as_str().into()).collect());
    let parts = match reply {
        Reply::Returned { value, arguments } => vec![
            "returned".into(),
            value.clone(),
            arguments.clone().map_or(Value::None, Value::List),
        ],
        Reply::Raised { exception } => vec![
            "raised".into(),
            exception.class.as_str().into(),
            exception.message.as_str().into(),
            texts(&exception.bases),
        ],
        Reply::Missing { name } => vec!["missing".into(), name.as_str().into()],
        Reply::Stop => vec!["stop".into()],
    };
    let mut out = Vec::new();
    codec::encode(&Value::Tuple(parts), &mut out);
    out
}

fn read_ending(value: Value) -> Option<Ending> {
    let mut parts = items(value)?.into_iter();
    let kind = text(parts.next()?)?;
    let ending = match kind.as_str() {
        "completed" => Ending::Completed,
        "not-compiled" => Ending::NotCompiled {
            exception: read_exception(parts.next()?)?,
        },
        "raised" => Ending::Raised {
            exception: read_exception(parts.next()?)?,
        },
        "exited" => Ending::Exited {
            status: number(parts.next()?)?.try_into().ok()?,
        },
        "missing" => Ending::Missing {
            name: name(parts.next()?)?,
        },
        "limit-hit" => Ending::LimitHit {
            limit: match text(parts.next()?)?.as_str() {
                "memory" => Limit::Memory,
                "output" => Limit::Output,
                _ => return None,
            },
        },
        _ => return None,
    };
    parts.next().is_none().then_some(ending)
}

fn read_exception(value: Value) -> Option<Exception> {
    let [class, message, line, bases] = <[Value; 4]>::try_from(items(value)?).ok()?;
    Some(Exception {
        class: name(class)?,
        message: text(message)?,
        line: match line {
            Value::None => None,
            line => Some(number(line)?.try_into().ok()?),
        },
        bases: items(bases)?
            .into_iter()
            .take(MAX_BASES)
            .map(name)
            .collect::<Option<_>>()?,
    })
}

/// A name that a program chose, fit to be shown in a table.
fn name(value: Value) -> Option<String> {
    let printable = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    Some(
        text(value)?
            .chars()
            .take(MAX_NAME_CHARS)
            .map(printable)
            .collect(),
    )
}

fn items(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Tuple(items) | Value::List(items) => Some(items),
        _ => None,
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text),
        Value::SurrogateStr(points) => Some(
            points
                .into_iter()
                .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        ),
        _ => None,
    }
}

fn number(value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => number.try_into().ok(),
        _ => None,
    }
}
