//! pass@k over k, one line for each level, with confidence bands.

use harness::metric::{Aggregate, Estimate, Group, Metric, aggregate, curve_ks};
use plotters::backend::DrawingBackend;

use crate::error::ReportError;
use crate::input::{Judging, ReportInput};
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render, vertical_axis};
use crate::plot::palette::{AXIS, LineStyle, line_style};
use crate::plot::scale::{Scale, k_ticks, ticks_from_zero};
use crate::table::{Cell, ColumnKind, Table};

/// Ks beyond this are spread logarithmically.
const LONGEST_LINEAR: u32 = 20;
const LEGEND_WIDTH: f64 = 150.0;

/// pass@k for every k that all problems reach; `None` unless there are two such k.
///
/// # Errors
/// When drawing fails.
pub fn pass_at_k_plot(input: &ReportInput, judging: &Judging) -> Result<Option<Plot>, ReportError> {
    let ks = curve_ks(&judging.tallies);
    let metrics: Vec<Metric> = ks.iter().map(|&k| Metric::PassAtK(k)).collect();
    let aggregate = aggregate(&judging.tallies, &metrics, &input.bootstrap);
    let curve = Curve::new(input, judging, &ks, &aggregate);
    // A single k makes no curve; the plot of pass@1 shows it.
    if curve.most < 2 {
        return Ok(None);
    }
    let name = format!("pass-at-k.{}", judging.grader);
    let data = data_table(&name, &ks, &aggregate);
    let alt = format!(
        "pass@k by level for k from 1 to {}, grader {}",
        curve.most, judging.grader
    );
    render(name, alt, data, &curve).map(Some)
}

struct Curve {
    words: Words,
    most: u32,
    series: Vec<Series>,
}

struct Series {
    group: Group,
    points: Vec<(u32, Estimate)>,
}

impl Curve {
    fn new(input: &ReportInput, judging: &Judging, ks: &[u32], aggregate: &Aggregate) -> Self {
        // With a single level the overall line would hide it.
        let skips_all = aggregate.rows.len() == 2;
        let mut series: Vec<Series> = aggregate
            .rows
            .iter()
            .filter(|row| !(skips_all && row.group == Group::All))
            .map(|row| Series {
                group: row.group,
                points: ks
                    .iter()
                    .zip(&row.values)
                    .filter_map(|(&k, value)| Some((k, *value.as_ref().ok()?)))
                    .collect(),
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        series.sort_by(|a, b| b.last_mean().total_cmp(&a.last_mean()));
        let left_out = series
            .iter()
            .flat_map(|series| &series.points)
            .map(|(_, estimate)| estimate.n_left_out)
            .max()
            .unwrap_or(0);
        let left_out = match left_out {
            0 => String::new(),
            1 => " Up to 1 problem is left out for want of judged candidates.".to_owned(),
            n => format!(" Up to {n} problems are left out for want of judged candidates."),
        };
        Self {
            words: Words {
                title: input.title.clone(),
                subtitle: format!(
                    "pass@k by level · {} · grader {}",
                    judging.sample_size(),
                    judging.grader
                ),
                note: format!(
                    "Bands: {} % confidence, bootstrap over problems, seed {}.{left_out}",
                    100.0 * input.bootstrap.confidence,
                    input.bootstrap.seed
                ),
            },
            most: series.iter().filter_map(Series::last_k).max().unwrap_or(0),
            series,
        }
    }
}

impl Series {
    fn last_k(&self) -> Option<u32> {
        self.points.last().map(|(k, _)| *k)
    }

    fn last_mean(&self) -> f64 {
        self.points
            .last()
            .map_or(0.0, |(_, estimate)| estimate.mean)
    }
}

impl Drawing for Curve {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        380.0
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        let is_logarithmic = self.most > LONGEST_LINEAR;
        let position = |k: u32| {
            if is_logarithmic {
                f64::from(k).ln()
            } else {
                f64::from(k)
            }
        };
        let (left, right) = (frame.left + 40.0, frame.right - LEGEND_WIDTH);
        let (top, bottom) = (frame.top + 26.0, frame.bottom - 44.0);

        let highest = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .map(|(_, estimate)| estimate.interval.map_or(estimate.mean, |i| i.high))
            .fold(0.0, f64::max);
        let ticks = ticks_from_zero(100.0 * highest);
        let y = Scale {
            values: (0.0, ticks.last().copied().unwrap_or(1.0)),
            pixels: (bottom, top),
        };
        let x = Scale {
            values: (position(1), position(self.most)),
            // Room for marks and for the outer labels.
            pixels: (left + 14.0, right - 14.0),
        };
        vertical_axis(canvas, (left, right), y, &ticks, "pass@k (%)")?;
        let k_ticks = k_ticks(self.most, is_logarithmic);
        for &k in &k_ticks {
            let at = x.at(position(k));
            canvas.line(&[(at, bottom), (at, bottom + 5.0)], AXIS, 1.0)?;
            canvas.text((at, bottom + 20.0), &k.to_string(), BODY, Align::Center)?;
        }
        let axis = if is_logarithmic {
            "k (logarithmic)"
        } else {
            "k"
        };
        canvas.text(
            ((left + right) / 2.0, bottom + 41.0),
            axis,
            BODY,
            Align::Center,
        )?;

        let point = |k: u32, value: f64| (x.at(position(k)), y.at(100.0 * value));
        for series in &self.series {
            let style = line_style(series.group);
            let intervals = series
                .points
                .iter()
                .filter_map(|(k, estimate)| Some((*k, estimate.interval?)));
            let low: Vec<(f64, f64)> = intervals.clone().map(|(k, i)| point(k, i.low)).collect();
            let high: Vec<(f64, f64)> = intervals.map(|(k, i)| point(k, i.high)).collect();
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
        // Lines over all bands; the first series is the highest and the last drawn.
        for series in self.series.iter().rev() {
            let style = line_style(series.group);
            let means = series.points.iter();
            let means: Vec<(f64, f64)> = means.map(|(k, e)| point(*k, e.mean)).collect();
            if means.len() > 1 {
                canvas.dashed(&means, style.color, style.width, style.dash)?;
            }
            for (k, estimate) in series.points.iter().filter(|(k, _)| k_ticks.contains(k)) {
                canvas.marker(point(*k, estimate.mean), style.marker, style.color)?;
            }
        }
        self.draw_legend(canvas, right + 22.0, top)
    }
}

impl Curve {
    /// In the order in which the lines end.
    fn draw_legend<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        left: f64,
        top: f64,
    ) -> DrawResult {
        for (i, series) in self.series.iter().enumerate() {
            let y = top + 8.0 + 26.0 * f64::from(u32::try_from(i).unwrap_or(0));
            let LineStyle {
                color,
                marker,
                dash,
                width,
            } = line_style(series.group);
            canvas.dashed(&[(left, y), (left + 34.0, y)], color, width, dash)?;
            canvas.marker((left + 17.0, y), marker, color)?;
            canvas.text(
                (left + 42.0, y + 4.5),
                series.group.name(),
                BODY,
                Align::Left,
            )?;
        }
        Ok(())
    }
}

fn data_table(name: &str, ks: &[u32], aggregate: &Aggregate) -> Table {
    let mut table = Table::new(name, "pass@k over k")
        .column("level", ColumnKind::Text)
        .column("k", ColumnKind::Count)
        .column("pass@k", ColumnKind::Estimate);
    for row in &aggregate.rows {
        for (&k, value) in ks.iter().zip(&row.values) {
            table.push(vec![
                Cell::text(row.group),
                Cell::Count(k.into()),
                Cell::estimate(value),
            ]);
        }
    }
    table
}
