//! pass@1 by level with error bars, graders side by side.

use harness::metric::{Estimate, Group, Metric, aggregate};
use harness::verdict::Grader;
use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use crate::error::ReportError;
use crate::input::{Judging, ReportInput};
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render, vertical_axis};
use crate::plot::palette::{BLACK, BLUE, Hatch, ORANGE, WHITE};
use crate::plot::scale::{Scale, ticks_from_zero};
use crate::table::{Cell, ColumnKind, Table, percent};

const WIDEST_BAR: f64 = 64.0;

/// pass@1 by level for every grader; `None` when no candidate was judged.
///
/// # Errors
/// When drawing fails.
pub fn pass_at_1_plot(input: &ReportInput) -> Result<Option<Plot>, ReportError> {
    let mut table = Table::new("pass-at-1", "pass@1 by level")
        .column("grader", ColumnKind::Text)
        .column("level", ColumnKind::Text)
        .column("pass@1", ColumnKind::Estimate);
    let mut bars = Vec::new();
    let mut groups = Vec::new();
    for judging in &input.judgings {
        let aggregate = aggregate(&judging.tallies, &[Metric::PassAtK(1)], &input.bootstrap);
        for row in &aggregate.rows {
            for value in &row.values {
                table.push(vec![
                    Cell::text(judging.grader),
                    Cell::text(row.group),
                    Cell::estimate(value),
                ]);
                if let Ok(estimate) = value {
                    bars.push((row.group, judging.grader, *estimate));
                    groups.push(row.group);
                }
            }
        }
    }
    groups.sort_unstable();
    groups.dedup();
    if groups.is_empty() {
        return Ok(None);
    }
    let mut graders: Vec<Grader> = bars.iter().map(|bar| bar.1).collect();
    graders.sort_unstable();
    graders.dedup();
    let names: Vec<&str> = graders.iter().map(|grader| grader.name()).collect();
    // All graders see the same candidates; what was left unjudged may differ.
    let mut sizes: Vec<String> = input.judgings.iter().map(Judging::sample_size).collect();
    sizes.dedup();
    let drawing = Bars {
        words: Words {
            title: input.title.clone(),
            subtitle: format!(
                "pass@1 by level · {} · grader{} {}",
                sizes.join(" / "),
                if names.len() == 1 { "" } else { "s" },
                names.join(" and ")
            ),
            note: format!(
                "Error bars: {} % confidence, bootstrap over problems, seed {}.",
                100.0 * input.bootstrap.confidence,
                input.bootstrap.seed
            ),
        },
        groups,
        graders,
        bars,
    };
    let alt = "pass@1 by level with error bars".to_owned();
    render("pass-at-1".to_owned(), alt, table, &drawing).map(Some)
}

struct Bars {
    words: Words,
    groups: Vec<Group>,
    graders: Vec<Grader>,
    bars: Vec<(Group, Grader, Estimate)>,
}

fn grader_style(grader: Grader) -> (RGBColor, Hatch) {
    match grader {
        Grader::Strict => (BLUE, Hatch::None),
        Grader::Apps2021 => (ORANGE, Hatch::Rising),
    }
}

impl Drawing for Bars {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        340.0
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        let has_legend = self.graders.len() > 1;
        let legend = if has_legend { 22.0 } else { 0.0 };
        let (left, right) = (frame.left + 40.0, frame.right);
        let (top, bottom) = (frame.top + 26.0 + legend, frame.bottom - 26.0);
        if has_legend {
            self.draw_legend(canvas, left, frame.top + 10.0)?;
        }

        let top_of = |estimate: &Estimate| estimate.interval.map_or(estimate.mean, |i| i.high);
        let highest = self
            .bars
            .iter()
            .map(|bar| top_of(&bar.2))
            .fold(0.0, f64::max);
        let ticks = ticks_from_zero(100.0 * highest);
        let y = Scale {
            values: (0.0, ticks.last().copied().unwrap_or(1.0)),
            // Room for the number above the highest bar.
            pixels: (bottom, top + 14.0),
        };
        vertical_axis(canvas, (left, right), y, &ticks, "pass@1 (%)")?;

        let [n_groups, n_graders] = [self.groups.len(), self.graders.len()]
            .map(|n| f64::from(u32::try_from(n).unwrap_or(1)));
        let pitch = (right - left) / n_groups;
        let bar = (0.62 * pitch / n_graders).min(WIDEST_BAR);
        let mut center = left + pitch / 2.0;
        for group in &self.groups {
            canvas.text((center, bottom + 20.0), group.name(), BODY, Align::Center)?;
            let mut x = center - bar * n_graders / 2.0;
            for grader in &self.graders {
                let this = |b: &&(Group, Grader, Estimate)| b.0 == *group && b.1 == *grader;
                if let Some((_, _, estimate)) = self.bars.iter().find(this) {
                    let (color, hatch) = grader_style(*grader);
                    let corners = (
                        (x + 2.0, y.at(100.0 * estimate.mean)),
                        (x + bar - 2.0, bottom),
                    );
                    canvas.rectangle(corners.0, corners.1, color)?;
                    canvas.hatch(corners.0, corners.1, hatch)?;
                    let middle = x + bar / 2.0;
                    if let Some(interval) = estimate.interval {
                        let [low, high] = [interval.low, interval.high].map(|v| y.at(100.0 * v));
                        canvas.line(&[(middle, low), (middle, high)], BLACK, 1.5)?;
                        for end in [low, high] {
                            canvas.line(&[(middle - 6.0, end), (middle + 6.0, end)], BLACK, 1.5)?;
                        }
                    }
                    let above = y.at(100.0 * top_of(estimate)) - 7.0;
                    let label = percent(estimate.mean);
                    let half = canvas.text_width(&label, BODY)? / 2.0 + 2.0;
                    // Grid lines do not cross numbers.
                    canvas.rectangle(
                        (middle - half, above - 12.0),
                        (middle + half, above + 2.0),
                        WHITE,
                    )?;
                    canvas.text((middle, above), &label, BODY, Align::Center)?;
                }
                x += bar;
            }
            center += pitch;
        }
        Ok(())
    }
}

impl Bars {
    fn draw_legend<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        left: f64,
        y: f64,
    ) -> DrawResult {
        let mut at = left;
        for grader in &self.graders {
            let (color, hatch) = grader_style(*grader);
            let corners = ((at, y - 7.0), (at + 24.0, y + 7.0));
            canvas.rectangle(corners.0, corners.1, color)?;
            canvas.hatch(corners.0, corners.1, hatch)?;
            canvas.text((at + 31.0, y + 4.5), grader.name(), BODY, Align::Left)?;
            at += 31.0 + canvas.text_width(grader.name(), BODY)? + 24.0;
        }
        Ok(())
    }
}
