//! Prompt templates: a problem as the text a model reads.
//!
//! The APPS templates are those of `salesforce/CodeRL` (`datasets/apps_dataset.py` for
//! training, `generate.py` for generation), which differ from each other in blank lines; the
//! mismatch is inherited from the original APPS code and kept, because models were trained
//! with the one and sampled with the other. The MBPP templates are the one sentence that
//! CodeRL gives (§4.5) and the format that the benchmark's README gives. The first sentence of
//! the chat template is EvalPlus's.

use serde::{Deserialize, Serialize};

use super::answer::AnswerForm;
use super::short::short;
use super::text::{Message, Prompt, Role};
use crate::problem::{Problem, UnitTests, display_as_serialized};

/// Characters of statement and starter code that CodeRL keeps in training.
const MAX_TRAINING_CHARS: usize = 150_000;

/// MBPP tasks that the README takes as few-shot examples, in this order.
pub const MBPP_SHOTS: [&str; 3] = ["mbpp/2", "mbpp/3", "mbpp/4"];

/// Ends a program in [`Template::MbppThreeShot`]; generation may stop there.
pub const MBPP_END: &str = "[DONE]";

/// What ends the completion of a function, from the Codex paper (Chen et al. 2021, §2.1).
pub const FUNCTION_END: [&str; 5] = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];

/// How a problem is put to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// CodeRL's input while training on APPS.
    AppsTraining,
    /// CodeRL's input while sampling for APPS, and for critic scores.
    AppsGeneration,
    /// Description, a sentence, and the three asserts, as CodeRL puts MBPP.
    MbppPaper,
    /// Three solved problems before, in the format of MBPP's README.
    MbppThreeShot,
    /// The text that a completion continues (HumanEval, EvalPlus).
    Completion,
    /// A request to a model that was tuned to answer requests; the program is expected in a
    /// fenced block.
    Chat,
    /// The statement without its examples, and a line on how the program is called, for models
    /// that are as small as the problems of the generated suite.
    Micro,
}

display_as_serialized! {
    Template {
        AppsTraining => "apps-training",
        AppsGeneration => "apps-generation",
        MbppPaper => "mbpp-paper",
        MbppThreeShot => "mbpp-three-shot",
        Completion => "completion",
        Chat => "chat",
        Micro => "micro",
    }
}

/// A template that does not fit a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("problem `{problem}` has no {what}, which template `{template}` needs")]
pub struct PromptError {
    pub problem: String,
    pub what: &'static str,
    pub template: String,
}

impl Template {
    /// The template for problems of this kind where nothing is known of the model: that of
    /// their benchmark, which does not expect a model tuned on it.
    pub fn default_for(problem: &Problem) -> Self {
        match problem.tests {
            _ if problem.completion_prefix.is_some() => Self::Completion,
            UnitTests::Asserts { .. } => Self::MbppThreeShot,
            _ => Self::AppsGeneration,
        }
    }

    /// Renders `problem`. `shots` are solved problems to show before it (see
    /// [`Template::shots`]); templates without examples ignore them.
    ///
    /// # Errors
    /// The problem, or a shot, lacks what the template shows.
    pub fn render(self, problem: &Problem, shots: &[&Problem]) -> Result<Prompt, PromptError> {
        let content = match self {
            Self::AppsTraining => apps_training(problem),
            Self::AppsGeneration => apps_generation(problem),
            Self::MbppPaper => mbpp_paper(problem)?,
            Self::MbppThreeShot => mbpp_three_shot(problem, shots)?,
            Self::Micro => short(problem),
            Self::Completion => problem
                .completion_prefix
                .clone()
                .ok_or_else(|| does_not_fit(problem, "text to complete", self))?,
            Self::Chat => {
                let role = Role::User;
                let content = chat(problem);
                return Ok(Prompt::Messages(vec![Message { role, content }]));
            }
        };
        Ok(Prompt::Text(content))
    }

    /// Ids of the problems to show before.
    pub fn shots(self) -> &'static [&'static str] {
        match self {
            Self::MbppThreeShot => &MBPP_SHOTS,
            _ => &[],
        }
    }

    /// Where the code is in what a model answers.
    pub fn answer(self) -> AnswerForm {
        match self {
            Self::AppsTraining
            | Self::AppsGeneration
            | Self::MbppPaper
            | Self::MbppThreeShot
            | Self::Micro => AnswerForm::Program,
            Self::Completion => AnswerForm::Continuation,
            Self::Chat => AnswerForm::Fenced,
        }
    }

    /// Texts with which the code is over.
    pub fn stop(self) -> &'static [&'static str] {
        match self {
            Self::MbppThreeShot => &[MBPP_END],
            Self::Completion => &FUNCTION_END,
            Self::AppsTraining
            | Self::AppsGeneration
            | Self::MbppPaper
            | Self::Chat
            | Self::Micro => &[],
        }
    }
}

pub(super) const CALL_BASED: &str = "Use Call-Based format";
pub(super) const STANDARD_INPUT: &str = "Use Standard Input format";

/// Two newlines more than in generation stand before the last line but one, or one where
/// there is starter code, and one more behind it. The starter code alone decides the format.
fn apps_training(problem: &Problem) -> String {
    let (starter_code, format) = match &problem.starter_code {
        Some(code) => (head(code), CALL_BASED),
        None => ("", STANDARD_INPUT),
    };
    let question = head(&problem.statement);
    format!("\nQUESTION:\n{question}\n{starter_code}\n\n{format}\n\nANSWER:\n")
}

fn apps_generation(problem: &Problem) -> String {
    let format = call_format(problem);
    let starter_code = match &problem.starter_code {
        Some(code) => format!("\n{code}"),
        None => String::new(),
    };
    let question = &problem.statement;
    format!("\nQUESTION:\n{question}{starter_code}\n{format}\nANSWER:\n")
}

/// The tests decide the format. Only where there are none does the starter code.
pub(super) fn call_format(problem: &Problem) -> &'static str {
    let has_no_tests = problem.tests.n_hidden() == 0;
    match (&problem.tests, &problem.starter_code) {
        (UnitTests::CallBased { .. }, _) => CALL_BASED,
        (_, Some(_)) if has_no_tests => CALL_BASED,
        _ => STANDARD_INPUT,
    }
}

fn chat(problem: &Problem) -> String {
    const REQUEST: &str = "Please provide a self-contained Python script that solves the \
                           following problem in a markdown code block:\n";
    let statement = unix_lines(&problem.statement);
    let statement = statement.trim();
    if let Some(prefix) = &problem.completion_prefix {
        return format!("{REQUEST}```python\n{}\n```\n", prefix.trim());
    }
    let rest = match (&problem.tests, &problem.starter_code) {
        (UnitTests::Asserts { .. }, _) => match asserts(problem) {
            Some(asserts) => format!("Your code should pass these tests:\n{asserts}\n"),
            None => String::new(),
        },
        (_, Some(code)) => {
            let code = unix_lines(code);
            format!("Complete this code:\n```python\n{}\n```\n", code.trim())
        }
        (UnitTests::CallBased { function, .. }, None) => {
            format!("Define a function `{function}`.\n")
        }
        _ => "Read from standard input and write to standard output.\n".to_owned(),
    };
    format!("{REQUEST}{statement}\n\n{rest}")
}

/// The paper gives the sentence and the order, not the line breaks: one each.
fn mbpp_paper(problem: &Problem) -> Result<String, PromptError> {
    let asserts = some_asserts(problem, Template::MbppPaper)?;
    let description = unix_lines(&problem.statement);
    Ok(format!(
        "{description}\nYour code should satisfy these tests:\n{asserts}\n"
    ))
}

fn mbpp_three_shot(problem: &Problem, shots: &[&Problem]) -> Result<String, PromptError> {
    let template = Template::MbppThreeShot;
    let task = |problem: &Problem| -> Result<String, PromptError> {
        let description = unix_lines(&problem.statement);
        let asserts = some_asserts(problem, template)?;
        Ok(format!(
            "You are an expert Python programmer, and here is your task: {description} \
             Your code should pass these tests:\n\n{asserts}\n[BEGIN]\n"
        ))
    };
    let mut prompt = String::new();
    for shot in shots {
        let program = shot
            .reference_solutions
            .first()
            .ok_or_else(|| does_not_fit(shot, "reference solution", template))?;
        prompt.push_str(&task(shot)?);
        prompt.push_str(&unix_lines(program));
        prompt.push('\n');
        prompt.push_str(MBPP_END);
        prompt.push_str("\n\n");
    }
    prompt.push_str(&task(problem)?);
    Ok(prompt)
}

fn some_asserts(problem: &Problem, template: Template) -> Result<String, PromptError> {
    asserts(problem).ok_or_else(|| does_not_fit(problem, "asserts", template))
}

/// The asserts of the statement, a line each.
pub(super) fn asserts(problem: &Problem) -> Option<String> {
    match &problem.tests {
        UnitTests::Asserts { tests, .. } if !tests.example.is_empty() => {
            let lines: Vec<String> = tests.example.iter().map(|test| unix_lines(test)).collect();
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

/// MBPP's file has carriage returns in most programs, an accident of how it was written.
pub(super) fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn head(text: &str) -> &str {
    match text.char_indices().nth(MAX_TRAINING_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn does_not_fit(problem: &Problem, what: &'static str, template: Template) -> PromptError {
    PromptError {
        problem: problem.id.to_string(),
        what,
        template: template.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{CallTest, ProblemId, StdinTest, TestSet};
    use crate::value::Value;

    fn problem(id: &str, starter_code: Option<&str>, tests: UnitTests) -> Problem {
        Problem {
            id: ProblemId::new(id),
            split: None,
            difficulty: None,
            statement: "Do it.".to_owned(),
            starter_code: starter_code.map(str::to_owned),
            completion_prefix: None,
            reference_solutions: vec!["def f():\r\n    pass".to_owned()],
            tests,
            url: None,
        }
    }

    #[track_caller]
    fn text(template: Template, problem: &Problem, shots: &[&Problem]) -> String {
        match template.render(problem, shots).unwrap() {
            Prompt::Text(text) => text,
            Prompt::Messages(messages) => panic!("{messages:?}"),
        }
    }

    fn stdin(n_tests: usize) -> UnitTests {
        let test = StdinTest {
            input: String::new(),
            expected: String::new(),
        };
        let hidden = vec![test; n_tests];
        let example = Vec::new();
        UnitTests::StandardInput {
            tests: TestSet { example, hidden },
        }
    }

    fn call_based() -> UnitTests {
        let test = CallTest {
            arguments: Vec::new(),
            expected: Value::None,
        };
        UnitTests::CallBased {
            function: "f".to_owned(),
            tests: TestSet {
                example: Vec::new(),
                hidden: vec![test],
            },
        }
    }

    fn asserts_of(asserts: &[&str]) -> UnitTests {
        UnitTests::Asserts {
            setup: String::new(),
            tests: TestSet {
                example: asserts.iter().map(|assert| (*assert).to_owned()).collect(),
                hidden: Vec::new(),
            },
            challenge: Vec::new(),
        }
    }

    #[test]
    fn apps_prompts_are_those_of_coderl() {
        let check = |template: Template, starter_code, tests, expected: &str| {
            let problem = problem("apps/0000", starter_code, tests);
            assert_eq!(text(template, &problem, &[]), expected);
        };
        let starter = Some("def f():");
        check(
            Template::AppsTraining,
            None,
            stdin(1),
            "\nQUESTION:\nDo it.\n\n\nUse Standard Input format\n\nANSWER:\n",
        );
        check(
            Template::AppsTraining,
            starter,
            call_based(),
            "\nQUESTION:\nDo it.\ndef f():\n\nUse Call-Based format\n\nANSWER:\n",
        );
        // Training looks at the starter code alone.
        check(
            Template::AppsTraining,
            None,
            call_based(),
            "\nQUESTION:\nDo it.\n\n\nUse Standard Input format\n\nANSWER:\n",
        );
        check(
            Template::AppsGeneration,
            None,
            stdin(1),
            "\nQUESTION:\nDo it.\nUse Standard Input format\nANSWER:\n",
        );
        check(
            Template::AppsGeneration,
            starter,
            call_based(),
            "\nQUESTION:\nDo it.\ndef f():\nUse Call-Based format\nANSWER:\n",
        );
        // Generation looks at the tests, and at the starter code where there are none.
        check(
            Template::AppsGeneration,
            starter,
            stdin(1),
            "\nQUESTION:\nDo it.\ndef f():\nUse Standard Input format\nANSWER:\n",
        );
        check(
            Template::AppsGeneration,
            starter,
            stdin(0),
            "\nQUESTION:\nDo it.\ndef f():\nUse Call-Based format\nANSWER:\n",
        );
    }

    #[test]
    fn training_cuts_long_statements_between_characters() {
        let mut long = problem("apps/0000", None, stdin(1));
        long.statement = "ä".repeat(MAX_TRAINING_CHARS + 1);
        let n_kept = |template: Template| {
            let prompt = text(template, &long, &[]);
            prompt.chars().filter(|c| *c == 'ä').count()
        };
        assert_eq!(n_kept(Template::AppsTraining), MAX_TRAINING_CHARS);
        assert_eq!(n_kept(Template::AppsGeneration), MAX_TRAINING_CHARS + 1);
    }

    #[test]
    fn mbpp_prompts_show_the_asserts() {
        let task = problem(
            "mbpp/11",
            None,
            asserts_of(&["assert f() == 1", "assert f()"]),
        );
        assert_eq!(
            text(Template::MbppPaper, &task, &[]),
            "Do it.\nYour code should satisfy these tests:\nassert f() == 1\nassert f()\n"
        );
        let shot = problem("mbpp/2", None, asserts_of(&["assert g()"]));
        assert_eq!(
            text(Template::MbppThreeShot, &task, &[&shot]),
            "You are an expert Python programmer, and here is your task: Do it. Your code \
             should pass these tests:\n\nassert g()\n[BEGIN]\ndef f():\n    pass\n[DONE]\n\n\
             You are an expert Python programmer, and here is your task: Do it. Your code \
             should pass these tests:\n\nassert f() == 1\nassert f()\n[BEGIN]\n"
        );
    }

    #[test]
    fn chat_asks_for_a_program_in_a_block() {
        let check = |problem: &Problem, expected: &str| {
            let prompt = Template::Chat.render(problem, &[]).unwrap();
            let Prompt::Messages(messages) = prompt else {
                panic!("{prompt:?}")
            };
            assert_eq!(messages.len(), 1);
            assert_eq!(messages[0].role, Role::User);
            let request = "Please provide a self-contained Python script that solves the \
                           following problem in a markdown code block:\n";
            assert_eq!(messages[0].content.strip_prefix(request), Some(expected));
        };
        check(
            &problem("apps/0000", None, stdin(1)),
            "Do it.\n\nRead from standard input and write to standard output.\n",
        );
        check(
            &problem("apps/0000", Some("def f():\r\n"), call_based()),
            "Do it.\n\nComplete this code:\n```python\ndef f():\n```\n",
        );
        check(
            &problem("apps/0000", None, call_based()),
            "Do it.\n\nDefine a function `f`.\n",
        );
        check(
            &problem("mbpp/11", None, asserts_of(&["assert f()"])),
            "Do it.\n\nYour code should pass these tests:\nassert f()\n",
        );
        let mut completion = problem("HumanEval/0", None, stdin(0));
        completion.completion_prefix = Some("\n\ndef f():\n    \"\"\"f\"\"\"\n".to_owned());
        check(&completion, "```python\ndef f():\n    \"\"\"f\"\"\"\n```\n");
    }

    #[test]
    fn a_template_that_does_not_fit_is_an_error() {
        let check = |template: Template, expected: &str| {
            let problem = problem("apps/0000", None, stdin(1));
            let error = template.render(&problem, &[]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            Template::MbppPaper,
            "problem `apps/0000` has no asserts, which template `mbpp-paper` needs",
        );
        check(
            Template::Completion,
            "problem `apps/0000` has no text to complete, which template `completion` needs",
        );
    }

    #[test]
    fn names_are_read_back() {
        let check = |template: Template| {
            assert_eq!(template.name().parse(), Ok(template));
        };
        check(Template::AppsTraining);
        check(Template::MbppThreeShot);
        assert!(
            "mbpp"
                .parse::<Template>()
                .unwrap_err()
                .contains("`mbpp-paper`")
        );
    }
}
