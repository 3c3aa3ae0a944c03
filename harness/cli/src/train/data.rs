//! What each stage learns from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::config::Selection;
use harness::problem::{Dataset, Problem, Split};
use harness::prompt::{PromptStyle, Template, TemplateChoice};
use harness::store::{DataFile, TrainingDirectory, TrainingManifest};
use harness::training::{
    CorpusText, DataFiles, DataSettings, ExampleMaker, Tabs, TrainingExample, TrainingSample,
    is_held_out,
};

use super::runs::{JudgedRun, style};
use crate::console::{Console, counted};
use crate::context::Context;
use crate::exit::data;

/// The files of a training, and what was noticed on the way.
#[derive(Default)]
pub(crate) struct TrainingData {
    pub(crate) examples: Option<Vec<TrainingExample>>,
    pub(crate) samples: Option<Vec<TrainingSample>>,
    pub(crate) validation: Validation,
    /// A corpus that is read where it lies, or the two parts of one.
    pub(crate) corpus: Option<Corpus>,
    /// What they were made from, for people.
    pub(crate) sources: BTreeMap<String, String>,
}

pub(crate) enum Corpus {
    InPlace {
        path: PathBuf,
        file: DataFile,
    },
    Parts {
        train: Vec<CorpusText>,
        validation: Vec<CorpusText>,
    },
}

/// As the file that is trained on.
#[derive(Default)]
pub(crate) enum Validation {
    #[default]
    None,
    Examples(Vec<TrainingExample>),
    Samples(Vec<TrainingSample>),
}

const EXAMPLES: &str = "examples.jsonl";
const SAMPLES: &str = "samples.jsonl";
const VALIDATION: &str = "validation.jsonl";

impl TrainingData {
    /// Writes the files into `directory` and names them in `manifest`.
    pub(crate) fn write(
        self,
        directory: &TrainingDirectory,
        manifest: &mut TrainingManifest,
    ) -> Result<DataFiles> {
        let mut files = DataFiles::default();
        let note = |manifest: &mut TrainingManifest, name: &str, file: DataFile| {
            manifest.files.insert(name.to_owned(), file);
            Some(PathBuf::from(name))
        };
        if let Some(examples) = self.examples {
            let file = directory.write_data(EXAMPLES, examples)?;
            files.examples = note(manifest, EXAMPLES, file);
        }
        if let Some(samples) = self.samples {
            let file = directory.write_data(SAMPLES, samples)?;
            files.samples = note(manifest, SAMPLES, file);
        }
        match self.corpus {
            None => {}
            Some(Corpus::InPlace { path, file }) => {
                note(manifest, "corpus", file);
                files.examples = Some(path);
            }
            Some(Corpus::Parts { train, validation }) => {
                let file = directory.write_data(EXAMPLES, train)?;
                files.examples = note(manifest, EXAMPLES, file);
                let file = directory.write_data(VALIDATION, validation)?;
                files.validation = note(manifest, VALIDATION, file);
            }
        }
        let file = match self.validation {
            Validation::Examples(records) if !records.is_empty() => {
                Some(directory.write_data(VALIDATION, records)?)
            }
            Validation::Samples(records) if !records.is_empty() => {
                Some(directory.write_data(VALIDATION, records)?)
            }
            _ => None,
        };
        if let Some(file) = file {
            files.validation = note(manifest, VALIDATION, file);
        }
        manifest.sources = self.sources;
        Ok(files)
    }
}

/// Problems to learn from, and others that are held out.
pub(crate) struct Parts {
    pub(crate) train: Vec<Problem>,
    pub(crate) validation: Vec<Problem>,
}

impl Parts {
    /// Those of `dataset` that `selection` names; its training split where that names none.
    pub(crate) fn new(
        dataset: &Dataset,
        selection: &Selection,
        settings: &DataSettings,
        seed: u64,
    ) -> Result<Self> {
        let has = |split: Split| dataset.problems.iter().any(|p| p.split == Some(split));
        let mut selection = selection.clone();
        if selection.split.is_none() && has(Split::Train) {
            selection.split = Some(Split::Train);
        }
        let problems = selection.apply(&dataset.name, dataset.problems.clone())?;
        let mut parts = Self::held_out(problems, settings.validation_share, seed);
        if settings.use_validation_split && selection.split == Some(Split::Train) {
            parts.validation.extend(validation_split(dataset)?);
        }
        if parts.train.is_empty() {
            return Err(data(format!(
                "no problem of `{}` is left to learn from",
                dataset.name
            )));
        }
        Ok(parts)
    }

    /// Holds out a share of `problems`.
    pub(crate) fn held_out(problems: Vec<Problem>, share: f64, seed: u64) -> Self {
        let (validation, train) = problems
            .into_iter()
            .partition(|problem| is_held_out(&problem.id, share, seed));
        Self { train, validation }
    }
}

/// The dataset's own validation split; nothing where it has none.
pub(crate) fn validation_split(dataset: &Dataset) -> Result<Vec<Problem>> {
    let of_split = Selection {
        split: Some(Split::Validation),
        ..Selection::default()
    };
    Ok(of_split.apply(&dataset.name, dataset.problems.clone())?)
}

/// Reference programs to imitate.
pub(crate) fn sft(
    context: &Context,
    name: &str,
    selection: &Selection,
    settings: &DataSettings,
    seed: u64,
) -> Result<TrainingData> {
    let dataset = context.open_dataset(name)?;
    let parts = Parts::new(&dataset, selection, settings, seed)?;
    let style = style(&settings.template, &dataset)?;
    let maker = ExampleMaker {
        style: &style,
        tabs: tabs(settings, &settings.template),
    };
    let mut sources = BTreeMap::new();
    note_source(&mut sources, &dataset, &settings.template);
    Ok(TrainingData {
        examples: Some(references(&context.console, &maker, &parts.train)?),
        validation: Validation::Examples(references(&context.console, &maker, &parts.validation)?),
        sources,
        ..TrainingData::default()
    })
}

/// The reference programs of `problems`; how many have none is told.
pub(crate) fn references(
    console: &Console,
    maker: &ExampleMaker<'_>,
    problems: &[Problem],
) -> Result<Vec<TrainingExample>> {
    let mut examples = Vec::new();
    let mut n_without = 0;
    let mut n_unfit = 0;
    for problem in problems {
        let of_problem = maker.references(problem)?;
        n_without += usize::from(problem.reference_solutions.is_empty());
        n_unfit += problem.reference_solutions.len() - of_problem.len();
        examples.extend(of_problem);
    }
    if n_without > 0 {
        let n = counted(n_without, "problem");
        console.note(format_args!("note: {n} without reference programs"));
    }
    if n_unfit > 0 {
        console.note(format_args!(
            "note: {} left out, which do not continue the problem's text",
            counted(n_unfit, "reference program")
        ));
    }
    if examples.is_empty() && !problems.is_empty() {
        return Err(data(
            "the problems have no reference programs to learn from",
        ));
    }
    Ok(examples)
}

/// A run that a stage learns from, with its problems in two parts.
struct Lessons<'a> {
    context: &'a Context,
    run: &'a JudgedRun,
    style: PromptStyle,
    tabs: bool,
    parts: Parts,
    sources: BTreeMap<String, String>,
}

impl<'a> Lessons<'a> {
    fn new(
        context: &'a Context,
        run: &'a JudgedRun,
        selection: &Selection,
        settings: &DataSettings,
        seed: u64,
    ) -> Result<Self> {
        let (style, template) = run.style(&settings.template)?;
        let problems = selection.apply(&run.dataset.name, run.problems.clone())?;
        let mut sources = BTreeMap::new();
        note_source(&mut sources, &run.dataset, &template);
        Ok(Self {
            context,
            run,
            style,
            tabs: tabs(settings, &template),
            parts: Parts::held_out(problems, settings.validation_share, seed),
            sources,
        })
    }

    fn maker(&self) -> ExampleMaker<'_> {
        ExampleMaker {
            style: &self.style,
            tabs: self.tabs,
        }
    }

    fn sampled(&self, problems: &[Problem]) -> Result<Vec<TrainingSample>> {
        sampled(&self.context.console, self.run, &self.maker(), problems)
    }
}

/// Programs of a run, and reference programs, with what became of them.
pub(crate) fn critic(
    context: &Context,
    run: &JudgedRun,
    selection: &Selection,
    settings: &DataSettings,
    seed: u64,
) -> Result<TrainingData> {
    let lessons = Lessons::new(context, run, selection, settings, seed)?;
    let of = |problems: &[Problem]| -> Result<Vec<TrainingSample>> {
        let mut samples = lessons.sampled(problems)?;
        for problem in problems {
            samples.extend(lessons.maker().reference_samples(problem)?);
        }
        Ok(samples)
    };
    let samples = of(&lessons.parts.train)?;
    if samples.is_empty() {
        return Err(data("the run has no judged programs to learn from"));
    }
    Ok(TrainingData {
        samples: Some(samples),
        validation: Validation::Samples(of(&lessons.parts.validation)?),
        sources: lessons.sources,
        ..TrainingData::default()
    })
}

/// The judged programs of a run for `problems`; how many are left out is told.
pub(crate) fn sampled(
    console: &Console,
    run: &JudgedRun,
    maker: &ExampleMaker<'_>,
    problems: &[Problem],
) -> Result<Vec<TrainingSample>> {
    let by_id: BTreeMap<_, _> = problems
        .iter()
        .map(|problem| (&problem.id, problem))
        .collect();
    let mut samples = Vec::new();
    let mut n_left_out = 0;
    for candidate in &run.candidates {
        let Some(problem) = by_id.get(&candidate.id.problem) else {
            continue;
        };
        let sample = match run.judgement(&candidate.id) {
            Some(judgement) => maker.sample(problem, candidate, judgement)?,
            None => None,
        };
        match sample {
            Some(sample) => samples.push(sample),
            None => n_left_out += 1,
        }
    }
    if n_left_out > 0 {
        let n = counted(n_left_out, "program");
        console.note(format_args!("note: {n} left out that could not be judged"));
    }
    Ok(samples)
}

/// Wrong programs of a run, each with a reference program to become.
pub(crate) fn repair(
    context: &Context,
    run: &JudgedRun,
    selection: &Selection,
    settings: &DataSettings,
    seed: u64,
) -> Result<TrainingData> {
    let lessons = Lessons::new(context, run, selection, settings, seed)?;
    let of = |problems: &[Problem]| -> Result<Vec<TrainingExample>> {
        let by_id: BTreeMap<_, _> = problems
            .iter()
            .map(|problem| (&problem.id, problem))
            .collect();
        let mut examples = Vec::new();
        for sample in lessons.sampled(problems)? {
            let passed = sample.feedback.outcome == harness::verdict::Outcome::PassedTests;
            if passed && !settings.include_passed {
                continue;
            }
            let problem = by_id[&sample.id.problem];
            examples.extend(lessons.maker().repair(problem, &sample, seed)?);
        }
        Ok(examples)
    };
    let examples = of(&lessons.parts.train)?;
    if examples.is_empty() {
        return Err(data(
            "the run has no wrong programs for problems with reference programs",
        ));
    }
    Ok(TrainingData {
        examples: Some(examples),
        validation: Validation::Examples(of(&lessons.parts.validation)?),
        sources: lessons.sources,
        ..TrainingData::default()
    })
}

/// Texts without a task.
pub(crate) fn pretrain(path: &Path, settings: &DataSettings, seed: u64) -> Result<TrainingData> {
    let corpus = if settings.validation_share > 0.0 {
        let texts: Vec<CorpusText> = harness::store::read_record_file(path)?
            .ok_or_else(|| data(format!("there is no corpus `{}`", path.display())))?;
        let share = settings.validation_share;
        let (validation, train) = texts.into_iter().partition(|text| {
            is_held_out(
                &harness::problem::ProblemId::new(text.id.as_str()),
                share,
                seed,
            )
        });
        Corpus::Parts { train, validation }
    } else {
        let file = std::fs::File::open(path)
            .map_err(|error| data(format!("cannot read corpus `{}`: {error}", path.display())))?;
        let lines = std::io::BufRead::split(std::io::BufReader::new(file), b'\n');
        let file = DataFile {
            n_records: lines.count(),
            sha256: harness::store::sha256_of_file(path)?,
        };
        let path = std::path::absolute(path)?;
        Corpus::InPlace { path, file }
    };
    let source = ("corpus".to_owned(), path.display().to_string());
    Ok(TrainingData {
        corpus: Some(corpus),
        sources: BTreeMap::from([source]),
        ..TrainingData::default()
    })
}

pub(crate) fn tabs(settings: &DataSettings, template: &TemplateChoice) -> bool {
    match settings.tabs {
        Tabs::Always => true,
        Tabs::Never => false,
        Tabs::Auto => tabs_of(template),
    }
}

/// Whether the released code indents the programs that it puts so.
pub(crate) fn tabs_of(template: &TemplateChoice) -> bool {
    *template == TemplateChoice::BuiltIn(Template::AppsTraining)
}

pub(crate) fn note_source(
    sources: &mut BTreeMap<String, String>,
    dataset: &Dataset,
    template: &TemplateChoice,
) {
    sources.insert(
        "dataset".to_owned(),
        format!("{} (SHA-256 {})", dataset.name, dataset.sha256),
    );
    let template = match template {
        TemplateChoice::Auto => "auto".to_owned(),
        TemplateChoice::BuiltIn(template) => template.to_string(),
        TemplateChoice::File(path) => path.display().to_string(),
    };
    sources.insert("template".to_owned(), template);
}
