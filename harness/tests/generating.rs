//! Generators that work on many problems at once, and judging beside them.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use harness::candidate::Candidate;
use harness::contract::{Demand, Generated, GenerationTrouble, Generator, PluginError};
use harness::judge::WhichTests;
use harness::problem::{Problem, ProblemId};
use harness::runner::{
    Arrival, Generate, GenerateEvent, GenerateSummary, Score, ScoreSummary, generate,
    score_arriving,
};
use harness::store::{ProblemSummary, RunDirectory};

use crate::fixture::{
    BOTH, Scoring, assert_same_files, candidates, context, manifest, problems, skipped_rows,
    verdict_of,
};

/// Makes candidates one at a time, the last problem first, and notes what it was asked for.
#[derive(Default)]
struct Scattered {
    asked: Vec<(ProblemId, Vec<u32>)>,
    /// Problem that it cannot do.
    bad: Option<ProblemId>,
    /// Candidates after which it breaks down.
    breaks_after: Option<usize>,
}

impl Generator for Scattered {
    fn name(&self) -> &str {
        "scattered"
    }

    fn generate(&mut self, _: &Problem, _: usize) -> Result<Vec<Candidate>, PluginError> {
        unreachable!("it is asked for many")
    }

    fn generate_many(
        &mut self,
        demands: &[Demand<'_>],
        sink: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), PluginError> {
        let mut n_made = 0;
        for demand in demands.iter().rev() {
            let id = demand.problem.id.clone();
            let missing = demand.missing();
            self.asked.push((id.clone(), missing.clone()));
            if self.bad.as_ref() == Some(&id) {
                let _ = sink(Generated::Trouble(GenerationTrouble {
                    problem: id.clone(),
                    index: missing[0],
                    attempt: 2,
                    gave_up: true,
                    detail: "too long".to_owned(),
                }));
                let _ = sink(Generated::Complete(id));
                continue;
            }
            let made = candidates(std::slice::from_ref(demand.problem), 4);
            for index in missing.into_iter().rev() {
                if self.breaks_after == Some(n_made) {
                    return Err("out of memory".into());
                }
                n_made += 1;
                let candidate = made[index as usize].clone();
                if sink(Generated::Candidates(vec![candidate])).is_break() {
                    return Ok(());
                }
                let _ = sink(Generated::Waiting);
            }
            if sink(Generated::Complete(id)).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

static NEVER: AtomicBool = AtomicBool::new(false);

fn make(
    run: &RunDirectory,
    problems: &[Problem],
    generator: &mut Scattered,
) -> Result<GenerateSummary, harness::Error> {
    generate(
        &Generate {
            problems,
            n: Some(4),
            cancel: &NEVER,
        },
        generator,
        &mut run.candidates()?,
        &mut run.generation_events()?,
        &mut |_| {},
    )
}

fn asked(generator: &Scattered) -> Vec<(&str, &[u32])> {
    let asked = generator.asked.iter();
    asked
        .map(|(id, indices)| (id.as_str(), &indices[..]))
        .collect()
}

#[test]
fn only_missing_candidates_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let problems = problems(3);
    let mut broken = Scattered {
        breaks_after: Some(6),
        ..Scattered::default()
    };
    let error = make(&run, &problems, &mut broken).unwrap_err();
    assert_eq!(
        harness::error_chain(&error),
        "generating candidates: out of memory"
    );
    assert_eq!(run.read_candidates().unwrap().len(), 6);

    let mut generator = Scattered::default();
    let summary = make(&run, &problems, &mut generator).unwrap();
    assert_eq!(summary.n_candidates, 12);
    assert_eq!(
        asked(&generator),
        [("toy/1", &[0, 1][..]), ("toy/0", &[0, 1, 2, 3])]
    );
    assert_eq!(run.read_candidates().unwrap(), candidates(&problems, 4));
}

#[test]
fn problems_that_were_given_up_are_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let problems = problems(3);
    let bad = Some(ProblemId::new("toy/1"));
    let mut generator = Scattered {
        bad,
        ..Scattered::default()
    };
    let summary = make(&run, &problems, &mut generator).unwrap();
    assert_eq!(summary.short, [(ProblemId::new("toy/1"), 0)]);
    assert_eq!((summary.n_candidates, summary.given_up), (8, 1));
    let events = run.generation_events().unwrap();
    let id = events.ids().next().unwrap().clone();
    assert_eq!(events.get(&id).unwrap().unwrap().detail, "too long");
    drop(events);

    generator.asked.clear();
    let again = make(&run, &problems, &mut generator).unwrap();
    assert_eq!(again, summary, "given up once more");
    assert_eq!(asked(&generator), [("toy/1", &[0, 1, 2, 3][..])]);

    let mut generator = Scattered::default();
    let summary = make(&run, &problems, &mut generator).unwrap();
    assert_eq!((summary.n_candidates, summary.given_up), (12, 0));
    assert_eq!(run.generation_events().unwrap().len(), 0);
    let mut idle = Scattered::default();
    make(&run, &problems, &mut idle).unwrap();
    assert_eq!(asked(&idle), [], "complete");
}

/// Generates and judges at the same time in `path`, `first` problems by an earlier process.
fn together(path: &std::path::Path, problems: &[Problem], first: usize) -> ScoreSummary {
    let run = RunDirectory::create_or_resume(path, manifest()).unwrap();
    let mut log = run.problems().unwrap();
    let summaries: Vec<_> = problems.iter().map(ProblemSummary::from).collect();
    log.append_all(&summaries).unwrap();
    log.finish().unwrap();
    let mut log = run.skipped().unwrap();
    log.append_all(&skipped_rows()).unwrap();
    log.finish().unwrap();
    let mut log = run.candidates().unwrap();
    log.append_all(&candidates(&problems[..first], 4)).unwrap();
    drop(log);
    let stored = run.read_candidates().unwrap();
    let (sender, arrivals) = channel();
    let (stored, run) = (&stored[..], &run);
    std::thread::scope(|scope| {
        let judging = scope.spawn(move || {
            score_arriving(
                &Score {
                    problems,
                    candidates: stored,
                    graders: &BOTH,
                    tests: WhichTests::Hidden,
                    context: &context(),
                    cache: None,
                    workers: NonZeroUsize::new(2).unwrap(),
                    retry_infrastructure: true,
                    cancel: &NEVER,
                },
                problems.len() * 4 * 2,
                &arrivals,
                verdict_of,
                &mut run.verdicts(WhichTests::Hidden).unwrap(),
                &mut run.events().unwrap(),
                &mut (),
            )
            .unwrap()
        });
        let mut n_sent = 0;
        generate(
            &Generate {
                problems,
                n: Some(4),
                cancel: &NEVER,
            },
            &mut Scattered::default(),
            &mut run.candidates().unwrap(),
            &mut run.generation_events().unwrap(),
            &mut |event| {
                if let GenerateEvent::Stored(candidates) = event {
                    n_sent += candidates.len();
                    let candidates = candidates.to_vec();
                    sender.send(Arrival::Candidates(candidates)).unwrap();
                }
            },
        )
        .unwrap();
        assert_eq!(n_sent, (problems.len() - first) * 4);
        sender.send(Arrival::End).unwrap();
        drop(sender);
        judging.join().unwrap()
    })
}

#[test]
fn judging_beside_generating_leaves_the_same_files() {
    let problems = problems(12);
    let apart = tempfile::tempdir().unwrap();
    let all = candidates(&problems, 4);
    Scoring::new(&problems, &all)
        .run(apart.path(), verdict_of, &mut ())
        .unwrap();
    for first in [0, 5, 12] {
        let directory = tempfile::tempdir().unwrap();
        let summary = together(directory.path(), &problems, first);
        assert_eq!((summary.total, summary.cancelled), (96, false));
        assert_eq!(summary.judged + summary.repeated, 96);
        std::fs::remove_file(directory.path().join("generation-events.jsonl")).unwrap();
        assert_same_files(apart.path(), directory.path());
    }
}

#[test]
fn what_may_go_on_is_not_called_finished() {
    let directory = tempfile::tempdir().unwrap();
    let run = RunDirectory::create_or_resume(directory.path(), manifest()).unwrap();
    let problems = problems(2);
    let (sender, arrivals) = channel();
    let all = candidates(&problems[..1], 2);
    sender.send(Arrival::Candidates(all)).unwrap();
    // Whoever makes candidates is gone without a word.
    drop(sender);
    let summary = score_arriving(
        &Score {
            problems: &problems,
            candidates: &[],
            graders: &BOTH,
            tests: WhichTests::Hidden,
            context: &context(),
            cache: None,
            workers: NonZeroUsize::MIN,
            retry_infrastructure: false,
            cancel: &NEVER,
        },
        8,
        &arrivals,
        verdict_of,
        &mut run.verdicts(WhichTests::Hidden).unwrap(),
        &mut run.events().unwrap(),
        &mut (),
    )
    .unwrap();
    assert!(summary.cancelled);
    assert_eq!(summary.judged + summary.repeated, 4);
    let verdicts = run.verdicts(WhichTests::Hidden).unwrap();
    assert!(!verdicts.is_finished());
    let judged: BTreeSet<_> = verdicts.ids().map(|(id, _)| id.clone()).collect();
    assert_eq!(judged.len(), 2);
}
