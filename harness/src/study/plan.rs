//! From a study to commands that need one another.
//!
//! Every row of a table is a run that judges a checkpoint on a dataset under a strategy, for each
//! seed. What a run refers to (`@name`) is made before, and what that refers to before it; what
//! nothing refers to is not made. Two stages with the same command and the same inputs are one:
//! so a stage that does not mention `${seed}`, and needs none that does, is made once for all
//! seeds, and samples, verdicts and critic scores are shared by everything that reads them.

mod graph;
mod identity;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::graph::layout;
pub use self::graph::{InPlace, Judged, Piece, Plan, PlannedStage};
use self::identity::identity;
use super::catalog::{Catalog, CommandSpec, OptionKind};
use super::read::merged;
use super::types::{
    Checkpoint, DatasetChoice, FigureKind, Options, Row, Setting, Strategy, Study, StudyOption,
};
use crate::error::{Error, nearest};

/// Plans `study`.
///
/// # Errors
/// When an option or a stage does not exist, with what may have been meant, or when stages need
/// each other in a circle.
pub fn plan(study: &Study, catalog: &Catalog) -> Result<Plan, Error> {
    let mut planner = Planner {
        study,
        catalog,
        stages: Vec::new(),
        by_name: BTreeMap::new(),
        by_identity: BTreeMap::new(),
        path: Vec::new(),
        used: Vec::new(),
    };
    planner.check_names()?;
    let mut runs: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    let rows = study.rows();
    // Seeds outside: after the first, there is something to look at.
    for &seed in &study.seeds {
        for row in &rows {
            let checkpoint = study
                .checkpoint(&row.checkpoint)
                .expect("rows are of checkpoints");
            for dataset in study.datasets_of(&checkpoint.datasets) {
                let run = planner.judged(checkpoint, &row.strategy, dataset, seed)?;
                if row.strategy == checkpoint.strategies[0] {
                    planner.scored(checkpoint, dataset, run, seed)?;
                }
                let runs = runs.entry((row.name.clone(), dataset.name.clone()));
                let runs = runs.or_default();
                if !runs.contains(&run) {
                    runs.push(run);
                }
            }
        }
    }
    let mut figures = BTreeMap::new();
    for figure in &study.figures {
        if let FigureKind::Stage { stage } = &figure.kind {
            figures.insert(figure.name.clone(), planner.stage(stage, study.seeds[0])?);
        }
    }
    let unused = study
        .stages
        .iter()
        .filter(|stage| !stage.command.is_empty() && !stage.is_base)
        .filter(|stage| study.files.is_main(stage.line))
        .filter(|stage| !planner.used.contains(&stage.name))
        .map(|stage| stage.name.clone())
        .collect();
    let cell = |row: &Row, dataset: &DatasetChoice| {
        let runs = runs.get(&(row.name.clone(), dataset.name.clone()))?;
        Some(Judged {
            row: row.clone(),
            dataset: dataset.name.clone(),
            runs: runs.clone(),
        })
    };
    let judged = study
        .datasets
        .iter()
        .flat_map(|dataset| rows.iter().filter_map(move |row| cell(row, dataset)))
        .collect();
    check_in_place(&planner.stages, &study.files.main().name)?;
    Ok(Plan {
        judged,
        figures,
        unused,
        stages: planner.stages,
    })
}

/// Two stages that add the same to one directory would write over each other.
fn check_in_place(stages: &[PlannedStage], file: &str) -> Result<(), Error> {
    let mut seen: BTreeMap<(usize, &str), &PlannedStage> = BTreeMap::new();
    for stage in stages {
        let Some(place) = stage.in_place else {
            continue;
        };
        if let Some(other) = seen.insert((place.owner, &stage.command), stage) {
            return Err(Error::BadValue {
                origin: format!("`{file}`"),
                key: format!("stages.{}", stage.name),
                detail: format!(
                    "would write over what `{}` adds to `{}`: both are `{}` on the same run; make \
                     the samples twice, as two stages",
                    other.name, stages[place.owner].name, stage.command
                ),
            });
        }
    }
    Ok(())
}

struct Planner<'a> {
    study: &'a Study,
    catalog: &'a Catalog,
    stages: Vec<PlannedStage>,
    /// By name and seed.
    by_name: BTreeMap<(String, u64), usize>,
    by_identity: BTreeMap<String, usize>,
    /// Names of what is being planned, outermost first.
    path: Vec<String>,
    used: Vec<String>,
}

impl Planner<'_> {
    /// Names become folders.
    fn check_names(&self) -> Result<(), Error> {
        let study = self.study;
        let stages = study.stages.iter().map(|it| ("stages", &it.name, it.line));
        let checkpoints = study.checkpoints.iter();
        let checkpoints = checkpoints.map(|it| ("checkpoints", &it.name, it.line));
        let strategies = study.strategies.iter();
        let strategies = strategies.map(|it| ("strategies", &it.name, it.line));
        let datasets = study.datasets.iter().map(|it| ("datasets", &it.name, 1));
        for (group, name, line) in stages.chain(checkpoints).chain(strategies).chain(datasets) {
            let is_plain = |c: char| c.is_alphanumeric() || "-_.+=@".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
                return Err(self.refused(
                    line,
                    &format!("{group}.{name}"),
                    "names a folder: it may have letters, digits, `-`, `_` and `.`; what people \
                     read goes into `title`"
                        .to_owned(),
                ));
            }
            let own = ["judged", "report", "logs", "stages", "stale", "included"];
            if group == "stages" && own.contains(&name.as_str()) {
                let detail = "is a folder of the study's own; choose another name".to_owned();
                return Err(self.refused(line, &format!("{group}.{name}"), detail));
            }
        }
        Ok(())
    }

    fn refused(&self, line: usize, key: &str, detail: String) -> Error {
        self.study.files.refused(line, key, detail)
    }

    /// The run that judges `checkpoint` under `strategy` on `dataset`.
    fn judged(
        &mut self,
        checkpoint: &Checkpoint,
        strategy: &str,
        dataset: &DatasetChoice,
        seed: u64,
    ) -> Result<usize, Error> {
        let study = self.study;
        let strategy: &Strategy = study.strategy(strategy).expect("names were checked");
        let own = |key: &str, setting| StudyOption {
            key: key.to_owned(),
            line: checkpoint.line,
            setting,
        };
        let list = |values: Vec<String>| Setting::Many(values);
        let ks = study.metrics.ks.iter().map(u32::to_string).collect();
        let mut options: Options = vec![own("k", list(ks)), own("no-report", Setting::Flag(true))];
        if !study.metrics.n_at_ks.is_empty() {
            let pairs = study.metrics.n_at_ks.iter().map(ToString::to_string);
            options.push(own("n-at-k", list(pairs.collect())));
        }
        for over in [
            &study.run,
            &dataset.options,
            &strategy.options,
            &checkpoint.options,
        ] {
            options = merged(&options, over);
        }
        let name = format!(
            "judged/{}/{}/{}",
            dataset.name, checkpoint.name, strategy.name
        );
        let budget = match &strategy.same_budget_as {
            None => None,
            Some(other) => {
                if self.path.contains(&name) {
                    let detail = "goes round in a circle".to_owned();
                    let key = format!("strategies.{}.same-budget-as", strategy.name);
                    return Err(self.refused(strategy.line, &key, detail));
                }
                self.path.push(name.clone());
                let run = self.judged(checkpoint, other, dataset, seed);
                self.path.pop();
                Some(run?)
            }
        };
        self.add(Draft {
            name,
            key: format!("checkpoints.{}", checkpoint.name),
            command: "run".to_owned(),
            options,
            line: checkpoint.line,
            run: budget.map(|run| ("--budget-of", run)),
            seed,
        })
    }

    /// What a critic says of the programs of `run`, where somebody wants to see it.
    fn scored(
        &mut self,
        checkpoint: &Checkpoint,
        dataset: &DatasetChoice,
        run: usize,
        seed: u64,
    ) -> Result<(), Error> {
        let Some(critic) = &checkpoint.scored_by else {
            return Ok(());
        };
        let critic = StudyOption {
            key: "critic".to_owned(),
            line: checkpoint.line,
            setting: Setting::One(critic.clone()),
        };
        self.add(Draft {
            name: format!("critic-scores/{}/{}", dataset.name, checkpoint.name),
            key: format!("checkpoints.{}.scored-by", checkpoint.name),
            command: "critic-score".to_owned(),
            options: vec![critic],
            line: checkpoint.line,
            run: Some(("", run)),
            seed,
        })?;
        Ok(())
    }

    /// The stage with this name, and all that it needs.
    fn stage(&mut self, name: &str, seed: u64) -> Result<usize, Error> {
        if let Some(&stage) = self.by_name.get(&(name.to_owned(), seed)) {
            return Ok(stage);
        }
        let stage = self.study.stage(name).expect("names were checked");
        if !self.used.contains(&stage.name) {
            self.used.push(stage.name.clone());
        }
        let key = format!("stages.{name}");
        if self.path.iter().any(|it| it == name) {
            let mut path = self.path.clone();
            path.push(name.to_owned());
            let detail = format!("goes round in a circle: {}", path.join(" needs "));
            return Err(self.refused(stage.line, &key, detail));
        }
        if stage.command.is_empty() {
            let detail =
                "has no command; write `coderl = \"train sft\"` or the like, here or in its base"
                    .to_owned();
            return Err(self.refused(stage.line, &key, detail));
        }
        self.path.push(name.to_owned());
        let planned = self.add(Draft {
            name: name.to_owned(),
            key,
            command: stage.command.clone(),
            options: stage.options.clone(),
            line: stage.line,
            run: None,
            seed,
        });
        self.path.pop();
        let planned = planned?;
        self.by_name.insert((name.to_owned(), seed), planned);
        Ok(planned)
    }

    fn add(&mut self, draft: Draft) -> Result<usize, Error> {
        let commands = &self.catalog.commands;
        let Some(spec) = commands.get(&draft.command) else {
            let names = commands.keys().map(String::as_str);
            let hint = nearest(&draft.command, names)
                .map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
            let detail = format!("there is no `coderl {}`{hint}", draft.command);
            return Err(self.refused(draft.line, &format!("{}.coderl", draft.key), detail));
        };
        let mut built = self.arguments(spec, &draft)?;
        if let Some((option, run)) = draft.run {
            let product = Piece::Product {
                before: String::new(),
                stage: run,
                path: None,
            };
            match option.is_empty() {
                true => built.positionals.push(product),
                false => built
                    .options
                    .extend([Piece::Text(option.to_owned()), product]),
            }
        }
        let mut arguments = built.positionals;
        let in_place = in_place(&self.stages, &draft.command, &arguments);
        if draft.command == "models new" {
            arguments.insert(0, Piece::Own(""));
        }
        arguments.extend(built.options);
        if in_place.is_none() && draft.command != "models new" {
            if !spec.has_out() {
                let detail = format!("`coderl {}` leaves nothing in a directory", draft.command);
                return Err(self.refused(draft.line, &format!("{}.coderl", draft.key), detail));
            }
            arguments.push(Piece::Text("--out".to_owned()));
            arguments.push(Piece::Own(layout(&draft.command).out));
        }
        let mut inputs: Vec<usize> = arguments
            .iter()
            .filter_map(|piece| match piece {
                Piece::Product { stage, .. } => Some(*stage),
                _ => None,
            })
            .collect();
        inputs.sort_unstable();
        inputs.dedup();
        let is_seeded = built.is_seeded || inputs.iter().any(|&it| self.stages[it].seed.is_some());
        let seed = is_seeded.then_some(draft.seed);
        let name = match seed {
            Some(seed) => format!("{}/seed-{seed}", draft.name),
            None => draft.name,
        };
        let mut stage = PlannedStage {
            directory: match in_place {
                Some(place) => self.stages[place.owner].directory.clone(),
                None => PathBuf::from(&name),
            },
            name,
            command: draft.command,
            arguments,
            in_place,
            inputs,
            seed,
            identity: String::new(),
            outside: BTreeMap::new(),
        };
        stage.identity = identity(&self.stages, &stage);
        let next = self.stages.len();
        let at = *self
            .by_identity
            .entry(stage.identity.clone())
            .or_insert(next);
        if at == next {
            self.stages.push(stage);
        }
        Ok(at)
    }

    fn arguments(&mut self, spec: &CommandSpec, draft: &Draft) -> Result<Built, Error> {
        let mut built = Built::default();
        let mut positionals: Vec<Vec<Piece>> = vec![Vec::new(); spec.positionals.len()];
        for option in &draft.options {
            let key = format!("{}.{}", draft.key, option.key);
            if !spec.knows(&option.key) {
                let mut allowed: Vec<&str> = spec.names().collect();
                allowed.retain(|name| !RESERVED.contains(name));
                return Err(Error::UnknownKey {
                    origin: self.study.files.origin(option.line),
                    nearest: nearest(&option.key, allowed.iter().copied()),
                    key,
                    allowed: allowed.join(", "),
                });
            }
            if RESERVED.contains(&option.key.as_str()) {
                let detail = "is decided by the study; leave it away".to_owned();
                return Err(self.refused(option.line, &key, detail));
            }
            let position = spec.positionals.iter().position(|it| *it == option.key);
            let place = match position {
                Some(at) => &mut positionals[at],
                None => &mut built.options,
            };
            let kind = match position {
                Some(_) => Some(OptionKind::Repeated),
                None => spec.options.get(&option.key).copied(),
            };
            let values = values(&option.setting, kind)
                .map_err(|detail| self.refused(option.line, &key, detail))?;
            for value in values {
                if position.is_none() {
                    place.push(Piece::Text(format!("--{}", option.key)));
                }
                let Some((before, value)) = value else {
                    continue;
                };
                let value = match value.contains("${seed}") {
                    true => {
                        built.is_seeded = true;
                        value.replace("${seed}", &draft.seed.to_string())
                    }
                    false => value,
                };
                place.push(match value.strip_prefix('@') {
                    None => Piece::Text(format!("{before}{value}")),
                    Some(text) if text.starts_with('@') => Piece::Text(format!("{before}{text}")),
                    Some(reference) => {
                        let place = (option.line, key.as_str());
                        self.reference(reference, before, place, draft.seed)?
                    }
                });
            }
        }
        built.positionals = positionals.into_iter().flatten().collect();
        Ok(built)
    }

    /// `name` or `name/path`.
    fn reference(
        &mut self,
        text: &str,
        before: String,
        (line, key): (usize, &str),
        seed: u64,
    ) -> Result<Piece, Error> {
        let (name, path) = match text.split_once('/') {
            Some((name, path)) => (name, Some(path.to_owned())),
            None => (text, None),
        };
        if self.study.stage(name).is_none() {
            let names = self.study.stages.iter().map(|stage| stage.name.as_str());
            let hint = nearest(name, names)
                .map_or_else(String::new, |name| format!(", did you mean `@{name}`?"));
            let detail = format!("there is no stage `{name}`{hint}");
            return Err(self.refused(line, key, detail));
        }
        Ok(Piece::Product {
            before,
            stage: self.stage(name, seed)?,
            path,
        })
    }
}

/// Options that the study sets by itself.
const RESERVED: [&str; 3] = ["out", "fresh", "budget-of"];

/// What is written behind an option each time that it is given: nothing, or a text with what
/// stands before it.
type Values = Vec<Option<(String, String)>>;

fn values(setting: &Setting, kind: Option<OptionKind>) -> Result<Values, String> {
    let one = |text: &String| Some((String::new(), text.clone()));
    match (setting, kind) {
        (Setting::Flag(false), _) => Ok(Vec::new()),
        (Setting::Flag(true), None | Some(OptionKind::Flag)) => Ok(vec![None]),
        (Setting::Flag(true), _) => Err("takes a value".to_owned()),
        (_, Some(OptionKind::Flag)) => Err("should be true or false".to_owned()),
        (Setting::One(text), _) => Ok(vec![one(text)]),
        (Setting::Many(values), Some(OptionKind::Repeated)) => Ok(values.iter().map(one).collect()),
        (Setting::Many(values), Some(OptionKind::List(delimiter))) => {
            Ok(vec![one(&values.join(&delimiter.to_string()))])
        }
        (Setting::Many(values), None) => Ok(vec![one(&values.join(","))]),
        (Setting::Many(_), Some(OptionKind::Value)) => Err("takes one value, no list".to_owned()),
        (Setting::Pairs(pairs), Some(OptionKind::Repeated) | None) => Ok(pairs
            .iter()
            .map(|(key, value)| Some((format!("{key}="), value.clone())))
            .collect()),
        (Setting::Pairs(_), _) => Err("takes a value, no table".to_owned()),
    }
}

/// Commands that add to a run that is there already.
fn in_place(stages: &[PlannedStage], command: &str, positionals: &[Piece]) -> Option<InPlace> {
    let binds_owner = match command {
        "score" => true,
        "critic-score" => false,
        _ => return None,
    };
    match positionals.first()? {
        Piece::Product {
            stage, path: None, ..
        } => Some(InPlace {
            owner: stages[*stage].in_place.map_or(*stage, |it| it.owner),
            binds_owner,
        }),
        _ => None,
    }
}

struct Draft {
    name: String,
    /// For messages.
    key: String,
    command: String,
    options: Options,
    line: usize,
    /// A run that it refers to, behind an option or, without one, as a positional argument.
    run: Option<(&'static str, usize)>,
    seed: u64,
}

#[derive(Default)]
struct Built {
    positionals: Vec<Piece>,
    options: Vec<Piece>,
    is_seeded: bool,
}

#[cfg(test)]
mod tests;
