//! From arguments to a strategy, with everything there that it needs.

use std::path::{Path, PathBuf};

use anyhow::Result;
use harness::config::{Api, BackendChoice, Resolved};
use harness::decoding::{Guidance, Method};
use harness::store::{HelperRecord, SourceRecord, StoredRun, StrategyManifest, sha256_of_file};
use harness::strategy::{
    BestOfN, CriticSampling, Draws, Rank, RepairBy, StrategySettings, TokenBudgets,
};
use harness::training::TrainingSettings;

use super::Source;
use crate::arguments::{Rounds, StrategyArguments, StrategyName};
use crate::exit::{data, usage};

/// A strategy and what it uses beside the model.
#[derive(Clone, Debug)]
pub(crate) struct StrategyPlan {
    pub(crate) settings: StrategySettings,
    pub(crate) critic: Option<PathBuf>,
    pub(crate) repair_model: Option<PathBuf>,
    pub(crate) draws: Draws,
    budget_of: Option<SourceRecord>,
    /// SHA-256 of the dataset of the run whose tokens are the budget.
    pub(crate) dataset_of_budget: Option<String>,
}

impl StrategyPlan {
    /// What `arguments` ask for; `None` for plain sampling without a budget, which is no strategy.
    pub(crate) fn new(
        arguments: &StrategyArguments,
        resolved: &Resolved,
        source: &Source,
    ) -> Result<Option<Self>> {
        let name = arguments.strategy.unwrap_or(StrategyName::Plain);
        check(arguments, name)?;
        if name == StrategyName::Plain && arguments.budget_of.is_none() {
            return Ok(None);
        }
        let Source::Model(model) = source else {
            return Err(usage(
                "strategies need a model: `--backend torch`, `process` or `http`",
            ));
        };
        let decoding = resolved.settings.sampling.decoding();
        if !matches!(decoding.method, Method::Sample { .. }) {
            return Err(usage(
                "strategies draw many different programs; they need a --temperature above 0, and \
                 no --beams",
            ));
        }
        let largest_k = resolved.settings.metrics.k.last().copied().unwrap_or(1);
        let n = resolved.settings.sampling.n_samples.unwrap_or(largest_k);
        let settings = match name {
            StrategyName::Plain => StrategySettings::Plain,
            StrategyName::BestOfN => StrategySettings::BestOfN(BestOfN {
                rank: arguments
                    .rank
                    .ok_or_else(|| usage("the best of n by what? Say --rank"))?,
                keep: arguments.keep.map_or(largest_k, |keep| keep.get()),
            }),
            StrategyName::CriticSampling => {
                StrategySettings::CriticSampling(critic_sampling(arguments))
            }
            StrategyName::Guided => StrategySettings::Guided(Guidance {
                strength: arguments.guidance.unwrap_or(1.0),
                top: arguments.guidance_top.unwrap_or(16),
            }),
        };
        if name == StrategyName::Guided {
            check_guide(arguments, model.backend)?;
        }
        if model.backend == BackendChoice::Http {
            check_server(&settings, resolved.settings.model.api)?;
        }
        let mut plan = Self {
            settings,
            critic: arguments.critic.clone(),
            repair_model: arguments.repair_model.clone(),
            draws: Draws::Fixed(n),
            budget_of: None,
            dataset_of_budget: None,
        };
        if let Some(run) = &arguments.budget_of {
            plan.take_budget_of(run)?;
        }
        Ok(Some(plan))
    }

    /// Draws for the tokens that the run in `path` generated.
    fn take_budget_of(&mut self, path: &Path) -> Result<()> {
        let run = StoredRun::read(path)?;
        let budgets: TokenBudgets = run
            .strategy
            .iter()
            .map(|record| (record.problem.clone(), record.budget.generated()))
            .collect();
        let file = path.join("strategy.jsonl");
        if budgets.is_empty() || !file.is_file() {
            return Err(data(format!(
                "the run in `{}` used no strategy, or is not finished; --budget-of wants one that \
                 has a `strategy.jsonl`",
                path.display()
            )));
        }
        self.budget_of = Some(SourceRecord {
            path: path.display().to_string(),
            sha256: sha256_of_file(&file)?,
        });
        self.dataset_of_budget = Some(run.manifest.dataset.sha256);
        self.draws = Draws::Budget(budgets);
        Ok(())
    }

    /// Candidates that each problem is to have in the end, where that is known.
    pub(crate) fn n_finals(&self) -> Option<u32> {
        match (&self.settings, &self.draws) {
            (StrategySettings::BestOfN(settings), Draws::Fixed(n)) => Some(settings.keep.min(*n)),
            (
                StrategySettings::CriticSampling(_) | StrategySettings::Guided(_),
                Draws::Fixed(n),
            ) => Some(*n),
            _ => None,
        }
    }

    /// Candidates that are drawn for each problem.
    pub(crate) fn n_draws(&self) -> Option<u32> {
        match self.draws {
            Draws::Fixed(n) => Some(n),
            Draws::Budget(_) => None,
        }
    }

    /// Whether a critic reads programs that are written. One that guides sits beside the actor.
    pub(crate) fn needs_critic(&self) -> bool {
        match self.settings {
            StrategySettings::CriticSampling(_) => self.critic.is_some(),
            StrategySettings::BestOfN(settings) => settings.rank == Rank::Critic,
            StrategySettings::Guided(_) | StrategySettings::Plain => false,
        }
    }

    /// What the manifest says of it.
    pub(crate) fn record(&self) -> StrategyManifest {
        let helper = |path: &PathBuf| HelperRecord {
            name: path.display().to_string(),
            sha256: None,
            max_tokens: trained_lengths(path),
        };
        StrategyManifest {
            settings: self.settings.clone(),
            critic: self.critic.as_ref().map(helper),
            repair_model: self.repair_model.as_ref().map(helper),
            budget_of: self.budget_of.clone(),
        }
    }
}

/// What goes with what.
fn check(arguments: &StrategyArguments, name: StrategyName) -> Result<()> {
    let is_cs = name == StrategyName::CriticSampling;
    let is_best = name == StrategyName::BestOfN;
    let is_guided = name == StrategyName::Guided;
    let ranks_by_critic = is_best && arguments.rank == Some(Rank::Critic);
    let wrong = [
        (arguments.repair_model.is_some(), is_cs, "--repair-model"),
        (arguments.self_repair, is_cs, "--self-repair"),
        (arguments.repair_top.is_some(), is_cs, "--repair-top"),
        (arguments.rounds.is_some(), is_cs, "--rounds"),
        (arguments.cut.is_some(), is_cs, "--cut"),
        (arguments.keep_passing, is_cs, "--keep-passing"),
        (arguments.rank.is_some(), is_best, "--rank"),
        (arguments.keep.is_some(), is_best, "--keep"),
        (arguments.budget_of.is_some(), !is_cs, "--budget-of"),
        (arguments.guidance.is_some(), is_guided, "--guidance"),
        (
            arguments.guidance_top.is_some(),
            is_guided,
            "--guidance-top",
        ),
        (
            arguments.critic.is_some(),
            is_cs || ranks_by_critic || is_guided,
            "--critic",
        ),
    ];
    if let Some((_, _, option)) = wrong.into_iter().find(|(given, fits, _)| *given && !*fits) {
        return Err(usage(format!(
            "{option} does not go with this strategy; `coderl help run` says what does"
        )));
    }
    let refines = is_cs && arguments.rounds.is_none_or(|rounds| rounds.refine > 0);
    if (refines || ranks_by_critic) && arguments.critic.is_none() {
        return Err(usage(if refines {
            "a critic is needed: --critic DIR; without one programs can be repaired, with \
             --rounds repair"
        } else {
            "a critic is needed: --critic DIR"
        }));
    }
    let repairs = arguments.rounds.is_some_and(|rounds| rounds.repair > 0);
    if repairs && arguments.repair_model.is_none() && !arguments.self_repair {
        return Err(usage(
            "who repairs? --repair-model DIR, or --self-repair for a model that holds conversations",
        ));
    }
    Ok(())
}

/// Our own engine is given the critic; another child has one, or none.
fn check_guide(arguments: &StrategyArguments, backend: BackendChoice) -> Result<()> {
    match (backend, &arguments.critic) {
        (BackendChoice::Torch, None) => Err(usage("a critic is needed: --critic DIR")),
        (BackendChoice::Process, Some(_)) => Err(usage(
            "with `--backend process` the child brings its own critic: name it in --command, and \
             leave --critic out",
        )),
        _ => Ok(()),
    }
}

/// What a server can be asked for.
fn check_server(settings: &StrategySettings, api: Api) -> Result<()> {
    match settings {
        StrategySettings::Guided(_) => Err(usage(
            "a server's tokens cannot be re-weighted one by one: guided decoding needs \
             `--backend torch` or `process`",
        )),
        StrategySettings::CriticSampling(settings)
            if settings.refine_rounds > 0 && api == Api::Chat =>
        {
            Err(usage(
                "an answer in a conversation cannot be made to begin with what a critic chose: \
                 leave refining away with --rounds repair, or use --api completions",
            ))
        }
        _ => Ok(()),
    }
}

fn critic_sampling(arguments: &StrategyArguments) -> CriticSampling {
    let repair_by = match (&arguments.repair_model, arguments.self_repair) {
        (Some(_), _) => RepairBy::Model,
        (None, true) => RepairBy::Actor,
        (None, false) => RepairBy::Nobody,
    };
    let rounds = arguments.rounds.unwrap_or(Rounds {
        repair: u32::from(repair_by != RepairBy::Nobody),
        refine: 1,
    });
    CriticSampling {
        refine_rounds: rounds.refine,
        repair_rounds: rounds.repair,
        repair_top: arguments.repair_top.map_or(1, |m| m.get()),
        repair_by,
        cut: arguments.cut.unwrap_or_default(),
        keep_passing: arguments.keep_passing,
    }
}

/// The longest prompt and program that the model in `folder` was trained with, where its settings
/// lie beside it.
pub(crate) fn trained_lengths(folder: &Path) -> Option<(u32, u32)> {
    let json = std::fs::read(folder.parent()?.join("settings.json")).ok()?;
    let settings: TrainingSettings = serde_json::from_slice(&json).ok()?;
    let batch = settings.batch;
    Some((batch.max_source_tokens, batch.max_target_tokens))
}
