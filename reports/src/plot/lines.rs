//! Lines with confidence bands: over k, or over any number.

use harness::metric::Estimate;
use plotters::backend::DrawingBackend;

use crate::error::ReportError;
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render, vertical_axis};
use crate::plot::palette::{AXIS, LineStyle, series_style};
use crate::plot::scale::{Scale, k_ticks, tick_label, ticks_from_zero};
use crate::table::Table;

/// Ks beyond this are spread logarithmically.
const LONGEST_LINEAR: f64 = 20.0;
const LEGEND_WIDTH: f64 = 150.0;
const LEGEND_PITCH: f64 = 22.0;

/// A plot of lines that have names of their own.
pub(crate) struct LinePlot {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) note: String,
    pub(crate) x_axis: String,
    pub(crate) y_axis: String,
    /// Whether x is a k: from 1, logarithmic where it goes far.
    pub(crate) is_over_k: bool,
    pub(crate) lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// With rising x.
    pub(crate) points: Vec<(f64, Estimate)>,
}

/// Draws a plot, whose name is that of its data.
///
/// # Errors
/// When drawing fails.
pub(crate) fn line_plot(data: Table, alt: String, plot: LinePlot) -> Result<Plot, ReportError> {
    let lines = plot.lines.into_iter().enumerate();
    let lines = lines.map(|(index, line)| (series_style(index), line));
    let lines = Lines {
        words: Words {
            title: plot.title,
            subtitle: plot.subtitle,
            note: plot.note,
        },
        x_axis: plot.x_axis,
        y_axis: plot.y_axis,
        is_over_k: plot.is_over_k,
        legend: Legend::Below,
        lines: lines.collect(),
    };
    render(data.name.clone(), alt, data, &lines)
}

/// Where the names of lines stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Legend {
    /// Short names.
    Right,
    /// Names of any length.
    Below,
}

pub(super) struct Lines {
    pub(super) words: Words,
    pub(super) x_axis: String,
    pub(super) y_axis: String,
    pub(super) is_over_k: bool,
    pub(super) legend: Legend,
    /// The first one is drawn last, over the others.
    pub(super) lines: Vec<(LineStyle, Line)>,
}

impl Lines {
    fn points(&self) -> impl Iterator<Item = &(f64, Estimate)> {
        self.lines.iter().flat_map(|(_, line)| &line.points)
    }

    /// The largest x.
    pub(super) fn most(&self) -> f64 {
        self.points().map(|point| point.0).fold(0.0, f64::max)
    }

    fn is_logarithmic(&self) -> bool {
        self.is_over_k && self.most() > LONGEST_LINEAR
    }

    /// Ends of the axis, and its ticks.
    fn x_range(&self) -> (f64, f64, Vec<f64>) {
        let most = self.most();
        if self.is_over_k {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a k is a small whole number"
            )]
            let ticks = k_ticks(most as u32, self.is_logarithmic());
            return (1.0, most, ticks.into_iter().map(f64::from).collect());
        }
        let mut ticks: Vec<f64> = self.points().map(|point| point.0).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let least = ticks.first().copied().unwrap_or(0.0);
        // One number alone stands in the middle.
        let (low, high) = match least < most {
            true => (least, most),
            false => (least - 1.0, most + 1.0),
        };
        if ticks.len() > 12 {
            ticks = ticks_from_zero(most);
            ticks.retain(|tick| (low..=high).contains(tick));
        }
        (low, high, ticks)
    }
}

impl Drawing for Lines {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        let n = f64::from(u32::try_from(self.lines.len()).unwrap_or(1));
        match self.legend {
            Legend::Right => 380.0,
            Legend::Below => 390.0 + LEGEND_PITCH * (n / 2.0).ceil(),
        }
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        let is_logarithmic = self.is_logarithmic();
        let position = |x: f64| if is_logarithmic { x.ln() } else { x };
        let left = frame.left + 40.0;
        let (right, below) = match self.legend {
            Legend::Right => (frame.right - LEGEND_WIDTH, 0.0),
            Legend::Below => (frame.right - 10.0, self.height() - 380.0),
        };
        let (top, bottom) = (frame.top + 26.0, frame.bottom - 44.0 - below);

        let highest = self
            .points()
            .map(|(_, estimate)| estimate.interval.map_or(estimate.mean, |i| i.high))
            .fold(0.0, f64::max);
        let ticks = ticks_from_zero(100.0 * highest);
        let y = Scale {
            values: (0.0, ticks.last().copied().unwrap_or(1.0)),
            pixels: (bottom, top),
        };
        let (low, high, x_ticks) = self.x_range();
        let x = Scale {
            values: (position(low), position(high)),
            // Room for marks and for the outer labels.
            pixels: (left + 14.0, right - 14.0),
        };
        vertical_axis(canvas, (left, right), y, &ticks, &self.y_axis)?;
        for &tick in &x_ticks {
            let at = x.at(position(tick));
            canvas.line(&[(at, bottom), (at, bottom + 5.0)], AXIS, 1.0)?;
            let label = match self.is_over_k {
                true => tick.to_string(),
                false => tick_label(tick, &x_ticks),
            };
            canvas.text((at, bottom + 20.0), &label, BODY, Align::Center)?;
        }
        let axis = match is_logarithmic {
            true => format!("{} (logarithmic)", self.x_axis),
            false => self.x_axis.clone(),
        };
        let middle = f64::midpoint(left, right);
        canvas.text((middle, bottom + 41.0), &axis, BODY, Align::Center)?;

        let point = |at: f64, value: f64| (x.at(position(at)), y.at(100.0 * value));
        for (style, line) in &self.lines {
            let intervals = line
                .points
                .iter()
                .filter_map(|(at, estimate)| Some((*at, estimate.interval?)));
            let low: Vec<(f64, f64)> = intervals.clone().map(|(at, i)| point(at, i.low)).collect();
            let high: Vec<(f64, f64)> = intervals.map(|(at, i)| point(at, i.high)).collect();
            if low.len() > 1 {
                for edge in [&low, &high] {
                    canvas.translucent_line(edge, style.color, 0.3, 1.0)?;
                }
                let band: Vec<(f64, f64)> = high.into_iter().chain(low.into_iter().rev()).collect();
                canvas.polygon(&band, style.color, 0.1)?;
            } else if let (Some(&low), Some(&high)) = (low.first(), high.first()) {
                canvas.line(&[low, high], style.color, 1.5)?;
            }
        }
        for (style, line) in self.lines.iter().rev() {
            let means = line.points.iter();
            let means: Vec<(f64, f64)> = means.map(|(at, e)| point(*at, e.mean)).collect();
            if means.len() > 1 {
                canvas.dashed(&means, style.color, style.width, style.dash)?;
            }
            let is_marked = |at: &f64| !self.is_over_k || x_ticks.contains(at);
            for (at, estimate) in line.points.iter().filter(|(at, _)| is_marked(at)) {
                canvas.marker(point(*at, estimate.mean), style.marker, style.color)?;
            }
        }
        match self.legend {
            Legend::Right => self.draw_legend(canvas, (right + 22.0, top), LEGEND_WIDTH, 1),
            Legend::Below => {
                let width = (right - left) / 2.0;
                self.draw_legend(canvas, (left, bottom + 58.0), width, 2)
            }
        }
    }
}

impl Lines {
    fn draw_legend<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (left, top): (f64, f64),
        width: f64,
        n_columns: u32,
    ) -> DrawResult {
        let pitch = match self.legend {
            Legend::Right => 26.0,
            Legend::Below => LEGEND_PITCH,
        };
        for (i, (style, line)) in (0_u32..).zip(&self.lines) {
            let left = left + width * f64::from(i % n_columns);
            let y = top + 8.0 + pitch * f64::from(i / n_columns);
            let LineStyle {
                color,
                marker,
                dash,
                width: stroke,
            } = *style;
            canvas.dashed(&[(left, y), (left + 34.0, y)], color, stroke, dash)?;
            canvas.marker((left + 17.0, y), marker, color)?;
            let label = match self.legend {
                Legend::Right => line.label.clone(),
                Legend::Below => canvas.fitted(&line.label, BODY, width - 52.0)?,
            };
            canvas.text((left + 42.0, y + 4.5), &label, BODY, Align::Left)?;
        }
        Ok(())
    }
}
