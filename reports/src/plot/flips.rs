//! How many candidates the graders disagree on, by rule and direction.

use std::collections::BTreeMap;

use harness::metric::Flip;
use harness::verdict::Outcome;
use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use crate::error::ReportError;
use crate::input::ReportInput;
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render};
use crate::plot::palette::{AXIS, BLUE, GRID, Hatch, ORANGE, PURPLE};
use crate::plot::scale::{Scale, tick_label, ticks_from_zero};
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::NO_RULE;

const BAR: f64 = 22.0;
const PITCH: f64 = 34.0;
const LEGEND: f64 = 74.0;
const AXIS_HEIGHT: f64 = 54.0;
/// Rules beyond this many are drawn as one bar.
const MOST_BARS: usize = 14;

/// Flips by rule; `None` when there are none or when only one grader judged.
///
/// # Errors
/// When drawing fails.
pub fn flips_plot(input: &ReportInput) -> Result<Option<Plot>, ReportError> {
    let Some(flips) = input.flips.as_deref().filter(|flips| !flips.is_empty()) else {
        return Ok(None);
    };
    let bars = bars(flips);
    let mut data = Table::new("flips", "Flips by rule")
        .column("rule", ColumnKind::Text)
        .column("direction", ColumnKind::Text)
        .column("candidates", ColumnKind::Count);
    for (rule, counts) in &bars {
        for (direction, &count) in Direction::ALL.into_iter().zip(counts) {
            data.push(vec![
                Cell::text(rule),
                Cell::text(direction.name()),
                Cell::count(count),
            ]);
        }
    }
    let drawing = FlipBars {
        words: Words {
            title: input.title.clone(),
            subtitle: format!(
                "Candidates on which strict and apps-2021 differ · {} in all",
                flips.len()
            ),
            note: "By the rule with which apps-2021 accepted the output that strict had refused."
                .to_owned(),
        },
        bars: merged(bars),
    };
    let alt = "Candidates on which the graders differ, by rule".to_owned();
    render("flips".to_owned(), alt, data, &drawing).map(Some)
}

/// Which grader thinks better of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    OnlyApps2021Passes,
    OnlyStrictPasses,
    /// Neither lets it pass, or one did not judge it.
    Other,
}

impl Direction {
    const ALL: [Self; 3] = [
        Self::OnlyApps2021Passes,
        Self::OnlyStrictPasses,
        Self::Other,
    ];

    fn of(flip: &Flip) -> Self {
        let passed = Some(Outcome::PassedTests);
        if flip.apps_2021_outcome == passed {
            Self::OnlyApps2021Passes
        } else if flip.strict_outcome == passed {
            Self::OnlyStrictPasses
        } else {
            Self::Other
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OnlyApps2021Passes => "passes under apps-2021 only",
            Self::OnlyStrictPasses => "passes under strict only",
            Self::Other => "passes under neither, for different reasons",
        }
    }

    fn style(self) -> (RGBColor, Hatch) {
        match self {
            Self::OnlyApps2021Passes => (ORANGE, Hatch::Rising),
            Self::OnlyStrictPasses => (BLUE, Hatch::None),
            Self::Other => (PURPLE, Hatch::Crossed),
        }
    }
}

type Bar = (String, [usize; 3]);

/// The longest first.
fn bars(flips: &[Flip]) -> Vec<Bar> {
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for flip in flips {
        let rule = flip.rule.as_deref().unwrap_or(NO_RULE);
        let direction = Direction::of(flip);
        for (count, this) in counts
            .entry(rule)
            .or_default()
            .iter_mut()
            .zip(Direction::ALL)
        {
            *count += usize::from(this == direction);
        }
    }
    let mut bars: Vec<Bar> = counts
        .into_iter()
        .map(|(rule, counts)| (rule.to_owned(), counts))
        .collect();
    bars.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<usize>()));
    bars
}

fn merged(mut bars: Vec<Bar>) -> Vec<Bar> {
    if bars.len() > MOST_BARS {
        let rest = bars.split_off(MOST_BARS - 1);
        let sum = |i: usize| rest.iter().map(|(_, counts)| counts[i]).sum();
        bars.push((
            format!("{} other rules", rest.len()),
            [sum(0), sum(1), sum(2)],
        ));
    }
    bars
}

struct FlipBars {
    words: Words,
    bars: Vec<Bar>,
}

impl Drawing for FlipBars {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        LEGEND + PITCH * as_f64(self.bars.len()) + AXIS_HEIGHT
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        const NAMES: f64 = 200.0;
        for (i, direction) in Direction::ALL.into_iter().enumerate() {
            let y = frame.top + 6.0 + 22.0 * as_f64(i);
            let (color, hatch) = direction.style();
            let corners = (
                (frame.left + NAMES, y - 7.0),
                (frame.left + NAMES + 24.0, y + 7.0),
            );
            canvas.rectangle(corners.0, corners.1, color)?;
            canvas.hatch(corners.0, corners.1, hatch)?;
            canvas.text(
                (corners.1.0 + 7.0, y + 4.5),
                direction.name(),
                BODY,
                Align::Left,
            )?;
        }

        let longest = self.bars.iter().map(|(_, counts)| counts.iter().sum());
        let mut ticks = ticks_from_zero(as_f64(longest.max().unwrap_or(0)));
        ticks.retain(|tick| tick.fract() == 0.0); // candidates are whole
        let x = Scale {
            values: (0.0, ticks.last().copied().unwrap_or(1.0).max(1.0)),
            pixels: (frame.left + NAMES, frame.right - 44.0),
        };
        let (top, bottom) = (frame.top + LEGEND, frame.bottom - AXIS_HEIGHT);
        for &tick in &ticks {
            let at = x.at(tick);
            canvas.line(&[(at, top), (at, bottom + 5.0)], GRID, 1.0)?;
            let label = tick_label(tick, &ticks);
            canvas.text((at, bottom + 20.0), &label, BODY, Align::Center)?;
        }
        let middle = f64::midpoint(x.pixels.0, x.pixels.1);
        canvas.text((middle, bottom + 41.0), "candidates", BODY, Align::Center)?;

        let mut y = top + (PITCH - BAR) / 2.0;
        for (rule, counts) in &self.bars {
            let baseline = y + BAR / 2.0 + 4.5;
            let name = canvas.fitted(rule, BODY, NAMES - 14.0)?;
            canvas.text((x.pixels.0 - 10.0, baseline), &name, BODY, Align::Right)?;
            let mut from = 0;
            for (direction, &count) in Direction::ALL.into_iter().zip(counts) {
                if count > 0 {
                    let (color, hatch) = direction.style();
                    let corners = (
                        (x.at(as_f64(from)), y),
                        (x.at(as_f64(from + count)), y + BAR),
                    );
                    canvas.rectangle(corners.0, corners.1, color)?;
                    canvas.hatch(corners.0, corners.1, hatch)?;
                }
                from += count;
            }
            canvas.text(
                (x.at(as_f64(from)) + 7.0, baseline),
                &from.to_string(),
                BODY,
                Align::Left,
            )?;
            y += PITCH;
        }
        canvas.line(&[(x.pixels.0, top), (x.pixels.0, bottom)], AXIS, 1.2)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of candidates")]
fn as_f64(n: usize) -> f64 {
    n as f64
}
