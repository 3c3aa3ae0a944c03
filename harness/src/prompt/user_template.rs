//! Prompt templates that users write, in TOML. `docs/backends.md` explains the keys.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::answer::AnswerForm;
use super::template::{PromptError, asserts, call_format, unix_lines};
use super::text::{Message, Prompt, Role};
use crate::problem::{Problem, UnitTests};

/// What may stand between `{{` and `}}`.
const PLACEHOLDERS: [&str; 8] = [
    "statement",
    "starter_code",
    "prefix",
    "asserts",
    "entry_point",
    "call_format",
    "shots",
    "solution",
];

/// A template from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct UserTemplate {
    /// Name of the file without its ending.
    pub name: String,
    body: Body,
    pub stop: Vec<String>,
    pub answer: AnswerForm,
    /// Ids of the problems to show before.
    pub shots: Vec<String>,
    /// Shows one of them.
    shot: Pieces,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Text(Pieces),
    Messages(Vec<(Role, Pieces)>),
}

/// Why a file is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read template `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("template `{}`: {detail}", path.display())]
    Malformed { path: PathBuf, detail: String },
}

/// The file as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    text: Option<String>,
    messages: Option<Vec<Message>>,
    answer: AnswerForm,
    #[serde(default)]
    stop: Vec<String>,
    #[serde(default)]
    shots: Vec<String>,
    shot: Option<String>,
}

impl UserTemplate {
    /// Reads `path`.
    ///
    /// # Errors
    /// When it cannot be read or is no template, naming the key.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path).map_err(|source| TemplateError::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text).map_err(|detail| TemplateError::Malformed {
            path: path.to_owned(),
            detail,
        })
    }

    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let written: Written =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let body = match (written.text, written.messages) {
            (Some(text), None) => Body::Text(Pieces::parse("text", &text)?),
            (None, Some(messages)) if !messages.is_empty() => Body::Messages(
                messages
                    .iter()
                    .map(|message| Ok((message.role, Pieces::parse("messages", &message.content)?)))
                    .collect::<Result<_, String>>()?,
            ),
            (None, _) => return Err("has neither `text` nor `messages`".to_owned()),
            (Some(_), Some(_)) => return Err("has both `text` and `messages`".to_owned()),
        };
        let shot = Pieces::parse("shot", written.shot.as_deref().unwrap_or_default())?;
        let template = Self {
            name: name.to_owned(),
            body,
            stop: written.stop,
            answer: written.answer,
            shots: written.shots,
            shot,
        };
        template.check()?;
        Ok(template)
    }

    /// What would be written and never shown is a mistake.
    fn check(&self) -> Result<(), String> {
        let shows = |name: &str| match &self.body {
            Body::Text(pieces) => pieces.shows(name),
            Body::Messages(messages) => messages.iter().any(|(_, pieces)| pieces.shows(name)),
        };
        if self.shots.is_empty() == shows("shots") {
            return Err(
                "`shots` lists problems, and `{{shots}}` says where they are shown: \
                        either needs the other"
                    .to_owned(),
            );
        }
        if self.shots.is_empty() != self.shot.0.is_empty() {
            return Err(
                "`shots` lists problems, and `shot` is the text of one: either needs the other"
                    .to_owned(),
            );
        }
        if shows("solution") {
            return Err("`{{solution}}` is for `shot` alone".to_owned());
        }
        if self.shot.shows("shots") {
            return Err("`{{shots}}` cannot stand in `shot`".to_owned());
        }
        Ok(())
    }

    /// Renders `problem` behind `shots`, which are the problems that [`UserTemplate::shots`]
    /// lists.
    ///
    /// # Errors
    /// The problem, or a shot, lacks what the template shows.
    pub fn render(&self, problem: &Problem, shots: &[&Problem]) -> Result<Prompt, PromptError> {
        let mut shown = String::new();
        for shot in shots {
            shown.push_str(&self.fill(&self.shot, shot, "")?);
        }
        match &self.body {
            Body::Text(pieces) => self.fill(pieces, problem, &shown).map(Prompt::Text),
            Body::Messages(messages) => messages
                .iter()
                .map(|(role, pieces)| {
                    Ok(Message {
                        role: *role,
                        content: self.fill(pieces, problem, &shown)?,
                    })
                })
                .collect::<Result<_, _>>()
                .map(Prompt::Messages),
        }
    }

    fn fill(&self, pieces: &Pieces, problem: &Problem, shots: &str) -> Result<String, PromptError> {
        let mut text = String::new();
        for piece in &pieces.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Placeholder("shots") => text.push_str(shots),
                Piece::Placeholder(name) => {
                    let value = value(problem, name).ok_or_else(|| PromptError {
                        problem: problem.id.to_string(),
                        what: name,
                        template: self.name.clone(),
                    })?;
                    text.push_str(&value);
                }
            }
        }
        Ok(text)
    }
}

fn value(problem: &Problem, placeholder: &str) -> Option<String> {
    match placeholder {
        "statement" => Some(unix_lines(&problem.statement)),
        "starter_code" => Some(unix_lines(
            problem.starter_code.as_deref().unwrap_or_default(),
        )),
        "prefix" => problem.completion_prefix.clone(),
        "asserts" => asserts(problem),
        "entry_point" => match &problem.tests {
            UnitTests::CallBased { function, .. } => Some(function.clone()),
            UnitTests::CheckFunction { entry_point, .. }
            | UnitTests::Differential { entry_point, .. } => Some(entry_point.clone()),
            UnitTests::StandardInput { .. } | UnitTests::Asserts { .. } => None,
        },
        "call_format" => Some(call_format(problem).to_owned()),
        "solution" => problem.reference_solutions.first().map(|s| unix_lines(s)),
        _ => None,
    }
}

/// Text with placeholders, taken apart.
#[derive(Clone, Debug, PartialEq)]
struct Pieces(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Placeholder(&'static str),
}

impl Pieces {
    /// `key` is where `text` comes from, for errors.
    fn parse(key: &str, mut text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        while let Some((before, rest)) = text.split_once("{{") {
            let (name, after) = rest
                .split_once("}}")
                .ok_or_else(|| format!("`{key}` has a `{{{{` without `}}}}`"))?;
            let placeholder = PLACEHOLDERS
                .into_iter()
                .find(|placeholder| *placeholder == name.trim())
                .ok_or_else(|| {
                    format!(
                        "`{key}` has the unknown placeholder `{{{{{name}}}}}`; there are {}",
                        PLACEHOLDERS
                            .map(|name| format!("`{{{{{name}}}}}`"))
                            .join(", ")
                    )
                })?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Placeholder(placeholder));
            text = after;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        Ok(Self(pieces))
    }

    fn shows(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Placeholder(placeholder) if *placeholder == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{ProblemId, TestSet};

    fn problem(id: &str) -> Problem {
        let tests = UnitTests::Asserts {
            setup: String::new(),
            tests: TestSet {
                example: vec!["assert f(1)".to_owned(), "assert f(2)".to_owned()],
                hidden: Vec::new(),
            },
            challenge: Vec::new(),
        };
        let mut problem = Problem::with_tests(ProblemId::new(id), tests);
        problem.statement = "Write f.".to_owned();
        problem.reference_solutions = vec!["def f(x):\r\n    return x".to_owned()];
        problem
    }

    #[test]
    fn placeholders_are_filled() {
        let text = r##"
            answer = "program"
            stop = ["END"]
            shots = ["mbpp/2"]
            shot = "# {{ statement }}\n{{solution}}\nEND\n"
            text = "{{shots}}# {{statement}} {1}\n{{asserts}}\n"
        "##;
        let template = UserTemplate::parse("mine", text).unwrap();
        assert_eq!(template.stop, ["END"]);
        let shot = problem("mbpp/2");
        let prompt = template.render(&problem("mbpp/11"), &[&shot]).unwrap();
        let expected = "# Write f.\ndef f(x):\n    return x\nEND\n# Write f. {1}\nassert f(1)\n\
                        assert f(2)\n";
        assert_eq!(prompt, Prompt::Text(expected.to_owned()));
    }

    #[test]
    fn conversations_are_rendered() {
        let text = r#"
            answer = "fenced"
            [[messages]]
            role = "system"
            content = "You write Python."
            [[messages]]
            role = "user"
            content = "{{statement}}"
        "#;
        let template = UserTemplate::parse("mine", text).unwrap();
        let Prompt::Messages(messages) = template.render(&problem("a"), &[]).unwrap() else {
            panic!("no conversation")
        };
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::System, Role::User]);
        assert_eq!(messages[1].content, "Write f.");
    }

    #[test]
    fn what_the_problem_lacks_is_named() {
        let text = "answer = \"continuation\"\ntext = \"{{prefix}}\"";
        let template = UserTemplate::parse("mine", text).unwrap();
        let error = template.render(&problem("mbpp/11"), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "problem `mbpp/11` has no prefix, which template `mine` needs"
        );
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, expected: &str| {
            let error = UserTemplate::parse("mine", text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        let answer = "answer = \"program\"\n";
        check(answer, "neither `text` nor `messages`");
        check("text = \"\"", "missing field `answer`");
        check("answer = \"code\"\ntext = \"\"", "unknown variant `code`");
        check(&format!("{answer}txt = \"\""), "unknown field `txt`");
        check(
            &format!("{answer}text = \"{{{{question}}}}\""),
            "unknown placeholder `{{question}}`; there are `{{statement}}`",
        );
        check(
            &format!("{answer}text = \"{{{{statement\""),
            "`text` has a `{{` without `}}`",
        );
        check(
            &format!("{answer}text = \"{{{{shots}}}}\""),
            "either needs the other",
        );
        check(
            &format!("{answer}text = \"{{{{solution}}}}\""),
            "for `shot` alone",
        );
        check(
            &format!("{answer}text = \"\"\nmessages = [{{ role = \"user\", content = \"\" }}]"),
            "both `text` and `messages`",
        );
        check(
            &format!("{answer}messages = [{{ role = \"robot\", content = \"\" }}]"),
            "unknown variant `robot`",
        );
    }
}
