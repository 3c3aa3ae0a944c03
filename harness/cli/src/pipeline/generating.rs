//! Candidates, from wherever they come, into the run directory.

use anyhow::Result;
use backends::{Reference, Replay};
use harness::config::Resolved;
use harness::contract::Generator;
use harness::runner::{self, Generate, GenerateEvent};
use harness::store::GenerationRecord;

use super::{Pipeline, Source, StrategyPlan};
use crate::console::{Bar, counted};
use crate::exit::data;

impl Pipeline<'_> {
    /// Collects the candidates. `false` when interrupted.
    pub(crate) fn generate(&mut self) -> Result<bool> {
        if matches!(self.source, Source::Stored) {
            return Ok(true);
        }
        let mut generator = self.generator()?;
        let bar = self.context.console.bar(self.problems.len(), "candidates");
        self.generate_with(generator.as_mut(), bar, &mut |_| {})
    }

    /// What makes the candidates. Models are loaded only if there is something to make.
    pub(super) fn generator(&mut self) -> Result<Box<dyn Generator>> {
        let generator: Box<dyn Generator> = match &self.source {
            Source::Stored => anyhow::bail!("the candidates are there already"),
            // Is not asked for anything.
            Source::Model(_) if self.is_generated()? => Box::new(Reference),
            Source::Model(model) => {
                let label = format!("loading {}", model.name);
                let spinner = self.context.console.spinner(&label);
                let settings = &self.resolved.settings;
                let generator = model.open(settings, &self.dataset.problems, &mut self.directory);
                spinner.finish_and_clear();
                generator?
            }
            Source::Reference => Box::new(Reference),
            Source::Replay(path) => {
                let replay = Replay::open(path, &self.dataset.problems)?;
                self.left_out += self.report_unmatched(&replay);
                Box::new(replay)
            }
            Source::BuiltIn => Box::new(Replay::built_in(&self.dataset.problems)?),
        };
        Ok(generator)
    }

    /// Whether no generator has anything to do.
    pub(super) fn is_generated(&self) -> Result<bool> {
        let is_finished = self.directory.candidates()?.is_finished();
        let events = self.directory.generation_events()?;
        Ok(is_finished && !events.ids().any(|event| event.gave_up))
    }

    /// Candidates for each problem.
    pub(super) fn n_samples(&self) -> Option<u32> {
        if let Some(plan) = &self.strategy {
            return plan.n_finals();
        }
        let settings = &self.resolved.settings;
        let largest_k = match &self.source {
            Source::Model(_) => {
                let n_at_k = settings.metrics.n_at_k.iter().map(|pair| pair.k);
                n_at_k.chain(settings.metrics.k.iter().copied()).max()
            }
            _ => None,
        };
        settings.sampling.n_samples.or(largest_k)
    }

    /// Collects what `generator` makes and tells `listener` what is stored.
    pub(super) fn generate_with(
        &self,
        generator: &mut dyn Generator,
        mut bar: Bar,
        listener: &mut dyn FnMut(&GenerateEvent<'_>),
    ) -> Result<bool> {
        let mut log = self.directory.candidates()?;
        let mut events = self.directory.generation_events()?;
        let summary = runner::generate(
            &Generate {
                problems: &self.problems,
                n: self.n_samples(),
                cancel: &self.context.cancel,
            },
            generator,
            &mut log,
            &mut events,
            &mut |event| {
                match event {
                    GenerateEvent::Stored(_) => {}
                    GenerateEvent::Complete { .. } => bar.advance(),
                    GenerateEvent::Trouble(trouble) => bar.note(format_args!(
                        "warning: {}#{}: try {} failed{}: {}",
                        trouble.problem,
                        trouble.index,
                        trouble.attempt,
                        if trouble.gave_up { ", given up" } else { "" },
                        trouble.detail
                    )),
                }
                listener(event);
            },
        );
        bar.finish();
        let summary = summary?;
        if summary.given_up > 0 {
            self.context.console.note(format_args!(
                "warning: the backend gave up on {}; the same command tries again (see \
                 `generation-events.jsonl`)",
                counted(summary.given_up, "problem")
            ));
        }
        if !summary.short.is_empty() {
            let (problem, found) = &summary.short[0];
            self.context.console.note(format_args!(
                "warning: fewer candidates than --n-samples for {}, the first `{problem}` with \
                 {found}; metrics that need more are refused",
                counted(summary.short.len(), "problem")
            ));
        }
        if summary.n_candidates == 0 && !summary.cancelled {
            return Err(data(format!(
                "no candidates for the {} selected problems{}",
                self.problems.len(),
                match &self.source {
                    Source::Replay(path) => format!(" in `{}`", path.display()),
                    _ => String::new(),
                }
            )));
        }
        Ok(!summary.cancelled)
    }

    /// Rows that belong to no problem of the dataset: told, counted, never dropped silently.
    fn report_unmatched(&self, replay: &Replay) -> usize {
        let report = replay.report();
        for line in report.warnings() {
            self.context.console.note(format_args!("warning: {line}"));
        }
        report.n_unmatched()
    }
}

/// How candidates are made, for the manifest.
pub(super) fn generation_record(
    source: &Source,
    strategy: Option<&StrategyPlan>,
    resolved: &Resolved,
) -> Result<Option<GenerationRecord>> {
    let (backend, sources) = match source {
        Source::Stored => return Ok(None),
        Source::Reference => ("reference", Vec::new()),
        Source::BuiltIn => ("replay", Vec::new()),
        Source::Replay(path) => ("replay", backends::source_records(path)?),
        Source::Model(model) => (model.backend.name(), Vec::new()),
    };
    let sampling = &resolved.settings.sampling;
    let model = match source {
        Source::Model(model) => Some(model.record(&resolved.settings)?),
        _ => None,
    };
    Ok(Some(GenerationRecord {
        backend: backend.to_owned(),
        sources,
        // Candidates of a strategy depend on how many there are.
        n_samples: match strategy {
            Some(plan) => plan.n_draws(),
            None => sampling.n_samples,
        },
        seed: sampling.seed,
        // Recorded candidates were sampled elsewhere.
        temperature: None,
        top_p: None,
        model,
        strategy: strategy.map(StrategyPlan::record),
    }))
}
