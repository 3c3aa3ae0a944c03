//! From layers of values to checked [`TrainingSettings`].

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::layers::{ResolvedTraining, StageName};
use super::settings::{
    Algorithm, BatchSettings, CheckpointSettings, CriticSettings, DataFiles, Device, LoraSettings,
    OnlineSettings, OptimizerSettings, Precision, PretrainObjective, RlSettings, RlValidation,
    Stage, TokenValue, TrainingSettings,
};
use crate::error::Error;
use crate::prompt::TemplateChoice;

/// When reference programs are indented by tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tabs {
    /// With the template `apps-training`.
    Auto,
    Always,
    Never,
}

/// How a trainer's files are made from a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSettings {
    pub template: TemplateChoice,
    pub tabs: Tabs,
    pub validation_share: f64,
    pub use_validation_split: bool,
    pub include_passed: bool,
}

impl ResolvedTraining {
    /// How to make a trainer's files.
    ///
    /// # Errors
    /// When a value is of the wrong type or out of its range, naming its place and key.
    pub fn data(&self) -> Result<DataSettings, Error> {
        let template: String = self.get("data.template")?;
        Ok(DataSettings {
            template: template
                .parse()
                .map_err(|detail: String| self.refused("data.template", detail))?,
            tabs: self.get("data.tabs")?,
            validation_share: self.number("data.validation-share", "from 0 to below 1", |x| {
                (0.0..1.0).contains(&x)
            })?,
            use_validation_split: self.get("data.use-validation-split")?,
            include_passed: self.get("data.include-passed")?,
        })
    }

    /// Seed of everything random.
    ///
    /// # Errors
    /// As for [`ResolvedTraining::data`].
    pub fn seed(&self) -> Result<u64, Error> {
        let seed = self.number("seed", "0 or more", |seed: i64| seed >= 0)?;
        Ok(seed.unsigned_abs())
    }

    /// The settings for a trainer.
    ///
    /// # Errors
    /// As for [`ResolvedTraining::data`].
    pub fn settings(&self, out: &Path, data: DataFiles) -> Result<TrainingSettings, Error> {
        let model: String = self.get("model")?;
        if model.is_empty() {
            return Err(self.refused(
                "model",
                "is not set; name a checkpoint to begin with, such as --model DIR".to_owned(),
            ));
        }
        Ok(TrainingSettings {
            stage: self.stage_settings()?,
            model: model.into(),
            out: out.to_owned(),
            data,
            optimizer: self.optimizer()?,
            batch: self.batch()?,
            checkpoints: self.checkpoints()?,
            lora: match self.get("lora.rank")? {
                0 => None,
                rank => Some(LoraSettings {
                    rank,
                    alpha: self.positive("lora.alpha")?,
                }),
            },
            device: self.get::<Device>("device")?,
            precision: self.get::<Precision>("precision")?,
            gradient_checkpointing: self.get("gradient-checkpointing")?,
            seed: self.seed()?,
        })
    }

    fn stage_settings(&self) -> Result<Stage, Error> {
        Ok(match self.stage {
            StageName::Pretrain => Stage::Pretrain {
                objective: self.get::<PretrainObjective>("pretrain.objective")?,
            },
            StageName::Sft | StageName::Repair => Stage::Sft,
            StageName::Critic => Stage::Critic(self.get::<CriticSettings>("critic")?),
            StageName::Rl => Stage::Rl(self.rl()?),
        })
    }

    fn rl(&self) -> Result<RlSettings, Error> {
        let at_least_0 = |x: f64| x >= 0.0;
        let critic: String = self.get("rl.critic")?;
        let settings = RlSettings {
            algorithm: self.get::<Algorithm>("rl.algorithm")?,
            rl_weight: self.number("rl.rl-weight", "0 or more", at_least_0)?,
            ce_weight: self.number("rl.ce-weight", "0 or more", at_least_0)?,
            ce_on_samples: self.get("rl.ce-on-samples")?,
            negative_weight: self.number("rl.negative-weight", "0 or more", at_least_0)?,
            reduction: self.get("rl.reduction")?,
            order: self.get("rl.order")?,
            lint_penalty: self.number("rl.lint-penalty", "0 or more", at_least_0)?,
            stop_at_collapse: self.get("rl.stop-at-collapse")?,
            online: self.online()?,
            critic: (!critic.is_empty()).then(|| PathBuf::from(critic)),
            validation: RlValidation {
                problems: self.get("rl.validation.problems")?,
                n_samples: self.count("rl.validation.n-samples")?,
                temperature: self.positive("rl.validation.temperature")?,
                top_p: self.top_p("rl.validation.top-p")?,
            },
        };
        if settings.online.is_some()
            && settings.algorithm.token_value() == TokenValue::Critic
            && settings.critic.is_none()
        {
            return Err(self.refused(
                "rl.critic",
                "is not set, and fresh samples need one for their token values: name it with \
                 --critic DIR, or choose --token-value none"
                    .to_owned(),
            ));
        }
        Ok(settings)
    }

    fn online(&self) -> Result<Option<OnlineSettings>, Error> {
        if !self.get::<bool>("rl.online.enabled")? {
            return Ok(None);
        }
        let at = |key: &str| format!("rl.online.{key}");
        Ok(Some(OnlineSettings {
            rounds: self.count(&at("rounds"))?,
            problems_per_round: self.count(&at("problems-per-round"))?,
            n_samples: self.count(&at("n-samples"))?,
            temperature: self.positive(&at("temperature"))?,
            top_p: self.top_p(&at("top-p"))?,
            top_k: Some(self.get(&at("top-k"))?).filter(|k| *k > 0),
            epochs_per_round: self.count(&at("epochs-per-round"))?,
            critic_epochs_per_round: self.get(&at("critic-epochs-per-round"))?,
        }))
    }

    fn optimizer(&self) -> Result<OptimizerSettings, Error> {
        let below_1 = |x: f64| (0.0..1.0).contains(&x);
        let bound = self.number("optimizer.max-gradient-norm", "0 or more", |x: f64| {
            x >= 0.0
        })?;
        Ok(OptimizerSettings {
            learning_rate: self.positive("optimizer.learning-rate")?,
            schedule: self.get("optimizer.schedule")?,
            warmup_steps: self.get("optimizer.warmup-steps")?,
            weight_decay: self.number("optimizer.weight-decay", "0 or more", |x: f64| x >= 0.0)?,
            beta_1: self.number("optimizer.beta-1", "from 0 to below 1", below_1)?,
            beta_2: self.number("optimizer.beta-2", "from 0 to below 1", below_1)?,
            epsilon: self.positive("optimizer.epsilon")?,
            max_gradient_norm: (bound > 0.0).then_some(bound),
        })
    }

    fn batch(&self) -> Result<BatchSettings, Error> {
        Ok(BatchSettings {
            size: self.count("batch.size")?,
            max_tokens: self.count("batch.max-tokens")?,
            epochs: self.positive("batch.epochs")?,
            steps: Some(self.get("batch.steps")?).filter(|steps| *steps > 0),
            max_source_tokens: self.count("batch.max-source-tokens")?,
            max_target_tokens: self.count("batch.max-target-tokens")?,
            as_released: self.get("batch.as-released")?,
        })
    }

    fn checkpoints(&self) -> Result<CheckpointSettings, Error> {
        Ok(CheckpointSettings {
            every: self.count("checkpoints.every")?,
            keep_last: self.count("checkpoints.keep-last")?,
            patience: Some(self.get("checkpoints.patience")?).filter(|n| *n > 0),
        })
    }

    fn top_p(&self, key: &str) -> Result<f64, Error> {
        self.number(key, "above 0 and up to 1", |x| x > 0.0 && x <= 1.0)
    }

    fn positive(&self, key: &str) -> Result<f64, Error> {
        self.number(key, "above 0", |x| x > 0.0)
    }

    fn count(&self, key: &str) -> Result<u32, Error> {
        self.number(key, "1 or more", |n| n > 0)
    }
}

impl Algorithm {
    /// How tokens are weighted.
    pub fn token_value(&self) -> TokenValue {
        match self {
            Self::CodeRl { token_value, .. } | Self::Ppo { token_value, .. } => *token_value,
            Self::Grpo { .. } | Self::Rltf { .. } => TokenValue::None,
        }
    }
}
