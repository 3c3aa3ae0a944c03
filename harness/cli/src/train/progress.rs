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
const SHOWN: [(&str, &str); 10] = [
    ("loss", "loss"),
    ("ce_loss", "L_ce"),
    ("rl_loss", "L_rl"),
    ("validation_loss", "validation"),
    ("accuracy", "accuracy"),
    ("reward", "reward"),
    ("share_passed", "passed"),
    ("kl", "KL"),
    ("entropy", "entropy"),
    ("tokens_per_second", "tokens/s"),
];

/// Shows the updates of a trainer.
pub(crate) struct TrainingProgress {
    console: Console,
    bar: ProgressBar,
    what: String,
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
            ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len} eta {eta} {wide_msg}")
                .expect("the template is correct"),
        );
        bar.set_prefix(what.to_owned());
        bar.set_position(resumed_at);
        bar.reset_eta();
        Ok(Self {
            console,
            bar,
            what: what.to_owned(),
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
        let text = describe(&self.latest);
        self.bar.set_message(text.clone());
        let is_last = Some(metrics.step) == self.bar.length();
        if !self.console.shows_bars() && (is_last || self.last_line.elapsed() >= LINE_EVERY) {
            self.last_line = Instant::now();
            let left = Duration::from_secs(self.bar.eta().as_secs());
            self.console.note(format_args!(
                "{}: {}/{}, {text}, {} left",
                self.what,
                metrics.step,
                self.bar.length().unwrap_or_default(),
                humantime::format_duration(left)
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
