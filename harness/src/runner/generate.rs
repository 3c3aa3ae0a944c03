//! Candidates from a backend into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::candidate::Candidate;
use crate::contract::{Demand, ForProblem, Generated, GenerationTrouble, Generator, PluginError};
use crate::error::Error;
use crate::problem::{Problem, ProblemId};
use crate::store::{GenerationEvent, RecordLog};

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Generate<'a> {
    pub problems: &'a [Problem],
    /// Candidates for each problem; `None` asks for all that the generator has.
    pub n: Option<u32>,
    /// Once true, it stops as soon as the generator can.
    pub cancel: &'a AtomicBool,
}

/// What happens while candidates are made. Told after it is stored.
#[derive(Debug)]
pub enum GenerateEvent<'a> {
    Stored(&'a [Candidate]),
    /// Nothing more will come for this problem, which has so many candidates.
    Complete {
        problem: &'a Problem,
        n: usize,
    },
    Trouble(&'a GenerationTrouble),
}

/// Counts of one call of [`generate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerateSummary {
    /// Candidates stored by earlier processes and by this one.
    pub n_candidates: usize,
    /// Problems with fewer candidates than were asked for, with their number.
    pub short: Vec<(ProblemId, usize)>,
    /// Problems for which the generator gave up, now or earlier, and that are still short.
    pub given_up: usize,
    /// Whether it stopped early because it was asked to.
    pub cancelled: bool,
}

/// Asks `generator` for candidates, storing them as they come. What is stored already is
/// not asked for again. A stage that is complete stays as it is, but for problems for which
/// the generator gave up: it is asked for those once more.
///
/// # Errors
/// When the generator fails, or a record cannot be written. What is stored remains.
pub fn generate(
    request: &Generate<'_>,
    generator: &mut dyn Generator,
    candidates: &mut RecordLog<Candidate>,
    events: &mut RecordLog<GenerationEvent>,
    listener: &mut dyn FnMut(&GenerateEvent<'_>),
) -> Result<GenerateSummary, Error> {
    let n = request.n.map_or(usize::MAX, |n| {
        usize::try_from(n).expect("32 bits at least")
    });
    let given_up = given_up(events);
    let mut present = indices_by_problem(candidates);
    let mut demands = Vec::new();
    for problem in request.problems {
        let present = present.entry(problem.id.clone()).or_default();
        let is_open = !candidates.is_finished() || given_up.contains(&problem.id);
        if is_open && present.len() < n {
            demands.push(Demand {
                problem,
                n,
                present: present.clone(),
            });
        } else {
            let n = present.len();
            listener(&GenerateEvent::Complete { problem, n });
        }
    }
    events.retain(|event| !event.gave_up)?;
    let mut collector = Collector {
        by_id: demands
            .iter()
            .map(|demand| (&demand.problem.id, demand.problem))
            .collect(),
        present,
        candidates,
        events,
        listener,
    };
    let is_cancelled = || request.cancel.load(Ordering::Relaxed);
    let mut failure = None;
    let result = if demands.is_empty() || is_cancelled() {
        Ok(())
    } else {
        generator.generate_many(&demands, &mut |generated| {
            if let Err(error) = collector.take(generated) {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if is_cancelled() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
    };
    let present = collector.present;
    if let Some(error) = failure {
        return Err(error);
    }
    if let Err(error) = result {
        candidates.sync()?;
        events.sync()?;
        return Err(describe(error));
    }
    let mut summary = GenerateSummary {
        n_candidates: candidates.len(),
        cancelled: is_cancelled() && !candidates.is_finished(),
        ..GenerateSummary::default()
    };
    if summary.cancelled {
        candidates.sync()?;
        events.sync()?;
        return Ok(summary);
    }
    candidates.finish()?;
    events.finish()?;
    if n != usize::MAX {
        let given_up = self::given_up(events);
        for problem in request.problems {
            let count = present.get(&problem.id).map_or(0, BTreeSet::len);
            if count < n {
                summary.short.push((problem.id.clone(), count));
                summary.given_up += usize::from(given_up.contains(&problem.id));
            }
        }
    }
    Ok(summary)
}

/// Stores what a generator tells.
struct Collector<'a> {
    by_id: BTreeMap<&'a ProblemId, &'a Problem>,
    /// Indices of what is stored.
    present: BTreeMap<ProblemId, BTreeSet<u32>>,
    candidates: &'a mut RecordLog<Candidate>,
    events: &'a mut RecordLog<GenerationEvent>,
    listener: &'a mut dyn FnMut(&GenerateEvent<'_>),
}

impl Collector<'_> {
    fn take(&mut self, generated: Generated) -> Result<(), Error> {
        match generated {
            Generated::Candidates(candidates) => {
                self.candidates.append_all(&candidates)?;
                for candidate in &candidates {
                    let id = &candidate.id;
                    let present = self.present.entry(id.problem.clone()).or_default();
                    present.insert(id.index);
                }
                (self.listener)(&GenerateEvent::Stored(&candidates));
            }
            Generated::Complete(id) => {
                let n = self.present.get(&id).map_or(0, BTreeSet::len);
                if let Some(problem) = self.by_id.get(&id) {
                    (self.listener)(&GenerateEvent::Complete { problem, n });
                }
            }
            Generated::Trouble(trouble) => {
                self.events.append(&GenerationEvent::from(&trouble))?;
                (self.listener)(&GenerateEvent::Trouble(&trouble));
            }
            Generated::Waiting => {}
        }
        Ok(())
    }
}

fn describe(error: PluginError) -> Error {
    match error.downcast::<ForProblem>() {
        Ok(error) => Error::Generate {
            problem: error.problem,
            source: error.source,
        },
        Err(source) => Error::Generator { source },
    }
}

fn given_up(events: &RecordLog<GenerationEvent>) -> BTreeSet<ProblemId> {
    events
        .ids()
        .filter(|id| id.gave_up)
        .map(|id| id.problem.clone())
        .collect()
}

fn indices_by_problem(candidates: &RecordLog<Candidate>) -> BTreeMap<ProblemId, BTreeSet<u32>> {
    let mut indices: BTreeMap<ProblemId, BTreeSet<u32>> = BTreeMap::new();
    for id in candidates.ids() {
        let present = indices.entry(id.problem.clone()).or_default();
        present.insert(id.index);
    }
    indices
}
