//! Inputs and outputs of the examples in a statement, as text.

use crate::example_tests::headings::{Line, PlainHeadings, classify};

/// Text of one example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) input: String,
    pub(super) output: String,
}

/// What the statement describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// `Input` and `Output` alone count as headings among the examples only: elsewhere they
    /// describe the format.
    StandardInput,
    /// There is no format to describe: `Input:` counts everywhere.
    Call,
}

/// Examples in the order of the statement. An input without an output is dropped, and an
/// output without an input.
pub(super) fn blocks(statement: &str, origin: Origin) -> Vec<Block> {
    let mut machine = Machine::default();
    let mut among_examples = false;
    for line in statement.lines() {
        let plain = if among_examples || origin == Origin::Call {
            PlainHeadings::Count
        } else {
            PlainHeadings::AreText
        };
        match classify(line, plain) {
            Line::Input { rest, .. } => {
                machine.end_part();
                machine.input = None;
                machine.part = Some(Part::Input(first_line(rest)));
            }
            Line::Output { rest, explained } => {
                machine.end_part();
                machine.part = Some(Part::Output {
                    lines: first_line(rest),
                    explained,
                });
            }
            Line::Examples => {
                machine.end_part();
                among_examples = true;
            }
            Line::Other { for_good } => {
                machine.end_part();
                among_examples &= !for_good;
            }
            Line::Text => machine.text(line),
        }
    }
    machine.end_part();
    machine.blocks
}

fn first_line(rest: &str) -> Vec<&str> {
    if rest.is_empty() {
        Vec::new()
    } else {
        vec![rest]
    }
}

enum Part<'a> {
    Input(Vec<&'a str>),
    Output {
        lines: Vec<&'a str>,
        explained: bool,
    },
}

#[derive(Default)]
struct Machine<'a> {
    part: Option<Part<'a>>,
    /// An input that waits for its output.
    input: Option<String>,
    blocks: Vec<Block>,
}

impl<'a> Machine<'a> {
    fn text(&mut self, line: &'a str) {
        match &mut self.part {
            Some(Part::Input(lines) | Part::Output { lines, .. }) => lines.push(line),
            None => {}
        }
    }

    fn end_part(&mut self) {
        match self.part.take() {
            None => {}
            Some(Part::Input(lines)) => self.input = Some(joined(&lines)),
            Some(Part::Output { lines, explained }) => {
                let lines = if explained {
                    without_explanation(&lines)
                } else {
                    &lines
                };
                let output = joined(lines);
                if let Some(input) = self.input.take()
                    && !output.is_empty()
                {
                    self.blocks.push(Block { input, output });
                }
            }
        }
    }
}

/// The lines without blank ones at either end, each with a line break.
fn joined(lines: &[&str]) -> String {
    let blank = |line: &&str| line.trim().is_empty();
    let first = lines.iter().position(|line| !blank(line));
    let last = lines.iter().rposition(|line| !blank(line));
    match (first, last) {
        (Some(first), Some(last)) => lines[first..=last]
            .iter()
            .map(|line| format!("{line}\n"))
            .collect(),
        _ => String::new(),
    }
}

/// Cuts an output before the first paragraph, but the first, that reads like prose.
fn without_explanation<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let mut seen_content = false;
    let mut start = 0;
    while start < lines.len() {
        if lines[start].trim().is_empty() {
            start += 1;
            continue;
        }
        let length = lines[start..]
            .iter()
            .position(|line| line.trim().is_empty())
            .unwrap_or(lines.len() - start);
        if seen_content && is_prose(&lines[start..start + length]) {
            return &lines[..start];
        }
        seen_content = true;
        start += length;
    }
    lines
}

/// Words in a line that ends a sentence, formulas among them or not; or many words.
fn is_prose(paragraph: &[&str]) -> bool {
    let tokens: Vec<&str> = paragraph
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let is_word = |token: &&&str| {
        let token = token.trim_matches(|c: char| c.is_ascii_punctuation());
        !token.is_empty()
            && token
                .chars()
                .all(|c| c.is_alphabetic() || c == '\'' || c == '-')
    };
    let n_words = tokens.iter().filter(is_word).count();
    let ends_sentence = paragraph
        .iter()
        .any(|line| line.trim_end().ends_with(['.', ':', '!', '?']));
    (ends_sentence && n_words >= 2) || (n_words >= 8 && 2 * n_words >= tokens.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, origin: Origin, expected: &[(&str, &str)]) {
        let actual = blocks(statement, origin);
        let actual: Vec<(&str, &str)> = actual
            .iter()
            .map(|block| (block.input.as_str(), block.output.as_str()))
            .collect();
        assert_eq!(actual, expected, "{statement}");
    }

    #[test]
    fn examples_of_all_sites() {
        let check = |statement: &str, expected| check(statement, Origin::StandardInput, expected);
        // Codeforces, with an input of two blocks and an output that looks like prose.
        check(
            "Text.\n\n-----Input-----\n\nInput\n\n-----Output-----\n\nPrint.\n\n-----Examples-----\n\
             Input\n2\n\nAb c\n\nOutput\nYES\n\nyou can do it.\n\nInput\n1\n\nOutput\nNO\n\n\n\
             -----Note-----\nInput\n3\nOutput\n4\n",
            &[("2\n\nAb c\n", "YES\n\nyou can do it.\n"), ("1\n", "NO\n")],
        );
        // Kattis.
        check(
            "-----Examples-----\nSample Input 1:\n1 2\nSample Output 1:\n3\n\nSample Input 2:\n4 5\nSample Output 2:\n9\n",
            &[("1 2\n", "3\n"), ("4 5\n", "9\n")],
        );
        // AtCoder, with an explanation.
        check(
            "-----Sample Input-----\n2\na b\n\n-----Sample Output-----\n1\n2\n\nThere are two of them:\n - first\n\n\
             -----Sample Input-----\n3\n\n-----Sample Output-----\n4\n",
            &[("2\na b\n", "1\n2\n"), ("3\n", "4\n")],
        );
        // CodeChef.
        check(
            "-----Example Input-----\n1\n-----Example Output-----\nYES\n-----Explanation-----\nOutput\n",
            &[("1\n", "YES\n")],
        );
        check(
            "-----Example-----\nInput:\n2\n3 4\n\nOutput:\n7\n\nExplanation\nExample case 1. Add them.\n",
            &[("2\n3 4\n", "7\n")],
        );
        check(
            "-----Sample Input:-----\n2\n-----Sample Output:-----\n7\n8\n\n1\n-----EXPLANATION:-----\nX\n",
            &[("2\n", "7\n8\n\n1\n")],
        );
    }

    #[test]
    fn halves_are_dropped() {
        let check = |statement: &str, expected| check(statement, Origin::StandardInput, expected);
        check("-----Example-----\nInput\n1\n", &[]);
        check("-----Example-----\nOutput\n1\n", &[]);
        check(
            "-----Example-----\nInput\n1\nOutput\n\n-----Note-----\n",
            &[],
        );
        check(
            "-----Example-----\nInput\n1\nInput\n2\nOutput\n3\n",
            &[("2\n", "3\n")],
        );
        check("Input\n1\nOutput\n2\n", &[]);
        check("", &[]);
    }

    #[test]
    fn examples_of_calls() {
        check(
            "Given a list.\n\nExample 1:\n\nInput: nums = [1,2], k = 3\nOutput: [2]\nExplanation: as\nOutput: 4\n\n\
             Example 2:\nInput:\ns = \"Ab\"\nOutput:\n7\n\nNote:\nThe input is short.\n",
            Origin::Call,
            &[("nums = [1,2], k = 3\n", "[2]\n"), ("s = \"Ab\"\n", "7\n")],
        );
    }
}
