//! From a file to a [`Study`]: every key is known, every name that is used exists.

mod check;
mod form;
mod shown;

use std::collections::BTreeMap;

use self::check::{check_datasets, check_row, check_rows, check_study};
use super::ablation::{self, Ablation};
use super::document::{self, Entry, Node, SEED, Section, Variables};
use super::files::StudyFiles;
use super::types::{
    Checkpoint, DatasetChoice, Options, Setting, Stage, Strategy, Study, StudyMetrics, StudyOption,
};
use crate::error::{Error, nearest};
use crate::metric::{Bootstrap, NAtK};

/// What is said on the command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Put `[built-in]` on top of the rest: the study on the built-in suite.
    pub built_in: bool,
    /// Put `[mini]` on top of that.
    pub mini: bool,
    /// Values of variables.
    pub variables: Vec<(String, String)>,
    pub seeds: Option<Vec<u64>>,
}

/// Reads a study: `text`, which is that of `file`, and the file that it includes.
///
/// # Errors
/// When a file is no TOML, has an unknown key, or uses a name that does not exist: with file, line,
/// key, and what may have been meant.
pub fn read_study(file: &str, text: &str, overrides: &Overrides) -> Result<Study, Error> {
    let mut files = StudyFiles::new(file, text.to_owned());
    let form = form::in_form(&mut files, overrides)?;
    let mut entries = form.entries;
    let files = &files;
    let variables = Variables {
        values: variables(files, &mut entries, &overrides.variables)?,
        otherwise: match form.could_be_built_in {
            true => ", or take --built-in: the study on the built-in suite, with models of its own",
            false => "",
        },
    };
    document::substitute(files, &mut entries, &variables)?;

    let mut root = Section::new(files, &entries);
    for key in form::OF_FORMS {
        root.take(key);
    }
    let title = root.text("title")?.unwrap_or_else(|| file.to_owned());
    let about = root.text("about")?.unwrap_or_default();
    let seeds: Option<Vec<u64>> = root.parsed_list("seeds")?;
    let control = root.take("control");
    let metrics = metrics(&mut root)?;
    let run = match root.take("run") {
        Some(entry) => options(&root.of(entry)?)?,
        None => Vec::new(),
    };
    let datasets = datasets(&mut root)?;
    let mut strategies = strategies(&mut root)?;
    let drafts = stages(&mut root)?;
    let mut drafts_of_checkpoints = checkpoints(&mut root)?;
    let ablations = ablation::read(&mut root)?;
    let mut drafts = drafts;
    for ablation in &ablations {
        vary(
            files,
            ablation,
            &mut drafts,
            &mut strategies,
            &mut drafts_of_checkpoints,
        )?;
    }
    let stages = resolve_bases(files, &drafts)?;
    let mut study = Study {
        files: files.clone(),
        title,
        about,
        seeds: overrides.seeds.clone().or(seeds).unwrap_or_else(|| vec![0]),
        control: None,
        metrics,
        run,
        datasets,
        strategies,
        stages,
        checkpoints: Vec::new(),
        tables: Vec::new(),
        figures: Vec::new(),
    };
    study.checkpoints = finished(&study, drafts_of_checkpoints)?;
    check_study(&study)?;
    if let Some(entry) = control {
        let Node::Text(name) = &entry.node else {
            let detail = "should be the name of a row".to_owned();
            return Err(files.refused(entry.line, "control", detail));
        };
        check_row(&study, entry.line, "control", name)?;
        study.control = Some(name.clone());
    }
    study.tables = shown::tables(&study, &mut root)?;
    study.figures = shown::figures(&study, &mut root)?;
    root.finish()?;
    Ok(study)
}

/// A name that should be one of `names`.
fn check_name<'a>(
    (files, line, key): (&StudyFiles, usize, &str),
    what: &str,
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    if names.clone().any(|it| it == name) {
        return Ok(());
    }
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => format!("; there are {}", listed(names)),
    };
    Err(files.refused(line, key, format!("there is no {what} `{name}`{hint}")))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// Takes `[variables]` out, with what the command line says.
fn variables(
    files: &StudyFiles,
    entries: &mut Vec<Entry>,
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, Error> {
    let mut variables = BTreeMap::new();
    if let Some(at) = entries.iter().position(|entry| entry.key == "variables") {
        let entry = entries.remove(at);
        let Node::Table(values) = entry.node else {
            let detail = "should be a table".to_owned();
            return Err(files.refused(entry.line, "variables", detail));
        };
        for value in values {
            let key = format!("variables.{}", value.key);
            match value.node {
                _ if value.key == SEED => {
                    let detail = "`${seed}` stands for the seed of a repetition".to_owned();
                    return Err(files.refused(value.line, &key, detail));
                }
                Node::Text(text) | Node::Number(text) => variables.insert(value.key, text),
                _ => {
                    let detail = "should be a text; an empty one has to be given by --set";
                    return Err(files.refused(value.line, &key, detail.to_owned()));
                }
            };
        }
    }
    for (name, value) in given {
        let names = variables.keys().map(String::as_str);
        if !variables.contains_key(name) {
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!(", did you mean `{near}`?"),
                None => format!("; there are {}", listed(names)),
            };
            return Err(Error::BadValue {
                origin: "command line".to_owned(),
                key: format!("--set {name}"),
                detail: format!("`{}` has no such variable{hint}", files.main().name),
            });
        }
        variables.insert(name.clone(), value.clone());
    }
    Ok(variables)
}

fn metrics(root: &mut Section<'_>) -> Result<StudyMetrics, Error> {
    let default = Bootstrap::default();
    let mut metrics = StudyMetrics {
        ks: vec![1],
        n_at_ks: Vec::new(),
        bootstrap: default,
    };
    let Some(entry) = root.take("metrics") else {
        return Ok(metrics);
    };
    let mut section = root.of(entry)?;
    if let Some(ks) = section.parsed_list::<std::num::NonZeroU32>("k")? {
        metrics.ks = ks.into_iter().map(std::num::NonZeroU32::get).collect();
    }
    metrics.n_at_ks = section.parsed_list::<NAtK>("n-at-k")?.unwrap_or_default();
    let confidence = section.parsed("confidence-level")?;
    metrics.bootstrap = Bootstrap {
        seed: section.parsed("bootstrap-seed")?.unwrap_or(default.seed),
        n_resamples: section
            .parsed::<std::num::NonZeroU32>("bootstrap-resamples")?
            .map_or(default.n_resamples, std::num::NonZeroU32::get),
        confidence: confidence.unwrap_or(default.confidence),
    };
    if !(0.0..1.0).contains(&metrics.bootstrap.confidence) {
        let key = section.key("confidence-level");
        return Err(section.refused(entry.line, &key, "is not between 0 and 1".to_owned()));
    }
    section.finish()?;
    Ok(metrics)
}

/// What was not taken of a section, as options of a command.
pub(super) fn options(section: &Section<'_>) -> Result<Options, Error> {
    let entries = section.rest().iter();
    entries
        .map(|entry| {
            Ok(StudyOption {
                key: entry.key.clone(),
                line: entry.line,
                setting: setting(section, entry)?,
            })
        })
        .collect()
}

pub(super) fn setting(section: &Section<'_>, entry: &Entry) -> Result<Setting, Error> {
    let key = section.key(&entry.key);
    Ok(match &entry.node {
        Node::Flag(flag) => Setting::Flag(*flag),
        Node::Text(text) | Node::Number(text) => Setting::One(text.clone()),
        Node::List(items) => {
            let items = items.iter().map(|item| match &item.node {
                Node::Text(text) | Node::Number(text) => Ok(text.clone()),
                _ => {
                    let detail = "should be a list of values".to_owned();
                    Err(section.refused(item.line, &key, detail))
                }
            });
            Setting::Many(items.collect::<Result<_, _>>()?)
        }
        Node::Table(entries) => {
            let mut pairs = Vec::new();
            flatten(section, "", entries, &mut pairs)?;
            Setting::Pairs(pairs)
        }
    })
}

/// `a.b = 1` for `{ a = { b = 1 } }`.
fn flatten(
    section: &Section<'_>,
    prefix: &str,
    entries: &[Entry],
    pairs: &mut Vec<(String, String)>,
) -> Result<(), Error> {
    for entry in entries {
        let key = match prefix.is_empty() {
            true => entry.key.clone(),
            false => format!("{prefix}.{}", entry.key),
        };
        match &entry.node {
            Node::Text(text) | Node::Number(text) => pairs.push((key, text.clone())),
            Node::Flag(flag) => pairs.push((key, flag.to_string())),
            Node::Table(entries) => flatten(section, &key, entries, pairs)?,
            Node::List(_) => {
                let detail = "should be a value, not a list".to_owned();
                return Err(section.refused(entry.line, &key, detail));
            }
        }
    }
    Ok(())
}

/// `over` on top of `under`.
pub(super) fn merged(under: &Options, over: &Options) -> Options {
    let mut options = under.clone();
    for option in over {
        match options.iter_mut().find(|it| it.key == option.key) {
            None => options.push(option.clone()),
            Some(found) => match (&mut found.setting, &option.setting) {
                (Setting::Pairs(under), Setting::Pairs(over)) => {
                    for (key, value) in over {
                        match under.iter_mut().find(|(it, _)| it == key) {
                            Some(pair) => pair.1.clone_from(value),
                            None => under.push((key.clone(), value.clone())),
                        }
                    }
                }
                _ => found.clone_from(option),
            },
        }
    }
    options
}

/// Name of a section: the last part of its path.
pub(super) fn name(section: &Section<'_>, group: &str) -> String {
    section.path[group.len() + 1..].to_owned()
}

fn datasets(root: &mut Section<'_>) -> Result<Vec<DatasetChoice>, Error> {
    let sections = root.tables("datasets")?;
    let read = |mut section: Section<'_>| {
        let name = name(&section, "datasets");
        let title = section.text("title")?.unwrap_or_else(|| name.clone());
        Ok(DatasetChoice {
            title,
            options: options(&section)?,
            name,
        })
    };
    sections.into_iter().map(read).collect()
}

fn strategies(root: &mut Section<'_>) -> Result<Vec<Strategy>, Error> {
    let sections = root.tables("strategies")?;
    let mut strategies = Vec::new();
    for mut section in sections {
        let name = name(&section, "strategies");
        strategies.push(Strategy {
            title: section.text("title")?.unwrap_or_else(|| name.clone()),
            same_budget_as: section.text("same-budget-as")?,
            options: options(&section)?,
            line: section.line,
            name,
        });
    }
    Ok(strategies)
}

/// A stage before its base is looked up.
pub(super) struct StageDraft {
    pub(super) name: String,
    pub(super) base: Option<String>,
    pub(super) command: Option<String>,
    pub(super) options: Options,
    pub(super) line: usize,
}

fn stages(root: &mut Section<'_>) -> Result<Vec<StageDraft>, Error> {
    let sections = root.tables("stages")?;
    let read = |mut section: Section<'_>| {
        Ok(StageDraft {
            name: name(&section, "stages"),
            base: section.text("base")?,
            command: section.text("coderl")?,
            options: options(&section)?,
            line: section.line,
        })
    };
    sections.into_iter().map(read).collect()
}

fn resolve_bases(files: &StudyFiles, drafts: &[StageDraft]) -> Result<Vec<Stage>, Error> {
    let resolve = |draft: &StageDraft| {
        let mut chain = vec![draft];
        while let Some(base) = &chain[chain.len() - 1].base {
            let last = chain[chain.len() - 1];
            let key = format!("stages.{}.base", last.name);
            let names = drafts.iter().map(|it| it.name.as_str());
            check_name((files, last.line, &key), "stage", base, names)?;
            if chain.iter().any(|it| it.name == *base) {
                let detail = format!("goes round in a circle: `{base}` is based on itself");
                return Err(files.refused(last.line, &key, detail));
            }
            chain.extend(drafts.iter().find(|it| it.name == *base));
        }
        let command = chain.iter().find_map(|it| it.command.clone());
        let options = chain.iter().rev();
        Ok(Stage {
            name: draft.name.clone(),
            command: command.unwrap_or_default(),
            options: options.fold(Vec::new(), |under, it| merged(&under, &it.options)),
            is_base: drafts
                .iter()
                .any(|it| it.base.as_ref() == Some(&draft.name)),
            line: draft.line,
        })
    };
    drafts.iter().map(resolve).collect()
}

/// A checkpoint before defaults.
pub(super) struct CheckpointDraft {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) options: Options,
    pub(super) strategies: Option<Vec<String>>,
    pub(super) datasets: Vec<String>,
    pub(super) scored_by: Option<String>,
    pub(super) line: usize,
}

fn checkpoints(root: &mut Section<'_>) -> Result<Vec<CheckpointDraft>, Error> {
    let sections = root.tables("checkpoints")?;
    let read = |mut section: Section<'_>| {
        Ok(CheckpointDraft {
            name: name(&section, "checkpoints"),
            title: section.text("title")?,
            strategies: section.parsed_list("strategies")?,
            datasets: section.parsed_list("datasets")?.unwrap_or_default(),
            scored_by: section.text("scored-by")?,
            options: options(&section)?,
            line: section.line,
        })
    };
    sections.into_iter().map(read).collect()
}

/// Adds what the grid of an ablation makes.
fn vary(
    files: &StudyFiles,
    ablation: &Ablation,
    stages: &mut Vec<StageDraft>,
    strategies: &mut Vec<Strategy>,
    checkpoints: &mut Vec<CheckpointDraft>,
) -> Result<(), Error> {
    let at = |key: &str| format!("ablation.{}.{key}", ablation.name);
    if let Some(stage) = &ablation.stage {
        let names = stages.iter().map(|it| it.name.as_str());
        check_name((files, ablation.line, &at("stage")), "stage", stage, names)?;
        for variant in &ablation.variants {
            stages.push(StageDraft {
                name: variant.name.clone(),
                base: Some(stage.clone()),
                command: None,
                options: variant.options.clone(),
                line: variant.line,
            });
            let model = StudyOption {
                key: "model".to_owned(),
                line: variant.line,
                setting: Setting::One(format!("@{}", variant.name)),
            };
            let made = CheckpointDraft {
                name: variant.name.clone(),
                title: Some(variant.title.clone()),
                options: vec![model],
                strategies: ablation.strategies.clone(),
                datasets: ablation.datasets.clone(),
                scored_by: None,
                line: variant.line,
            };
            match checkpoints.iter().position(|it| it.name == variant.name) {
                None => checkpoints.push(made),
                // What the file says of a variant goes on top.
                Some(at) => {
                    let own = checkpoints.remove(at);
                    let datasets = match own.datasets.is_empty() {
                        true => made.datasets,
                        false => own.datasets,
                    };
                    checkpoints.push(CheckpointDraft {
                        title: own.title.or(made.title),
                        options: merged(&made.options, &own.options),
                        strategies: own.strategies.or(made.strategies),
                        datasets,
                        ..own
                    });
                }
            }
        }
    }
    if let Some(name) = &ablation.strategy {
        let names = strategies.iter().map(|it| it.name.as_str());
        check_name(
            (files, ablation.line, &at("strategy")),
            "strategy",
            name,
            names,
        )?;
        let base = strategies.iter().find(|it| it.name == *name).cloned();
        let base = base.expect("its name was found");
        for variant in &ablation.variants {
            strategies.push(Strategy {
                name: variant.name.clone(),
                title: variant.title.clone(),
                options: merged(&base.options, &variant.options),
                same_budget_as: base.same_budget_as.clone(),
                line: variant.line,
            });
        }
        for checkpoint in &ablation.checkpoints {
            let names = checkpoints.iter().map(|it| it.name.as_str());
            let place = at("checkpoints");
            check_name(
                (files, ablation.line, &place),
                "checkpoint",
                checkpoint,
                names,
            )?;
            let of = checkpoints.iter_mut().find(|it| it.name == *checkpoint);
            let of = of.expect("its name was found");
            let first = strategies.first().map(|it| it.name.clone());
            let list = of
                .strategies
                .get_or_insert_with(|| first.into_iter().collect());
            list.extend(ablation.variants.iter().map(|it| it.name.clone()));
        }
    }
    Ok(())
}

fn finished(study: &Study, drafts: Vec<CheckpointDraft>) -> Result<Vec<Checkpoint>, Error> {
    let files = &study.files;
    let first = study.strategies.first().map(|it| it.name.clone());
    let finish = |draft: CheckpointDraft| {
        let place = |key: &str| format!("checkpoints.{}.{key}", draft.name);
        let strategies = draft
            .strategies
            .clone()
            .unwrap_or_else(|| first.iter().cloned().collect());
        let names = study.strategies.iter().map(|it| it.name.as_str());
        for name in &strategies {
            check_name(
                (files, draft.line, &place("strategies")),
                "strategy",
                name,
                names.clone(),
            )?;
        }
        let names = study.datasets.iter().map(|it| it.name.as_str());
        for name in &draft.datasets {
            check_name(
                (files, draft.line, &place("datasets")),
                "dataset",
                name,
                names.clone(),
            )?;
        }
        Ok(Checkpoint {
            title: draft.title.unwrap_or_else(|| draft.name.clone()),
            name: draft.name,
            options: draft.options,
            strategies,
            datasets: draft.datasets,
            scored_by: draft.scored_by,
            line: draft.line,
        })
    };
    drafts.into_iter().map(finish).collect()
}
