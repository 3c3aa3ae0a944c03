//! The problems of the runs of a page, as the page's script reads them: an index of numbers for
//! the list, and a compressed chunk for each problem, which is unpacked when it is opened.
//!
//! One problem at a time is held in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use harness::problem::{Difficulty, ProblemId, Split};
use harness::store::{ProblemSummary, RunReader};
use harness::verdict::{Grader, Outcome, Verdict};
use serde::Serialize;

use super::chunk::Chunk;
use super::model::PageRun;
use crate::error::ReportError;

/// A run that is being read.
pub(super) struct OpenRun<'a> {
    pub(super) run: &'a PageRun,
    pub(super) reader: RunReader,
}

/// What the list shows. Lists of numbers are in the order of `ids`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    ids: Vec<ProblemId>,
    /// Positions in `level_names`; the last one is for problems without a level.
    levels: Vec<usize>,
    level_names: Vec<&'static str>,
    splits: Vec<Option<Split>>,
    n_tests: Vec<usize>,
    runs: Vec<String>,
    views: Vec<View>,
}

/// What one grader made of one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    label: String,
    run: usize,
    grader: Grader,
    candidates: Vec<usize>,
    /// By outcome, worst first: problems.
    outcomes: [Vec<usize>; 4],
    unjudged: Vec<usize>,
}

impl<'a> OpenRun<'a> {
    pub(super) fn open(run: &'a PageRun) -> Result<Self, ReportError> {
        let reader = RunReader::open(&run.directory, run.critic_scores.as_deref());
        Ok(Self {
            run,
            reader: reader.map_err(|error| trouble(run, error))?,
        })
    }

    /// The main one first.
    fn graders(&self) -> Vec<Grader> {
        let judging = self.reader.manifest.judging.as_ref();
        judging.map(|it| it.graders.clone()).unwrap_or_default()
    }
}

/// Writes a chunk for each problem, and tells of all.
pub(super) fn write_chunks(
    runs: &mut [OpenRun<'_>],
    mut out: impl Write,
    failed: impl Fn(std::io::Error) -> ReportError,
) -> Result<Index, ReportError> {
    let summaries: BTreeMap<ProblemId, ProblemSummary> = runs
        .iter()
        .flat_map(|open| &open.reader.problems)
        .map(|problem| (problem.id.clone(), problem.clone()))
        .collect();
    let mut index = Index::new(runs);
    for (position, problem) in summaries.values().enumerate() {
        index.push(problem);
        let mut chunk = Chunk::default();
        for (run, open) in runs.iter_mut().enumerate() {
            let error = |error| trouble(open.run, error);
            let texts = open.reader.texts.of(&problem.id).map_err(error)?;
            let candidates = open.reader.candidates.of(&problem.id).map_err(error)?;
            let verdicts = open.reader.verdicts.of(&problem.id).map_err(error)?;
            let examples = open.reader.example_verdicts.of(&problem.id);
            let examples = examples.map_err(error)?;
            let scores = open.reader.critic_scores.of(&problem.id).map_err(error)?;
            index.count(run, candidates.len(), &verdicts);
            chunk.push_run(
                texts.into_iter().next(),
                candidates,
                verdicts,
                &examples,
                scores,
            );
        }
        write_chunk(&mut out, position, &chunk).map_err(&failed)?;
    }
    Ok(index)
}

fn trouble(run: &PageRun, source: harness::Error) -> ReportError {
    ReportError::Run {
        path: run.directory.clone(),
        source,
    }
}

/// As the content of an element that browsers do not look into: base64 has no `<`.
fn write_chunk(out: &mut impl Write, position: usize, chunk: &Chunk) -> std::io::Result<()> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, chunk)?;
    let packed = STANDARD.encode(encoder.finish()?);
    writeln!(
        out,
        "<script type=\"application/octet-stream\" id=\"p{position}\">{packed}</script>"
    )
}

impl Index {
    fn new(runs: &[OpenRun<'_>]) -> Self {
        let mut views = Vec::new();
        for (run, open) in runs.iter().enumerate() {
            let graders = open.graders();
            for &grader in &graders {
                let label = match graders.len() {
                    1 => open.run.label.clone(),
                    _ => format!("{}, {grader}", open.run.label),
                };
                views.push(View {
                    label,
                    run,
                    grader,
                    candidates: Vec::new(),
                    outcomes: Default::default(),
                    unjudged: Vec::new(),
                });
            }
        }
        let mut level_names = Difficulty::ALL.map(Difficulty::name).to_vec();
        level_names.push("unrated");
        Self {
            ids: Vec::new(),
            levels: Vec::new(),
            level_names,
            splits: Vec::new(),
            n_tests: Vec::new(),
            runs: runs.iter().map(|open| open.run.label.clone()).collect(),
            views,
        }
    }

    fn push(&mut self, problem: &ProblemSummary) {
        self.ids.push(problem.id.clone());
        let level = problem.difficulty.and_then(|difficulty| {
            let mut all = Difficulty::ALL.iter();
            all.position(|of_all| *of_all == difficulty)
        });
        self.levels.push(level.unwrap_or(Difficulty::ALL.len()));
        self.splits.push(problem.split);
        self.n_tests.push(problem.n_hidden_tests);
    }

    /// Counts the candidates of the last problem.
    fn count(&mut self, run: usize, n_candidates: usize, verdicts: &[Verdict]) {
        for view in self.views.iter_mut().filter(|view| view.run == run) {
            let of_grader = || verdicts.iter().filter(|it| it.grader == view.grader);
            let with = |outcome: Outcome| {
                let outcomes = of_grader().filter(|it| it.judgement.outcome() == Some(outcome));
                outcomes.count()
            };
            let counts = Outcome::ALL.map(with);
            view.candidates.push(n_candidates);
            // Those without a verdict as well: the run may not be at its end.
            let judged: usize = counts.iter().sum();
            view.unjudged.push(n_candidates.saturating_sub(judged));
            for (counts, count) in view.outcomes.iter_mut().zip(counts) {
                counts.push(count);
            }
        }
    }
}

/// Labels that occur twice would make two runs one to a reader.
pub(super) fn check_labels(runs: &[PageRun]) -> Result<(), ReportError> {
    let mut labels = BTreeSet::new();
    match runs.iter().find(|run| !labels.insert(&run.label)) {
        Some(run) => Err(ReportError::Page(format!(
            "two runs are called `{}`",
            run.label
        ))),
        None => Ok(()),
    }
}
