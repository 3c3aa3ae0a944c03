//! The frame of every plot: title, plot area, legend, notes; and its two encodings.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::drawing::IntoDrawingArea;
use plotters::style::RGBColor;

use crate::error::ReportError;
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult, Font, Target, Weight, register_fonts};
use crate::plot::palette::{AXIS, FAINT_TEXT, GRID, TEXT, WHITE};
use crate::plot::scale::{Scale, tick_label};
use crate::table::Table;

/// Width of all figures, in logical pixels.
pub(super) const WIDTH: f64 = 760.0;
const MARGIN: f64 = 24.0;
/// A PNG has this many pixels for each logical one, for print and dense screens.
const PNG_SCALE: u32 = 2;
/// A PNG is drawn this many times larger and averaged: the bitmap backend puts glyphs on
/// whole pixels and does not smooth polygons.
const OVERSAMPLING: u32 = 2;
/// Units of an SVG for each logical pixel, as its backend writes whole numbers only.
const SVG_SCALE: u32 = 20;

pub(super) const BODY: Font = font(13.0, Weight::Regular, TEXT);
/// Numbers at bars that stand close.
pub(super) const SMALL: Font = font(11.0, Weight::Regular, TEXT);
const TITLE: Font = font(17.0, Weight::Bold, TEXT);
const SUBTITLE: Font = font(13.0, Weight::Regular, FAINT_TEXT);
const NOTE: Font = font(11.0, Weight::Regular, FAINT_TEXT);

const fn font(size: f64, weight: Weight, color: RGBColor) -> Font {
    Font {
        size,
        weight,
        color,
    }
}

/// What a plot says in words.
pub(super) struct Words {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// Below the plot, in small print.
    pub(super) note: String,
}

/// Where the contents of a figure may be drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Contents of a figure, drawable on any backend.
pub(super) trait Drawing {
    fn words(&self) -> &Words;

    /// Height of the contents in logical pixels, without title and notes.
    fn height(&self) -> f64;

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult;
}

/// Draws a figure in both formats.
pub(super) fn render(
    name: String,
    alt: String,
    data: Table,
    drawing: &impl Drawing,
) -> Result<Plot, ReportError> {
    let failed = |reason: String| ReportError::Draw {
        plot: name.clone(),
        reason,
    };
    register_fonts().map_err(failed)?;
    let height = HEADER + drawing.height() + FOOTER;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pixels of a figure"
    )]
    let size = (WIDTH as u32, height.ceil() as u32);

    let mut svg = String::new();
    {
        let units = (size.0 * SVG_SCALE, size.1 * SVG_SCALE);
        let area = SVGBackend::with_string(&mut svg, units).into_drawing_area();
        draw(&Canvas::new(area, Target::Svg, SVG_SCALE), drawing).map_err(failed)?;
    }
    let svg = resized(&svg, size);
    let (width, height) = (size.0 * PNG_SCALE, size.1 * PNG_SCALE);
    let drawn = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut pixels = vec![0; drawn.0 as usize * drawn.1 as usize * 3];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, drawn);
        let area = backend.into_drawing_area();
        let canvas = Canvas::new(area, Target::Bitmap, PNG_SCALE * OVERSAMPLING);
        draw(&canvas, drawing).map_err(failed)?;
    }
    let pixels = averaged(&pixels, drawn.0 as usize);
    let png = encode_png(&pixels, width, height).map_err(|error| failed(error.to_string()))?;
    Ok(Plot {
        name,
        alt,
        png,
        svg,
        data,
    })
}

/// Room above and below the contents.
const HEADER: f64 = 78.0;
const FOOTER: f64 = 62.0;

fn draw<DB: DrawingBackend>(canvas: &Canvas<DB>, drawing: &impl Drawing) -> DrawResult {
    canvas.fill_all(WHITE)?;
    let words = drawing.words();
    let room = WIDTH - 2.0 * MARGIN;
    let title = canvas.fitted(&words.title, TITLE, room)?;
    canvas.text((MARGIN, 34.0), &title, TITLE, Align::Left)?;
    let subtitle = canvas.fitted(&words.subtitle, SUBTITLE, room)?;
    canvas.text((MARGIN, 55.0), &subtitle, SUBTITLE, Align::Left)?;
    let frame = Frame {
        left: MARGIN,
        right: WIDTH - MARGIN,
        top: HEADER,
        bottom: HEADER + drawing.height(),
    };
    drawing.draw(canvas, frame)?;
    let mut y = frame.bottom + 26.0;
    for line in canvas.wrapped(&words.note, NOTE, room)?.iter().take(2) {
        canvas.text((MARGIN, y), line, NOTE, Align::Left)?;
        y += 15.0;
    }
    canvas.finish()
}

/// The SVG at its logical size; its view box keeps the finer units.
fn resized(svg: &str, (width, height): (u32, u32)) -> String {
    let fine = format!(
        "width=\"{}\" height=\"{}\"",
        width * SVG_SCALE,
        height * SVG_SCALE
    );
    svg.replacen(&fine, &format!("width=\"{width}\" height=\"{height}\""), 1)
}

/// Each square of [`OVERSAMPLING`] pixels as one; rows are `width` pixels of three bytes.
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    const SIDE: usize = OVERSAMPLING as usize;
    const AREA: u32 = OVERSAMPLING * OVERSAMPLING;
    let mut out = Vec::with_capacity(pixels.len() / (SIDE * SIDE));
    for rows in pixels.chunks_exact(SIDE * width * 3) {
        for x in (0..width).step_by(SIDE) {
            for channel in 0..3 {
                let at = |dx: usize, dy: usize| rows[(dy * width + x + dx) * 3 + channel];
                let square = (0..SIDE).flat_map(|dy| (0..SIDE).map(move |dx| (dx, dy)));
                let sum: u32 = square.map(|(dx, dy)| u32::from(at(dx, dy))).sum();
                let mean = (sum + AREA / 2) / AREA;
                out.push(u8::try_from(mean).unwrap_or(u8::MAX));
            }
        }
    }
    out
}

fn encode_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let per_meter = 96 * PNG_SCALE * 10_000 / 254;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_meter,
        yppu: per_meter,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Grid lines and labels of a vertical axis in percent, with its name on top.
pub(super) fn vertical_axis<DB: DrawingBackend>(
    canvas: &Canvas<DB>,
    (left, right): (f64, f64),
    scale: Scale,
    ticks: &[f64],
    name: &str,
) -> DrawResult {
    for &tick in ticks {
        let y = scale.at(tick);
        let (color, width) = if tick == 0.0 {
            (AXIS, 1.2)
        } else {
            (GRID, 1.0)
        };
        canvas.line(&[(left, y), (right, y)], color, width)?;
        let label = tick_label(tick, ticks);
        canvas.text((left - 8.0, y + 4.5), &label, BODY, Align::Right)?;
    }
    let top = scale.pixels.0.min(scale.pixels.1);
    canvas.text((left - 40.0, top - 16.0), name, BODY, Align::Left)
}
