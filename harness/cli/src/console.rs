//! What people see: notes and progress on standard error. Standard output is for results.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use harness::runner::{Event, Listener};
use harness::verdict::Judgement;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// `1 problem`, `2 problems`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}

/// How much to say, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    quiet: bool,
    terminal: bool,
}

impl Console {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: stderr().is_terminal(),
        }
    }

    /// Whether somebody looks at a terminal and wants to see progress there.
    pub(crate) fn shows_bars(&self) -> bool {
        self.terminal && !self.quiet
    }

    /// A line for people.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(stderr(), "{text}");
        }
    }

    /// A bar for `total` steps of `what`; on a non-terminal, a line every ten seconds.
    pub(crate) fn bar(&self, total: usize, what: &str) -> Bar {
        let total = total as u64;
        let bar = if self.quiet || !self.terminal {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
        } else {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8))
        };
        // indicatif leaves colors out for `NO_COLOR` and dumb terminals; none are used here.
        bar.set_style(
            ProgressStyle::with_template(
                "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta} {msg}",
            )
            .expect("the template is correct"),
        );
        bar.set_prefix(what.to_owned());
        Bar {
            bar,
            console: *self,
            what: what.to_owned(),
            last_line: Instant::now(),
        }
    }

    /// Bars that are shown together, for stages that go on at the same time.
    pub(crate) fn bars(&self) -> Bars {
        Bars {
            console: *self,
            together: MultiProgress::with_draw_target(if self.quiet || !self.terminal {
                ProgressDrawTarget::hidden()
            } else {
                ProgressDrawTarget::stderr_with_hz(8)
            }),
        }
    }

    /// A bar for a transfer of `total` bytes.
    pub(crate) fn byte_bar(&self, total: u64, what: &str) -> ProgressBar {
        if self.quiet || !self.terminal {
            self.note(what);
            return ProgressBar::hidden();
        }
        let style = "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
        ProgressBar::new(total)
            .with_style(ProgressStyle::with_template(style).expect("the template is correct"))
            .with_prefix(what.to_owned())
    }

    /// Something that takes long and whose length nobody knows.
    pub(crate) fn spinner(&self, what: &str) -> ProgressBar {
        if self.quiet || !self.terminal {
            self.note(what);
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }
}

/// Several bars.
pub(crate) struct Bars {
    console: Console,
    together: MultiProgress,
}

impl Bars {
    pub(crate) fn bar(&self, total: usize, what: &str) -> Bar {
        let bar = self.console.bar(total, what);
        Bar {
            bar: self.together.add(bar.bar.clone()),
            ..bar
        }
    }

    pub(crate) fn score(&self, what: &str) -> ScoreProgress {
        ScoreProgress {
            bar: self.bar(0, what),
            passed: 0,
            judged: 0,
        }
    }
}

/// Progress of a stage.
pub(crate) struct Bar {
    bar: ProgressBar,
    console: Console,
    what: String,
    last_line: Instant,
}

const LINE_EVERY: Duration = Duration::from_secs(10);

impl Bar {
    pub(crate) fn start_at(&self, done: usize) {
        self.bar.set_position(done as u64);
        self.bar.reset_eta();
    }

    pub(crate) fn set_total(&self, total: usize) {
        self.bar.set_length(total as u64);
    }

    pub(crate) fn advance(&mut self) {
        self.bar.inc(1);
        if !self.console.terminal && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.console.note(format_args!(
                "{}: {}/{}, {:.1} a second, {} left",
                self.what,
                self.bar.position(),
                self.bar.length().unwrap_or_default(),
                self.bar.per_sec(),
                humantime::format_duration(Duration::from_secs(self.bar.eta().as_secs())),
            ));
        }
    }

    /// A line above the bar.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.bar.suspend(|| self.console.note(text));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the events of judging.
pub(crate) struct ScoreProgress {
    bar: Bar,
    passed: usize,
    judged: usize,
}

impl ScoreProgress {
    pub(crate) fn new(console: &Console, what: &str) -> Self {
        Self {
            bar: console.bar(0, what),
            passed: 0,
            judged: 0,
        }
    }

    fn verdict(&mut self, judgement: &Judgement) {
        self.judged += 1;
        self.passed += usize::from(judgement.passed());
        self.bar
            .bar
            .set_message(format!("({} of {} passed)", self.passed, self.judged));
        self.bar.advance();
    }
}

impl Listener for ScoreProgress {
    fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started {
                total,
                already_done,
                ..
            } => {
                self.bar.set_total(*total);
                self.bar.start_at(*already_done);
                if *already_done > 0 && already_done < total {
                    self.bar.note(format_args!(
                        "resuming: {already_done} of {total} verdicts are there"
                    ));
                }
            }
            Event::Judged { verdict }
            | Event::CacheHit { verdict }
            | Event::Repeated { verdict } => self.verdict(&verdict.judgement),
            Event::Retried {
                candidate,
                attempt,
                detail,
                ..
            } => self.bar.note(format_args!(
                "warning: {candidate}: try {attempt} failed, not the candidate's fault: {detail}"
            )),
            Event::CacheFailed { error } => {
                self.bar
                    .note(format_args!("warning: the verdict cache is off: {error}"));
            }
            Event::Finished { .. } => self.bar.finish(),
            _ => {}
        }
    }
}
