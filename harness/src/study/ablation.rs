//! Grids: the product of lists of settings, each a variant with a name.

use super::document::{Item, Node, Section};
use super::read::{merged, name, options, setting};
use super::types::{Options, StudyOption};
use crate::error::{Error, nearest};

/// What varies a stage or a strategy.
pub(super) struct Ablation {
    pub(super) name: String,
    /// Variants of this stage are checkpoints …
    pub(super) stage: Option<String>,
    pub(super) strategies: Option<Vec<String>>,
    pub(super) datasets: Vec<String>,
    /// … and those of this strategy are tried on `checkpoints`.
    pub(super) strategy: Option<String>,
    pub(super) checkpoints: Vec<String>,
    pub(super) variants: Vec<Variant>,
    pub(super) line: usize,
}

/// One point of the grid.
#[derive(Clone)]
pub(super) struct Variant {
    /// `ablation.value.value`
    pub(super) name: String,
    pub(super) title: String,
    pub(super) options: Options,
    pub(super) line: usize,
}

pub(super) fn read(root: &mut Section<'_>) -> Result<Vec<Ablation>, Error> {
    root.tables("ablation")?.into_iter().map(one).collect()
}

fn one(mut section: Section<'_>) -> Result<Ablation, Error> {
    let name = name(&section, "ablation");
    let line = section.line;
    let stage = section.text("stage")?;
    let strategy = section.text("strategy")?;
    let strategies = section.parsed_list("strategies")?;
    let datasets = section.parsed_list("datasets")?.unwrap_or_default();
    let checkpoints: Vec<String> = section.parsed_list("checkpoints")?.unwrap_or_default();
    if stage.is_some() == strategy.is_some() {
        let detail = "varies either a `stage` or a `strategy`: name one of them";
        return Err(section.refused(line, &section.path, detail.to_owned()));
    }
    if strategy.is_some() && checkpoints.is_empty() {
        let detail = "varies a strategy: name the `checkpoints` on which it is tried";
        return Err(section.refused(line, &section.path, detail.to_owned()));
    }
    if stage.is_some() && !checkpoints.is_empty() {
        let detail = "varies a stage, of which each variant is a checkpoint of its own: leave \
                      `checkpoints` away";
        return Err(section.refused(line, &section.path, detail.to_owned()));
    }
    let axes = axes(&mut section)?;
    let skipped = skipped(&mut section, &axes)?;
    let path = section.path.clone();
    let refused = |detail: &str| Err(section.refused(line, &path, detail.to_owned()));
    let mut points: Vec<Vec<&Value>> = vec![Vec::new()];
    for axis in &axes {
        let mut longer = Vec::new();
        for point in &points {
            let values = axis.values.iter();
            longer.extend(values.map(|value| point.iter().copied().chain([value]).collect()));
        }
        points = longer;
    }
    points.retain(|point| !skipped.iter().any(|skip| skip.fits(point)));
    if axes.is_empty() || points.is_empty() {
        return refused("has no variants; write lists of values into its table `grid`");
    }
    let variants: Vec<Variant> = points
        .into_iter()
        .map(|point| Variant {
            name: std::iter::once(name.as_str())
                .chain(point.iter().map(|value| value.name.as_str()))
                .collect::<Vec<_>>()
                .join("."),
            title: point
                .iter()
                .map(|value| value.title.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            options: point
                .iter()
                .fold(Vec::new(), |under, value| merged(&under, &value.options)),
            line,
        })
        .collect();
    for (index, variant) in variants.iter().enumerate() {
        if variants[..index].iter().any(|it| it.name == variant.name) {
            return refused(&format!(
                "has two variants with the name `{}`",
                variant.name
            ));
        }
    }
    section.finish()?;
    Ok(Ablation {
        name,
        stage,
        strategies,
        datasets,
        strategy,
        checkpoints,
        variants,
        line,
    })
}

/// A list of settings.
struct Axis {
    name: String,
    values: Vec<Value>,
}

struct Value {
    axis: String,
    name: String,
    title: String,
    options: Options,
}

fn axes(section: &mut Section<'_>) -> Result<Vec<Axis>, Error> {
    let Some(entry) = section.take("grid") else {
        return Ok(Vec::new());
    };
    let grid = section.of(entry)?;
    let entries = grid.rest().iter();
    entries
        .map(|entry| {
            let Node::List(items) = &entry.node else {
                let detail = "should be a list of values".to_owned();
                return Err(grid.refused(entry.line, &grid.key(&entry.key), detail));
            };
            let values = items.iter().map(|item| value(&grid, &entry.key, item));
            Ok(Axis {
                name: entry.key.clone(),
                values: values.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

/// A value of the option that the axis is named after, or a table with a name and options.
fn value(grid: &Section<'_>, axis: &str, item: &Item) -> Result<Value, Error> {
    if let Node::Table(_) = &item.node {
        let key = grid.key(axis);
        let mut section = grid.of_item(&key, item)?;
        let Some(name) = section.text("name")? else {
            return Err(grid.refused(item.line, &key, "has a value without `name`".to_owned()));
        };
        return Ok(Value {
            axis: axis.to_owned(),
            title: section.text("title")?.unwrap_or_else(|| name.clone()),
            options: options(&section)?,
            name,
        });
    }
    let entry = super::document::Entry {
        key: axis.to_owned(),
        line: item.line,
        node: item.node.clone(),
    };
    let setting = setting(grid, &entry)?;
    let text = match &item.node {
        Node::Text(text) | Node::Number(text) => text.clone(),
        Node::Flag(flag) => flag.to_string(),
        _ => {
            let detail = "should be a list of values or of tables".to_owned();
            return Err(grid.refused(item.line, &grid.key(axis), detail));
        }
    };
    Ok(Value {
        axis: axis.to_owned(),
        title: format!("{axis} {text}"),
        name: text,
        options: vec![StudyOption {
            key: axis.to_owned(),
            line: item.line,
            setting,
        }],
    })
}

/// Values that do not go together.
struct Skip(Vec<(String, String)>);

impl Skip {
    fn fits(&self, point: &[&Value]) -> bool {
        let has = |(axis, name): &(String, String)| {
            point.iter().any(|it| it.axis == *axis && it.name == *name)
        };
        self.0.iter().all(has)
    }
}

fn skipped(section: &mut Section<'_>, axes: &[Axis]) -> Result<Vec<Skip>, Error> {
    let sections = section.table_list("skip")?;
    let read = |skip: Section<'_>| {
        let mut pairs = Vec::new();
        for entry in skip.rest() {
            let refused = |detail| skip.refused(entry.line, &skip.key(&entry.key), detail);
            let names = || axes.iter().map(|axis| axis.name.as_str());
            let axis = axes.iter().find(|axis| axis.name == entry.key);
            let Some(axis) = axis else {
                let hint = nearest(&entry.key, names())
                    .map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
                return Err(refused(format!("is no list of the grid{hint}")));
            };
            let (Node::Text(name) | Node::Number(name)) = &entry.node else {
                return Err(refused("should be the name of a value".to_owned()));
            };
            if !axis.values.iter().any(|value| value.name == *name) {
                return Err(refused(format!("`{name}` is no value of `{}`", axis.name)));
            }
            pairs.push((entry.key.clone(), name.clone()));
        }
        Ok(Skip(pairs))
    };
    sections.into_iter().map(read).collect()
}
