//! Which template a run uses, and all that follows from it.

use std::path::PathBuf;
use std::str::FromStr;

use super::answer::AnswerForm;
use super::template::{MBPP_SHOTS, PromptError, Template};
use super::text::Prompt;
use super::user_template::{TemplateError, UserTemplate};
use crate::candidate::Code;
use crate::problem::Problem;

/// A template as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateChoice {
    /// That of each problem's benchmark.
    Auto,
    BuiltIn(Template),
    /// A file in TOML.
    File(PathBuf),
}

impl FromStr for TemplateChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let is_file = text.ends_with(".toml") || text.contains(['/', '\\']);
        if is_file {
            return Ok(Self::File(PathBuf::from(text)));
        }
        text.parse().map(Self::BuiltIn).map_err(|error: String| {
            format!("{error}, `auto`, or a file whose name ends in `.toml`")
        })
    }
}

/// Why problems cannot be put to a model.
#[derive(Debug, thiserror::Error)]
pub enum StyleError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("template `{template}` shows problem `{shot}`, which the dataset does not have")]
    NoShot { template: String, shot: String },
}

/// How problems are put to a model, and its answers are read.
#[derive(Clone, Debug)]
pub struct PromptStyle {
    template: Chosen,
    /// Problems that any template in use shows, with the id by which it asks for them.
    shots: Vec<(String, Problem)>,
}

#[derive(Clone, Debug)]
enum Chosen {
    /// That of each problem's benchmark.
    Auto {
        /// Whether the dataset has what [`Template::MbppThreeShot`] shows.
        has_mbpp_shots: bool,
    },
    BuiltIn(Template),
    User(UserTemplate),
}

impl PromptStyle {
    /// The style that `choice` stands for. Problems that are shown before others are taken
    /// from `dataset`, which is the whole and not the part that is asked.
    ///
    /// # Errors
    /// When a file is no template, or the dataset lacks a problem to show.
    pub fn new(choice: &TemplateChoice, dataset: &[Problem]) -> Result<Self, StyleError> {
        let template = match choice {
            TemplateChoice::Auto => Chosen::Auto {
                has_mbpp_shots: MBPP_SHOTS
                    .iter()
                    .all(|id| dataset.iter().any(|problem| problem.id.as_str() == *id)),
            },
            TemplateChoice::BuiltIn(template) => Chosen::BuiltIn(*template),
            TemplateChoice::File(path) => Chosen::User(UserTemplate::read(path)?),
        };
        let mut style = Self {
            template,
            shots: Vec::new(),
        };
        let mut wanted: Vec<(String, String)> = Vec::new();
        for problem in dataset {
            let template = style.template_of(problem);
            for id in template.shots() {
                let id = id.to_owned();
                if !wanted.iter().any(|(wanted, _)| *wanted == id) {
                    wanted.push((id, template.name()));
                }
            }
        }
        for (id, template) in wanted {
            let shot = dataset.iter().find(|problem| problem.id.as_str() == id);
            match shot {
                Some(shot) => style.shots.push((id, shot.clone())),
                None => return Err(StyleError::NoShot { template, shot: id }),
            }
        }
        Ok(style)
    }

    /// What a model reads.
    ///
    /// # Errors
    /// When the problem lacks what the template shows.
    pub fn prompt(&self, problem: &Problem) -> Result<Prompt, PromptError> {
        let template = self.template_of(problem);
        let shots: Vec<&Problem> = template
            .shots()
            .into_iter()
            .filter_map(|id| self.shots.iter().find(|(shot, _)| shot == id))
            .map(|(_, problem)| problem)
            .collect();
        match template {
            Of::BuiltIn(template) => template.render(problem, &shots),
            Of::User(template) => template.render(problem, &shots),
        }
    }

    /// Texts with which an answer is over.
    pub fn stop(&self, problem: &Problem) -> Vec<String> {
        match self.template_of(problem) {
            Of::BuiltIn(template) => template.stop().iter().map(ToString::to_string).collect(),
            Of::User(template) => template.stop.clone(),
        }
    }

    /// The code in what the model wrote.
    pub fn code(&self, problem: &Problem, answer: &str) -> Code {
        let stop = self.stop(problem);
        self.answer(problem).code(problem, answer, &stop)
    }

    /// How the code lies in an answer.
    pub fn answer(&self, problem: &Problem) -> AnswerForm {
        match self.template_of(problem) {
            Of::BuiltIn(template) => template.answer(),
            Of::User(template) => template.answer,
        }
    }

    /// Name of the template of `problem`.
    pub fn name(&self, problem: &Problem) -> String {
        self.template_of(problem).name()
    }

    fn template_of(&self, problem: &Problem) -> Of<'_> {
        match &self.template {
            Chosen::Auto { has_mbpp_shots } => match Template::default_for(problem) {
                Template::MbppThreeShot if !has_mbpp_shots => Of::BuiltIn(Template::MbppPaper),
                template => Of::BuiltIn(template),
            },
            Chosen::BuiltIn(template) => Of::BuiltIn(*template),
            Chosen::User(template) => Of::User(template),
        }
    }
}

/// The template of one problem.
enum Of<'a> {
    BuiltIn(Template),
    User(&'a UserTemplate),
}

impl<'a> Of<'a> {
    fn name(&self) -> String {
        match self {
            Self::BuiltIn(template) => template.to_string(),
            Self::User(template) => template.name.clone(),
        }
    }

    fn shots(&self) -> Vec<&'a str> {
        match self {
            Self::BuiltIn(template) => template.shots().to_vec(),
            Self::User(template) => template.shots.iter().map(String::as_str).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{ProblemId, TestSet, UnitTests};

    fn task(id: &str) -> Problem {
        let tests = UnitTests::Asserts {
            setup: String::new(),
            tests: TestSet {
                example: vec!["assert f()".to_owned()],
                hidden: Vec::new(),
            },
            challenge: Vec::new(),
        };
        let mut problem = Problem::with_tests(ProblemId::new(id), tests);
        problem.reference_solutions = vec!["pass".to_owned()];
        problem
    }

    #[test]
    fn auto_shows_mbpp_its_examples_where_they_are_at_hand() {
        let all = ["mbpp/2", "mbpp/3", "mbpp/4", "mbpp/11"].map(task);
        let style = PromptStyle::new(&TemplateChoice::Auto, &all).unwrap();
        assert_eq!(style.name(&all[3]), "mbpp-three-shot");
        let Prompt::Text(text) = style.prompt(&all[3]).unwrap() else {
            panic!("not a text")
        };
        assert_eq!(text.matches("[DONE]").count(), 3);
        assert_eq!(style.stop(&all[3]), ["[DONE]"]);
        let style = PromptStyle::new(&TemplateChoice::Auto, &all[1..]).unwrap();
        assert_eq!(style.name(&all[3]), "mbpp-paper");
    }

    #[test]
    fn examples_that_are_asked_for_have_to_be_there() {
        let choice = TemplateChoice::BuiltIn(Template::MbppThreeShot);
        let error = PromptStyle::new(&choice, &[task("mbpp/11")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "template `mbpp-three-shot` shows problem `mbpp/2`, which the dataset does not have"
        );
    }

    #[test]
    fn choices_are_read() {
        assert_eq!("auto".parse(), Ok(TemplateChoice::Auto));
        let chat = TemplateChoice::BuiltIn(Template::Chat);
        assert_eq!("chat".parse(), Ok(chat));
        let file = TemplateChoice::File(PathBuf::from("my.toml"));
        assert_eq!("my.toml".parse(), Ok(file));
        let error = "mbpp".parse::<TemplateChoice>().unwrap_err();
        assert!(
            error.contains("`mbpp-paper`") && error.contains("`.toml`"),
            "{error}"
        );
    }
}
