//! One problem: a chain with its text, tests and programs, and the row that it becomes.

use std::collections::HashSet;
use std::fmt;

use harness::problem::Split;

use super::cases::Cases;
use super::chain::{Chain, difficulty, draw_length, split_of};
use super::program::{CallStyle, FUNCTIONS, draw_names, references};
use super::random::Random;
use super::row::{self, AppsRow, MbppRow};
use super::statement;

const N_SHOWN_APPS: usize = 2;
const N_SHOWN_MBPP: usize = 3;
const PERCENT_STDIN: usize = 60;

/// Draws of one problem after which its text may be that of another one.
const MAX_DRAWS_FOR_NEW_TEXT: usize = 2_000;

/// Texts of the problems before, with how they are called.
pub(super) type Texts = HashSet<(String, CallStyle)>;

/// What a problem is drawn for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Apps(Split),
    Mbpp(Split),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apps(split) => write!(f, "apps {split}"),
            // As it was when there was no other.
            Self::Mbpp(Split::Test) => f.write_str("mbpp"),
            Self::Mbpp(split) => write!(f, "mbpp {split}"),
        }
    }
}

/// A problem, not yet in the form of a row.
pub(super) struct Drawn {
    pub(super) chain: Chain,
    pub(super) call: CallStyle,
    /// What a model reads of it at least: the statement without examples.
    pub(super) task: String,
    pub(super) cases: Cases,
}

impl Drawn {
    /// Draws until the split is right, the tests are telling and, outside of training, the text
    /// is not among `texts`. Number of steps and call style stay, so that their shares are those
    /// intended, whatever is refused more often.
    pub(super) fn draw(form: Form, texts: &mut Texts, random: &mut Random) -> Self {
        let n_steps = draw_length(random);
        let function = *random.pick(&FUNCTIONS);
        let (split, n_shown) = match form {
            Form::Apps(split) => (split, N_SHOWN_APPS),
            Form::Mbpp(split) => (split, N_SHOWN_MBPP),
        };
        let is_apps = matches!(form, Form::Apps(_));
        let call = if is_apps && random.percent(PERCENT_STDIN) {
            CallStyle::StandardInput
        } else {
            CallStyle::Function(function)
        };
        let mut n_draws = 0;
        loop {
            n_draws += 1;
            let chain = Chain::draw(n_steps, random);
            let task = match form {
                Form::Apps(_) => statement::draw_task(&chain, random),
                Form::Mbpp(_) => statement::sentence(&chain),
            };
            // There are too few single operations to keep some of them from training.
            let key = match n_steps {
                1 => task.clone(),
                _ => chain.composition(),
            };
            let text = (task.clone(), call);
            let is_known = texts.contains(&text) && n_draws < MAX_DRAWS_FOR_NEW_TEXT;
            if split_of(&key) != split || is_known {
                continue;
            }
            let Some(cases) = Cases::draw(&chain, n_shown, random) else {
                continue;
            };
            // Texts of training may repeat: there are fewer of one step than problems.
            if split != Split::Train {
                texts.insert(text);
            }
            return Self {
                chain,
                call,
                task,
                cases,
            };
        }
    }

    pub(super) fn apps_row(&self, problem_id: usize, random: &mut Random) -> AppsRow {
        let parameter = draw_names(random).of(self.chain.input);
        let (question, starter_code) = match self.call {
            CallStyle::StandardInput => (
                statement::with_stdin_examples(&self.task, &self.cases),
                String::new(),
            ),
            CallStyle::Function(name) => (
                statement::with_call_examples(&self.task, parameter, &self.cases),
                format!("def {name}({parameter}):\n\t"),
            ),
        };
        AppsRow {
            problem_id,
            question,
            solutions: row::json(&references(&self.chain, self.call, random)),
            input_output: row::input_output(&self.cases, self.call),
            difficulty: difficulty(self.chain.steps.len()),
            url: "",
            starter_code,
        }
    }

    pub(super) fn mbpp_row(&self, task_id: usize, random: &mut Random) -> MbppRow {
        let CallStyle::Function(function) = self.call else {
            unreachable!("problems in the form of MBPP have a function")
        };
        let programs = references(&self.chain, self.call, random);
        MbppRow {
            task_id,
            text: self.task.clone(),
            code: random.pick(&programs).clone(),
            test_setup_code: "",
            test_list: row::asserts(function, self.cases.shown()),
            challenge_test_list: [],
            hidden_test_list: row::asserts(function, self.cases.hidden()),
            difficulty: difficulty(self.chain.steps.len()),
        }
    }
}
