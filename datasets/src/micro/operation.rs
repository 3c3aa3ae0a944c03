//! What an operation is: words for people, a function for us, Python for programs.

use super::data::{Data, Kind};
use super::list_operations::LISTS;
use super::random::Random;
use super::scalar_operations::SCALARS;

/// Letters that words are made of most of the time, and that operations name.
pub(super) const LETTERS: &[u8] = b"aeilnorst";

/// A step that chains are made of.
#[derive(Debug)]
pub(super) struct Operation {
    /// Part of the composition by which problems are split.
    pub(super) name: &'static str,
    /// Imperatives with `{k}`, `{a}` and `{b}` for what is drawn. The first two are for the
    /// APPS form; the third is for the MBPP form alone, so that training never shows it.
    pub(super) wordings: [&'static str; 3],
    pub(super) parameter: Parameter,
    pub(super) apply: Apply,
    pub(super) python: Python,
}

/// Keeps the tables short.
pub(super) const fn operation(
    name: &'static str,
    wordings: [&'static str; 3],
    parameter: Parameter,
    apply: Apply,
    python: Python,
) -> Operation {
    Operation {
        name,
        wordings,
        parameter,
        apply,
        python,
    }
}

/// What is drawn for a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parameter {
    Nothing,
    /// `{k}`, with both bounds.
    Number(i64, i64),
    /// `{a}`.
    Letter,
    /// `{a}`, and another one as `{b}`.
    TwoLetters,
}

/// What was drawn. Operations look only at what their parameter says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arguments {
    pub(super) number: i64,
    pub(super) letters: [char; 2],
}

/// The operation itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Apply {
    /// Of each element.
    Each(fn(i64, i64) -> i64),
    /// Which elements stay, possibly none.
    Keep(fn(i64, i64) -> bool),
    /// Of a list, which may become empty.
    Shorten(fn(&mut Vec<i64>, usize)),
    /// Of a list; what is left of one with elements has elements.
    Arrange(fn(&mut Vec<i64>, usize)),
    /// Of any list.
    Fold(fn(&[i64]) -> i64),
    /// Of a list with elements.
    Pick(fn(&[i64]) -> Option<i64>),
    Number(fn(i64, i64) -> i64),
    Word(fn(&str, [char; 2], usize) -> String),
    Measure(fn(&str, char) -> usize),
}

/// Python for it: `{x}` is the value, `{i}` an element or a letter, `{y}` the result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Python {
    /// An expression of an element.
    Each(&'static str),
    /// A condition of an element.
    Keep(&'static str),
    /// An expression.
    Whole(&'static str),
    /// An expression, and the same as a loop over `{x}`.
    Loop {
        whole: &'static str,
        start: &'static str,
        body: &'static str,
    },
    /// An expression that fails for an empty list; one that gives 0 then, for a list of whatever
    /// form; and one for a list that has a name.
    Pick {
        whole: &'static str,
        guarded: &'static str,
        guarded_name: &'static str,
    },
}

/// All operations, by the kind that they take.
pub(super) fn operations(kind: Kind) -> impl Iterator<Item = &'static Operation> {
    LISTS
        .iter()
        .chain(SCALARS)
        .filter(move |operation| operation.apply.kinds().0 == kind)
}

impl Operation {
    pub(super) fn draw_arguments(&self, random: &mut Random) -> Arguments {
        let mut arguments = Arguments::default();
        let mut letter = || char::from(*random.pick(LETTERS));
        match self.parameter {
            Parameter::Nothing => {}
            Parameter::Number(low, high) => arguments.number = random.within(low..=high),
            Parameter::Letter => arguments.letters[0] = letter(),
            Parameter::TwoLetters => {
                arguments.letters = [letter(), letter()];
                while arguments.letters[0] == arguments.letters[1] {
                    arguments.letters[1] = letter();
                }
            }
        }
        arguments
    }

    /// A letter that tests had better contain.
    pub(super) fn letter(&self, arguments: &Arguments) -> Option<char> {
        match self.parameter {
            Parameter::Letter | Parameter::TwoLetters => Some(arguments.letters[0]),
            Parameter::Nothing | Parameter::Number(..) => None,
        }
    }
}

impl Arguments {
    /// `pattern` with what was drawn in its place.
    pub(super) fn fill(&self, pattern: &str) -> String {
        let [a, b] = self.letters;
        pattern
            .replace("{k}", &self.number.to_string())
            .replace("{a}", &format!("'{a}'"))
            .replace("{b}", &format!("'{b}'"))
    }
}

impl Apply {
    /// What it takes and what it gives.
    pub(super) fn kinds(self) -> (Kind, Kind) {
        match self {
            Self::Each(_) | Self::Keep(_) | Self::Shorten(_) | Self::Arrange(_) => {
                (Kind::List, Kind::List)
            }
            Self::Fold(_) | Self::Pick(_) => (Kind::List, Kind::Number),
            Self::Number(_) => (Kind::Number, Kind::Number),
            Self::Word(_) => (Kind::Word, Kind::Word),
            Self::Measure(_) => (Kind::Word, Kind::Number),
        }
    }

    /// The result; `None` where there is nothing to pick.
    ///
    /// # Panics
    /// On data of another kind.
    pub(super) fn call(self, data: Data, arguments: &Arguments) -> Option<Data> {
        let k = arguments.number;
        let n = usize::try_from(k).unwrap_or_default();
        Some(match (self, data) {
            (Self::Each(of), Data::List(numbers)) => {
                Data::List(numbers.into_iter().map(|number| of(number, k)).collect())
            }
            (Self::Keep(stays), Data::List(mut numbers)) => {
                numbers.retain(|number| stays(*number, k));
                Data::List(numbers)
            }
            (Self::Shorten(change) | Self::Arrange(change), Data::List(mut numbers)) => {
                change(&mut numbers, n);
                Data::List(numbers)
            }
            (Self::Fold(of), Data::List(numbers)) => Data::Number(of(&numbers)),
            (Self::Pick(of), Data::List(numbers)) => Data::Number(of(&numbers)?),
            (Self::Number(of), Data::Number(number)) => Data::Number(of(number, k)),
            (Self::Word(of), Data::Word(word)) => Data::Word(of(&word, arguments.letters, n)),
            (Self::Measure(of), Data::Word(word)) => {
                Data::Number(of(&word, arguments.letters[0]) as i64)
            }
            (apply, data) => unreachable!("{apply:?} of {data:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_operations_apart() {
        let mut names: Vec<&str> = [Kind::List, Kind::Number, Kind::Word]
            .into_iter()
            .flat_map(operations)
            .map(|operation| operation.name)
            .collect();
        assert_eq!(names.len(), 33);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 33);
    }

    #[test]
    fn wordings_differ_and_show_what_is_drawn() {
        for operation in [Kind::List, Kind::Number, Kind::Word]
            .into_iter()
            .flat_map(operations)
        {
            let [first, second, third] = operation.wordings;
            assert!(first != second && second != third && first != third);
            let shown: &[&str] = match operation.parameter {
                Parameter::Nothing => &[],
                Parameter::Number(..) => &["{k}"],
                Parameter::Letter => &["{a}"],
                Parameter::TwoLetters => &["{a}", "{b}"],
            };
            for wording in operation.wordings {
                assert!(shown.iter().all(|it| wording.contains(it)), "{wording}");
                assert_eq!(wording.matches('{').count(), shown.len(), "{wording}");
            }
        }
    }
}
