//! Inputs of tests: harmless ones to show, and wider ones that find what a program forgets.

use super::data::{Data, Kind};
use super::operation::LETTERS;
use super::random::Random;

/// Hidden tests of a problem, one of each sort that [`hidden`] knows.
pub(super) const N_HIDDEN: usize = 6;

/// Letters that no operation names.
const OTHER_LETTERS: &[u8] = b"bcdfgmpuvw";

/// An input as a statement shows it.
pub(super) fn shown(kind: Kind, letters: &[char], random: &mut Random) -> Data {
    match kind {
        Kind::List => numbers(4..=6, -5..=15, random),
        Kind::Number => Data::Number(random.within(1..=20)),
        Kind::Word => word(4..=7, letters, random),
    }
}

/// An input of sort `index`, below [`N_HIDDEN`].
pub(super) fn hidden(kind: Kind, index: usize, letters: &[char], random: &mut Random) -> Data {
    match (kind, index) {
        (Kind::List, 0) => numbers(1..=1, -20..=20, random),
        (Kind::List, 1) => numbers(8..=12, -50..=50, random),
        (Kind::List, 2) => {
            let values = [0; 3].map(|_| random.within(-10..=20));
            let n = random.within(5..=9);
            Data::List((0..n).map(|_| *random.pick(&values)).collect())
        }
        // Nothing is left of these by one threshold or the other, or of those of one parity.
        (Kind::List, 3) => numbers(3..=7, -60..=0, random),
        (Kind::List, 4) => numbers(3..=7, 10..=99, random),
        (Kind::List, _) => {
            let parity = random.within(0..=1);
            let n = random.within(2..=6);
            Data::List(
                (0..n)
                    .map(|_| 2 * random.within(-10..=20) + parity)
                    .collect(),
            )
        }
        (Kind::Number, 0) => Data::Number(random.within(-20..=-1)),
        (Kind::Number, 1) => Data::Number(0),
        (Kind::Number, 2) => Data::Number(random.within(100..=999)),
        (Kind::Number, 3) => Data::Number(random.within(-300..=-21)),
        (Kind::Number, _) => Data::Number(random.within(1..=99)),
        (Kind::Word, 0) => word(1..=1, letters, random),
        (Kind::Word, 1) => word(9..=15, letters, random),
        (Kind::Word, 2) => {
            let letter = random_letter(letters, random);
            let n = random.within(2..=6);
            Data::Word((0..n).map(|_| letter).collect())
        }
        (Kind::Word, 3) => {
            let n = random.within(3..=7);
            Data::Word(
                (0..n)
                    .map(|_| char::from(*random.pick(OTHER_LETTERS)))
                    .collect(),
            )
        }
        (Kind::Word, _) => word(3..=9, letters, random),
    }
}

type Range = std::ops::RangeInclusive<i64>;

fn numbers(length: Range, values: Range, random: &mut Random) -> Data {
    let n = random.within(length);
    Data::List((0..n).map(|_| random.within(values.clone())).collect())
}

fn word(length: Range, letters: &[char], random: &mut Random) -> Data {
    let n = random.within(length);
    Data::Word((0..n).map(|_| random_letter(letters, random)).collect())
}

/// Every third letter is one that the problem names, so that it has something to do.
fn random_letter(letters: &[char], random: &mut Random) -> char {
    if !letters.is_empty() && random.percent(33) {
        *random.pick(letters)
    } else {
        char::from(*random.pick(LETTERS))
    }
}
