//! From problems, candidates and verdicts to what a trainer reads.

use super::example::{Feedback, Origin, TrainingExample, TrainingSample};
use crate::candidate::{Candidate, CandidateId, Code};
use crate::problem::{Problem, ProblemId};
use crate::prompt::{AnswerForm, PromptError, PromptStyle, repair_prompt};
use crate::seed::candidate_seed;
use crate::verdict::Judgement;

/// What a model writes that answers with a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// Line 1 of the program is line `1 + line_offset` of the text.
    pub line_offset: i64,
}

impl Answer {
    /// The answer of this form that holds `code`. `None` where there is none: a program that
    /// does not begin as the problem's completions do.
    pub fn new(form: AnswerForm, problem: &Problem, code: &Code) -> Option<Self> {
        let program = match (form, code) {
            (AnswerForm::Continuation, code) => {
                let prefix = problem.completion_prefix.as_deref().unwrap_or_default();
                let text = match code {
                    Code::Completion(completion) => completion,
                    Code::Program(program) => program.strip_prefix(prefix)?,
                };
                let lines = prefix.matches('\n').count();
                return Some(Self {
                    text: text.to_owned(),
                    line_offset: -i64::try_from(lines).unwrap_or(i64::MAX),
                });
            }
            (_, Code::Program(program)) => program.clone(),
            (_, Code::Completion(completion)) => problem.program_from_completion(completion),
        };
        Some(match form {
            AnswerForm::Fenced => Self {
                text: format!("```python\n{}\n```", program.trim_end_matches('\n')),
                line_offset: 1,
            },
            _ => Self {
                text: program,
                line_offset: 0,
            },
        })
    }

    /// How far the program `code` lies below the head of `text`, from which it was taken.
    pub fn line_offset_in(problem: &Problem, text: &str, code: &Code) -> i64 {
        let n_lines = |text: &str| i64::try_from(text.matches('\n').count()).unwrap_or(i64::MAX);
        match code {
            Code::Completion(_) => {
                -n_lines(problem.completion_prefix.as_deref().unwrap_or_default())
            }
            Code::Program(program) => match text.find(program.as_str()) {
                Some(at) => n_lines(&text[..at]),
                None => 0,
            },
        }
    }
}

/// Makes the files of a trainer.
#[derive(Clone, Debug)]
pub struct ExampleMaker<'a> {
    pub style: &'a PromptStyle,
    /// Indent reference programs by tabs.
    pub tabs: bool,
}

impl ExampleMaker<'_> {
    /// The reference programs of `problem`, as programs to imitate.
    ///
    /// # Errors
    /// When the problem lacks what the template shows.
    pub fn references(&self, problem: &Problem) -> Result<Vec<TrainingExample>, PromptError> {
        let prompt = self.style.prompt(problem)?;
        let form = self.style.answer(problem);
        let examples = problem.reference_solutions.iter().enumerate();
        let examples = examples.filter_map(|(index, program)| {
            let program = self.tidy(program);
            let answer = Answer::new(form, problem, &Code::Program(program))?;
            Some(TrainingExample {
                id: id(problem, index),
                prompt: prompt.clone(),
                program: answer.text,
            })
        });
        Ok(examples.collect())
    }

    /// A problem to sample for, without a program.
    ///
    /// # Errors
    /// As for [`ExampleMaker::references`].
    pub fn prompt_alone(&self, problem: &Problem) -> Result<TrainingExample, PromptError> {
        Ok(TrainingExample {
            id: id(problem, 0),
            prompt: self.style.prompt(problem)?,
            program: String::new(),
        })
    }

    /// The reference programs as samples that passed.
    ///
    /// # Errors
    /// As for [`ExampleMaker::references`].
    pub fn reference_samples(&self, problem: &Problem) -> Result<Vec<TrainingSample>, PromptError> {
        let examples = self.references(problem)?.into_iter();
        let samples = examples.map(|example| TrainingSample {
            id: example.id,
            prompt: example.prompt,
            program: example.program,
            feedback: Feedback::passed(),
            origin: Origin::Reference,
            baseline: None,
            token_values: None,
        });
        Ok(samples.collect())
    }

    /// A candidate with what became of it. `None` where it was not judged, or is not of the
    /// form that the template asks for.
    ///
    /// # Errors
    /// As for [`ExampleMaker::references`].
    pub fn sample(
        &self,
        problem: &Problem,
        candidate: &Candidate,
        judgement: &Judgement,
    ) -> Result<Option<TrainingSample>, PromptError> {
        let form = self.style.answer(problem);
        let Some(answer) = Answer::new(form, problem, &candidate.code) else {
            return Ok(None);
        };
        let Some(feedback) = Feedback::of(judgement, answer.line_offset) else {
            return Ok(None);
        };
        Ok(Some(TrainingSample {
            id: candidate.id.clone(),
            prompt: self.style.prompt(problem)?,
            program: answer.text,
            feedback,
            origin: Origin::Sampled,
            baseline: None,
            token_values: None,
        }))
    }

    /// A wrong program with one of the problem's references to become (Eq. 13), drawn by `seed`.
    /// `None` for problems without references.
    ///
    /// # Errors
    /// As for [`ExampleMaker::references`].
    pub fn repair(
        &self,
        problem: &Problem,
        sample: &TrainingSample,
        seed: u64,
    ) -> Result<Option<TrainingExample>, PromptError> {
        let mut references = self.references(problem)?;
        if references.is_empty() {
            return Ok(None);
        }
        let draw = candidate_seed(seed, &sample.id.problem, sample.id.index);
        let chosen = draw % references.len() as u64;
        let target = references.swap_remove(usize::try_from(chosen).expect("below a length"));
        let Feedback { outcome, error, .. } = &sample.feedback;
        Ok(Some(TrainingExample {
            id: sample.id.clone(),
            prompt: repair_prompt(&sample.prompt, &sample.program, *outcome, error.as_deref()),
            program: target.program,
        }))
    }

    fn tidy(&self, program: &str) -> String {
        // MBPP's file has carriage returns, as the prompts of its problems do not.
        let program = program.replace("\r\n", "\n");
        if self.tabs {
            indented_by_tabs(&program)
        } else {
            program
        }
    }
}

/// Whether `problem` is among the `share` of all that is held out. Does not depend on which
/// other problems there are.
pub fn is_held_out(problem: &ProblemId, share: f64, seed: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a draw needs no exactness")]
    let draw = candidate_seed(seed, problem, u32::MAX) as f64 / u64::MAX as f64;
    draw < share
}

/// The released training programs: each whole repetition of the first indentation at the head
/// of a line becomes a tab.
pub fn indented_by_tabs(program: &str) -> String {
    let unit = program.lines().find_map(|line| {
        let rest = line.trim_start_matches([' ', '\t']);
        let unit = &line[..line.len() - rest.len()];
        (!unit.is_empty() && !rest.is_empty()).then_some(unit)
    });
    let Some(unit) = unit else {
        return program.to_owned();
    };
    let mut text = String::with_capacity(program.len());
    for line in program.split_inclusive('\n') {
        let mut rest = line;
        while let Some(deeper) = rest.strip_prefix(unit) {
            text.push('\t');
            rest = deeper;
        }
        text.push_str(rest);
    }
    text
}

fn id(problem: &Problem, index: usize) -> CandidateId {
    CandidateId {
        problem: problem.id.clone(),
        index: u32::try_from(index).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{TestSet, UnitTests};

    fn problem() -> Problem {
        let tests = UnitTests::StandardInput {
            tests: TestSet::default(),
        };
        let mut problem = Problem::with_tests(ProblemId::new("p/1"), tests);
        problem.completion_prefix = Some("def f():\n    \"\"\"one\"\"\"\n".to_owned());
        problem
    }

    #[test]
    fn indentation_becomes_tabs() {
        let check = |program: &str, expected: &str| {
            assert_eq!(indented_by_tabs(program), expected);
        };
        check(
            "a\nif b:\n    c\n    if d:\n        e\n",
            "a\nif b:\n\tc\n\tif d:\n\t\te\n",
        );
        check("if b:\n  c\n   d\n", "if b:\n\tc\n\t d\n");
        check("if b:\n\tc\n", "if b:\n\tc\n");
        check("a\nb", "a\nb");
        // The first indentation counts, however deep.
        check("if b:\n        c\n    d\n", "if b:\n\tc\n    d\n");
    }

    #[test]
    fn answers_are_what_the_model_would_write() {
        let problem = problem();
        let program = Code::Program("def f():\n    \"\"\"one\"\"\"\n    return 1\n".to_owned());
        let of = |form, code: &Code| Answer::new(form, &problem, code);
        let completion = of(AnswerForm::Continuation, &program).unwrap();
        assert_eq!(completion.text, "    return 1\n");
        assert_eq!(completion.line_offset, -2);
        let other = Code::Program("print(1)".to_owned());
        assert_eq!(of(AnswerForm::Continuation, &other), None);
        let fenced = of(AnswerForm::Fenced, &other).unwrap();
        assert_eq!(
            (fenced.text.as_str(), fenced.line_offset),
            ("```python\nprint(1)\n```", 1)
        );
        let whole = of(
            AnswerForm::Program,
            &Code::Completion("    return 2".to_owned()),
        )
        .unwrap();
        assert_eq!(whole.text, "def f():\n    \"\"\"one\"\"\"\n    return 2");
    }

    #[test]
    fn finds_a_program_in_an_answer() {
        let check = |text: &str, program: &str, expected| {
            let code = Code::Program(program.to_owned());
            assert_eq!(Answer::line_offset_in(&problem(), text, &code), expected);
        };
        check("a\nb\n", "a\nb\n", 0);
        check("Sure:\n```python\na\n```", "a\n", 2);
        let code = Code::Completion("return 1".to_owned());
        assert_eq!(Answer::line_offset_in(&problem(), "return 1", &code), -2);
    }

    #[test]
    fn the_share_held_out_is_about_as_asked_and_grows() {
        let held = |share: f64| -> Vec<usize> {
            (0..2000)
                .filter(|n| is_held_out(&ProblemId::new(format!("p/{n}")), share, 1))
                .collect()
        };
        assert_eq!(held(0.0), [] as [usize; 0]);
        let (few, many) = (held(0.1), held(0.3));
        assert!((140..260).contains(&few.len()), "{}", few.len());
        assert!(few.iter().all(|n| many.contains(n)));
    }
}
