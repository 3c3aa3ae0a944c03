//! The recorded candidates of the built-in suite.

use backends::Replay;
use backends::contract::check_generator;

use crate::fixture::problems;

/// Ids as the built-in dataset spells them.
fn suite() -> Vec<harness::problem::Problem> {
    let apps = (0..24).map(|n| format!("builtin/apps/{n:04}"));
    let mbpp = (11..27).map(|n| format!("builtin/mbpp/{n}"));
    let ids: Vec<String> = apps.chain(mbpp).collect();
    problems(&ids.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn ten_candidates_for_each_problem() {
    let problems = suite();
    let replay = Replay::built_in(&problems).unwrap();
    let report = replay.report();
    assert_eq!((report.n_programs, report.n_matched), (400, 400));
    assert_eq!(report.candidates_per_problem, Some((10, 10)));
    assert_eq!(report.warnings(), [""; 0]);
    check_generator(|| replay.clone(), &problems);
}
