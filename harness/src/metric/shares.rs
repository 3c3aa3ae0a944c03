//! Which outcomes candidates had, and why they did not pass.
//!
//! Shares are taken within a problem and then averaged over problems, as Figure 8 of CodeRL
//! has it ("share of programs per problem"): the share of passed candidates is then pass@1,
//! whatever the number of candidates of each problem.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::aggregate::{Group, mean};
use crate::metric::tally::ProblemTally;
use crate::verdict::Outcome;

/// Outcomes of the judged candidates of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeShares {
    pub group: Group,
    /// Mean over problems of the share within a problem, in the order of [`Outcome::ALL`];
    /// all zero when no candidate was judged.
    pub shares: [f64; 4],
    /// Candidates, in the same order.
    pub counts: [u64; 4],
    pub n_unjudged: u64,
    /// Problems with a judged candidate.
    pub n_problems: usize,
    /// Problems without.
    pub n_left_out: usize,
}

impl OutcomeShares {
    pub fn n_judged(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Outcome shares by group, in the order of [`Group::of`].
pub fn outcome_shares(tallies: &[ProblemTally]) -> Vec<OutcomeShares> {
    let shares = |group: Group| {
        let members: Vec<&ProblemTally> = tallies.iter().filter(|t| group.contains(t)).collect();
        let count = |tally: &ProblemTally, outcome: Outcome| {
            tally
                .judged()
                .filter(|c| c.outcome == Some(outcome))
                .count()
        };
        let judged: Vec<&&ProblemTally> = members.iter().filter(|t| t.n_judged() > 0).collect();
        #[expect(clippy::cast_precision_loss, reason = "counts of candidates")]
        let share = |outcome| {
            let shares = judged
                .iter()
                .map(|tally| count(tally, outcome) as f64 / f64::from(tally.n_judged()));
            if judged.is_empty() { 0.0 } else { mean(shares) }
        };
        OutcomeShares {
            group,
            shares: Outcome::ALL.map(share),
            counts: Outcome::ALL
                .map(|outcome| members.iter().map(|t| count(t, outcome) as u64).sum()),
            n_unjudged: members.iter().map(|t| u64::from(t.n_unjudged())).sum(),
            n_problems: judged.len(),
            n_left_out: members.len() - judged.len(),
        }
    };
    Group::of(tallies).into_iter().map(shares).collect()
}

/// How often a cause kept candidates from passing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseShare {
    /// `None` for candidates that were not judged.
    pub outcome: Option<Outcome>,
    pub label: String,
    pub n_candidates: u64,
    pub n_problems: usize,
    /// Part of the candidates with the same outcome (as in Figure 10 of CodeRL).
    pub share_of_outcome: f64,
}

/// Causes of what did not pass, the most frequent first; those of unjudged candidates last.
pub fn cause_shares(tallies: &[ProblemTally]) -> Vec<CauseShare> {
    let mut counts: BTreeMap<(Option<Outcome>, &str), (u64, usize)> = BTreeMap::new();
    let mut totals: BTreeMap<Option<Outcome>, u64> = BTreeMap::new();
    for tally in tallies {
        let mut here: BTreeMap<(Option<Outcome>, &str), u64> = BTreeMap::new();
        for candidate in tally.candidates.iter().filter(|c| !c.passed()) {
            let label = candidate
                .cause_label
                .as_deref()
                .unwrap_or("no cause on record");
            *here.entry((candidate.outcome, label)).or_default() += 1;
            *totals.entry(candidate.outcome).or_default() += 1;
        }
        for (key, n) in here {
            let (n_candidates, n_problems) = counts.entry(key).or_default();
            *n_candidates += n;
            *n_problems += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of candidates")]
    let mut causes: Vec<CauseShare> = counts
        .into_iter()
        .map(
            |((outcome, label), (n_candidates, n_problems))| CauseShare {
                outcome,
                label: label.to_owned(),
                n_candidates,
                n_problems,
                share_of_outcome: n_candidates as f64 / totals[&outcome] as f64,
            },
        )
        .collect();
    // Stable, so that equal counts stay in the order of outcome and label.
    causes.sort_by_key(|cause| {
        (
            cause.outcome.is_none(),
            std::cmp::Reverse(cause.n_candidates),
        )
    });
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem, problem_at};
    use crate::problem::Difficulty;

    #[test]
    fn a_problem_weighs_the_same_however_many_candidates_it_has() {
        let tallies = [
            problem_at(Difficulty::Introductory, "a", &[PASSED]),
            problem_at(
                Difficulty::Introductory,
                "b",
                &[
                    FAILED,
                    FAILED,
                    Some(Outcome::CompileError),
                    PASSED,
                    UNJUDGED,
                ],
            ),
            problem_at(Difficulty::Competition, "c", &[UNJUDGED]),
        ];
        let shares = outcome_shares(&tallies);
        assert_eq!(shares.len(), 3);
        assert_eq!(shares[0].shares, [0.125, 0.0, 0.25, 0.625]);
        assert_eq!(shares[0].counts, [1, 0, 2, 2]);
        assert_eq!(shares[1].shares, [0.0; 4]);
        assert_eq!((shares[1].n_problems, shares[1].n_left_out), (0, 1));
        let all = &shares[2];
        assert_eq!(all.group, Group::All);
        assert_eq!(all.shares, shares[0].shares);
        assert_eq!((all.n_judged(), all.n_unjudged, all.n_left_out), (5, 2, 1));
    }

    #[test]
    fn causes_by_frequency_unjudged_last() {
        let mut a = problem("a", &[FAILED, FAILED, FAILED, PASSED, UNJUDGED]);
        let mut b = problem("b", &[Some(Outcome::RuntimeError), FAILED]);
        for (candidate, label) in a.candidates.iter_mut().chain(&mut b.candidates).zip([
            Some("wrong answer"),
            Some("wrong answer"),
            Some("failed assertion"),
            None,
            Some("no tests"),
            Some("ValueError"),
            Some("wrong answer"),
        ]) {
            candidate.cause_label = label.map(str::to_owned);
        }
        let causes = cause_shares(&[a, b]);
        let short: Vec<(&str, u64, usize, f64)> = causes
            .iter()
            .map(|c| {
                (
                    c.label.as_str(),
                    c.n_candidates,
                    c.n_problems,
                    c.share_of_outcome,
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                ("wrong answer", 3, 2, 0.75),
                ("ValueError", 1, 1, 1.0),
                ("failed assertion", 1, 1, 0.25),
                ("no tests", 1, 1, 1.0),
            ]
        );
    }
}
