//! A chain in words.

use super::cases::{Case, Cases};
use super::chain::{Chain, Step};
use super::data::Data;
use super::random::Random;

const OPENINGS: [&str; 3] = ["You are given", "The input is", "Consider"];
const ORDINALS: [&str; 4] = ["First", "Second", "Third", "Fourth"];

/// How steps are put one after another.
#[derive(Clone, Copy)]
enum Connective {
    /// `First, … . Second, … .`
    Counted,
    /// `… , then … , then … .`
    Chained,
    /// `… . Next, … . Finally, … .`
    Narrated,
}

/// What the APPS form asks for, without examples: an opening, and a phrase for each step.
pub(super) fn draw_task(chain: &Chain, random: &mut Random) -> String {
    let opening = random.pick(&OPENINGS);
    let connective = *random.pick(&[
        Connective::Counted,
        Connective::Chained,
        Connective::Narrated,
    ]);
    let phrases: Vec<String> = chain
        .steps
        .iter()
        .map(|step| phrase(step, random.below(2)))
        .collect();
    let steps = connected(&phrases, connective);
    format!("{opening} {}. {steps}.", chain.input.noun())
}

/// What the MBPP form asks for: one sentence, in words that the APPS form does not use.
pub(super) fn sentence(chain: &Chain) -> String {
    let phrases: Vec<String> = chain.steps.iter().map(|step| phrase(step, 2)).collect();
    let steps = match phrases.as_slice() {
        [before @ .., last] if !before.is_empty() => {
            format!("{} and then {last}", before.join(", "))
        }
        _ => phrases.concat(),
    };
    format!("Write a function to {steps}.")
}

fn phrase(step: &Step, wording: usize) -> String {
    let phrase = step.arguments.fill(step.operation.wordings[wording]);
    if step.is_guarded {
        format!("{phrase} (0 if the list is empty)")
    } else {
        phrase
    }
}

fn connected(phrases: &[String], connective: Connective) -> String {
    let last = phrases.len() - 1;
    match connective {
        // There is no first without a second.
        _ if last == 0 => capitalized(&phrases[0]),
        Connective::Counted => {
            let counted: Vec<String> = ORDINALS
                .iter()
                .zip(phrases)
                .map(|(ordinal, phrase)| format!("{ordinal}, {phrase}"))
                .collect();
            counted.join(". ")
        }
        Connective::Chained => capitalized(&phrases.join(", then ")),
        Connective::Narrated => {
            let narrated: Vec<String> = phrases
                .iter()
                .enumerate()
                .map(|(index, phrase)| match index {
                    0 => capitalized(phrase),
                    _ if index == last => format!("Finally, {phrase}"),
                    _ => format!("Next, {phrase}"),
                })
                .collect();
            narrated.join(". ")
        }
    }
}

fn capitalized(text: &str) -> String {
    let (head, rest) = text.split_at(1);
    format!("{}{rest}", head.to_ascii_uppercase())
}

/// The statement with its examples as Codeforces prints them.
pub(super) fn with_stdin_examples(task: &str, cases: &Cases) -> String {
    let examples: Vec<String> = cases
        .shown()
        .iter()
        .map(|Case { input, output }| {
            format!("Input\n{}\n\nOutput\n{}\n", input.line(), output.line())
        })
        .collect();
    format!("{task}\n\n-----Examples-----\n{}", examples.join("\n"))
}

/// The statement with its examples as LeetCode prints them.
pub(super) fn with_call_examples(task: &str, parameter: &str, cases: &Cases) -> String {
    let literal = Data::literal;
    let examples: Vec<String> = (1..)
        .zip(cases.shown())
        .map(|(number, case)| {
            format!(
                "Example {number}:\n\nInput: {parameter} = {}\nOutput: {}\n",
                literal(&case.input),
                literal(&case.output)
            )
        })
        .collect();
    format!("{task}\n\n{}", examples.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectives() {
        let check = |n: usize, connective, expected: &str| {
            let phrases = ["do a", "do b", "do c"].map(str::to_owned);
            assert_eq!(connected(&phrases[..n], connective), expected);
        };
        check(1, Connective::Counted, "Do a");
        check(2, Connective::Counted, "First, do a. Second, do b");
        check(3, Connective::Chained, "Do a, then do b, then do c");
        check(2, Connective::Narrated, "Do a. Finally, do b");
        check(3, Connective::Narrated, "Do a. Next, do b. Finally, do c");
    }
}
