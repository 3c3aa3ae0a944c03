//! What a problem asks for: operations one after another.

use std::iter::repeat_n;

use harness::problem::{Difficulty, Split};
use sha2::{Digest, Sha256};

use super::data::{Data, Kind};
use super::operation::{Apply, Arguments, Operation, operations};
use super::random::Random;

/// Percentages of chains by their input.
const INPUTS: [Kind; 3] = [Kind::List, Kind::Word, Kind::Number];
const INPUT_WEIGHTS: [usize; 3] = [60, 25, 15];

/// Percentages of problems with one, two, three and four steps.
const LENGTH_WEIGHTS: [usize; 4] = [20, 30, 30, 20];

/// Changes when the division into splits does.
const DOMAIN: &[u8] = b"coderl micro split 1";

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: &'static Operation,
    pub(super) arguments: Arguments,
    /// Whether it has to give 0 for an empty list, which may come.
    pub(super) is_guarded: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) input: Kind,
    pub(super) steps: Vec<Step>,
}

pub(super) fn draw_length(random: &mut Random) -> usize {
    random.weighted(&LENGTH_WEIGHTS) + 1
}

pub(super) fn difficulty(n_steps: usize) -> Difficulty {
    match n_steps {
        ..=2 => Difficulty::Introductory,
        3 => Difficulty::Interview,
        _ => Difficulty::Competition,
    }
}

/// The split to which `key` belongs: a fifth goes to test, a tenth to validation. It does not
/// depend on a seed, so that no suite tests what another one trains.
pub(super) fn split_of(key: &str) -> Split {
    let digest = Sha256::new().chain_update(DOMAIN).chain_update(key);
    let digest = digest.finalize();
    let (head, _) = digest.split_first_chunk().expect("32 bytes");
    match u64::from_le_bytes(*head) % 10 {
        0..=1 => Split::Test,
        2 => Split::Validation,
        _ => Split::Train,
    }
}

/// How likely an operation is beside others. Those that together need a guard are preferred:
/// otherwise one problem in twenty would have one.
fn weight(apply: Apply) -> usize {
    match apply {
        Apply::Keep(_) => 3,
        Apply::Pick(_) => 2,
        _ => 1,
    }
}

impl Chain {
    /// A chain of up to four steps. No operation occurs twice, which would often undo itself.
    pub(super) fn draw(n_steps: usize, random: &mut Random) -> Self {
        let input = INPUTS[random.weighted(&INPUT_WEIGHTS)];
        let mut steps: Vec<Step> = Vec::with_capacity(n_steps);
        let mut kind = input;
        let mut may_be_empty = false;
        for _ in 0..n_steps {
            let candidates: Vec<&'static Operation> = operations(kind)
                .filter(|operation| steps.iter().all(|s| s.operation.name != operation.name))
                .flat_map(|operation| repeat_n(operation, weight(operation.apply)))
                .collect();
            let operation = *random.pick(&candidates);
            may_be_empty |= matches!(operation.apply, Apply::Keep(_) | Apply::Shorten(_));
            kind = operation.apply.kinds().1;
            steps.push(Step {
                operation,
                arguments: operation.draw_arguments(random),
                is_guarded: may_be_empty && matches!(operation.apply, Apply::Pick(_)),
            });
        }
        Self { input, steps }
    }

    /// Input and names of the operations: what a split is made by.
    pub(super) fn composition(&self) -> String {
        let names: Vec<&str> = self.steps.iter().map(|step| step.operation.name).collect();
        format!("{:?}: {}", self.input, names.join(", "))
    }

    pub(super) fn output(&self) -> Kind {
        let last = self.steps.last().expect("a chain has steps");
        last.operation.apply.kinds().1
    }

    /// Letters that tests had better contain.
    pub(super) fn letters(&self) -> Vec<char> {
        self.steps
            .iter()
            .filter_map(|step| step.operation.letter(&step.arguments))
            .collect()
    }

    /// The result; `None` where a number or a word becomes too large on the way, or an element
    /// is asked for that is not there.
    pub(super) fn evaluate(&self, input: &Data) -> Option<Data> {
        self.steps
            .iter()
            .try_fold(input.clone(), |data, step| step.apply(data))
    }

    pub(super) fn is_guarded(&self) -> bool {
        self.steps.iter().any(|step| step.is_guarded)
    }

    /// The same without guards.
    pub(super) fn fragile(&self) -> Self {
        let mut fragile = self.clone();
        for step in &mut fragile.steps {
            step.is_guarded = false;
        }
        fragile
    }

    /// Chains that lack one step, where the others still fit together.
    pub(super) fn shortened(&self) -> impl Iterator<Item = Self> {
        (0..self.steps.len())
            .filter(|index| {
                let (from, to) = self.steps[*index].operation.apply.kinds();
                from == to
            })
            .map(|index| {
                let mut shorter = self.clone();
                shorter.steps.remove(index);
                shorter
            })
    }
}

impl Step {
    fn apply(&self, data: Data) -> Option<Data> {
        let result = match self.operation.apply.call(data, &self.arguments) {
            None if self.is_guarded => Some(Data::Number(0)),
            result => result,
        };
        result.filter(Data::is_moderate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::micro::operation::LETTERS;

    fn step(name: &str, number: i64) -> Step {
        let operation = [Kind::List, Kind::Number, Kind::Word]
            .into_iter()
            .flat_map(operations)
            .find(|operation| operation.name == name)
            .unwrap();
        Step {
            operation,
            arguments: Arguments {
                number,
                letters: ['a', 'b'],
            },
            is_guarded: false,
        }
    }

    fn list(numbers: &[i64]) -> Data {
        Data::List(numbers.to_vec())
    }

    #[test]
    fn operations_do_what_they_say() {
        let check = |names: &[(&str, i64)], input: Data, expected: &str| {
            let steps: Vec<Step> = names.iter().map(|(name, k)| step(name, *k)).collect();
            let chain = Chain {
                input: steps[0].operation.apply.kinds().0,
                steps,
            };
            let actual = chain.evaluate(&input).map(|data| data.literal());
            assert_eq!(actual.as_deref(), Some(expected), "{names:?}");
        };
        check(&[("add", 2), ("negate", 0)], list(&[1, -5]), "[-3, 3]");
        check(&[("multiply", 3), ("square", 0)], list(&[-1, 2]), "[9, 36]");
        check(&[("keep greater", 1)], list(&[1, 2, 0]), "[2]");
        check(&[("keep smaller", 1)], list(&[1, 2, 0]), "[0]");
        check(&[("keep even", 0)], list(&[-3, -2, 1]), "[-2]");
        check(&[("keep odd", 0)], list(&[-3, -2, 1]), "[-3, 1]");
        check(
            &[("sort up", 0), ("reverse", 0)],
            list(&[2, 9, 4]),
            "[9, 4, 2]",
        );
        check(&[("sort down", 0)], list(&[2, 9, 4]), "[9, 4, 2]");
        check(&[("drop", 2)], list(&[1]), "[]");
        check(
            &[("drop", 2), ("take", 2)],
            list(&[1, 2, 3, 4, 5]),
            "[3, 4]",
        );
        check(&[("distinct", 0)], list(&[2, 1, 2, 1]), "[2, 1]");
        check(&[("sum", 0), ("plus", 1)], list(&[2, 3]), "6");
        check(&[("count", 0), ("times", 4)], list(&[2, 3]), "8");
        check(&[("maximum", 0), ("power", 0)], list(&[2, 3]), "9");
        check(&[("minimum", 0)], list(&[2, 3]), "2");
        check(&[("first", 0)], list(&[2, 3]), "2");
        check(&[("last", 0), ("remainder", 5)], list(&[2, -3]), "2");
        let word = |word: &str| Data::Word(word.to_owned());
        check(&[("upper case", 0), ("backwards", 0)], word("ab"), "\"BA\"");
        check(&[("replace", 0)], word("aba"), "\"bbb\"");
        check(&[("remove", 0)], word("aa"), "\"\"");
        check(&[("double", 0), ("prefix", 3)], word("xy"), "\"xxy\"");
        check(&[("append", 0), ("length", 0)], word("xy"), "3");
        check(&[("occurrences", 0)], word("abab"), "2");
    }

    #[test]
    fn guards_give_zero() {
        let mut chain = Chain {
            input: Kind::List,
            steps: vec![step("keep odd", 0), step("maximum", 0)],
        };
        assert_eq!(chain.evaluate(&list(&[2])), None);
        chain.steps[1].is_guarded = true;
        assert_eq!(chain.evaluate(&list(&[2])), Some(Data::Number(0)));
        assert_eq!(chain.fragile().evaluate(&list(&[2])), None);
        assert_eq!(chain.composition(), "List: keep odd, maximum");
        let shorter: Vec<String> = chain.shortened().map(|it| it.composition()).collect();
        assert_eq!(shorter, ["List: maximum"]);
    }

    #[test]
    fn drawn_chains_fit_together() {
        let mut random = Random::of_problem(3, "chains", 0);
        for n_steps in 1..=4 {
            for _ in 0..500 {
                let chain = Chain::draw(n_steps, &mut random);
                assert_eq!(chain.steps.len(), n_steps);
                let mut kind = chain.input;
                for step in &chain.steps {
                    let (from, to) = step.operation.apply.kinds();
                    assert_eq!(from, kind);
                    kind = to;
                }
                let letters = chain.letters();
                assert!(letters.iter().all(|c| LETTERS.contains(&(*c as u8))));
            }
        }
    }
}
