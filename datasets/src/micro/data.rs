//! The values that chains work on.

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Number,
    Word,
}

impl Kind {
    /// What a statement calls it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::List => "a list of integers",
            Self::Number => "an integer",
            Self::Word => "a word",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    List(Vec<i64>),
    Number(i64),
    /// ASCII letters.
    Word(String),
}

/// Larger numbers make outputs that say little more and cost tokens.
const MAX_NUMBER: u64 = 1_000_000;
const MAX_LETTERS: usize = 40;

impl Data {
    /// Whether it may occur in a test.
    pub(super) fn is_moderate(&self) -> bool {
        match self {
            Self::List(numbers) => numbers.iter().all(|it| it.unsigned_abs() <= MAX_NUMBER),
            Self::Number(number) => number.unsigned_abs() <= MAX_NUMBER,
            Self::Word(word) => word.len() <= MAX_LETTERS,
        }
    }

    /// As a program reads or prints it: one line, without its end.
    pub(super) fn line(&self) -> String {
        match self {
            Self::List(numbers) => joined(numbers, " "),
            Self::Number(number) => number.to_string(),
            Self::Word(word) => word.clone(),
        }
    }

    /// As Python writes it, and JSON too.
    pub(super) fn literal(&self) -> String {
        match self {
            Self::List(numbers) => format!("[{}]", joined(numbers, ", ")),
            Self::Number(number) => number.to_string(),
            Self::Word(word) => format!("\"{word}\""),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::List(numbers) => numbers.as_slice().into(),
            Self::Number(number) => (*number).into(),
            Self::Word(word) => word.as_str().into(),
        }
    }
}

fn joined(numbers: &[i64], separator: &str) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    numbers.join(separator)
}
