//! What a repair model reads (paper §3.3.4, Eq. 13): the problem, a program that fails, and how
//! it fails. The paper names the parts and their order, not the text around them.

use super::text::Prompt;
use crate::verdict::Outcome;

/// `prompt` followed by `program` and what became of it; `error` is the subtype, as
/// [`crate::verdict::Cause::label`] has it.
pub fn repair_prompt(
    prompt: &Prompt,
    program: &str,
    outcome: Outcome,
    error: Option<&str>,
) -> Prompt {
    let subtype = error.map_or_else(String::new, |error| format!(" ({error})"));
    let program = program.trim_end_matches('\n');
    let rest = format!("{program}\nRESULT: {outcome}{subtype}\nCORRECTED ANSWER:\n");
    match prompt {
        Prompt::Text(text) => Prompt::Text(format!("{text}{rest}")),
        Prompt::Messages(messages) => {
            let mut messages = messages.clone();
            if let Some(last) = messages.last_mut() {
                last.content.push_str("\nThis answer is wrong:\n");
                last.content.push_str(&rest);
            }
            Prompt::Messages(messages)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Message, Role};

    #[test]
    fn shows_program_outcome_and_subtype() {
        let prompt = Prompt::Text("\nQUESTION:\nAdd.\nANSWER:\n".to_owned());
        let check = |outcome, error, expected: &str| {
            let Prompt::Text(text) = repair_prompt(&prompt, "print(1\n", outcome, error) else {
                panic!("a text stays one")
            };
            assert_eq!(
                text,
                format!("\nQUESTION:\nAdd.\nANSWER:\nprint(1\n{expected}")
            );
        };
        check(
            Outcome::CompileError,
            Some("SyntaxError"),
            "RESULT: compile-error (SyntaxError)\nCORRECTED ANSWER:\n",
        );
        check(
            Outcome::FailedTests,
            None,
            "RESULT: failed-tests\nCORRECTED ANSWER:\n",
        );
    }

    #[test]
    fn a_conversation_goes_on_in_its_last_message() {
        let message = |role, content: &str| Message {
            role,
            content: content.to_owned(),
        };
        let prompt = Prompt::Messages(vec![
            message(Role::System, "You write Python."),
            message(Role::User, "Add."),
        ]);
        let asked = repair_prompt(&prompt, "print(1)", Outcome::FailedTests, None);
        let expected = "Add.\nThis answer is wrong:\nprint(1)\nRESULT: failed-tests\nCORRECTED \
                        ANSWER:\n";
        assert_eq!(
            asked,
            Prompt::Messages(vec![
                message(Role::System, "You write Python."),
                message(Role::User, expected),
            ])
        );
    }
}
