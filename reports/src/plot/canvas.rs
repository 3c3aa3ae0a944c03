//! Drawing in logical pixels on either backend, with the same text on both.
//!
//! The font (Noto Sans, SIL Open Font License) is compiled in, so plots need no fonts on
//! the machine and a PNG has the same bytes everywhere. SVG files name it, with substitutes
//! of similar width, and leave the glyphs to the viewer.

use std::sync::OnceLock;

use plotters::backend::DrawingBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, TextStyle, register_font};

use crate::plot::palette::{Dash, Hatch, Marker, WHITE};

/// Registered under the list that SVG viewers shall choose from.
const FAMILY: &str = "Noto Sans, Open Sans, Helvetica, Arial, sans-serif";
/// Height of a line of Noto Sans, ascent and descent, in em. The glyph renderer takes sizes
/// as line heights.
const LINE_PER_EM: f64 = 1.362;
/// The SVG backend divides sizes by this to get `font-size`.
const SVG_SIZE_PER_EM: f64 = 1.24;

/// What a backend makes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Bitmap,
    Svg,
}

/// Part of the width that text is fitted into: where a viewer has to substitute the font,
/// text comes out up to a tenth wider.
const FIT: f64 = 0.9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Which end of a text its position gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// Looks of a text; sizes are em in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) weight: Weight,
    pub(super) color: RGBColor,
}

/// An area to draw on. Coordinates are logical pixels from the top left corner.
pub(super) struct Canvas<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    target: Target,
    /// Units of the backend per logical pixel. The backends only know whole units.
    scale: f64,
}

/// Why drawing failed, as text: the error types of the backends differ.
pub(super) type DrawResult<T = ()> = Result<T, String>;

/// Makes the font known to plotters, once for the process.
pub(super) fn register_fonts() -> DrawResult {
    static REGISTERED: OnceLock<Result<(), &'static str>> = OnceLock::new();
    let register = || {
        register_font(FAMILY, FontStyle::Normal, notosans::REGULAR_TTF)
            .and_then(|()| register_font(FAMILY, FontStyle::Bold, notosans::BOLD_TTF))
            .map_err(|_| "the built-in font is damaged")
    };
    (*REGISTERED.get_or_init(register)).map_err(str::to_owned)
}

impl<DB: DrawingBackend> Canvas<DB> {
    pub(super) fn new(area: DrawingArea<DB, Shift>, target: Target, scale: u32) -> Self {
        Self {
            area,
            target,
            scale: f64::from(scale),
        }
    }

    pub(super) fn fill_all(&self, color: RGBColor) -> DrawResult {
        self.area.fill(&color).map_err(|e| e.to_string())
    }

    pub(super) fn finish(&self) -> DrawResult {
        self.area.present().map_err(|e| e.to_string())
    }

    /// Text on one line, at its baseline.
    pub(super) fn text(
        &self,
        (x, y): (f64, f64),
        text: &str,
        font: Font,
        align: Align,
    ) -> DrawResult {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let size = self.font_size(font);
        // Both backends are asked for the top of the text and place the baseline below it,
        // each at a distance of its own.
        let top = match self.target {
            Target::Bitmap => y * self.scale - size / 2.0,
            Target::Svg => (y - 0.76 * font.size) * self.scale,
        };
        let style = TextStyle::from((FAMILY, size, style_of(font)).into_font())
            .color(&font.color)
            .pos(Pos::new(horizontal, VPos::Top));
        self.area
            .draw_text(text, &style, (round(x * self.scale), round(top)))
            .map_err(|e| e.to_string())
    }

    /// Width of a text in logical pixels.
    pub(super) fn text_width(&self, text: &str, font: Font) -> DrawResult<f64> {
        // Measured large, since the answer is a whole number.
        const MEASURED_EM: f64 = 100.0;
        let (width, _) = (FAMILY, MEASURED_EM * LINE_PER_EM, style_of(font))
            .into_font()
            .box_size(text)
            .map_err(|e| e.to_string())?;
        Ok(f64::from(width) * font.size / MEASURED_EM)
    }

    /// The text, or as much of it as fits, with an ellipsis.
    pub(super) fn fitted(&self, text: &str, font: Font, width: f64) -> DrawResult<String> {
        let mut short = text.to_owned();
        let mut shown = short.clone();
        while self.text_width(&shown, font)? > FIT * width && short.pop().is_some() {
            shown = format!("{}…", short.trim_end());
        }
        Ok(shown)
    }

    /// The text in lines that fit.
    pub(super) fn wrapped(&self, text: &str, font: Font, width: f64) -> DrawResult<Vec<String>> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            if let Some(line) = lines.last_mut() {
                let longer = format!("{line} {word}");
                if self.text_width(&longer, font)? <= FIT * width {
                    *line = longer;
                    continue;
                }
            }
            lines.push(self.fitted(word, font, width)?);
        }
        Ok(lines)
    }

    pub(super) fn line(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> DrawResult {
        self.translucent_line(points, color, 1.0, width)
    }

    pub(super) fn translucent_line(
        &self,
        points: &[(f64, f64)],
        color: RGBColor,
        opacity: f64,
        width: f64,
    ) -> DrawResult {
        let points: Vec<(i32, i32)> = points.iter().map(|&point| self.device(point)).collect();
        let style = color.mix(opacity).stroke_width(self.stroke(width));
        self.area
            .draw(&PathElement::new(points, style))
            .map_err(|e| e.to_string())
    }

    /// A line in dashes, which run on around its corners.
    pub(super) fn dashed(
        &self,
        points: &[(f64, f64)],
        color: RGBColor,
        width: f64,
        dash: Dash,
    ) -> DrawResult {
        if dash.is_empty() {
            return self.line(points, color, width);
        }
        for piece in dashes(points, dash) {
            self.line(&piece, color, width)?;
        }
        Ok(())
    }

    pub(super) fn polygon(
        &self,
        points: &[(f64, f64)],
        color: RGBColor,
        opacity: f64,
    ) -> DrawResult {
        let points: Vec<(i32, i32)> = points.iter().map(|&point| self.device(point)).collect();
        self.area
            .draw(&Polygon::new(points, color.mix(opacity)))
            .map_err(|e| e.to_string())
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(
        &self,
        (x0, y0): (f64, f64),
        (x1, y1): (f64, f64),
        color: RGBColor,
    ) -> DrawResult {
        self.polygon(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, 1.0)
    }

    /// Parallel lines inside a rectangle, over its filling.
    pub(super) fn hatch(
        &self,
        (x0, y0): (f64, f64),
        (x1, y1): (f64, f64),
        hatch: Hatch,
    ) -> DrawResult {
        const STEP: f64 = 7.0;
        let height = y1 - y0;
        let mut offset = STEP - height;
        while offset < x1 - x0 {
            // A line of 45 degrees whose foot is `offset` from the left, cut at the sides.
            let from = (-offset).max(0.0);
            let to = (x1 - x0 - offset).min(height);
            if from < to {
                let rising = [(x0 + offset + from, y1 - from), (x0 + offset + to, y1 - to)];
                let falling = rising.map(|(x, y)| (x, y0 + y1 - y));
                if matches!(hatch, Hatch::Rising | Hatch::Crossed) {
                    self.translucent_line(&rising, WHITE, 0.55, 1.0)?;
                }
                if matches!(hatch, Hatch::Falling | Hatch::Crossed) {
                    self.translucent_line(&falling, WHITE, 0.55, 1.0)?;
                }
            }
            offset += STEP;
        }
        Ok(())
    }

    pub(super) fn marker(&self, (x, y): (f64, f64), marker: Marker, color: RGBColor) -> DrawResult {
        let around = |points: &[(f64, f64)], radius: f64| -> Vec<(f64, f64)> {
            let at = points.iter();
            at.map(|(dx, dy)| (x + radius * dx, y + radius * dy))
                .collect()
        };
        let square = [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)];
        let triangle = [(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)];
        let diamond = [(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)];
        let circle: Vec<(f64, f64)> = (0..24)
            .map(|i| (f64::from(i) * std::f64::consts::TAU / 24.0).sin_cos())
            .collect();
        let (shape, is_ring): (&[(f64, f64)], bool) = match marker {
            Marker::Circle => (&circle, false),
            Marker::Ring => (&circle, true),
            Marker::Square => (&square, false),
            Marker::Triangle => (&triangle, false),
            Marker::Diamond => (&diamond, false),
        };
        // A white rim keeps marks apart from the lines that they sit on.
        self.polygon(&around(shape, 5.4), WHITE, 1.0)?;
        self.polygon(&around(shape, 4.2), color, 1.0)?;
        if is_ring {
            self.polygon(&around(shape, 2.2), WHITE, 1.0)?;
        }
        Ok(())
    }

    fn device(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (round(x * self.scale), round(y * self.scale))
    }

    fn stroke(&self, width: f64) -> u32 {
        round(width * self.scale).max(1).unsigned_abs()
    }

    fn font_size(&self, font: Font) -> f64 {
        let per_em = match self.target {
            Target::Bitmap => LINE_PER_EM,
            Target::Svg => SVG_SIZE_PER_EM,
        };
        font.size * per_em * self.scale
    }
}

fn style_of(font: Font) -> FontStyle {
    match font.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "pixels of a figure")]
fn round(pixels: f64) -> i32 {
    pixels.round() as i32
}

/// The drawn pieces of a dashed line.
fn dashes(points: &[(f64, f64)], dash: Dash) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    let mut phase = 0;
    let mut left = dash[0];
    let mut piece = Vec::new();
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        if piece.is_empty() && phase % 2 == 0 {
            piece.push((x0, y0));
        }
        while length - done > left {
            done += left;
            let at = (
                x0 + (x1 - x0) * done / length,
                y0 + (y1 - y0) * done / length,
            );
            if phase % 2 == 0 {
                piece.push(at);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![at];
            }
            phase = (phase + 1) % dash.len();
            left = dash[phase];
        }
        left -= length - done;
        if phase % 2 == 0 {
            piece.push((x1, y1));
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_around_corners() {
        let pieces = dashes(&[(0.0, 0.0), (5.0, 0.0), (5.0, 9.0)], &[4.0, 2.0]);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 0.0), (4.0, 0.0)],
                vec![(5.0, 1.0), (5.0, 5.0)],
                vec![(5.0, 7.0), (5.0, 9.0)],
            ]
        );
    }
}
