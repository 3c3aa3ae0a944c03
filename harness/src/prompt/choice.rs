//! Which template a run uses, and all that follows from it.

use std::path::PathBuf;
use std::str::FromStr;

use super::answer::AnswerForm;
use super::template::{PromptError, Template};
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
    /// `None` takes that of each problem's benchmark.
    template: Option<Chosen>,
    /// Problems that any template in use shows, with the id by which it asks for them.
    shots: Vec<(String, Problem)>,
}

#[derive(Clone, Debug)]
enum Chosen {
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
            TemplateChoice::Auto => None,
            TemplateChoice::BuiltIn(template) => Some(Chosen::BuiltIn(*template)),
            TemplateChoice::File(path) => Some(Chosen::User(UserTemplate::read(path)?)),
        };
        let mut style = Self {
            template,
            shots: Vec::new(),
        };
        let mut wanted: Vec<(String, String)> = Vec::new();
        for problem in dataset {
            let template = style.template_of(problem);
            for id in template.shots() {
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
            .iter()
            .filter_map(|id| self.shots.iter().find(|(shot, _)| shot == id))
            .map(|(_, problem)| problem)
            .collect();
        match template {
            Chosen::BuiltIn(template) => template.render(problem, &shots),
            Chosen::User(template) => template.render(problem, &shots),
        }
    }

    /// Texts with which an answer is over.
    pub fn stop(&self, problem: &Problem) -> Vec<String> {
        match self.template_of(problem) {
            Chosen::BuiltIn(template) => template.stop().iter().map(ToString::to_string).collect(),
            Chosen::User(template) => template.stop,
        }
    }

    /// The code in what the model wrote.
    pub fn code(&self, problem: &Problem, answer: &str) -> Code {
        let form = match self.template_of(problem) {
            Chosen::BuiltIn(template) => template.answer(),
            Chosen::User(template) => template.answer,
        };
        form.code(problem, answer, &self.stop(problem))
    }

    /// How the code lies in an answer.
    pub fn answer(&self, problem: &Problem) -> AnswerForm {
        match self.template_of(problem) {
            Chosen::BuiltIn(template) => template.answer(),
            Chosen::User(template) => template.answer,
        }
    }

    /// Name of the template of `problem`.
    pub fn name(&self, problem: &Problem) -> String {
        self.template_of(problem).name()
    }

    fn template_of(&self, problem: &Problem) -> Chosen {
        self.template
            .clone()
            .unwrap_or_else(|| Chosen::BuiltIn(Template::default_for(problem)))
    }
}

impl Chosen {
    fn name(&self) -> String {
        match self {
            Self::BuiltIn(template) => template.to_string(),
            Self::User(template) => template.name.clone(),
        }
    }

    fn shots(&self) -> Vec<String> {
        match self {
            Self::BuiltIn(template) => template.shots().iter().map(ToString::to_string).collect(),
            Self::User(template) => template.shots.clone(),
        }
    }
}
