//! Colors and marks. Colors are those of Okabe and Ito (2008), which people with any common
//! color vision can tell apart; each meaning has a shape, dash or hatch of its own as well.

use harness::metric::Group;
use harness::problem::Difficulty;
use harness::verdict::Outcome;
use plotters::style::RGBColor;

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(super) const TEXT: RGBColor = RGBColor(32, 32, 32);
pub(super) const FAINT_TEXT: RGBColor = RGBColor(96, 96, 96);
pub(super) const GRID: RGBColor = RGBColor(224, 224, 224);
pub(super) const AXIS: RGBColor = RGBColor(96, 96, 96);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const VERMILION: RGBColor = RGBColor(213, 94, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// A circle without filling.
    Ring,
}

/// Lengths of dash and gap in turn; empty for a solid line.
pub(super) type Dash = &'static [f64];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hatch {
    None,
    Rising,
    Falling,
    Crossed,
}

/// How a line over k is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineStyle {
    pub(super) color: RGBColor,
    pub(super) marker: Marker,
    pub(super) dash: Dash,
    pub(super) width: f64,
}

pub(super) fn line_style(group: Group) -> LineStyle {
    let style = |color, marker, dash, width| LineStyle {
        color,
        marker,
        dash,
        width,
    };
    match group {
        Group::Difficulty(Difficulty::Introductory) => style(BLUE, Marker::Circle, &[], 2.0),
        Group::Difficulty(Difficulty::Interview) => {
            style(VERMILION, Marker::Square, &[8.0, 4.0], 2.0)
        }
        Group::Difficulty(Difficulty::Competition) => {
            style(GREEN, Marker::Triangle, &[2.5, 3.0], 2.0)
        }
        Group::Unrated => style(PURPLE, Marker::Diamond, &[8.0, 3.0, 2.5, 3.0], 2.0),
        Group::All => style(BLACK, Marker::Ring, &[], 2.6),
    }
}

/// Styles for lines that have no meaning of their own; the first fourteen differ.
pub(super) fn series_style(index: usize) -> LineStyle {
    const COLORS: [RGBColor; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK];
    const MARKERS: [Marker; 5] = [
        Marker::Circle,
        Marker::Square,
        Marker::Triangle,
        Marker::Diamond,
        Marker::Ring,
    ];
    const DASHES: [Dash; 2] = [&[], &[8.0, 4.0]];
    LineStyle {
        color: COLORS[index % COLORS.len()],
        marker: MARKERS[index % MARKERS.len()],
        dash: DASHES[index / COLORS.len() % DASHES.len()],
        width: 2.0,
    }
}

pub(super) fn outcome_style(outcome: Outcome) -> (RGBColor, Hatch) {
    match outcome {
        Outcome::PassedTests => (GREEN, Hatch::None),
        Outcome::FailedTests => (SKY, Hatch::Rising),
        Outcome::RuntimeError => (ORANGE, Hatch::Falling),
        Outcome::CompileError => (VERMILION, Hatch::Crossed),
    }
}
