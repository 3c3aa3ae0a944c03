//! Steps as requests to the guest, and the guest's reports.

use harness::execution::{Ending, Exception, Limit, Question, Reply, Step};
use harness::value::Value;

use crate::codec::{self, Decoder};
use crate::marshal::Marshal;

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

/// The request for a step: a tuple as Python's `marshal` reads it, which is several times as
/// fast as our own encoding. That one is for what a guest sends, and for values.
pub(crate) fn request(step: &Step<'_>, output_bytes: u64) -> Vec<u8> {
    let start = |kind: &str, n_details: u8| {
        let mut out = Marshal::tuple(2 + n_details);
        out.string(kind);
        out.integer(output_bytes);
        out
    };
    match step {
        // Its standard input goes through WASI.
        Step::RunScript { source, stdin: _ } => start("run-script", 1).string(source).done(),
        Step::Load {
            prelude,
            source,
            name,
            instantiate,
        } => start("load", 4)
            .string(prelude)
            .string(source)
            .string(name)
            .optional_string(*instantiate)
            .done(),
        Step::Execute { source } => start("execute", 2).string(source).none().done(),
        Step::ExecuteToEnd { source, secret } => {
            start("execute", 2).string(source).bytes(secret).done()
        }
        Step::Call {
            function,
            arguments,
        } => {
            let mut values = Vec::new();
            codec::tuple(arguments.len(), &mut values);
            for argument in *arguments {
                codec::encode(argument, &mut values);
            }
            start("call", 2).string(function).bytes(&values).done()
        }
        Step::Evaluate { expression } => start("evaluate", 1).string(expression).done(),
        Step::Answer { question } => {
            let mut values = Vec::new();
            codec::tuple(3, &mut values);
            codec::string(&question.function, &mut values);
            codec::encode(&Value::List(question.arguments.clone()), &mut values);
            let keywords = question.keywords.iter();
            let keywords =
                keywords.map(|(name, value)| (Value::from(name.as_str()), value.clone()));
            codec::encode(&Value::Dict(keywords.collect()), &mut values);
            start("answer", 1).bytes(&values).done()
        }
        Step::Test {
            prelude,
            source,
            functions,
        } => start("test", 3)
            .string(prelude)
            .string(source)
            .strings(functions)
            .done(),
        Step::CallWithText { function, input } => start("call-with-text", 2)
            .string(function)
            .string(input)
            .done(),
    }
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
