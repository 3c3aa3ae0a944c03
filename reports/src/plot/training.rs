//! Learning curves: a small panel for each quantity that a trainer told of.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use crate::error::ReportError;
use crate::plot::Plot;
use crate::plot::canvas::{Align, Canvas, DrawResult, Font, Weight};
use crate::plot::figure::{BODY, Drawing, Frame, Words, render};
use crate::plot::palette::{
    AXIS, BLACK, BLUE, Dash, FAINT_TEXT, GREEN, GRID, ORANGE, PURPLE, TEXT, VERMILION,
};
use crate::plot::scale::{Scale, tick_label, ticks_around};
use crate::table::{Cell, ColumnKind, Table};

/// The file of a training directory that holds the numbers.
pub const METRICS: &str = "metrics.jsonl";

/// What is drawn, in this order, with the words for it. Other numbers, such as speed, say
/// nothing about learning.
const QUANTITIES: [(&str, &str); 13] = [
    ("loss", "loss"),
    ("ce_loss", "cross-entropy loss L_ce"),
    ("rl_loss", "reinforcement loss L_rl"),
    ("validation_loss", "validation loss"),
    ("critic_loss", "loss of the critic"),
    ("accuracy", "accuracy"),
    ("validation_accuracy", "validation accuracy"),
    ("reward", "reward"),
    ("share_passed", "share of samples passing"),
    ("kl", "KL divergence from the first model"),
    ("entropy", "entropy of a token (nats)"),
    ("clip_share", "share of tokens clipped"),
    ("gradient_norm", "norm of the gradient"),
];

/// Points of a line at most; where there are more updates, means of neighbors are drawn.
const MOST_POINTS: u64 = 120;

const PANEL: f64 = 214.0;
const LEGEND_ROW: f64 = 24.0;
const SMALL: Font = Font {
    size: 11.0,
    weight: Weight::Regular,
    color: FAINT_TEXT,
};
const PANEL_TITLE: Font = Font {
    size: 13.0,
    weight: Weight::Bold,
    color: TEXT,
};

/// What one training told of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingCurve {
    /// The setting; trainings with the same label are seeds of it.
    pub label: String,
    /// By quantity (`loss`, `reward`, …) and update, from 1.
    pub values: BTreeMap<String, BTreeMap<u64, f64>>,
}

impl TrainingCurve {
    /// Reads `metrics.jsonl` of a training directory. A line that a trainer is about to write
    /// is left out, as are numbers that are none.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not an object with a `step`.
    pub fn read(label: impl Into<String>, directory: &Path) -> Result<Self, ReportError> {
        let path = directory.join(METRICS);
        let text = std::fs::read_to_string(&path).map_err(|source| ReportError::Read {
            path: path.clone(),
            source,
        })?;
        let mut values: BTreeMap<String, BTreeMap<u64, f64>> = BTreeMap::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if !line.ends_with('\n') {
                break;
            }
            let wrong = |detail: String| ReportError::Record {
                path: path.clone(),
                line: index + 1,
                detail,
            };
            let line: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            let step = line.get("step").and_then(serde_json::Value::as_u64);
            let step = step.ok_or_else(|| wrong("no `step`".to_owned()))?;
            for (name, value) in line.iter().filter(|(name, _)| *name != "step") {
                if let Some(value) = value.as_f64().filter(|value| value.is_finite()) {
                    values.entry(name.clone()).or_default().insert(step, value);
                }
            }
        }
        Ok(Self {
            label: label.into(),
            values,
        })
    }
}

/// The curves of several trainings in one figure, a panel for each quantity; `None` where
/// there is nothing to draw.
///
/// # Errors
/// When drawing fails.
pub fn training_plot(
    name: &str,
    title: &str,
    curves: &[TrainingCurve],
) -> Result<Option<Plot>, ReportError> {
    let Some(drawing) = Panels::new(title, curves) else {
        return Ok(None);
    };
    let alt = format!(
        "Learning curves over updates: {}",
        drawing
            .panels
            .iter()
            .map(|panel| panel.name)
            .collect::<Vec<_>>()
            .join(", ")
    );
    let data = data_table(name, &drawing);
    render(name.to_owned(), alt, data, &drawing).map(Some)
}

struct Panels {
    words: Words,
    settings: Vec<String>,
    panels: Vec<Panel>,
    last_step: u64,
}

/// One quantity.
struct Panel {
    name: &'static str,
    /// In the order of settings.
    lines: Vec<Lines>,
}

/// One quantity of one setting.
struct Lines {
    setting: usize,
    seeds: Vec<Vec<(f64, f64)>>,
    /// Where every seed has a value.
    mean: Vec<(f64, f64)>,
}

impl Panels {
    fn new(title: &str, curves: &[TrainingCurve]) -> Option<Self> {
        let mut settings: Vec<String> = Vec::new();
        for curve in curves {
            if !settings.contains(&curve.label) {
                settings.push(curve.label.clone());
            }
        }
        let steps = curves.iter().flat_map(|curve| curve.values.values());
        let last_step = steps.filter_map(|of| of.keys().last().copied()).max()?;
        let width = last_step.div_ceil(MOST_POINTS).max(1);
        let panels: Vec<Panel> = QUANTITIES
            .iter()
            .filter_map(|&(key, name)| {
                let lines: Vec<Lines> = settings
                    .iter()
                    .enumerate()
                    .filter_map(|(setting, label)| {
                        let seeds: Vec<BTreeMap<u64, f64>> = curves
                            .iter()
                            .filter(|curve| curve.label == *label)
                            .filter_map(|curve| Some(thinned(curve.values.get(key)?, width)))
                            .collect();
                        (!seeds.is_empty()).then(|| Lines::new(setting, &seeds))
                    })
                    .collect();
                // A single value makes no curve.
                let has_curve = lines
                    .iter()
                    .any(|line| line.seeds.iter().any(|seed| seed.len() > 1));
                has_curve.then_some(Panel { name, lines })
            })
            .collect();
        if panels.is_empty() {
            return None;
        }
        let has_seeds = settings.len() < curves.len();
        let mut note = String::new();
        if has_seeds {
            note.push_str("Thin lines: one seed each; thick lines: means over seeds. ");
        }
        if width > 1 {
            note.push_str(&format!("Each point is a mean over {width} updates."));
        }
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        Some(Self {
            words: Words {
                title: title.to_owned(),
                subtitle: format!(
                    "Learning curves · {} · {last_step} updates",
                    match (settings.len(), curves.len()) {
                        (_, 1) => "1 training".to_owned(),
                        (1, n) => count(n, "seed"),
                        (n, all) => format!("{}, {}", count(n, "setting"), count(all, "training")),
                    }
                ),
                note,
            },
            settings,
            panels,
            last_step,
        })
    }

    fn legend_height(&self) -> f64 {
        match self.settings.len() {
            1 => 0.0,
            n => LEGEND_ROW * rows(n) + 8.0,
        }
    }
}

impl Lines {
    fn new(setting: usize, seeds: &[BTreeMap<u64, f64>]) -> Self {
        let points = |values: &BTreeMap<u64, f64>| -> Vec<(f64, f64)> {
            values
                .iter()
                .map(|(&step, &value)| (as_f64(step), value))
                .collect()
        };
        let mut sums: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
        for (&step, &value) in seeds.iter().flatten() {
            let sum = sums.entry(step).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
        let mean = sums
            .into_iter()
            .filter(|(_, (_, n))| *n == seeds.len())
            .map(|(step, (sum, n))| (as_f64(step), sum / as_f64(n as u64)))
            .collect();
        Self {
            setting,
            seeds: seeds.iter().map(points).collect(),
            mean,
        }
    }
}

/// Means over `width` updates, at the last update of each group, so that seeds meet.
fn thinned(values: &BTreeMap<u64, f64>, width: u64) -> BTreeMap<u64, f64> {
    let mut groups: BTreeMap<u64, (f64, u64)> = BTreeMap::new();
    for (&step, &value) in values {
        let group = groups.entry(step.div_ceil(width) * width).or_default();
        *group = (group.0 + value, group.1 + 1);
    }
    let means = groups.into_iter();
    means.map(|(at, (sum, n))| (at, sum / as_f64(n))).collect()
}

impl Drawing for Panels {
    fn words(&self) -> &Words {
        &self.words
    }

    fn height(&self) -> f64 {
        self.legend_height() + PANEL * rows(self.panels.len())
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, frame: Frame) -> DrawResult {
        const GAP: f64 = 44.0;
        let width = (frame.right - frame.left - GAP) / 2.0;
        let column = |index: usize| frame.left + as_f64((index % 2) as u64) * (width + GAP);
        if self.settings.len() > 1 {
            for (index, label) in self.settings.iter().enumerate() {
                let (color, dash) = style(index);
                let (x, y) = (
                    column(index),
                    frame.top + 8.0 + LEGEND_ROW * as_f64((index / 2) as u64),
                );
                canvas.dashed(&[(x, y), (x + 34.0, y)], color, 2.4, dash)?;
                let label = canvas.fitted(label, BODY, width - 44.0)?;
                canvas.text((x + 42.0, y + 4.5), &label, BODY, Align::Left)?;
            }
        }
        let top = frame.top + self.legend_height();
        for (index, panel) in self.panels.iter().enumerate() {
            let left = column(index);
            let top = top + PANEL * as_f64((index / 2) as u64);
            self.draw_panel(
                canvas,
                panel,
                Frame {
                    left: left + 46.0,
                    right: left + width,
                    top: top + 30.0,
                    bottom: top + PANEL - 42.0,
                },
            )?;
        }
        Ok(())
    }
}

impl Panels {
    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        panel: &Panel,
        frame: Frame,
    ) -> DrawResult {
        let name = canvas.fitted(panel.name, PANEL_TITLE, frame.right - frame.left + 46.0)?;
        let title_at = (frame.left - 46.0, frame.top - 14.0);
        canvas.text(title_at, &name, PANEL_TITLE, Align::Left)?;

        let seeds = panel.lines.iter().flat_map(|lines| &lines.seeds);
        let (low, high) = seeds
            .flatten()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
                (low.min(point.1), high.max(point.1))
            });
        let ticks = ticks_around(low, high);
        let y = Scale {
            values: (ticks[0], ticks[ticks.len() - 1]),
            pixels: (frame.bottom, frame.top),
        };
        for &tick in &ticks {
            let at = y.at(tick);
            canvas.line(&[(frame.left, at), (frame.right, at)], GRID, 1.0)?;
            let label = tick_label(tick, &ticks).replace('-', "−");
            canvas.text((frame.left - 8.0, at + 4.0), &label, SMALL, Align::Right)?;
        }
        let x = Scale {
            values: (0.0, as_f64(self.last_step)),
            pixels: (frame.left, frame.right),
        };
        let x_ticks: Vec<f64> = ticks_around(0.0, as_f64(self.last_step))
            .into_iter()
            .filter(|tick| *tick <= as_f64(self.last_step))
            .collect();
        for &tick in &x_ticks {
            let at = x.at(tick);
            let foot = [(at, frame.bottom), (at, frame.bottom + 4.0)];
            canvas.line(&foot, AXIS, 1.0)?;
            let label = tick_label(tick, &x_ticks);
            canvas.text((at, frame.bottom + 17.0), &label, SMALL, Align::Center)?;
        }
        let axis = [(frame.left, frame.bottom), (frame.right, frame.bottom)];
        canvas.line(&axis, AXIS, 1.0)?;
        let middle = (f64::midpoint(frame.left, frame.right), frame.bottom + 33.0);
        canvas.text(middle, "updates", SMALL, Align::Center)?;

        let pixels = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points
                .iter()
                .map(|point| (x.at(point.0), y.at(point.1)))
                .collect()
        };
        for lines in panel.lines.iter().filter(|lines| lines.seeds.len() > 1) {
            let (color, _) = style(lines.setting);
            for seed in lines.seeds.iter().filter(|seed| seed.len() > 1) {
                canvas.translucent_line(&pixels(seed), color, 0.35, 1.0)?;
            }
        }
        for lines in panel.lines.iter().filter(|lines| lines.mean.len() > 1) {
            let (color, dash) = style(lines.setting);
            canvas.dashed(&pixels(&lines.mean), color, 2.0, dash)?;
        }
        Ok(())
    }
}

/// Color and dash of a setting; after the seventh they begin anew.
fn style(setting: usize) -> (RGBColor, Dash) {
    const STYLES: [(RGBColor, Dash); 7] = [
        (BLUE, &[]),
        (VERMILION, &[8.0, 4.0]),
        (GREEN, &[2.5, 3.0]),
        (PURPLE, &[8.0, 3.0, 2.5, 3.0]),
        (ORANGE, &[14.0, 4.0]),
        (BLACK, &[1.5, 2.0]),
        (FAINT_TEXT, &[5.0, 5.0]),
    ];
    STYLES[setting % STYLES.len()]
}

/// Rows of two columns.
fn rows(n: usize) -> f64 {
    as_f64(n.div_ceil(2) as u64)
}

fn data_table(name: &str, drawing: &Panels) -> Table {
    let mut table = Table::new(name, "Learning curves")
        .column("quantity", ColumnKind::Text)
        .column("setting", ColumnKind::Text)
        .column("seed", ColumnKind::Text)
        .column("update", ColumnKind::Count)
        .column("value", ColumnKind::Text);
    for panel in &drawing.panels {
        for lines in &panel.lines {
            let label = &drawing.settings[lines.setting];
            let seeds = lines.seeds.iter().enumerate();
            let mut series: Vec<(String, &Vec<(f64, f64)>)> = seeds
                .map(|(index, seed)| ((index + 1).to_string(), seed))
                .collect();
            if lines.seeds.len() > 1 {
                series.push(("mean".to_owned(), &lines.mean));
            }
            for (seed, points) in series {
                for (step, value) in points {
                    table.push(vec![
                        Cell::text(panel.name),
                        Cell::text(label),
                        Cell::text(&seed),
                        Cell::Count(as_u64(*step)),
                        Cell::Text(format!("{value:.6}")),
                    ]);
                }
            }
        }
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "counts of updates")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of updates"
)]
fn as_u64(n: f64) -> u64 {
    n as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_become_their_mean_at_the_last_of_them() {
        let values = BTreeMap::from([(1, 1.0), (2, 3.0), (3, 5.0), (7, 9.0)]);
        assert_eq!(
            thinned(&values, 3),
            BTreeMap::from([(3, 3.0), (9, 9.0)]),
            "updates 1 to 3, and 7 to 9"
        );
        assert_eq!(thinned(&values, 1), values);
    }

    #[test]
    fn a_mean_is_drawn_where_all_seeds_are() {
        let seeds = [
            BTreeMap::from([(1, 1.0), (2, 2.0), (3, 9.0)]),
            BTreeMap::from([(1, 3.0), (2, 4.0)]),
        ];
        assert_eq!(Lines::new(0, &seeds).mean, [(1.0, 2.0), (2.0, 3.0)]);
    }

    #[test]
    fn a_torn_line_is_left_out_and_a_wrong_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(METRICS);
        let lines = "{\"step\":1,\"loss\":2.5,\"kl\":null}\n{\"step\":2,\"loss\":2.0}\n";
        std::fs::write(&file, format!("{lines}{{\"step\":3,\"lo")).unwrap();
        let curve = TrainingCurve::read("sft", folder.path()).unwrap();
        let loss = BTreeMap::from([(1, 2.5), (2, 2.0)]);
        assert_eq!(curve.values, BTreeMap::from([("loss".to_owned(), loss)]));

        std::fs::write(&file, format!("{lines}[]\n")).unwrap();
        let error = TrainingCurve::read("sft", folder.path()).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }

    #[test]
    fn nothing_to_draw() {
        let empty = TrainingCurve {
            label: "sft".to_owned(),
            values: BTreeMap::new(),
        };
        assert!(training_plot("curves", "sft", &[empty]).unwrap().is_none());
        assert!(training_plot("curves", "sft", &[]).unwrap().is_none());
    }
}
