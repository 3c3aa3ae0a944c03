//! Candidates from a child.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use harness::candidate::{Candidate, Provenance};
use harness::contract::{Demand, Generated, GenerationTrouble, Generator, PluginError};
use harness::decoding::Method;
use harness::error_chain;
use harness::problem::Problem;
use harness::prompt::Prompt;

use super::error::ProcessError;
use super::model::{Model, ProcessOptions, TICK, message_id, out_of_turn};
use super::protocol::{
    Capability, Completion, Finish, FromChild, Generate, Ready, RequestId, ToChild,
};
use crate::asking::{Asking, MAX_FAILURES_IN_A_ROW, generate_one};

/// A first try and a second.
const MAX_ATTEMPTS: u32 = 2;

/// Generates candidates with a model in a child process.
///
/// The child starts with the first request and is kept. One that fails is replaced, and what it
/// owed is asked again, one problem at a time, so that a problem that kills children is found
/// and costs no other.
pub struct Process {
    name: String,
    options: ProcessOptions,
    asking: Asking,
    model: Option<Model>,
}

/// Candidates of one problem that are still to be made.
struct Job<'a> {
    problem: &'a Problem,
    prompt: Prompt,
    /// Indices of the candidates, ascending.
    missing: Vec<u32>,
    /// Those of them that came.
    received: BTreeSet<u32>,
    /// From 1.
    attempt: u32,
}

/// Asks the sink whether to go on.
type Sink<'s> = &'s mut dyn FnMut(Generated) -> ControlFlow<()>;

/// What ends [`Generator::generate_many`] early.
enum End {
    /// The sink wants no more.
    Stopped,
    Failed(PluginError),
}

impl Process {
    /// A generator called `name`.
    pub fn new(name: impl Into<String>, options: ProcessOptions, asking: Asking) -> Self {
        Self {
            name: name.into(),
            options,
            asking,
            model: None,
        }
    }

    /// Starts the child, unless that was done before, and says what it is.
    ///
    /// # Errors
    /// When it does not start, cannot generate, or not in the way that is asked for.
    pub fn ready(&mut self) -> Result<&Ready, ProcessError> {
        self.model().map(|model| model.ready())
    }

    /// The started child.
    ///
    /// # Errors
    /// As [`Process::ready`].
    pub fn model(&mut self) -> Result<&mut Model, ProcessError> {
        let model = match self.model.take() {
            Some(model) => model,
            None => {
                let model = Model::start(&self.options)?;
                model.require(Capability::Generate, "generate")?;
                if let Method::Beam { .. } = self.asking.decoding.method {
                    model.require(Capability::Beam, "search with beams")?;
                }
                model
            }
        };
        Ok(self.model.insert(model))
    }

    fn jobs<'a>(&self, demands: &[Demand<'a>]) -> Result<VecDeque<Job<'a>>, PluginError> {
        let mut jobs = VecDeque::new();
        for demand in demands {
            jobs.push_back(Job {
                problem: demand.problem,
                prompt: self.asking.prompt(demand.problem)?,
                missing: self.wanted(demand)?,
                received: BTreeSet::new(),
                attempt: 1,
            });
        }
        Ok(jobs)
    }

    /// Indices to ask for. The hypotheses of a beam search come from one search.
    fn wanted(&self, demand: &Demand<'_>) -> Result<Vec<u32>, PluginError> {
        match self.asking.decoding.method {
            Method::Beam { n_beams, .. } => {
                let n = u32::try_from(demand.n).unwrap_or(u32::MAX).min(n_beams);
                let is_complete = demand.present.len() >= n as usize;
                Ok((0..if is_complete { 0 } else { n }).collect())
            }
            Method::Greedy | Method::Sample { .. } => self.asking.missing(demand),
        }
    }

    fn request(&self, id: RequestId, job: &Job<'_>) -> ToChild {
        ToChild::Generate(Generate {
            id,
            prompt: job.prompt.clone(),
            seeds: job
                .missing
                .iter()
                .map(|index| self.asking.seed(&job.problem.id, *index))
                .collect(),
            decoding: self.asking.decoding(job.problem),
            forced_prefix: None,
            log_probs: false,
            guidance: None,
        })
    }

    fn candidate(&self, problem: &Problem, index: u32, completion: &Completion) -> Candidate {
        let seed = match self.asking.decoding.method {
            Method::Sample { .. } => Some(self.asking.seed(&problem.id, index)),
            Method::Greedy | Method::Beam { .. } => None,
        };
        let finish = match completion.finish {
            Finish::End => "end",
            Finish::Stop => "stop",
            Finish::Length => "length",
        };
        let provenance = Provenance {
            seed,
            n_tokens: Some(completion.n_tokens),
            finish: Some(finish.to_owned()),
            ..self.provenance()
        };
        self.asking
            .candidate(problem, index, &completion.text, provenance)
    }
}

impl Generator for Process {
    fn name(&self) -> &str {
        &self.name
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        generate_one(self, problem, n)
    }

    fn provenance(&self) -> Provenance {
        self.asking.provenance(&self.name)
    }

    fn generate_many(
        &mut self,
        demands: &[Demand<'_>],
        sink: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), PluginError> {
        let waiting = self.jobs(demands)?;
        let mut work = Work {
            process: self,
            waiting,
            suspects: VecDeque::new(),
            in_flight: BTreeMap::new(),
            failures_in_a_row: 0,
        };
        match work.run(sink) {
            Ok(()) => Ok(()),
            Err(End::Stopped) => {
                // What it is at is not wanted any more.
                if let Some(mut model) = self.model.take() {
                    model.child.kill();
                }
                Ok(())
            }
            Err(End::Failed(error)) => Err(error),
        }
    }
}

/// One call of [`Generator::generate_many`].
struct Work<'w, 'a> {
    process: &'w mut Process,
    waiting: VecDeque<Job<'a>>,
    /// What was in flight when a child failed; tried alone.
    suspects: VecDeque<Job<'a>>,
    in_flight: BTreeMap<RequestId, Job<'a>>,
    /// Jobs that were given up since one was done.
    failures_in_a_row: u32,
}

impl<'a> Work<'_, 'a> {
    fn run(&mut self, sink: Sink<'_>) -> Result<(), End> {
        loop {
            self.ask(sink)?;
            if self.in_flight.is_empty() {
                return Ok(());
            }
            let limit = self.process.options.idle_timeout;
            let model = self.process.model.as_mut().expect("something is in flight");
            match model.child.listen(TICK, limit) {
                Ok(None) => tell(sink, Generated::Waiting)?,
                Ok(Some(message)) => self.hear(message, sink)?,
                Err(error) => self.child_failed(&error, sink)?,
            }
        }
    }

    /// Sends requests, as many as may be in flight.
    fn ask(&mut self, sink: Sink<'_>) -> Result<(), End> {
        loop {
            let next = if !self.suspects.is_empty() {
                if !self.in_flight.is_empty() {
                    return Ok(());
                }
                self.suspects.pop_front()
            } else if self.in_flight.len() < self.max_in_flight()? {
                self.waiting.pop_front()
            } else {
                None
            };
            let Some(job) = next else {
                return Ok(());
            };
            if job.missing.is_empty() {
                tell(sink, Generated::Complete(job.problem.id.clone()))?;
                continue;
            }
            let is_chat = matches!(job.prompt, Prompt::Messages(_));
            let model = self.process.model().map_err(failed)?;
            if is_chat {
                model
                    .require(Capability::Chat, "hold a conversation")
                    .map_err(failed)?;
            }
            let id = model.fresh_id();
            let request = self.process.request(id, &job);
            let model = self.process.model().map_err(failed)?;
            model.child.say(&request);
            let is_suspect = job.attempt > 1;
            self.in_flight.insert(id, job);
            if is_suspect {
                return Ok(());
            }
        }
    }

    fn max_in_flight(&mut self) -> Result<usize, End> {
        if self.waiting.is_empty() {
            return Ok(0);
        }
        let ours = self.process.options.max_in_flight.max(1);
        let ready = self.process.ready().map_err(failed)?;
        let theirs = usize::try_from(ready.max_in_flight).unwrap_or(usize::MAX);
        Ok(ours.min(theirs.max(1)))
    }

    /// Takes in a message.
    fn hear(&mut self, message: FromChild, sink: Sink<'_>) -> Result<(), End> {
        let id = message_id(&message);
        let Some((id, mut job)) = id.and_then(|id| Some((id, self.in_flight.remove(&id)?))) else {
            return self.child_failed(&out_of_turn(&message), sink);
        };
        match message {
            FromChild::Completion(completion) => {
                let index = job.missing.get(completion.index as usize).copied();
                let is_new = index.is_some_and(|index| job.received.insert(index));
                let problem = job.problem;
                self.in_flight.insert(id, job);
                match index {
                    Some(index) if is_new => {
                        let candidate = self.process.candidate(problem, index, &completion);
                        tell(sink, Generated::Candidates(vec![candidate]))
                    }
                    _ => {
                        let message = FromChild::Completion(completion);
                        self.child_failed(&out_of_turn(&message), sink)
                    }
                }
            }
            FromChild::Done { .. } => {
                let n_missing = job.missing.len() - job.received.len();
                let is_beam = matches!(self.process.asking.decoding.method, Method::Beam { .. });
                if n_missing == 0 || is_beam {
                    self.failures_in_a_row = 0;
                    tell(sink, Generated::Complete(job.problem.id.clone()))
                } else {
                    let n = job.missing.len();
                    let detail = format!("the child left out {n_missing} of {n} candidates");
                    self.job_failed(job, detail, true, sink)
                }
            }
            FromChild::Error {
                message, try_again, ..
            } => self.job_failed(job, message, try_again, sink),
            other => {
                self.in_flight.insert(id, job);
                self.child_failed(&out_of_turn(&other), sink)
            }
        }
    }

    /// The child is of no use any more. What it owed is asked of another.
    fn child_failed(&mut self, error: &ProcessError, sink: Sink<'_>) -> Result<(), End> {
        if let Some(mut model) = self.process.model.take() {
            model.child.kill();
        }
        let detail = error_chain(error);
        for (_, job) in std::mem::take(&mut self.in_flight) {
            self.job_failed(job, detail.clone(), true, sink)?;
        }
        Ok(())
    }

    fn job_failed(
        &mut self,
        mut job: Job<'a>,
        detail: String,
        try_again: bool,
        sink: Sink<'_>,
    ) -> Result<(), End> {
        let is_beam = matches!(self.process.asking.decoding.method, Method::Beam { .. });
        if !is_beam {
            job.missing.retain(|index| !job.received.contains(index));
        }
        let gave_up = !try_again || job.attempt == MAX_ATTEMPTS;
        tell(
            sink,
            Generated::Trouble(GenerationTrouble {
                problem: job.problem.id.clone(),
                index: job.missing.first().copied().unwrap_or_default(),
                attempt: job.attempt,
                gave_up,
                detail: detail.clone(),
            }),
        )?;
        if !gave_up {
            job.attempt += 1;
            job.received.clear();
            self.suspects.push_back(job);
            return Ok(());
        }
        if try_again {
            self.failures_in_a_row += 1;
        }
        if self.failures_in_a_row == MAX_FAILURES_IN_A_ROW {
            let error = format!(
                "{MAX_FAILURES_IN_A_ROW} problems failed one after the other, the last because: {detail}"
            );
            return Err(End::Failed(error.into()));
        }
        tell(sink, Generated::Complete(job.problem.id.clone()))
    }
}

fn tell(sink: Sink<'_>, generated: Generated) -> Result<(), End> {
    match sink(generated) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(End::Stopped),
    }
}

fn failed(error: ProcessError) -> End {
    End::Failed(error.into())
}
