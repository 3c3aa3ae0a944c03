//! What people and TensorBoard see of a training.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use backends::training::protocol::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::tensorboard::EventFile;

use crate::console::Console;

const METRICS: &str = "metrics.jsonl";
const TENSORBOARD: &str = "tensorboard";

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Time between two writes of the event file.
const FLUSH_EVERY: Duration = Duration::from_secs(2);

/// Values that are shown, with what they are called there.
const SHOWN: [(&str, &str); 12] = [
    ("loss", "loss"),
    ("ce_loss", "L_ce"),
    ("rl_loss", "L_rl"),
    ("validation_loss", "validation"),
    ("validation_reward", "validation"),
    ("accuracy", "accuracy"),
    ("reward", "reward"),
    ("share_passed", "passed"),
    ("kl", "KL"),
    ("entropy", "entropy"),
    ("tokens_per_second", "tokens/s"),
    ("sampled_tokens_per_second", "sampled/s"),
];

/// Shows the updates of a trainer.
pub(crate) struct TrainingProgress {
    console: Console,
    bar: ProgressBar,
    what: String,
    pace: Pace,
    last_line: Instant,
    last_flush: Instant,
    events: EventFile,
    /// The last of each: an update may be told of in parts.
    latest: BTreeMap<String, f64>,
}

impl TrainingProgress {
    /// Begins where the trainer does: what it did before is in its file of metrics, from which
    /// the event file is made again.
    pub(crate) fn start(
        console: Console,
        what: &str,
        directory: &Path,
        n_steps: u64,
        resumed_at: u64,
    ) -> Result<Self> {
        let mut events = EventFile::create(&directory.join(TENSORBOARD))?;
        for metrics in earlier(directory, resumed_at) {
            put(&mut events, &metrics)?;
        }
        events.flush()?;
        let target = match console.shows_bars() {
            true => ProgressDrawTarget::stderr_with_hz(8),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(n_steps), target);
        bar.set_style(
            ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len} {wide_msg}")
                .expect("the template is correct"),
        );
        bar.set_prefix(what.to_owned());
        bar.set_position(resumed_at);
        Ok(Self {
            console,
            bar,
            what: what.to_owned(),
            pace: Pace::new(resumed_at),
            last_line: Instant::now(),
            last_flush: Instant::now(),
            events,
            latest: BTreeMap::new(),
        })
    }

    pub(crate) fn update(&mut self, metrics: &Metrics) -> Result<()> {
        put(&mut self.events, metrics)?;
        if self.last_flush.elapsed() >= FLUSH_EVERY {
            self.last_flush = Instant::now();
            self.events.flush()?;
        }
        self.bar.set_position(metrics.step);
        self.latest.extend(metrics.values.clone());
        if metrics.values.contains_key("tokens") {
            self.pace.updated(metrics.step, Instant::now());
        }
        let n_steps = self.bar.length().unwrap_or_default();
        let mut text = describe(&self.latest);
        if let Some(left) = self.pace.left(n_steps) {
            text += &format!(", {} left", humantime::format_duration(left));
        }
        self.bar.set_message(text.clone());
        let is_last = metrics.step == n_steps;
        if !self.console.shows_bars() && (is_last || self.last_line.elapsed() >= LINE_EVERY) {
            self.last_line = Instant::now();
            self.console.note(format_args!(
                "{}: {}/{n_steps}, {text}",
                self.what, metrics.step
            ));
        }
        Ok(())
    }

    /// A line above the bar.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.bar.suspend(|| self.console.note(text));
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        self.bar.finish_and_clear();
        Ok(self.events.flush()?)
    }
}

/// Tells from the time that updates took how long the others will take. Not from the last few:
/// online, most of the time goes by between the updates of two rounds, and on a busy machine no two
/// updates take the same.
struct Pace {
    begun: Instant,
    resumed_at: u64,
    /// The last update, and when it was made.
    last: Option<(u64, Instant)>,
}

impl Pace {
    fn new(resumed_at: u64) -> Self {
        Self {
            begun: Instant::now(),
            resumed_at,
            last: None,
        }
    }

    fn updated(&mut self, step: u64, now: Instant) {
        self.last = Some((step, now));
    }

    /// In whole seconds; `None` before there is an update to tell from.
    fn left(&self, n_steps: u64) -> Option<Duration> {
        let (step, at) = self.last?;
        let n_made = step.checked_sub(self.resumed_at).filter(|n| *n > 0)?;
        let of_one = at.duration_since(self.begun).as_secs_f64() / n_made as f64;
        let left = of_one * n_steps.saturating_sub(step) as f64;
        Some(Duration::from_secs(left.round() as u64))
    }
}

fn put(events: &mut EventFile, metrics: &Metrics) -> Result<()> {
    let values = metrics.values.iter();
    Ok(events.scalars(
        metrics.step,
        values.map(|(tag, value)| (tag.as_str(), *value)),
    )?)
}

/// What earlier processes did. Lines that are torn are left out: this is for people to look at.
fn earlier(directory: &Path, resumed_at: u64) -> Vec<Metrics> {
    let text = fs::read_to_string(directory.join(METRICS)).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Metrics>(line).ok())
        .filter(|metrics| metrics.step <= resumed_at)
        .collect()
}

fn describe(values: &BTreeMap<String, f64>) -> String {
    let parts: Vec<String> = SHOWN
        .iter()
        .filter_map(|(key, name)| {
            let value = *values.get(*key)?;
            Some(match value.abs() {
                large if large >= 100.0 => format!("{name} {value:.0}"),
                _ => format!("{name} {value:.4}"),
            })
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_made_by_this_process() {
        let mut pace = Pace::new(10);
        assert_eq!(pace.left(40), None);
        let begun = pace.begun;
        // Ten updates of a round within a second, after 19 seconds of sampling.
        for step in 11..=20 {
            let after = Duration::from_millis(19_000 + 100 * (step - 10));
            pace.updated(step, begun + after);
        }
        assert_eq!(pace.left(40), Some(Duration::from_secs(40)));
        assert_eq!(pace.left(20), Some(Duration::ZERO));
        // Numbers of the step that it began with are no update.
        let mut pace = Pace::new(10);
        pace.updated(10, begun);
        assert_eq!(pace.left(40), None);
    }

    #[test]
    fn shows_what_is_there_in_an_order_of_its_own() {
        let metrics: Metrics = serde_json::from_str(
            r#"{"step": 7, "tokens_per_second": 1234.5, "loss": 0.25, "other": 1, "kl": 0.0123}"#,
        )
        .unwrap();
        assert_eq!(
            describe(&metrics.values),
            "loss 0.2500, KL 0.0123, tokens/s 1234"
        );
    }
}
