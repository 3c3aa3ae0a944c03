//! Lines of test programs that training programs have too, as Figure 7 of CodeRL shows them.

use plotters::backend::DrawingBackend;

use crate::error::ReportError;
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult};
use crate::plot::figure::{BODY, Drawing, Frame, SMALL, Words, render, vertical_axis};
use crate::plot::palette::BLUE;
use crate::plot::scale::{Scale, ticks_from_zero};
use crate::table::{Cell, ColumnKind, Table};
use crate::tables::{OverlapInput, line_counts, line_overlaps, line_shares};

/// Numbers of lines beyond the tenth that have a bar each; the rest is one bar.
const MOST_BARS: usize = 15;

/// Histograms of the number and of the share of duplicated lines; `None` without programs.
///
/// # Errors
/// When drawing fails.
pub fn overlap_plot(input: &OverlapInput) -> Result<Option<Plot>, ReportError> {
    let lines = line_overlaps(input);
    if lines.is_empty() {
        return Ok(None);
    }
    let counts = merged(&line_counts(&lines));
    let shares: Vec<(String, usize)> = line_shares(&lines)
        .into_iter()
        .enumerate()
        .map(|(i, (_, n))| {
            (
                if i == 10 {
                    "1".to_owned()
                } else {
                    format!(".{i}")
                },
                n,
            )
        })
        .collect();
    let mut data = Table::new("duplicated-lines", "Lines found in training programs")
        .column("histogram", ColumnKind::Text)
        .column("bin", ColumnKind::Text)
        .column("problems", ColumnKind::Count);
    for (histogram, bars) in [("lines", &counts), ("share, from", &shares)] {
        for (bin, n) in bars {
            data.push(vec![
                Cell::text(histogram),
                Cell::text(bin),
                Cell::count(*n),
            ]);
        }
    }
    let drawing = Histograms {
        words: Words {
            title: format!("Program lines of {} found in {}", input.test, input.train),
            subtitle: format!(
                "{} programs · left: lines, right: part of the lines",
                lines.len()
            ),
            note: format!(
                "Comments dropped, white space made one space; lines left out that occur more than \
                 {} times among the test programs.",
                input.overlap.settings.max_line_repeats
            ),
        },
        panels: [
            ("duplicated lines", counts),
            ("share of duplicated lines, from", shares),
        ],
    };
    let alt =
        "Test problems by number and by share of lines that training programs have".to_owned();
    render("duplicated-lines".to_owned(), alt, data, &drawing).map(Some)
}

type Bar = (String, usize);

fn merged(counts: &[(usize, usize)]) -> Vec<Bar> {
    let bar = |&(lines, n): &(usize, usize)| (lines.to_string(), n);
    if counts.len() <= MOST_BARS {
        return counts.iter().map(bar).collect();
    }
    let (shown, rest) = counts.split_at(MOST_BARS - 1);
    let mut bars: Vec<Bar> = shown.iter().map(bar).collect();
    bars.push((format!("≥{}", rest[0].0), rest.iter().map(|it| it.1).sum()));
    bars
}

struct Histograms {
    words: Words,
    panels: [(&'static str, Vec<Bar>); 2],
}

impl Drawing for Histograms {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        320.0
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        const GAP: f64 = 34.0;
        let middle = f64::midpoint(frame.left, frame.right);
        let most = self.panels.iter().flat_map(|panel| &panel.1).map(|it| it.1);
        let mut ticks = ticks_from_zero(as_f64(most.max().unwrap_or(0)));
        ticks.retain(|tick| tick.fract() == 0.0); // problems are whole
        let y = Scale {
            values: (0.0, ticks.last().copied().unwrap_or(1.0).max(1.0)),
            pixels: (frame.bottom - 46.0, frame.top + 34.0),
        };
        let sides = [
            (frame.left, middle - GAP / 2.0),
            (middle + GAP / 2.0, frame.right),
        ];
        for ((name, bars), (left, right)) in self.panels.iter().zip(sides) {
            let left = left + 42.0;
            vertical_axis(canvas, (left, right), y, &ticks, "problems")?;
            let pitch = (right - left) / as_f64(bars.len());
            let mut x = left;
            for (bin, n) in bars {
                let middle = x + pitch / 2.0;
                let top = y.at(as_f64(*n));
                if *n > 0 {
                    let corners = ((x + 0.14 * pitch, top), (x + 0.86 * pitch, y.pixels.0));
                    canvas.rectangle(corners.0, corners.1, BLUE)?;
                    canvas.text((middle, top - 5.0), &n.to_string(), SMALL, Align::Center)?;
                }
                let below = y.pixels.0 + 18.0;
                canvas.text((middle, below), bin, SMALL, Align::Center)?;
                x += pitch;
            }
            let below = (f64::midpoint(left, right), y.pixels.0 + 38.0);
            canvas.text(below, name, BODY, Align::Center)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of problems")]
fn as_f64(n: usize) -> f64 {
    n as f64
}
