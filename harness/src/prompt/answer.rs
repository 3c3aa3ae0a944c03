//! What a model wrote, as code.

use serde::{Deserialize, Serialize};

use crate::candidate::Code;
use crate::problem::{Problem, UnitTests, display_as_serialized};

/// How the code lies in a model's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// The answer is a complete program.
    Program,
    /// The answer continues the problem's own text (HumanEval).
    Continuation,
    /// The program stands in a fenced block of Markdown; an answer without one is a program.
    Fenced,
}

display_as_serialized! {
    AnswerForm { Program => "program", Continuation => "continuation", Fenced => "fenced" }
}

impl AnswerForm {
    /// The code in `answer`, after the first of `stop` and what follows is cut off.
    pub fn code(self, problem: &Problem, answer: &str, stop: &[String]) -> Code {
        let answer = before_stop(answer, stop);
        match self {
            Self::Program => Code::Program(answer.to_owned()),
            Self::Continuation => Code::Completion(answer.to_owned()),
            Self::Fenced => Code::Program(fenced(answer, function_of(problem))),
        }
    }
}

/// `text` up to the first occurrence of any of `stop`. Empty texts stop nothing.
pub fn before_stop<'a>(text: &'a str, stop: &[String]) -> &'a str {
    let end = stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min();
    &text[..end.unwrap_or(text.len())]
}

/// What a program of this problem has to define, where the problem says so.
fn function_of(problem: &Problem) -> Option<&str> {
    match &problem.tests {
        UnitTests::CallBased { function, .. } => Some(function),
        UnitTests::CheckFunction { entry_point, .. }
        | UnitTests::Differential { entry_point, .. } => Some(entry_point),
        UnitTests::StandardInput { .. } | UnitTests::Asserts { .. } => None,
    }
}

/// The program in `answer`: the first block that defines `function`, else the first that is
/// marked as Python, else the first. Models like to show how to call a function in a second
/// block, and how to install something in a first.
fn fenced(answer: &str, function: Option<&str>) -> String {
    let blocks = blocks(answer);
    let defining = function.and_then(|function| {
        let head = format!("def {function}(");
        blocks.iter().find(|block| block.text.contains(&head))
    });
    defining
        .or_else(|| blocks.iter().find(|block| block.is_python()))
        .or_else(|| blocks.first())
        .map_or_else(|| answer.to_owned(), |block| block.text.clone())
}

/// A fenced block.
struct Block<'a> {
    /// What stands behind the opening fence.
    info: &'a str,
    text: String,
}

impl Block<'_> {
    fn is_python(&self) -> bool {
        let language = self.info.split([' ', '{', ',']).next().unwrap_or_default();
        matches!(
            language.to_ascii_lowercase().as_str(),
            "python" | "python3" | "py"
        )
    }
}

/// Blocks between fences of three or more backticks or tildes, as CommonMark has them, but for
/// fences at any depth of indentation (lists), which their blocks lose. A block that is not
/// closed goes to the end: the answer was too long.
fn blocks(answer: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = answer.lines();
    while let Some(line) = lines.next() {
        let Some((indent, fence, info)) = opening(line) else {
            continue;
        };
        let mut text = String::new();
        for line in lines.by_ref() {
            if closes(line, fence) {
                break;
            }
            let spaces = line.len() - line.trim_start_matches(' ').len();
            text.push_str(&line[spaces.min(indent)..]);
            text.push('\n');
        }
        blocks.push(Block { info, text });
    }
    blocks
}

/// Indentation, fence and the rest of an opening line.
fn opening(line: &str) -> Option<(usize, &str, &str)> {
    let start = line.trim_start_matches(' ');
    let mark = start.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = start.trim_start_matches(mark);
    let fence = &start[..start.len() - rest.len()];
    // A line such as ```code``` is no fence.
    let is_fence = fence.len() >= 3 && !(mark == '`' && rest.contains('`'));
    is_fence.then(|| (line.len() - start.len(), fence, rest.trim()))
}

fn closes(line: &str, fence: &str) -> bool {
    let line = line.trim();
    line.len() >= fence.len() && line.starts_with(fence) && {
        let mark = fence.chars().next().expect("a fence has three marks");
        line.chars().all(|c| c == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemId;

    fn problem() -> Problem {
        Problem::with_tests(
            ProblemId::new("HumanEval/0"),
            UnitTests::CheckFunction {
                entry_point: "f".to_owned(),
                source: String::new(),
            },
        )
    }

    #[track_caller]
    fn check_fenced(answer: &str, expected: &str) {
        let code = AnswerForm::Fenced.code(&problem(), answer, &[]);
        assert_eq!(code, Code::Program(expected.to_owned()));
    }

    #[test]
    fn programs_are_found_between_fences() {
        check_fenced("Sure!\n```python\nx = 1\n```\nDone.", "x = 1\n");
        check_fenced("```\nx = 1\n```", "x = 1\n");
        check_fenced("~~~py\nx = '```'\n~~~", "x = '```'\n");
        check_fenced("````python\n```\nx\n````", "```\nx\n");
        // In a list, and too long to be closed.
        check_fenced(
            "1. So:\n   ```python\n   if x:\n     y\n   ```",
            "if x:\n  y\n",
        );
        check_fenced("```python\nx = 1\ny =", "x = 1\ny =\n");
        check_fenced("```Python title=a\nx\n```", "x\n");
        check_fenced("```python\r\nx\r\n```\r\n", "x\n");
    }

    #[test]
    fn the_block_that_matters_is_taken() {
        check_fenced(
            "```sh\npip\n```\n```python\nx\n```\n```python\ny\n```",
            "x\n",
        );
        check_fenced("```python\nf(1)\n```\n```\ndef f(x):\n```", "def f(x):\n");
        check_fenced("```\na\n```\n```\nb\n```", "a\n");
        check_fenced("```text\na\n```", "a\n");
    }

    #[test]
    fn an_answer_without_fences_is_a_program() {
        check_fenced("def f(x): pass", "def f(x): pass");
        check_fenced("Use ```x``` here", "Use ```x``` here");
        check_fenced("", "");
        // A block that has only begun is an empty one.
        check_fenced("```python", "");
    }

    #[test]
    fn stop_texts_cut() {
        let stop = ["\ndef".to_owned(), String::new(), "[DONE]".to_owned()];
        let check = |answer: &str, expected: &str| {
            let code = AnswerForm::Continuation.code(&problem(), answer, &stop);
            assert_eq!(code, Code::Completion(expected.to_owned()));
        };
        check("    return 1\ndef g():", "    return 1");
        check("    return 1[DONE]\ndef g():", "    return 1");
        check("    return 1\n", "    return 1\n");
        let program = AnswerForm::Program.code(&problem(), "x[DONE]", &stop);
        assert_eq!(program, Code::Program("x".to_owned()));
    }
}
