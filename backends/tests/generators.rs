//! Both backends pass the contract suite.

use backends::contract::check_generator;
use backends::{Reference, Replay};
use harness::candidate::{Candidate, Code, Provenance};
use harness::contract::{Generator, PluginError};
use harness::problem::Problem;

use crate::fixture::{all, problem, problems};

#[test]
fn reference_offers_the_solutions_of_the_dataset() {
    let mut with_three = problem("apps/0001");
    with_three.reference_solutions = vec!["a".to_owned(), "b".to_owned(), "a".to_owned()];
    let problems = [with_three, problem("apps/0002")];
    check_generator(|| Reference, &problems);
    let programs: Vec<Code> = all(&mut Reference, &problems[0])
        .into_iter()
        .map(|candidate| candidate.code)
        .collect();
    let program = |text: &str| Code::Program(text.to_owned());
    assert_eq!(programs, [program("a"), program("b"), program("a")]);
    assert_eq!(all(&mut Reference, &problems[1]), []);
}

#[test]
fn replay_keeps_the_contract() {
    let problems = problems(&["HumanEval/0", "HumanEval/1", "HumanEval/2"]);
    let text: &[u8] = b"[[\"a\", \"b\", \"a\", \"c\"], [], [\"d\"]]";
    let replay = Replay::from_bytes(&[("g.json", text)], &problems).unwrap();
    check_generator(|| replay.clone(), &problems);
    let candidates = all(&mut replay.clone(), &problems[2]);
    assert_eq!(candidates[0].provenance, replay.provenance());
    assert_eq!(candidates[0].provenance.source.as_deref(), Some("g.json"));
    // A problem that it was not made for.
    assert_eq!(all(&mut replay.clone(), &problem("HumanEval/9")), []);
}

/// Breaks the contract in one way.
#[derive(Clone, Copy)]
enum Faulty {
    TooMany,
    Gap,
    OtherProblem,
    Fickle(u32),
}

impl Generator for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        let mut candidates = all(&mut Reference, problem);
        candidates.truncate(n);
        match self {
            Self::TooMany => candidates = all(&mut Reference, problem),
            Self::Gap => candidates.iter_mut().for_each(|c| c.id.index *= 2),
            Self::OtherProblem => {
                let id = crate::fixture::problem("other").id;
                candidates
                    .iter_mut()
                    .for_each(|c| c.id.problem = id.clone());
            }
            Self::Fickle(calls) => {
                *calls += 1;
                let code = Code::Program(calls.to_string());
                candidates.iter_mut().for_each(|c| c.code = code.clone());
            }
        }
        Ok(candidates)
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            backend: "faulty".to_owned(),
            ..Provenance::default()
        }
    }
}

#[test]
fn the_suite_notices_breaches() {
    let mut problem = problem("apps/0001");
    problem.reference_solutions = (0..5).map(|n| n.to_string()).collect();
    for faulty in [
        Faulty::TooMany,
        Faulty::Gap,
        Faulty::OtherProblem,
        Faulty::Fickle(0),
    ] {
        let problems = std::slice::from_ref(&problem);
        let outcome = std::panic::catch_unwind(|| check_generator(|| faulty, problems));
        assert!(outcome.is_err());
    }
}
