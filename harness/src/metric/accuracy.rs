//! The two metrics of APPS (Hendrycks et al. 2021).
//!
//! Both are averaged within a problem first, then over problems, so that a problem with
//! more candidates or more tests weighs no more than another.

use crate::metric::pass_at_k::{pass_at_k_scores, require_recorded};
use crate::metric::score::{Refusal, Score};
use crate::metric::tally::{CandidateTally, ProblemTally};

/// Strict accuracy of each problem: share of its candidates that pass every test.
///
/// Equal to pass@1, under the name that APPS gave it.
///
/// # Errors
/// Refused when a problem has no candidates on record.
pub fn strict_accuracy_scores(tallies: &[ProblemTally]) -> Result<Vec<Score>, Refusal> {
    pass_at_k_scores(tallies, 1)
}

/// Test-case average of each problem: share of tests passed, averaged over its
/// candidates.
///
/// # Errors
/// Refused when judging stopped early for some candidate, since the tests behind the first
/// failure are then unknown; and when a problem has no candidates on record.
pub fn test_case_average_scores(tallies: &[ProblemTally]) -> Result<Vec<Score>, Refusal> {
    require_recorded(tallies, 1)?;
    let mut stopped = tallies
        .iter()
        .flat_map(|tally| tally.judged().map(move |candidate| (tally, candidate)))
        .filter(|(_, candidate)| share_passed(candidate).is_none())
        .peekable();
    if let Some(&(first, _)) = stopped.peek() {
        return Err(Refusal::StoppedEarly {
            problem: first.problem.clone(),
            n_candidates: stopped.count(),
        });
    }
    let score = |tally: &ProblemTally| {
        let sum: f64 = tally.judged().filter_map(share_passed).sum();
        let [judged, unjudged, recorded] =
            [tally.n_judged(), tally.n_unjudged(), tally.n_recorded()].map(f64::from);
        Score::new(
            tally.unjudged,
            (judged > 0.0).then(|| sum / judged),
            sum / recorded,
            (sum + unjudged) / recorded,
        )
    };
    Ok(tallies.iter().map(score).collect())
}

fn share_passed(candidate: &CandidateTally) -> Option<f64> {
    match candidate.tests_passed? {
        // Vacuous: judged against no tests, it passed or failed as a whole.
        (_, 0) => Some(f64::from(u8::from(candidate.passed()))),
        (passed, total) => Some(f64::from(passed) / f64::from(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem};
    use crate::verdict::Outcome;

    type Tests = Option<(u32, u32)>;

    fn with_tests(outcomes: &[(Option<Outcome>, Tests)]) -> ProblemTally {
        let mut tally = problem("p", &outcomes.iter().map(|o| o.0).collect::<Vec<_>>());
        for (candidate, (_, tests)) in tally.candidates.iter_mut().zip(outcomes) {
            candidate.tests_passed = *tests;
        }
        tally
    }

    #[test]
    fn averages_within_problems() {
        let tally = with_tests(&[
            (PASSED, Some((4, 4))),
            (FAILED, Some((1, 4))),
            (FAILED, Some((0, 4))),
            (UNJUDGED, None),
        ]);
        let strict = strict_accuracy_scores(std::slice::from_ref(&tally)).unwrap();
        assert_eq!(strict[0].value, Some(1.0 / 3.0));
        assert_eq!((strict[0].lower, strict[0].upper), (0.25, 0.5));
        let average = test_case_average_scores(std::slice::from_ref(&tally)).unwrap();
        assert_eq!(average[0].value, Some(1.25 / 3.0));
        assert_eq!(
            (average[0].lower, average[0].upper),
            (1.25 / 4.0, 2.25 / 4.0)
        );
    }

    #[test]
    fn an_early_stop_refuses_the_test_case_average_only() {
        let tallies = [
            with_tests(&[(PASSED, Some((4, 4))), (FAILED, None)]),
            with_tests(&[(FAILED, None)]),
        ];
        let refusal = test_case_average_scores(&tallies).unwrap_err();
        assert!(
            matches!(
                refusal,
                Refusal::StoppedEarly {
                    n_candidates: 2,
                    ..
                }
            ),
            "{refusal:?}"
        );
        assert!(
            refusal.to_string().contains("judge every test"),
            "{refusal}"
        );
        assert!(strict_accuracy_scores(&tallies).is_ok());
    }
}
