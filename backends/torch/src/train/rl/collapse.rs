//! Watches whether a training goes to ruin, and ends it with an explanation.
//!
//! Online the share of samples that pass tells. Offline nothing is sampled, but a model that falls
//! apart makes unlikely what it is taught: reference programs, and samples with an advantage. Their
//! mean -log p a token is smoothed and compared with where it began. In the small study the
//! paper's recipe went from 0.12 to 3.0 that way; trainings that learn stay near their beginning.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::train::checkpoint::Progress;

/// Rounds whose share of passing samples is below this part of the first round's …
const COLLAPSED_SHARE: f64 = 0.25;
/// … and so many of them in a row end a training.
const COLLAPSED_ROUNDS: f64 = 5.0;
/// A first round below this share says nothing.
const LEAST_FIRST_SHARE: f64 = 0.02;

/// Programs whose smoothed -log p is so many times what it was at first …
const COLLAPSED_FACTOR: f64 = 3.0;
/// … and so much more a token end a training.
const COLLAPSED_RISE: f64 = 0.5;
/// Weight of an update in what is smoothed.
const SMOOTHING: f64 = 0.1;
/// Updates that make up the beginning.
const FIRST_UPDATES: f64 = 5.0;

/// What may help, for all kinds of collapse.
const ADVICE: &str = "A lower learning rate, a smaller `rl.negative-weight`, a clipped algorithm \
    with a KL penalty or more L_ce may help";

/// What an update says of programs that are to become likely: -log p a token.
const NLL: [(&str, &str); 2] = [
    ("ce_nll", "reference programs"),
    ("advantage_nll", "samples with an advantage"),
];

/// Watches the share of samples that passed in a round, from 1.
///
/// # Errors
/// A collapse.
pub(super) fn watch_round(progress: &mut Progress, round: u64, passed: f64) -> Result<()> {
    let notes = &mut progress.notes;
    let first = *notes
        .entry("first_share_passed".to_owned())
        .or_insert(passed);
    let n_low = notes.entry("n_collapsed_rounds".to_owned()).or_insert(0.0);
    let is_low = first >= LEAST_FIRST_SHARE && passed < COLLAPSED_SHARE * first;
    *n_low = if is_low { *n_low + 1.0 } else { 0.0 };
    let n_low = *n_low;
    progress.is_ill = is_low;
    if n_low < COLLAPSED_ROUNDS {
        return Ok(());
    }
    Err(Error::diverged(format!(
        "the reward has collapsed: {:.1} % of the samples passed in round {round} and {:.1} % in \
         the first, and the {} rounds before were as bad. {ADVICE}",
        passed * 100.0,
        first * 100.0,
        COLLAPSED_ROUNDS - 1.0,
    )))
}

/// Watches the numbers of update `step`, from 1.
///
/// # Errors
/// A collapse.
pub(super) fn watch_update(
    progress: &mut Progress,
    step: u64,
    values: &BTreeMap<String, f64>,
) -> Result<()> {
    progress.is_ill = false;
    for (key, what) in NLL {
        let Some(nll) = values.get(key) else {
            continue;
        };
        let mut note = |name: &str, change: &dyn Fn(Option<f64>) -> f64| {
            let name = format!("{key}_{name}");
            let value = change(progress.notes.get(&name).copied());
            progress.notes.insert(name, value);
            value
        };
        let n = note("updates", &|n| n.unwrap_or(0.0) + 1.0);
        if n <= FIRST_UPDATES {
            // The mean of the first.
            let first = note("first", &|mean| {
                mean.map_or(*nll, |mean| mean + (nll - mean) / n)
            });
            note("smooth", &|_| first);
            continue;
        }
        let first = note("first", &|mean| mean.unwrap_or(*nll));
        let smooth = note("smooth", &|smooth| {
            let smooth = smooth.unwrap_or(*nll);
            smooth + SMOOTHING * (nll - smooth)
        });
        let is_above = |nll: f64, part: f64| {
            nll > first * (1.0 + part * (COLLAPSED_FACTOR - 1.0))
                && nll > first + part * COLLAPSED_RISE
        };
        // What is smoothed comes late; a single update halfway there is no proof, but a reason not
        // to call a checkpoint good.
        progress.is_ill |= is_above(*nll, 0.5) || is_above(smooth, 0.5);
        if is_above(smooth, 1.0) {
            return Err(Error::diverged(format!(
                "the model is falling apart at update {step}: -log p of {what} is {smooth:.2} a \
                 token, and was {first:.2} at first. Programs that failed are made unlikely \
                 without bound, and what is to be learnt goes with them. {ADVICE}"
            )));
        }
    }
    Ok(())
}
