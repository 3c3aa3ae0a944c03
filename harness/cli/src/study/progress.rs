//! What people see while a study runs: a line for each stage at work, and what is left.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::child::tail;
use crate::console::Console;

/// Time between two reports of what is at work, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Time between two looks at the logs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Shows the stages of a study.
pub(super) struct StudyProgress {
    console: Console,
    together: MultiProgress,
    whole: ProgressBar,
    lines: Vec<Line>,
    last_look: Instant,
    last_line: Instant,
}

struct Line {
    stage: usize,
    name: String,
    log: PathBuf,
    bar: ProgressBar,
}

impl StudyProgress {
    pub(super) fn new(console: Console, n_done: usize, n_stages: usize) -> Self {
        let target = match console.shows_bars() {
            true => ProgressDrawTarget::stderr_with_hz(4),
            false => ProgressDrawTarget::hidden(),
        };
        let together = MultiProgress::with_draw_target(target);
        let whole = together.add(ProgressBar::new(n_stages as u64));
        let style = ProgressStyle::with_template("stages {bar:20} {pos}/{len} {wide_msg}");
        whole.set_style(style.expect("the template is correct"));
        whole.set_position(n_done as u64);
        whole.enable_steady_tick(Duration::from_secs(1));
        Self {
            console,
            together,
            whole,
            lines: Vec::new(),
            last_look: Instant::now(),
            last_line: Instant::now(),
        }
    }

    pub(super) fn begin(&mut self, stage: usize, name: &str, log: PathBuf) {
        let bar = ProgressBar::new_spinner();
        let bar = self.together.insert_before(&self.whole, bar);
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
        bar.set_style(style.expect("the template is correct"));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        if !self.console.shows_bars() {
            self.console.note(format_args!("{name}: begun"));
        }
        self.lines.push(Line {
            stage,
            name: name.to_owned(),
            log,
            bar,
        });
    }

    /// A stage ended.
    pub(super) fn end(&mut self, stage: usize, is_done: bool) {
        self.lines.retain(|line| {
            if line.stage == stage {
                line.bar.finish_and_clear();
            }
            line.stage != stage
        });
        if is_done {
            self.whole.inc(1);
        }
    }

    /// Looks at what the stages say, now and then. `left` is how long it may still take.
    pub(super) fn tick(&mut self, left: impl FnOnce() -> Option<Duration>) {
        let is_terminal = self.console.shows_bars();
        let (last, every) = match is_terminal {
            true => (&mut self.last_look, LOOK_EVERY),
            false => (&mut self.last_line, LINE_EVERY),
        };
        if last.elapsed() < every {
            return;
        }
        *last = Instant::now();
        let left = left().map(about).unwrap_or_default();
        self.whole.set_message(left.clone());
        for line in &self.lines {
            let says = tail(&line.log, 1).pop().unwrap_or_default();
            line.bar.set_message(says.clone());
            if !is_terminal {
                let (done, all) = (self.whole.position(), self.whole.length().unwrap_or(0));
                self.console.note(format_args!(
                    "{}: {says} ({done} of {all} stages done{})",
                    line.name,
                    match left.is_empty() {
                        true => String::new(),
                        false => format!(", {left}"),
                    }
                ));
            }
        }
    }

    /// A line above the bars.
    pub(super) fn note(&self, text: impl std::fmt::Display) {
        self.together.suspend(|| self.console.note(text));
    }

    pub(super) fn finish(&self) {
        for line in &self.lines {
            line.bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}

fn about(left: Duration) -> String {
    format!("about {} left", short(left))
}

/// A duration as people say it: the two largest units.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86400, seconds % 86400 / 3600),
    }
}
