//! Candidates by a strategy: the children and the judge that it works with.
//!
//! What judges for a strategy is given problems without hidden tests
//! (`harness::strategy::examples_only`), and a run with a strategy is judged by the hidden tests
//! when all its candidates are there, not beside the making of others.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use backends::Asking;
use backends::http::HttpAuthor;
use backends::process::protocol::Capability;
use backends::process::{ChildAuthor, ChildCritic, Desk};
use harness::candidate::Provenance;
use harness::contract::Executor;
use harness::judge::{Judge, WhichTests};
use harness::problem::Problem;
use harness::prompt::{Prompt, PromptStyle};
use harness::runner::{BatchJudge, BatchRequest};
use harness::store::{Helper, KeyContext, VerdictCache};
use harness::strategy::{
    Attempt, Author, Critic, Draws, ExampleJudge, Rank, RepairBy, Repairer, Stop,
    StrategyGenerator, StrategySettings, Tools, examples_only,
};
use harness::training::Feedback;
use harness::verdict::Grader;

use super::plan::{StrategyPlan, trained_lengths};
use super::{Pipeline, Source, graders};
use crate::context::with_packages;
use crate::exit::{data, usage};
use crate::models::{ModelSource, torch_command};
use crate::train::submission;

/// The models of a strategy, started.
struct Models {
    actor: Actor,
    repair: Option<ChildAuthor>,
    critic: Option<ChildCritic>,
    asking: Asking,
}

/// The model that is asked for programs first.
enum Actor {
    Child(ChildAuthor),
    Server(HttpAuthor),
}

impl Pipeline<'_> {
    /// Makes the candidates. `false` when interrupted.
    pub(super) fn generate_by_strategy(&mut self, plan: &StrategyPlan) -> Result<bool> {
        self.check_budget(plan)?;
        if self.is_generated()? {
            self.directory.strategy()?.finish()?;
            return Ok(true);
        }
        let mut models = self.start(plan)?;
        let examples: Vec<Problem> = self.problems.iter().filter_map(examples_only).collect();
        let cache = self.cache();
        let sandbox = self.sandbox.as_deref();
        let sandbox = sandbox.context("nothing was asked to be judged")?;
        let bench = Bench::new(self, sandbox);
        let mut judge = bench.judging(&examples, &models.asking.style, cache.as_ref())?;
        let style = models.asking.style.clone();
        let mut generator = StrategyGenerator {
            settings: plan.settings.clone(),
            draws: plan.draws.clone(),
            run_seed: self.resolved.settings.sampling.seed,
            style: &style,
            tools: Tools {
                actor: match &mut models.actor {
                    Actor::Child(author) => author,
                    Actor::Server(author) => author,
                },
                repairer: match (&mut models.repair, repairer(plan)) {
                    (Some(model), _) => Repairer::Model(model as &mut dyn Author),
                    (None, RepairBy::Actor) => Repairer::Actor,
                    (None, _) => Repairer::Nobody,
                },
                critic: models.critic.as_mut().map(|it| it as &mut dyn Critic),
                judge: &mut judge,
            },
            log: self.directory.strategy()?,
            provenance: Provenance {
                backend: self.model()?.backend.name().to_owned(),
                source: Some(models.asking.model.clone()),
                ..Provenance::default()
            },
            repair_model: plan
                .repair_model
                .as_ref()
                .map(|it| it.display().to_string()),
        };
        let bar = self.context.console.bar(self.problems.len(), "candidates");
        let is_complete = self.generate_with(&mut generator, bar, &mut |_| {})?;
        if is_complete {
            generator.log.finish()?;
            if let Actor::Server(author) = &models.actor {
                author.finish()?;
            }
        }
        Ok(is_complete)
    }

    fn model(&self) -> Result<&ModelSource> {
        match &self.source {
            Source::Model(model) => Ok(model),
            _ => Err(usage("strategies need a model")),
        }
    }

    fn check_budget(&self, plan: &StrategyPlan) -> Result<()> {
        let Some(dataset) = &plan.dataset_of_budget else {
            return Ok(());
        };
        if *dataset != self.dataset.sha256 {
            return Err(usage(
                "the run of --budget-of is about another dataset, or another version of this one",
            ));
        }
        let draws: &Draws = &plan.draws;
        match self.problems.iter().find(|it| !draws.covers(&it.id)) {
            Some(problem) => Err(data(format!(
                "the run of --budget-of has no problem `{}`; select the same problems",
                problem.id
            ))),
            None => Ok(()),
        }
    }

    /// Starts the models, and notes what they are.
    fn start(&mut self, plan: &StrategyPlan) -> Result<Models> {
        let model = self.model()?.clone();
        let settings = self.resolved.settings.clone();
        let asking = model.asking(&settings, &self.dataset.problems)?;
        let spinner = self.context.console.spinner("loading models");
        let cancel = &self.context.cancel;
        let desk = |command, needs| -> Result<Desk> {
            let options = ModelSource::child_options(command, &settings)?;
            Ok(Desk::new(options, needs, Arc::clone(cancel)))
        };
        let critic = match &plan.critic {
            Some(path) if plan.needs_critic() => {
                let mut command = torch_command(path.as_os_str(), &settings.model)?;
                command.extend(lengths_of_critic(path));
                let needs = vec![
                    (Capability::Score, "score programs"),
                    (
                        Capability::Critic,
                        "tell whether a program passes: it is no critic",
                    ),
                ];
                Some(desk(command, needs)?)
            }
            _ => None,
        };
        let mut helpers = Vec::new();
        let mut critics_tokenizer = None;
        let critic = match critic {
            Some(mut desk) => {
                let ready = desk.ready()?;
                critics_tokenizer = ready.tokenizer_sha256.clone();
                helpers.push((Helper::Critic, ready.model_sha256.clone()));
                Some(ChildCritic::new(desk))
            }
            None => None,
        };
        let repair = match &plan.repair_model {
            Some(path) if repairer(plan) == RepairBy::Model => {
                let needs = vec![(Capability::Generate, "generate")];
                let mut desk = desk(torch_command(path.as_os_str(), &settings.model)?, needs)?;
                helpers.push((Helper::RepairModel, desk.ready()?.model_sha256.clone()));
                let mut asking = asking.clone();
                if let Some((source, _)) = trained_lengths(path) {
                    asking.decoding.max_prompt_tokens = Some(source);
                }
                Some(ChildAuthor::new(desk, &asking, &self.problems, None))
            }
            _ => None,
        };
        let server = model.author(
            &settings,
            &asking,
            &self.problems,
            &self.directory,
            Arc::clone(cancel),
        );
        let mut actor_sha256 = None;
        let actor = match server {
            Some(author) => Actor::Server(author?),
            None => {
                let needs = self.needs_of_actor(plan, &asking);
                let mut desk = desk(command_of_actor(&model, plan)?, needs)?;
                let ready = desk.ready()?;
                actor_sha256 = ready.model_sha256.clone();
                if matches!(plan.settings, StrategySettings::Guided(_)) {
                    // That critic sits beside it.
                    helpers.push((Helper::Critic, ready.critic_sha256.clone()));
                }
                let problems = &self.problems;
                Actor::Child(ChildAuthor::new(desk, &asking, problems, critics_tokenizer))
            }
        };
        spinner.finish_and_clear();
        if let Some(sha256) = actor_sha256 {
            self.directory.note_model_sha256(&sha256)?;
        }
        for (helper, sha256) in helpers {
            if let Some(sha256) = sha256 {
                self.directory.note_helper_sha256(helper, &sha256)?;
            }
        }
        Ok(Models {
            actor,
            repair,
            critic,
            asking,
        })
    }

    /// What a child has to be able to do as the actor, and how that is called.
    fn needs_of_actor(
        &self,
        plan: &StrategyPlan,
        asking: &Asking,
    ) -> Vec<(Capability, &'static str)> {
        let mut needs = vec![(Capability::Generate, "generate")];
        match plan.settings {
            StrategySettings::CriticSampling(settings) if settings.refine_rounds > 0 => {
                needs.push((Capability::ForcedPrefix, "begin with what it is told"));
            }
            StrategySettings::BestOfN(settings) if settings.rank == Rank::LogProb => {
                needs.push((Capability::LogProbs, "tell probabilities"));
            }
            StrategySettings::Guided(_) => {
                needs.push((Capability::Guidance, "be guided: it has no critic"));
            }
            _ => {}
        }
        let first = self.problems.first();
        let is_chat = first
            .and_then(|problem| asking.style.prompt(problem).ok())
            .is_some_and(|prompt| matches!(prompt, Prompt::Messages(_)));
        if is_chat {
            needs.push((Capability::Chat, "hold a conversation"));
        }
        needs
    }
}

/// The child that is the actor, with a critic beside it where that guides.
fn command_of_actor(model: &ModelSource, plan: &StrategyPlan) -> Result<Vec<OsString>> {
    let mut command = model.child_command()?;
    if let (StrategySettings::Guided(_), Some(path)) = (&plan.settings, &plan.critic) {
        command.extend(["--critic".into(), path.clone().into()]);
        command.extend(lengths_of_critic(path));
    }
    Ok(command)
}

/// How much a critic of ours reads, as in its training.
fn lengths_of_critic(path: &Path) -> Vec<OsString> {
    let Some((source, target)) = trained_lengths(path) else {
        return Vec::new();
    };
    let lengths = [
        ("--max-source-tokens", source),
        ("--max-target-tokens", target),
    ];
    lengths
        .into_iter()
        .flat_map(|(option, value)| [option.into(), value.to_string().into()])
        .collect()
}

fn repairer(plan: &StrategyPlan) -> RepairBy {
    match plan.settings {
        StrategySettings::CriticSampling(settings) if settings.repair_rounds > 0 => {
            settings.repair_by
        }
        _ => RepairBy::Nobody,
    }
}

/// What judging by example tests needs.
struct Bench<'a> {
    sandbox: &'a dyn Executor,
    key: KeyContext,
    grader: Grader,
    workers: std::num::NonZeroUsize,
    cancel: &'a AtomicBool,
}

impl<'a> Bench<'a> {
    fn new(pipeline: &'a Pipeline<'_>, sandbox: &'a dyn Executor) -> Self {
        let settings = &pipeline.resolved.settings;
        let graders = graders(&pipeline.resolved, &pipeline.dataset);
        Self {
            sandbox,
            key: KeyContext {
                options: settings.judging.options,
                limits: settings.judging.limits(&pipeline.dataset.name),
                guest: sandbox.fingerprint().to_owned(),
                guest_with_packages: with_packages(sandbox),
            },
            grader: graders.first().copied().unwrap_or(Grader::Strict),
            workers: settings.running.workers,
            cancel: &pipeline.context.cancel,
        }
    }

    fn judging<'b>(
        &'b self,
        problems: &'b [Problem],
        style: &'b PromptStyle,
        cache: Option<&'b VerdictCache>,
    ) -> Result<ExampleTests<'b>> {
        Ok(ExampleTests {
            bench: self,
            style,
            judge: Judge::new(self.sandbox, self.key.options),
            batch: BatchJudge::new(BatchRequest {
                problems,
                grader: self.grader,
                tests: WhichTests::Example,
                context: &self.key,
                cache,
                workers: self.workers,
                cancel: self.cancel,
            })?,
        })
    }
}

/// Runs programs on the tests of problems that have no others.
struct ExampleTests<'b> {
    bench: &'b Bench<'b>,
    style: &'b PromptStyle,
    judge: Judge<'b>,
    batch: BatchJudge<'b>,
}

impl ExampleJudge for ExampleTests<'_> {
    fn judge(&mut self, attempts: &[Attempt<'_>]) -> Result<Vec<Option<Feedback>>, Stop> {
        let mut submissions = Vec::new();
        let mut offsets = Vec::new();
        for attempt in attempts {
            let problem = self.batch.problem(attempt.problem).ok_or_else(|| {
                Stop::Failed(format!("problem `{}` shows no tests", attempt.problem).into())
            })?;
            let (submission, offset) = submission(self.style, problem, attempt.text);
            submissions.push(submission);
            offsets.push(offset);
        }
        let Bench { key, grader, .. } = self.bench;
        let judgements = self.batch.judge(&submissions, |problem, program| {
            let tests = WhichTests::Example;
            self.judge
                .judge(problem, program, *grader, tests, &key.limits)
        });
        if self.bench.cancel.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        Ok(judgements
            .into_iter()
            .zip(offsets)
            .map(|(judgement, offset)| Feedback::of(&judgement?, offset))
            .collect())
    }
}
