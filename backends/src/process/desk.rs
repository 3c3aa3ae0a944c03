//! Many questions to one child at a time, for those who need all answers before they go on.
//!
//! Trouble is met as in [`super::Process`]: a child that fails is replaced, what it owed is asked
//! once more, one question at a time, and a question that fails twice is given up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::error_chain;
use harness::strategy::{Answers, Stop};

use super::error::ProcessError;
use super::model::{Model, ProcessOptions, TICK, message_id, out_of_turn};
use super::protocol::{
    Capability, Completion, FromChild, Generate, Ready, RequestId, Score, Scores, ToChild,
};
use crate::asking::MAX_FAILURES_IN_A_ROW;

/// A first try and a second.
const MAX_ATTEMPTS: u32 = 2;

/// A child and the questions that it is asked.
pub struct Desk {
    options: ProcessOptions,
    /// What the child has to be able to do, and how that is called.
    needs: Vec<(Capability, &'static str)>,
    /// Once true, nothing more is asked.
    cancel: Arc<AtomicBool>,
    model: Option<Model>,
    failures_in_a_row: u32,
}

/// Something to ask; the id is put in when it is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    Generate(Generate),
    Score(Score),
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Written {
        /// In order of seeds.
        completions: Vec<Completion>,
        n_prompt_tokens: u32,
        n_critic_prompt_tokens: u32,
    },
    Scores(Scores),
}

struct Job {
    /// Among the questions.
    place: usize,
    question: Question,
    completions: BTreeMap<u32, Completion>,
    /// From 1.
    attempt: u32,
}

impl Desk {
    pub fn new(
        options: ProcessOptions,
        needs: Vec<(Capability, &'static str)>,
        cancel: Arc<AtomicBool>,
    ) -> Self {
        Self {
            options,
            needs,
            cancel,
            model: None,
            failures_in_a_row: 0,
        }
    }

    /// Starts the child, unless that was done before, and says what it is.
    ///
    /// # Errors
    /// When it does not start, or cannot do what it is needed for.
    pub fn ready(&mut self) -> Result<&Ready, ProcessError> {
        self.model().map(|model| model.ready())
    }

    fn model(&mut self) -> Result<&mut Model, ProcessError> {
        let model = match self.model.take() {
            Some(model) => model,
            None => {
                let model = Model::start(&self.options)?;
                for (capability, what) in &self.needs {
                    model.require(*capability, what)?;
                }
                model
            }
        };
        Ok(self.model.insert(model))
    }

    /// Answers in the order of `questions`.
    pub(super) fn ask(&mut self, questions: Vec<Question>) -> Answers<Answer> {
        let n = questions.len();
        let jobs = questions.into_iter().enumerate();
        let mut round = Round {
            waiting: jobs
                .map(|(place, question)| Job {
                    place,
                    question,
                    completions: BTreeMap::new(),
                    attempt: 1,
                })
                .collect(),
            suspects: VecDeque::new(),
            in_flight: BTreeMap::new(),
            answers: (0..n).map(|_| None).collect(),
            desk: self,
        };
        round.run()?;
        let answers = round.answers.into_iter();
        Ok(answers
            .map(|answer| answer.unwrap_or_else(|| Err("it was not answered".to_owned())))
            .collect())
    }
}

/// One call of [`Desk::ask`].
struct Round<'d> {
    desk: &'d mut Desk,
    waiting: VecDeque<Job>,
    /// What was in flight when a child failed; asked alone.
    suspects: VecDeque<Job>,
    in_flight: BTreeMap<RequestId, Job>,
    answers: Vec<Option<Result<Answer, String>>>,
}

impl Round<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            self.send()?;
            if self.in_flight.is_empty() {
                return Ok(());
            }
            if self.desk.cancel.load(Ordering::Relaxed) {
                // What it is at is not wanted any more.
                if let Some(mut model) = self.desk.model.take() {
                    model.child.kill();
                }
                return Err(Stop::Cancelled);
            }
            let limit = self.desk.options.idle_timeout;
            let model = self.desk.model().map_err(failed)?;
            match model.child.listen(TICK, limit) {
                Ok(None) => {}
                Ok(Some(message)) => self.hear(message)?,
                Err(error) => self.child_failed(&error)?,
            }
        }
    }

    /// Asks as many questions as may be in flight.
    fn send(&mut self) -> Result<(), Stop> {
        loop {
            let next = if !self.suspects.is_empty() {
                if !self.in_flight.is_empty() {
                    return Ok(());
                }
                self.suspects.pop_front()
            } else if self.waiting.is_empty() || self.in_flight.len() >= self.max_in_flight()? {
                None
            } else {
                self.waiting.pop_front()
            };
            let Some(job) = next else {
                return Ok(());
            };
            let model = self.desk.model().map_err(failed)?;
            let id = model.fresh_id();
            let request = match job.question.clone() {
                Question::Generate(request) => ToChild::Generate(Generate { id, ..request }),
                Question::Score(request) => ToChild::Score(Score { id, ..request }),
            };
            model.child.say(&request);
            let is_suspect = job.attempt > 1;
            self.in_flight.insert(id, job);
            if is_suspect {
                return Ok(());
            }
        }
    }

    fn max_in_flight(&mut self) -> Result<usize, Stop> {
        let ours = self.desk.options.max_in_flight.max(1);
        let ready = self.desk.ready().map_err(failed)?;
        let theirs = usize::try_from(ready.max_in_flight).unwrap_or(usize::MAX);
        Ok(ours.min(theirs.max(1)))
    }

    fn hear(&mut self, message: FromChild) -> Result<(), Stop> {
        let id = message_id(&message);
        let Some((id, mut job)) = id.and_then(|id| Some((id, self.in_flight.remove(&id)?))) else {
            return self.child_failed(&out_of_turn(&message));
        };
        let n_seeds = match &job.question {
            Question::Generate(request) => request.seeds.len(),
            Question::Score(_) => 0,
        };
        match message {
            FromChild::Completion(completion)
                if (completion.index as usize) < n_seeds
                    && !job.completions.contains_key(&completion.index) =>
            {
                job.completions.insert(completion.index, completion);
                self.in_flight.insert(id, job);
                Ok(())
            }
            FromChild::Done {
                n_prompt_tokens,
                n_critic_prompt_tokens,
                ..
            } if matches!(job.question, Question::Generate(_)) => {
                let n_missing = n_seeds - job.completions.len();
                if n_missing > 0 {
                    let detail = format!("the child left out {n_missing} of {n_seeds} candidates");
                    return self.job_failed(job, detail, true);
                }
                let answer = Answer::Written {
                    completions: job.completions.into_values().collect(),
                    n_prompt_tokens: n_prompt_tokens.unwrap_or_default(),
                    n_critic_prompt_tokens: n_critic_prompt_tokens.unwrap_or_default(),
                };
                self.answer(job.place, answer);
                Ok(())
            }
            FromChild::Scores(scores) if matches!(job.question, Question::Score(_)) => {
                self.answer(job.place, Answer::Scores(scores));
                Ok(())
            }
            FromChild::Error {
                message, try_again, ..
            } => self.job_failed(job, message, try_again),
            other => {
                self.in_flight.insert(id, job);
                self.child_failed(&out_of_turn(&other))
            }
        }
    }

    fn answer(&mut self, place: usize, answer: Answer) {
        self.desk.failures_in_a_row = 0;
        self.answers[place] = Some(Ok(answer));
    }

    /// The child is of no use any more. What it owed is asked of another.
    fn child_failed(&mut self, error: &ProcessError) -> Result<(), Stop> {
        if let Some(mut model) = self.desk.model.take() {
            model.child.kill();
        }
        let detail = error_chain(error);
        for (_, job) in std::mem::take(&mut self.in_flight) {
            self.job_failed(job, detail.clone(), true)?;
        }
        Ok(())
    }

    fn job_failed(&mut self, mut job: Job, detail: String, try_again: bool) -> Result<(), Stop> {
        if try_again && job.attempt < MAX_ATTEMPTS {
            job.attempt += 1;
            job.completions.clear();
            self.suspects.push_back(job);
            return Ok(());
        }
        if try_again {
            self.desk.failures_in_a_row += 1;
        }
        if self.desk.failures_in_a_row == MAX_FAILURES_IN_A_ROW {
            let error = format!(
                "{MAX_FAILURES_IN_A_ROW} requests failed one after the other, the last because: \
                 {detail}"
            );
            return Err(Stop::Failed(error.into()));
        }
        self.answers[job.place] = Some(Err(detail));
        Ok(())
    }
}

fn failed(error: ProcessError) -> Stop {
    Stop::Failed(error.into())
}
