//! Calls and their results, as statements print them.

use harness::problem::CallTest;
use harness::value::Value;

use crate::literal::{literal, whole_literal};

/// `nums = [2, 7], target = 9` and `[0, 1]`, as arguments and result. Names before an equals
/// sign are dropped: statements list arguments in the order of the signature.
pub(super) fn test_of_block(input: &str, output: &str) -> Option<CallTest> {
    Some(CallTest {
        arguments: arguments(input)?,
        expected: result(output)?,
    })
}

/// The text of an output; of several lines the first is enough where it is a literal.
fn result(output: &str) -> Option<Value> {
    let output = output.trim().trim_end_matches('.');
    whole_literal(output)
        .or_else(|| whole_literal(output.lines().next()?.trim_end_matches(['.', ' '])))
}

fn arguments(input: &str) -> Option<Vec<Value>> {
    let mut arguments = Vec::new();
    let mut rest = input.trim();
    while !rest.is_empty() {
        let (value, behind) = literal(without_name(rest))?;
        arguments.push(value);
        rest = behind.trim_start();
        match rest.strip_prefix([',', ';']) {
            Some(behind) => rest = behind.trim_start(),
            // Arguments on lines of their own need no comma.
            None if behind.trim_start_matches(' ').starts_with(['\n', '\r']) => {}
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    (!arguments.is_empty()).then_some(arguments)
}

/// Drops `name =` and `name:`.
fn without_name(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let starts_name = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match text[end..].trim_start().strip_prefix(['=', ':']) {
        Some(behind) if starts_name && !behind.starts_with('=') => behind,
        _ => text,
    }
}

/// Words and signs that stand between a call and its result; longer ones first where one
/// starts with another.
const ARROWS: [&str; 21] = [
    "===>",
    "==>",
    "-->",
    "--->",
    "===",
    "==",
    "=>",
    "->",
    "→",
    "⇒",
    "➞",
    "=",
    "should return",
    "will return",
    "must return",
    "would return",
    "returns",
    "return",
    "gives",
    "should be",
    "is ",
];

/// Calls of `function` with a result behind, anywhere in the text: `f(1, 2) => 3`,
/// `f("a") # returns "b"`, `f([]) should return 0`. Names match whatever their case and
/// underscores, because statements show them in several languages.
pub(super) fn tests_in_text(statement: &str, function: &str) -> Vec<CallTest> {
    let wanted = plain_name(function);
    let mut tests = Vec::new();
    if wanted.is_empty() {
        return tests;
    }
    let mut rest = statement;
    while let Some(at) = rest.find('(') {
        let name_start = rest[..at]
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_alphanumeric() || *c == '_')
            .last()
            .map_or(at, |(start, _)| start);
        if plain_name(&rest[name_start..at]) == wanted
            && let Some((test, behind)) = call_and_result(&rest[at + 1..])
        {
            tests.push(test);
            rest = behind;
        } else {
            rest = &rest[at + 1..];
        }
    }
    tests
}

fn plain_name(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

/// What stands behind the opening parenthesis: arguments, arrow, result.
fn call_and_result(text: &str) -> Option<(CallTest, &str)> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    while !rest.starts_with(')') {
        if !arguments.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
        let (value, behind) = literal(without_name(rest))?;
        arguments.push(value);
        rest = behind.trim_start();
    }
    rest = rest[1..].trim_start_matches(|c: char| c == '`' || c == ';' || is_space(c));
    // A comment may introduce the result.
    rest = ["//", "#", "--"]
        .iter()
        .find_map(|sign| {
            rest.strip_prefix(sign)
                .filter(|behind| !behind.starts_with(['>', '-']))
        })
        .unwrap_or(rest)
        .trim_start_matches(is_space);
    let rest = ARROWS
        .iter()
        .find_map(|arrow| rest.strip_prefix(arrow))?
        .trim_start_matches(|c: char| c == '`' || c == ':' || is_space(c));
    let (mut expected, behind) = literal(rest)?;
    // `7.` is a number and the end of a sentence.
    let text = &rest[..rest.len() - behind.len()];
    if let (Some(number), Value::Float(_)) = (text.strip_suffix('.'), &expected) {
        expected = whole_literal(number)?;
    }
    ends(behind).then_some((
        CallTest {
            arguments,
            expected,
        },
        behind,
    ))
}

/// Whether a literal ends where `behind` begins, and is not the start of something longer
/// (`3 * 2`, `3 times as many`).
fn ends(behind: &str) -> bool {
    let next = behind.trim_start_matches(is_space);
    let word = next
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or_default();
    next.is_empty()
        || next.starts_with(['\n', '\r', ',', ';', '`', '.', ')', '#', '/', '('])
        || ["and", "or", "but", "because", "since", "as", "while"].contains(&word)
}

/// Sentences like "For `a = 3, b = [1]`, the output should be `4`", as Codewars has them.
pub(super) fn tests_in_sentences(statement: &str) -> Vec<CallTest> {
    let mut tests = Vec::new();
    for (at, _) in statement.match_indices("or ") {
        if !statement[..at].ends_with(['F', 'f']) {
            continue;
        }
        tests.extend(sentence(&statement[at + 3..]));
    }
    tests
}

fn sentence(text: &str) -> Option<CallTest> {
    let text = text.trim_start().trim_start_matches('`');
    let line = text.lines().next()?;
    let verb = line.find(" should be ")?;
    let subject = [
        " the output",
        " the result",
        " the answer",
        " output",
        " result",
    ]
    .iter()
    .find_map(|subject| line[..verb].strip_suffix(subject))?;
    // A name and an equals sign show that these are arguments.
    let input = subject.trim_end_matches(|c: char| c == '`' || c == ',' || is_space(c));
    if without_name(input).len() == input.len() {
        return None;
    }
    let output = line[verb + " should be ".len()..]
        .trim_start_matches(|c: char| c == '`' || c == ':' || is_space(c));
    let (expected, behind) = literal(output)?;
    Some(CallTest {
        arguments: arguments(&input.replace('`', ""))?,
        expected: ends(behind).then_some(expected)?,
    })
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(test: &CallTest) -> String {
        let arguments: Vec<String> = test.arguments.iter().map(Value::to_string).collect();
        format!("{} -> {}", arguments.join("; "), test.expected)
    }

    #[test]
    fn blocks_become_arguments() {
        let check = |input: &str, output: &str, expected: Option<&str>| {
            let actual = test_of_block(input, output);
            assert_eq!(
                actual.as_ref().map(shown).as_deref(),
                expected,
                "{input} / {output}"
            );
        };
        check(
            "nums = [2,7], target = 9",
            "[0, 1]\n",
            Some("[2, 7]; 9 -> [0, 1]"),
        );
        check("\"Ab, c\"\n", "true", Some("'Ab, c' -> True"));
        check(
            "grid = [[1],\n [2]]\nk = 3\n",
            "5",
            Some("[[1], [2]]; 3 -> 5"),
        );
        check("28", "True.", Some("28 -> True"));
        check(
            "pattern = \"abba\", str = \"dog cat\"",
            "false",
            Some("'abba'; 'dog cat' -> False"),
        );
        check("n = 5", "7\n8", Some("5 -> 7"));
        check("root = [1,null,2]", "2.00000", Some("[1, None, 2] -> 2.0"));
        check("x", "1", None);
        check("1 2 3", "1", None);
        check("", "1", None);
        check("1", "a word", None);
        check("1", "", None);
    }

    #[test]
    fn calls_are_found_in_running_text() {
        let check = |text: &str, function: &str, expected: &[&str]| {
            let actual: Vec<String> = tests_in_text(text, function).iter().map(shown).collect();
            assert_eq!(actual, expected, "{text}");
        };
        check(
            "add(1, 2) => 3 and add(-1, 1) == 0.",
            "add",
            &["1; 2 -> 3", "-1; 1 -> 0"],
        );
        check(
            "toUpper(\"Ab\") // returns \"AB\"",
            "to_upper",
            &["'Ab' -> 'AB'"],
        );
        check("`f([1, 2])` should return `[2]`", "f", &["[1, 2] -> [2]"]);
        check("f() --> 7\nf(x) --> 8\nf(1)\n", "f", &[" -> 7"]);
        check("f(n = 3) = 9 because 3 * 3 = 9", "f", &["3 -> 9"]);
        check("f(3) = 3 * 2", "f", &[]);
        check("f(1.5) -> 'a' + 'b'", "f", &[]);
        check("g(1) == 2", "f", &[]);
        check("f(f(1)) == 2", "f", &["1 -> 2"; 0]);
        check("`f(\"ab\")` is \"b\", because", "f", &["'ab' -> 'b'"]);
        check("f(2) is 2 less than f(4)", "f", &[]);
        check("", "f", &[]);
    }

    #[test]
    fn sentences_are_read() {
        let check = |text: &str, expected: &[&str]| {
            let actual: Vec<String> = tests_in_sentences(text).iter().map(shown).collect();
            assert_eq!(actual, expected, "{text}");
        };
        check(
            "For `a = [1, 2]` and `k = 3`, the output should be `4`.\nFor `a = 5`, the result should be `\"x\"`.",
            &["5 -> 'x'"],
        );
        check(
            "For `n = 3, m = [1]` the output should be `-1`;",
            &["3; [1] -> -1"],
        );
        check("For 5 the output should be 3", &[]);
        check("or the output should be", &[]);
    }
}
