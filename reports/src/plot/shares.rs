//! Shares of the four outcomes, one bar for each level.

use harness::metric::{OutcomeShares, outcome_shares};
use harness::verdict::Outcome;
use plotters::backend::DrawingBackend;

use crate::error::ReportError;
use crate::input::{Judging, ReportInput};
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult, Font};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render};
use crate::plot::palette::{AXIS, BLACK, GRID, Hatch, outcome_style};
use crate::plot::scale::Scale;
use crate::table::{Cell, ColumnKind, Table};

/// Black on every bar, also where a page turns the colors of words outside of them.
const ON_BAR: Font = Font {
    color: BLACK,
    ..BODY
};
const BAR: f64 = 34.0;
const PITCH: f64 = 52.0;
const LEGEND: f64 = 40.0;
const AXIS_HEIGHT: f64 = 54.0;

/// Outcome shares by level; `None` when no candidate was judged.
///
/// # Errors
/// When drawing fails.
pub fn outcomes_plot(input: &ReportInput, judging: &Judging) -> Result<Option<Plot>, ReportError> {
    let bars: Vec<Bar> = outcome_shares(&judging.tallies)
        .into_iter()
        .filter(|shares| shares.n_problems > 0)
        .map(|shares| Bar {
            label: shares.group.name().to_owned(),
            shares,
        })
        .collect();
    if bars.is_empty() {
        return Ok(None);
    }
    stacked_plot(Stacked {
        name: format!("outcomes.{}", judging.grader),
        alt: format!("Shares of outcomes by level, grader {}", judging.grader),
        title: input.title.clone(),
        subtitle: format!(
            "Outcomes by level · {} · grader {}",
            judging.sample_size(),
            judging.grader
        ),
        note: "Shares of judged candidates within each problem, averaged over problems.".to_owned(),
        column: "level",
        label_width: 100.0,
        bars,
    })
    .map(Some)
}

/// Outcomes of candidates, a bar for each set of them.
pub(crate) struct Stacked {
    pub(crate) name: String,
    pub(crate) alt: String,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) note: String,
    /// What the bars are, for the table of the data.
    pub(crate) column: &'static str,
    /// Room for their names.
    pub(crate) label_width: f64,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) shares: OutcomeShares,
}

/// Draws it.
///
/// # Errors
/// When drawing fails.
pub(crate) fn stacked_plot(plot: Stacked) -> Result<Plot, ReportError> {
    let data = data_table(&plot.name, plot.column, &plot.bars);
    let drawing = Stacks {
        words: Words {
            title: plot.title,
            subtitle: plot.subtitle,
            note: plot.note,
        },
        label_width: plot.label_width,
        bars: plot.bars,
    };
    render(plot.name, plot.alt, data, &drawing)
}

struct Stacks {
    words: Words,
    label_width: f64,
    bars: Vec<Bar>,
}

impl Drawing for Stacks {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        LEGEND + PITCH * f64::from(u32::try_from(self.bars.len()).unwrap_or(1)) + AXIS_HEIGHT
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        let x = Scale {
            values: (0.0, 1.0),
            pixels: (frame.left + self.label_width, frame.right - 20.0),
        };
        let top = frame.top + LEGEND;
        let bottom = frame.bottom - AXIS_HEIGHT;
        // Below long names there is room for it too.
        draw_legend(canvas, x.pixels.0.min(frame.left + 150.0), frame.top + 12.0)?;
        for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
            let at = x.at(tick);
            canvas.line(&[(at, top), (at, bottom + 5.0)], GRID, 1.0)?;
            let label = format!("{:.0}", 100.0 * tick);
            canvas.text((at, bottom + 20.0), &label, BODY, Align::Center)?;
        }
        let middle = f64::midpoint(x.pixels.0, x.pixels.1);
        canvas.text(
            (middle, bottom + 41.0),
            "% of candidates",
            BODY,
            Align::Center,
        )?;

        let mut y = top + (PITCH - BAR) / 2.0;
        for bar in &self.bars {
            let baseline = y + BAR / 2.0 + 4.5;
            let label = canvas.fitted(&bar.label, BODY, self.label_width - 10.0)?;
            canvas.text((x.pixels.0 - 10.0, baseline), &label, BODY, Align::Right)?;
            let mut from = 0.0;
            for (outcome, share) in Outcome::ALL.into_iter().zip(bar.shares.shares).rev() {
                let to = from + share;
                let corners = ((x.at(from), y), (x.at(to), y + BAR));
                if share > 0.0 {
                    draw_share(canvas, corners, outcome, share)?;
                }
                from = to;
            }
            y += PITCH;
        }
        canvas.line(&[(x.pixels.0, top), (x.pixels.0, bottom)], AXIS, 1.2)
    }
}

fn draw_legend<DB: DrawingBackend>(canvas: &Canvas<DB>, left: f64, y: f64) -> DrawResult {
    let mut at = left;
    for outcome in Outcome::ALL.into_iter().rev() {
        let (color, hatch) = outcome_style(outcome);
        let corners = ((at, y - 7.0), (at + 24.0, y + 7.0));
        canvas.rectangle(corners.0, corners.1, color)?;
        canvas.hatch(corners.0, corners.1, hatch)?;
        let name = outcome.name().replace('-', " ");
        canvas.text((at + 31.0, y + 4.5), &name, BODY, Align::Left)?;
        at += 31.0 + canvas.text_width(&name, BODY)? + 24.0;
    }
    Ok(())
}

type Corners = ((f64, f64), (f64, f64));

fn draw_share<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (from, to): Corners,
    outcome: Outcome,
    share: f64,
) -> DrawResult {
    let (color, hatch) = outcome_style(outcome);
    canvas.rectangle(from, to, color)?;
    canvas.hatch(from, to, hatch)?;
    let label = format!("{:.1}", 100.0 * share);
    let width = canvas.text_width(&label, BODY)?;
    let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
    // Written where it fits; the table beside the plot has every number.
    if to.0 - from.0 >= width + 12.0 {
        if hatch != Hatch::None {
            let half = width / 2.0 + 4.0;
            canvas.rectangle(
                (middle.0 - half, middle.1 - 9.0),
                (middle.0 + half, middle.1 + 9.0),
                color,
            )?;
        }
        canvas.text((middle.0, middle.1 + 4.5), &label, ON_BAR, Align::Center)?;
    }
    Ok(())
}

fn data_table(name: &str, column: &str, bars: &[Bar]) -> Table {
    let mut table = Table::new(name, "Shares of outcomes")
        .column(column, ColumnKind::Text)
        .column("outcome", ColumnKind::Text)
        .column("share", ColumnKind::Share)
        .column("candidates", ColumnKind::Count);
    for Bar { label, shares } in bars {
        let outcomes = Outcome::ALL.iter().zip(shares.shares).zip(shares.counts);
        for ((outcome, share), count) in outcomes.rev() {
            table.push(vec![
                Cell::text(label),
                Cell::text(outcome),
                Cell::Share(share),
                Cell::Count(count),
            ]);
        }
    }
    table
}
