//! Whether a candidate is good enough to replace a baseline: rules, and what decides them.
//!
//! A drop is the baseline's value less the candidate's, on the same problems. A rule allows a
//! drop of so much. The true drop is not known, only a range for it, so there are two honest
//! questions, and they differ in who has to prove something:
//! - [`Criterion::SignificantDrop`]: is it shown that the drop is larger than allowed? With few
//!   problems hardly anything can be shown, and the rule holds;
//! - [`Criterion::NonInferiority`]: is it shown that the drop is no larger than allowed? With
//!   few problems hardly anything can be shown, and the rule fails.
//!
//! What is shown is decided by a one-sided bound of the paired bootstrap: with confidence c the
//! lower bound is the (1 − c) quantile of the resampled drops, the upper one the c quantile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::metric::aggregate::{Metric, mean};
use crate::metric::bootstrap::Bootstrap;
use crate::metric::paired::{Common, PairedScores, Side, references};
use crate::metric::score::Refusal;

/// How large a drop may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// A fraction of one: `1.0pp` is 0.01.
    Points(f64),
    /// A fraction of the baseline's value: `5%` is 0.05.
    Relative(f64),
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it was written: 1.1 and not 1.1000000000000001.
        let shown = |fraction: f64| (100.0 * fraction * 1e9).round() / 1e9;
        match *self {
            Self::Points(fraction) => write!(f, "{}pp", shown(fraction)),
            Self::Relative(fraction) => write!(f, "{}%", shown(fraction)),
        }
    }
}

/// `pass@1=1.0pp`: a metric and by how much it may drop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaxDrop {
    pub metric: Metric,
    pub allowance: Allowance,
}

impl FromStr for MaxDrop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, amount) = split(text, "pass@1=1.0pp")?;
        let of = |number: &str, allowance: fn(f64) -> Allowance| {
            let number: f64 = number.trim().parse().ok()?;
            (0.0..=100.0)
                .contains(&number)
                .then(|| allowance(number / 100.0))
        };
        let allowance = match (amount.strip_suffix("pp"), amount.strip_suffix('%')) {
            (Some(number), _) => of(number, Allowance::Points),
            (None, Some(number)) => of(number, Allowance::Relative),
            (None, None) => {
                return Err(format!(
                    "`{amount}` has no unit: `pp` are percentage points, `%` is a part of the \
                     baseline's value"
                ));
            }
        };
        Ok(Self {
            metric: metric.parse()?,
            allowance: allowance
                .ok_or_else(|| format!("`{amount}` is not between 0 and 100, as in `1.0pp`"))?,
        })
    }
}

impl fmt::Display for MaxDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}={}", self.metric, self.allowance))
    }
}

/// `pass@1=0.30` or `pass@1=30%`: a metric and what it must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    pub metric: Metric,
    /// A fraction.
    pub value: f64,
}

impl FromStr for Minimum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, value) = split(text, "pass@1=0.30")?;
        let number = match value.strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
            None => value.parse(),
        };
        let value = number
            .ok()
            .filter(|value| (0.0..=1.0).contains(value))
            .ok_or_else(|| format!("`{value}` is neither a fraction such as `0.30` nor `30%`"))?;
        Ok(Self {
            metric: metric.parse()?,
            value,
        })
    }
}

impl fmt::Display for Minimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}={}", self.metric, self.value))
    }
}

fn split<'t>(text: &'t str, example: &str) -> Result<(&'t str, &'t str), String> {
    let parts = text.split_once('=');
    let parts = parts.map(|(metric, value)| (metric.trim(), value.trim()));
    parts.ok_or_else(|| format!("`{text}` is not of the form `{example}`"))
}

/// What has to be shown for a drop to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// The rule fails when the lower bound of the drop is above what is allowed.
    #[default]
    SignificantDrop,
    /// The rule holds when the upper bound of the drop is at most what is allowed.
    NonInferiority,
    /// The rule fails when the measured drop itself is above what is allowed.
    PointEstimate,
}

/// One rule and what came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// As it was written: `max-drop pass@1=1pp`.
    pub rule: String,
    pub metric: Metric,
    pub outcome: Result<Measured, Undecided>,
}

/// The numbers by which a rule was decided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub passed: bool,
    pub candidate: f64,
    pub n_problems: usize,
    pub bar: Bar,
}

/// What the candidate is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Bar {
    Minimum {
        value: f64,
    },
    Baseline {
        value: f64,
        /// Baseline less candidate.
        drop: f64,
        /// In the unit of `drop`; of a relative allowance, what it comes to.
        allowed: f64,
        /// One-sided bounds of the drop. For a relative allowance the baseline's own
        /// uncertainty is in them, so that each compares with `allowed` as the bootstrap has it.
        lower: f64,
        upper: f64,
    },
}

/// Why a rule could not be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Undecided {
    #[error("{0}")]
    Refused(Refusal),
    #[error("with a single problem there is no interval; judge more problems")]
    OneProblem,
}

/// Decides each rule on the problems that all runs have; a side of several runs counts with the
/// mean of them, and its bounds are over other runs too.
///
/// `bootstrap.confidence` is that of each one-sided bound.
///
/// # Panics
/// When that is not more than a half.
pub fn gate(
    baseline: Side<'_>,
    candidate: Side<'_>,
    max_drops: &[MaxDrop],
    minimums: &[Minimum],
    criterion: Criterion,
    bootstrap: &Bootstrap,
) -> Vec<Decision> {
    assert!(bootstrap.confidence > 0.5, "{bootstrap:?}");
    let common = Common::of(baseline, candidate);
    let [baseline, candidate] = [baseline, candidate].map(|side| common.tallies(side));
    let (a, b) = (references(&baseline), references(&candidate));
    let drops = max_drops.iter().map(|rule| Decision {
        rule: format!("max-drop {rule}"),
        metric: rule.metric,
        outcome: decide_drop(&a, &b, *rule, criterion, bootstrap),
    });
    let minimums = minimums.iter().map(|rule| Decision {
        rule: format!("min {rule}"),
        metric: rule.metric,
        outcome: decide_minimum(&b, *rule),
    });
    drops.chain(minimums).collect()
}

fn decide_drop(
    a: Side<'_>,
    b: Side<'_>,
    rule: MaxDrop,
    criterion: Criterion,
    bootstrap: &Bootstrap,
) -> Result<Measured, Undecided> {
    let scores = PairedScores::of(a, b, rule.metric).map_err(Undecided::Refused)?;
    let pairs = scores.pairs();
    let [baseline, candidate] = [
        mean(pairs.iter().map(|pair| pair.0)),
        mean(pairs.iter().map(|pair| pair.1)),
    ];
    // A part of the baseline is allowed to go: what is left of it is compared.
    let (kept, allowed) = match rule.allowance {
        Allowance::Points(allowed) => (scores, allowed),
        Allowance::Relative(part) => (scores.scaled(1.0 - part), part * baseline),
    };
    let beyond = match rule.allowance {
        Allowance::Points(_) => 0.0,
        Allowance::Relative(_) => allowed,
    };
    // The middle 2c − 1 of the resamples leaves 1 − c on either side.
    let two_sided = Bootstrap {
        confidence: 2.0 * bootstrap.confidence - 1.0,
        ..*bootstrap
    };
    let interval = if kept.has_several_runs() {
        kept.interval_over_runs(&two_sided)
    } else {
        kept.interval(&two_sided)
    };
    let interval = interval.ok_or(Undecided::OneProblem)?;
    let drop = baseline - candidate;
    let (lower, upper) = (beyond - interval.high, beyond - interval.low);
    // Differences of equal values are no drop, whatever the last digit of a sum says.
    let exceeds = |bound: f64| bound > allowed + ROUNDING;
    Ok(Measured {
        passed: match criterion {
            Criterion::SignificantDrop => !exceeds(lower),
            Criterion::NonInferiority => !exceeds(upper),
            Criterion::PointEstimate => !exceeds(drop),
        },
        candidate,
        n_problems: pairs.len(),
        bar: Bar::Baseline {
            value: baseline,
            drop,
            allowed,
            lower,
            upper,
        },
    })
}

const ROUNDING: f64 = 1e-9;

fn decide_minimum(b: Side<'_>, rule: Minimum) -> Result<Measured, Undecided> {
    let scores = PairedScores::of(b, b, rule.metric).map_err(Undecided::Refused)?;
    let pairs = scores.pairs();
    let candidate = mean(pairs.iter().map(|pair| pair.1));
    Ok(Measured {
        passed: candidate >= rule.value - ROUNDING,
        candidate,
        n_problems: pairs.len(),
        bar: Bar::Minimum { value: rule.value },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, problem};
    use crate::metric::tally::ProblemTally;

    /// `n` problems with one candidate each; those in `solved` pass.
    fn run(n: usize, solved: impl Fn(usize) -> bool) -> Vec<ProblemTally> {
        let outcome = |i| if solved(i) { PASSED } else { FAILED };
        (0..n)
            .map(|i| problem(&format!("p{i:04}"), &[outcome(i)]))
            .collect()
    }

    fn decide(
        a: &[ProblemTally],
        b: &[ProblemTally],
        rule: &str,
        criterion: Criterion,
    ) -> Measured {
        let rules = [rule.parse().unwrap()];
        let decisions = gate(&[a], &[b], &rules, &[], criterion, &Bootstrap::default());
        decisions[0].outcome.clone().unwrap()
    }

    #[test]
    fn rules_are_read_and_shown() {
        let check = |text: &str, shown: &str| {
            assert_eq!(text.parse::<MaxDrop>().unwrap().to_string(), shown);
        };
        check("pass@1=1.0pp", "pass@1=1pp");
        check("pass@5 = 1.1 pp", "pass@5=1.1pp");
        check("1@100=5%", "1@100=5%");
        let fails = |text: &str, reason: &str| {
            let error = text.parse::<MaxDrop>().unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        fails("pass@1", "not of the form");
        fails("pass@1=1", "has no unit");
        fails("pass@1=-1pp", "not between");
        fails("pass@0=1pp", "no metric");
        let minimum: Minimum = "strict-accuracy=30%".parse().unwrap();
        assert_eq!(
            (minimum.metric, minimum.value),
            (Metric::StrictAccuracy, 0.3)
        );
        assert!("pass@1=30".parse::<Minimum>().is_err());
    }

    #[test]
    fn the_same_run_holds_whatever_has_to_be_shown() {
        let same = run(50, |i| i % 3 == 0);
        for criterion in [
            Criterion::SignificantDrop,
            Criterion::NonInferiority,
            Criterion::PointEstimate,
        ] {
            for rule in ["pass@1=0pp", "pass@1=0%", "pass@1=1pp"] {
                assert!(
                    decide(&same, &same, rule, criterion).passed,
                    "{criterion:?}"
                );
            }
        }
    }

    /// 5 of 100 problems lost: the number lost in a resample is binomial with n = 100 and
    /// p = 0.05, whose 5 % and 95 % quantiles are 2 and 9.
    #[test]
    fn bounds_are_quantiles_of_the_resampled_drops() {
        let (a, b) = (run(100, |i| i < 50), run(100, |i| i < 45));
        let measured = decide(&a, &b, "pass@1=1pp", Criterion::SignificantDrop);
        let Bar::Baseline {
            value,
            drop,
            allowed,
            lower,
            upper,
        } = measured.bar
        else {
            panic!("{measured:?}");
        };
        let numbers = [value, measured.candidate, drop, allowed, lower, upper];
        for (number, expected) in numbers.into_iter().zip([0.5, 0.45, 0.05, 0.01, 0.02, 0.09]) {
            assert!((number - expected).abs() < 1e-12, "{measured:?}");
        }
        assert!(!measured.passed);
        let check = |rule: &str, criterion, passed| {
            assert_eq!(decide(&a, &b, rule, criterion).passed, passed, "{rule}");
        };
        check("pass@1=1.5pp", Criterion::SignificantDrop, false);
        check("pass@1=2pp", Criterion::SignificantDrop, true);
        check("pass@1=8.5pp", Criterion::NonInferiority, false);
        check("pass@1=9pp", Criterion::NonInferiority, true);
        check("pass@1=4.9pp", Criterion::PointEstimate, false);
        check("pass@1=5pp", Criterion::PointEstimate, true);
        // A rise is no drop.
        let risen = decide(&b, &a, "pass@1=0pp", Criterion::NonInferiority);
        assert!(risen.passed);
    }

    /// The baseline solves all; the candidate lacks 5 of 100. A relative allowance of 3 % is then
    /// the same as 3 points, without any doubt about the baseline.
    #[test]
    fn relative_allowances_are_parts_of_the_baseline() {
        let (a, b) = (run(100, |_| true), run(100, |i| i >= 5));
        for criterion in [Criterion::SignificantDrop, Criterion::NonInferiority] {
            for percent in ["0.5", "3", "8.5", "9"] {
                let points = decide(&a, &b, &format!("pass@1={percent}pp"), criterion);
                let relative = decide(&a, &b, &format!("pass@1={percent}%"), criterion);
                assert_eq!(points.passed, relative.passed, "{percent}");
            }
        }
        // Half solved: 10 % of it are 5 points.
        let a = run(100, |i| i < 50);
        let measured = decide(&a, &a, "pass@1=10%", Criterion::PointEstimate);
        let Bar::Baseline { allowed, .. } = measured.bar else {
            panic!("{measured:?}");
        };
        assert!((allowed - 0.05).abs() < 1e-12);
    }

    #[test]
    fn minimums_and_what_cannot_be_decided() {
        let (a, b) = (run(10, |_| true), run(10, |i| i < 3));
        let minimums = ["pass@1=0.3", "pass@1=31%"].map(|rule| rule.parse().unwrap());
        let settings = Bootstrap::default();
        let criterion = Criterion::default();
        let decisions = gate(&[&a], &[&b], &[], &minimums, criterion, &settings);
        let passed: Vec<bool> = decisions
            .iter()
            .map(|decision| decision.outcome.as_ref().unwrap().passed)
            .collect();
        assert_eq!(passed, [true, false]);
        assert_eq!(decisions[1].rule, "min pass@1=0.31");

        let drops = ["pass@1=1pp", "pass@2=1pp"].map(|rule| rule.parse().unwrap());
        let undecided = gate(&[&a[..1]], &[&b[..1]], &drops, &[], criterion, &settings);
        assert_eq!(undecided[0].outcome, Err(Undecided::OneProblem));
        assert!(matches!(
            undecided[1].outcome,
            Err(Undecided::Refused(Refusal::TooFewCandidates { .. }))
        ));
    }

    #[test]
    fn several_runs_widen_the_bounds() {
        // Two trainings of the candidate: one as good as the baseline, one without anything.
        let a = run(40, |i| i < 20);
        let worthless = run(40, |_| false);
        let rules = ["pass@1=1pp".parse().unwrap()];
        let decisions = gate(
            &[&a],
            &[&a, &worthless],
            &rules,
            &[],
            Criterion::SignificantDrop,
            &Bootstrap::default(),
        );
        let measured = decisions[0].outcome.clone().unwrap();
        // A quarter of the resamples draw the good training twice.
        assert!(measured.passed, "{measured:?}");
        assert_eq!(measured.candidate, 0.25);
    }
}
