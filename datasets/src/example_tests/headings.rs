//! Which lines of a statement are headings, and of what.
//!
//! The sites that APPS collects from write (after the collectors' conversion):
//!
//! | site | headings |
//! |---|---|
//! | Codeforces | `-----Examples-----`, then `Input` and `Output` alone on a line |
//! | Kattis | `-----Examples-----`, then `Sample Input 1:`, `Sample Output 1:` |
//! | AtCoder | `-----Sample Input-----`, `-----Sample Output-----` |
//! | CodeChef | `-----Example Input-----`, `-----Sample Input:-----`, or `-----Example-----` and `Input:` |
//! | LeetCode | `Example 1:`, then `Input: nums = [1], k = 2` and `Output: 3` on one line each |

/// What a line is for the extraction of examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// An example's input starts here, with `rest` on the same line.
    Input {
        rest: &'a str,
        explained: bool,
    },
    /// An example's output starts here.
    Output {
        rest: &'a str,
        explained: bool,
    },
    /// Examples follow.
    Examples,
    /// Something else follows; `for_good` if it is a section of its own.
    Other {
        for_good: bool,
    },
    Text,
}

/// Where headings without the word "sample" count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainHeadings {
    Count,
    AreText,
}

/// Classifies a line. `explained` is true for headings in whose sections an explanation
/// may follow without a heading of its own: all but Codeforces's.
pub(super) fn classify(line: &str, plain: PlainHeadings) -> Line<'_> {
    let trimmed = line.trim();
    let dashed = trimmed.starts_with("---") && trimmed.ends_with("---");
    let name = trimmed
        .trim_matches(|c| c == '-' || c == '*' || c == '#')
        .trim();
    if name.is_empty() {
        return Line::Text;
    }
    let words = Words::of(name);
    if dashed {
        return match words {
            Words {
                example: true,
                part: Some(part),
                ..
            } => part.line("", true),
            Words {
                example: true,
                part: None,
                ..
            } => Line::Examples,
            _ => Line::Other { for_good: true },
        };
    }
    match words {
        Words {
            example: true,
            part: Some(part),
            rest: Some(rest),
            ..
        } => part.line(rest, true),
        Words {
            example: true,
            part: None,
            rest: Some(""),
            ..
        } => Line::Examples,
        Words {
            example: false,
            part: Some(part),
            rest: Some(rest),
            colon,
        } if plain == PlainHeadings::Count && name.starts_with(char::is_uppercase) => {
            part.line(rest, colon)
        }
        _ if is_closing(name) => Line::Other { for_good: false },
        _ => Line::Text,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Input,
    Output,
}

impl Part {
    fn line(self, rest: &str, explained: bool) -> Line<'_> {
        match self {
            Self::Input => Line::Input { rest, explained },
            Self::Output => Line::Output { rest, explained },
        }
    }
}

/// `Sample Input 1: rest`, taken apart. `rest` is `None` where the words go on as prose.
struct Words<'a> {
    example: bool,
    part: Option<Part>,
    colon: bool,
    rest: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn of(name: &'a str) -> Self {
        let mut text = name;
        let mut example = false;
        let mut part = None;
        while let Some((word, behind)) = first_word(text) {
            match word.to_ascii_lowercase().as_str() {
                "sample" | "samples" | "example" | "examples" if part.is_none() => example = true,
                "test" | "tests" | "case" | "cases" if example && part.is_none() => {}
                "input" | "inputs" if part.is_none() => part = Some(Part::Input),
                "output" | "outputs" if part.is_none() => part = Some(Part::Output),
                number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                    text = behind;
                    break;
                }
                _ => break,
            }
            text = behind;
        }
        let behind = text.trim_start();
        let (colon, rest) = match behind.strip_prefix(':') {
            Some(rest) => (true, Some(rest.trim())),
            None => (false, behind.is_empty().then_some("")),
        };
        Self {
            example,
            part,
            colon,
            rest,
        }
    }
}

/// The first word, without `#`, `.` or parentheses around it.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || "#(".contains(c));
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    if end == 0 {
        return None;
    }
    let (word, rest) = text.split_at(end);
    Some((word, rest.trim_start_matches([')', '.'])))
}

/// Lines that end an example without a heading between dashes.
fn is_closing(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let starts = |word: &str| {
        lower
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    let alone = |word: &str| lower == word || lower.starts_with(&format!("{word}:"));
    starts("explanation")
        || starts("follow up")
        || [
            "note",
            "notes",
            "constraints",
            "your task",
            "hint",
            "challenge",
            "expected time complexity",
        ]
        .into_iter()
        .any(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_all_sites() {
        let check = |line: &str, expected: Line<'_>| {
            assert_eq!(classify(line, PlainHeadings::Count), expected, "{line}");
        };
        let input = |rest| Line::Input {
            rest,
            explained: true,
        };
        let output = |rest| Line::Output {
            rest,
            explained: true,
        };
        check(
            "Input",
            Line::Input {
                rest: "",
                explained: false,
            },
        );
        check(
            "Output",
            Line::Output {
                rest: "",
                explained: false,
            },
        );
        check("Input:", input(""));
        check("-----Sample Input-----", input(""));
        check("-----Sample Output:-----", output(""));
        check("-----Example Input 2-----", input(""));
        check("-----SAMPLE OUTPUT-----", output(""));
        check("Sample Input 1:", input(""));
        check("Sample Output #2:", output(""));
        check("  Example Input:", input(""));
        check("Input: nums = [1], k = 2", input("nums = [1], k = 2"));
        check("Output:3", output("3"));
        check("-----Examples-----", Line::Examples);
        check("-----Example-----", Line::Examples);
        check("-----Sample Test Cases-----", Line::Examples);
        check("Example 1:", Line::Examples);
        check("**Examples**", Line::Examples);
        check("-----Input-----", Line::Other { for_good: true });
        check("-----Note-----", Line::Other { for_good: true });
        check("-----EXPLANATION:-----", Line::Other { for_good: true });
        check("Explanation: because", Line::Other { for_good: false });
        check("Explanation for test 1", Line::Other { for_good: false });
        check("Constraints:", Line::Other { for_good: false });
        check("Note that this is prose", Line::Text);
        check("Input data are numbers", Line::Text);
        check("Output one integer: the answer", Line::Text);
        check("Example of a line", Line::Text);
        check("input", Line::Text);
        check("-----", Line::Text);
        check("1 2 3", Line::Text);
        check("", Line::Text);
    }

    #[test]
    fn plain_headings_may_be_text() {
        let check = |line: &str, expected: Line<'_>| {
            assert_eq!(classify(line, PlainHeadings::AreText), expected, "{line}");
        };
        check("Input", Line::Text);
        check("Output: one number", Line::Text);
        check(
            "Sample Input:",
            Line::Input {
                rest: "",
                explained: true,
            },
        );
    }
}
