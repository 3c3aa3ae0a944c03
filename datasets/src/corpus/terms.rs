//! What may be done with a file: licences joined by "and" and "or", as SPDX writes them.

use std::fmt;

use super::license::{self, Family};

/// Terms of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    One(Family),
    /// All apply.
    All(Vec<Terms>),
    /// One may be chosen.
    Any(Vec<Terms>),
    /// A name that is not known.
    Unknown(String),
}

impl Terms {
    pub(super) fn allowed(&self, families: &[Family]) -> bool {
        match self {
            Self::One(family) => family.is_among(families),
            Self::All(terms) => terms.iter().all(|it| it.allowed(families)),
            Self::Any(terms) => terms.iter().any(|it| it.allowed(families)),
            Self::Unknown(_) => false,
        }
    }

    /// `None` for no terms at all.
    pub(super) fn all(mut terms: Vec<Self>) -> Option<Self> {
        terms.dedup();
        match terms.len() {
            0 | 1 => terms.pop(),
            _ => Some(Self::All(terms)),
        }
    }

    /// The licences whose texts or notices a text contains. All of them apply: a text with two is
    /// more often of two parts than a choice.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        Self::all(license::in_text(text).into_iter().map(Self::One).collect())
    }

    /// An SPDX expression, such as `MIT OR (Apache-2.0 AND BSD-3-Clause)`, or what a person wrote in
    /// its place.
    pub(super) fn of_expression(text: &str) -> Self {
        parse(text)
            .or_else(|| said_twice(text))
            .unwrap_or_else(|| Self::Unknown(text.trim().to_owned()))
    }
}

fn parse(text: &str) -> Option<Terms> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let terms = alternatives(&mut words, 0)?;
    words.peek().is_none().then_some(terms)
}

/// `The MIT License (MIT)`.
fn said_twice(text: &str) -> Option<Terms> {
    let (name, short) = text.trim().strip_suffix(')')?.split_once('(')?;
    let family = Family::named(name)?;
    (Family::named(short) == Some(family)).then_some(Terms::One(family))
}

/// Deeper ones are no expressions that a person wrote.
const MAX_DEPTH: usize = 20;

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn alternatives(words: &mut Words<'_>, depth: usize) -> Option<Terms> {
    let mut terms = vec![conjunction(words, depth)?];
    while next_is(words, "or") {
        terms.push(conjunction(words, depth)?);
    }
    Some(if terms.len() == 1 {
        terms.pop().expect("one")
    } else {
        Terms::Any(terms)
    })
}

fn conjunction(words: &mut Words<'_>, depth: usize) -> Option<Terms> {
    let mut terms = vec![operand(words, depth)?];
    while next_is(words, "and") {
        terms.push(operand(words, depth)?);
    }
    Terms::all(terms)
}

/// A name, which may have several words in it, or what is in parentheses.
fn operand(words: &mut Words<'_>, depth: usize) -> Option<Terms> {
    if depth == MAX_DEPTH {
        return None;
    }
    if next_is(words, "(") {
        let terms = alternatives(words, depth + 1)?;
        return next_is(words, ")").then_some(terms);
    }
    let mut name = Vec::new();
    while let Some(word) = words.peek() {
        let ends = ["or", "and", "(", ")"];
        let is_end = ends.iter().any(|it| word.eq_ignore_ascii_case(it));
        if is_end && !is_or_later(words) {
            break;
        }
        name.push(words.next().expect("it was there"));
    }
    // Exceptions allow more.
    let with = name
        .iter()
        .position(|word| word.eq_ignore_ascii_case("with"));
    let name = name[..with.unwrap_or(name.len())].join(" ");
    match Family::named(&name) {
        _ if name.is_empty() => None,
        Some(family) => Some(Terms::One(family)),
        None => Some(Terms::Unknown(name)),
    }
}

/// `version 2 or later`, `or any later version`.
fn is_or_later(words: &Words<'_>) -> bool {
    let mut ahead = words.clone();
    ahead
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("or"))
        && ahead.next().is_some_and(|word| {
            let word = word.to_lowercase();
            ["later", "newer", "any"].contains(&word.as_str())
        })
}

fn next_is(words: &mut Words<'_>, wanted: &str) -> bool {
    words
        .next_if(|word| word.eq_ignore_ascii_case(wanted))
        .is_some()
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (terms, joint) = match self {
            Self::One(family) => return family.fmt(f),
            Self::Unknown(name) => return f.write_str(name),
            Self::All(terms) => (terms, " AND "),
            Self::Any(terms) => (terms, " OR "),
        };
        for (index, term) in terms.iter().enumerate() {
            if index > 0 {
                f.write_str(joint)?;
            }
            match term {
                Self::All(_) | Self::Any(_) => write!(f, "({term})")?,
                _ => term.fmt(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_say_what_is_allowed() {
        let check = |text: &str, shown: &str, allowed: bool| {
            let terms = Terms::of_expression(text);
            assert_eq!(terms.to_string(), shown);
            assert_eq!(terms.allowed(&Family::PAPER), allowed, "{text}");
        };
        check("MIT", "mit", true);
        check("GPL-3.0-or-later OR MIT", "gpl OR mit", true);
        check("GPL-3.0 AND MIT", "gpl AND mit", false);
        check("Apache-2.0 WITH LLVM-exception", "apache-2.0", true);
        check(
            "MIT AND (GPL-2.0 OR BSD-3-Clause)",
            "mit AND (gpl OR bsd-3-clause)",
            true,
        );
        check(
            "MIT or Apache License, Version 2.0",
            "mit OR apache-2.0",
            true,
        );
        check("BSD", "bsd", true);
        check("The MIT License (MIT)", "mit", true);
        check("MIT (GPL for parts)", "MIT (GPL for parts)", false);
        check("GNU GPL v2 or later", "gpl", false);
        check("GPL version 3 or any later version", "gpl", false);
        check("MIT AND Foo", "mit AND Foo", false);
        check("Dual License", "Dual License", false);
        check("MIT OR", "MIT OR", false);
        check(&"(".repeat(10_000), &"(".repeat(10_000), false);
        assert!(!Terms::of_expression("BSD").allowed(&[Family::named("bsd-3-clause").unwrap()]));
    }
}
