//! From settings to a trained model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::training::{
    CorpusText, PretrainObjective, RlSettings, Stage, TrainingExample, TrainingSample,
    TrainingSettings,
};

use super::actor::{Actor, device};
use super::checkpoint::Saved;
use super::critic::{self, Critic};
use super::data;
use super::harness_link::HarnessLink;
use super::order::{Passes, Purpose};
use super::pretraining::Pretraining;
use super::rl::{Trainer, needs_critic, needs_reference, restore_critic, updates_per_round};
use super::sequence::{Sequence, Sequencer};
use super::session::{Session, finished, model_folder, saved};
use super::supervised::{self, TrainedActor};
use crate::checkpoint::{
    Array, Checkpoint, Config, Existing, TensorSource, TokenizerSource, write_directory,
};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// Turns what settings name as a model into a path.
type Resolve<'a> = &'a dyn Fn(&Path) -> Result<PathBuf>;

/// Trains as the settings say, going on where a training of the same settings stopped.
///
/// # Errors
/// Settings, data or checkpoints that cannot be used; a training that diverges; a harness that
/// is gone.
pub fn train(
    settings: &TrainingSettings,
    resolve: Resolve<'_>,
    link: &mut HarnessLink<'_>,
) -> Result<()> {
    if let Some(summary) = finished(settings)? {
        let model = model_folder(settings);
        return link.tell(&backends::training::protocol::FromTrainer::Done { model, summary });
    }
    std::fs::create_dir_all(&settings.out).map_err(Error::write(&settings.out))?;
    let base = Checkpoint::open(&resolve(&settings.model)?)?;
    let tokenizer = Tokenizer::load(&base.tokenizer, &base.config)?;
    let saved = saved(settings)?;
    let current = match &saved {
        Some(saved) => Some(Checkpoint::open(&saved.model)?),
        None => None,
    };
    let start = Start {
        settings,
        saved,
        base: &base,
        current: current.as_ref().unwrap_or(&base),
        tokenizer: &tokenizer,
    };
    match &settings.stage {
        Stage::Pretrain { objective } => start.pretrain(*objective, link),
        Stage::Sft => start.sft(link),
        Stage::Critic(_) => start.critic(link),
        Stage::Rl(rl) => start.rl(rl, resolve, link),
    }
}

/// What every stage begins with.
struct Start<'a> {
    settings: &'a TrainingSettings,
    saved: Option<Saved>,
    /// What training began with. The tokenizer is taken from there, as checkpoints are removed.
    base: &'a Checkpoint,
    /// The last checkpoint of this training, or `base`.
    current: &'a Checkpoint,
    tokenizer: &'a Tokenizer,
}

impl<'a> Start<'a> {
    fn sequencer(&self) -> Sequencer<'a> {
        let batch = &self.settings.batch;
        Sequencer::new(self.tokenizer, &self.base.config, batch)
    }

    /// Updates of a training over `n` examples.
    fn n_steps(&self, n: usize) -> u64 {
        let batch = &self.settings.batch;
        match batch.steps {
            Some(steps) => u64::from(steps),
            None => (batch.epochs * n as f64 / f64::from(batch.size.max(1))).ceil() as u64,
        }
    }

    fn actor(&self) -> Result<TrainedActor> {
        let actor = Actor::load(self.current, device(self.settings.device)?)?;
        let tokenizer = self.base.tokenizer.clone();
        TrainedActor::new(actor, tokenizer, self.settings, self.saved.as_ref())
    }

    /// The programs to imitate; an example that is a prompt alone is none.
    fn sequences(&self, examples: &[TrainingExample]) -> Result<Vec<Sequence>> {
        let sequencer = self.sequencer();
        examples
            .iter()
            .filter(|example| !example.program.is_empty())
            .map(|example| sequencer.sequence(&example.prompt, &example.program))
            .collect()
    }

    fn session<'s, 'b>(
        &'s self,
        link: &'s mut HarnessLink<'b>,
        n_steps: u64,
        n_parameters: usize,
    ) -> Result<Session<'s, 'b>> {
        Session::start(
            self.settings,
            link,
            self.saved.as_ref(),
            n_steps,
            n_parameters,
        )
    }

    fn sft(&self, link: &mut HarnessLink<'_>) -> Result<()> {
        let files = &self.settings.data;
        let examples = data::required(self.settings, "examples", files.examples.as_ref())?;
        let examples = self.sequences(&examples)?;
        let validation = data::optional(self.settings, files.validation.as_ref())?;
        let validation = self.sequences(&validation)?;
        let mut trained = self.actor()?;
        let n_parameters = trained.actor.parameters.n_elements();
        let mut session = self.session(link, self.n_steps(examples.len()), n_parameters)?;
        let size = self.settings.batch.size as usize;
        let mut order = Passes::new(examples.len(), size, self.settings.seed, Purpose::Order);
        let update = |step| {
            let chosen = order.update(step).into_iter();
            Ok(chosen.map(|index| examples[index].clone()).collect())
        };
        supervised::train(&mut session, &mut trained, update, &validation)
    }

    fn pretrain(&self, objective: PretrainObjective, link: &mut HarnessLink<'_>) -> Result<()> {
        let files = &self.settings.data;
        let pretraining = Pretraining::new(objective, self.settings, self.tokenizer, self.base)?;
        let texts: Vec<CorpusText> =
            data::required(self.settings, "examples", files.examples.as_ref())?;
        let texts = pretraining.read(&texts)?;
        let validation = data::optional(self.settings, files.validation.as_ref())?;
        let validation = pretraining.fixed(&pretraining.read(&validation)?);
        let mut trained = self.actor()?;
        let n_parameters = trained.actor.parameters.n_elements();
        let mut session = self.session(link, self.n_steps(texts.len()), n_parameters)?;
        let size = self.settings.batch.size as usize;
        let mut order = Passes::new(texts.len(), size, self.settings.seed, Purpose::Order);
        let update = |step| Ok(pretraining.update(&texts, &mut order, step));
        supervised::train(&mut session, &mut trained, update, &validation)
    }

    fn critic(&self, link: &mut HarnessLink<'_>) -> Result<()> {
        let Stage::Critic(critic_settings) = &self.settings.stage else {
            unreachable!("the stage is matched by the caller")
        };
        let files = &self.settings.data;
        let sequencer = self.sequencer();
        let samples: Vec<TrainingSample> =
            data::required(self.settings, "samples", files.samples.as_ref())?;
        let samples = critic::classified(&samples, &sequencer, *critic_settings)?;
        let validation: Vec<TrainingSample> =
            data::optional(self.settings, files.validation.as_ref())?;
        let validation = critic::classified(&validation, &sequencer, *critic_settings)?;
        let critic = Critic::new(
            self.current,
            *critic_settings,
            self.settings.seed,
            device(self.settings.device)?,
        )?;
        let tokenizer = self.base.tokenizer.clone();
        let mut trained = critic::resume(critic, tokenizer, self.settings, self.saved.as_ref())?;
        let n_parameters = trained.critic.parameters().n_elements();
        let mut session = self.session(link, self.n_steps(samples.len()), n_parameters)?;
        critic::train(&mut session, &mut trained, &samples, &validation)
    }

    fn rl(&self, rl: &RlSettings, resolve: Resolve<'_>, link: &mut HarnessLink<'_>) -> Result<()> {
        let files = &self.settings.data;
        let examples: Vec<TrainingExample> = if rl.online.is_some() || rl.ce_weight > 0.0 {
            data::required(self.settings, "examples", files.examples.as_ref())?
        } else {
            Vec::new()
        };
        let trained = self.actor()?;
        let n_parameters = trained.actor.parameters.n_elements();
        let reference = needs_reference(rl)
            .then(|| Actor::load(self.base, device(self.settings.device)?))
            .transpose()?;
        let mut trainer = Trainer {
            trained,
            critic: self.rl_critic(rl, resolve)?,
            reference,
            tokenizer: self.tokenizer,
            sequencer: self.sequencer(),
            rl,
            batch: &self.settings.batch,
            seed: self.settings.seed,
        };
        match &rl.online {
            Some(online) => {
                let n_steps =
                    u64::from(online.rounds) * updates_per_round(online, &self.settings.batch);
                let mut session = self.session(link, n_steps, n_parameters)?;
                trainer.train_online(&mut session, online, &examples)
            }
            None => {
                let samples: Vec<TrainingSample> =
                    data::required(self.settings, "samples", files.samples.as_ref())?;
                let references = self.sequences(&examples)?;
                let mut session = self.session(link, self.n_steps(samples.len()), n_parameters)?;
                trainer.train_offline(&mut session, &samples, &references)
            }
        }
    }

    fn rl_critic(
        &self,
        rl: &RlSettings,
        resolve: Resolve<'_>,
    ) -> Result<Option<critic::TrainedCritic>> {
        let Some(path) = rl.critic.as_ref().filter(|_| needs_critic(rl)) else {
            if needs_critic(rl) && rl.online.is_some() {
                return Err(Error::request(
                    "token values `critic` need a critic online: name one with `--critic`",
                ));
            }
            return Ok(None);
        };
        let learns = rl
            .online
            .as_ref()
            .is_some_and(|online| online.critic_epochs_per_round > 0);
        // A critic that learns is kept beside the actor.
        let kept = self.saved.as_ref().map(|saved| saved.model.join("critic"));
        let path = match kept.filter(|path| learns && path.is_dir()) {
            Some(kept) => kept,
            None => resolve(path)?,
        };
        let checkpoint = Checkpoint::open(&path)?;
        if checkpoint.config.vocabulary_size() != self.base.config.vocabulary_size() {
            return Err(Error::request(format!(
                "the critic `{}` has {} tokens and the actor {}; they need the same tokenizer",
                path.display(),
                checkpoint.config.vocabulary_size(),
                self.base.config.vocabulary_size(),
            )));
        }
        let critic = Critic::load(&checkpoint, device(self.settings.device)?)?;
        let mut trained = critic::resume(critic, checkpoint.tokenizer, self.settings, None)?;
        if let Some(saved) = self.saved.as_ref().filter(|_| learns) {
            restore_critic(&mut trained, saved)?;
        }
        Ok(Some(trained))
    }
}

/// Writes a model as `transformers` reads it.
pub(super) fn write_model(
    folder: &Path,
    config: &Config,
    arrays: BTreeMap<String, Array>,
    tokenizer: &TokenizerSource,
) -> Result<()> {
    write_directory(folder, config, &InMemory(arrays), tokenizer, Existing::Keep)
}

struct InMemory(BTreeMap<String, Array>);

impl TensorSource for InMemory {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        let arrays = self.0.iter();
        arrays
            .map(|(name, array)| (name.clone(), array.shape.clone()))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.0[name].data.clone())
    }
}
