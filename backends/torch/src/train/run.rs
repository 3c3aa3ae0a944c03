//! From settings to a trained model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::training::{
    CorpusText, CriticSettings, PretrainObjective, RlSettings, Stage, TrainingExample,
    TrainingSample, TrainingSettings,
};

use super::actor::{Actor, Computing, array};
use super::checkpoint::Saved;
use super::critic::{self, Classified, Critic, TrainedCritic};
use super::data::{self, Records};
use super::harness_link::HarnessLink;
use super::order::{Passes, Purpose, seed_for};
use super::pretraining::Pretraining;
use super::rl::{Trainer, needs_critic, needs_reference, restore_critic, updates_per_round};
use super::sequence::{Sequence, Sequencer};
use super::session::{Session, finished, good_model, model_folder, saved};
use super::supervised::{self, TrainedActor, backward_cross_entropy};
use crate::checkpoint::{
    Array, Checkpoint, Config, Existing, TensorSource, TokenizerSource, write_directory,
};
use crate::error::{Error, Result};
use crate::parameters::Parameters;
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
    let done = prepared(settings, resolve, |start| match &settings.stage {
        Stage::Pretrain { objective } => start.pretrain(*objective, link),
        Stage::Sft => start.sft(link),
        Stage::Critic(_) => start.critic(link),
        Stage::Rl(rl) => start.rl(rl, resolve, link),
    });
    match done {
        Err(Error::Diverged { detail, .. }) => Err(Error::Diverged {
            detail,
            good_model: good_model(settings)?,
        }),
        other => other,
    }
}

/// The loss of a first update over all the data, and its gradients by name, of the model where
/// a training stands: numbers to compare with those of other programs.
///
/// # Errors
/// As [`train`]; pretraining and rounds, whose data is drawn.
pub fn gradients(
    settings: &TrainingSettings,
    resolve: Resolve<'_>,
) -> Result<(f64, BTreeMap<String, Array>)> {
    // As the first update is seeded.
    tch::manual_seed(seed_for(settings.seed, Purpose::Dropout, 0) as i64);
    prepared(settings, resolve, |start| match &settings.stage {
        Stage::Sft => {
            let trained = start.actor()?;
            let (examples, _) = start.examples()?;
            let all: Vec<&Sequence> = examples.iter().collect();
            let n_labels: usize = all.iter().map(|sequence| sequence.target.len()).sum();
            let weight = 1.0 / n_labels as f64;
            let batch = &settings.batch;
            let loss = backward_cross_entropy(&trained.actor, &all, batch, weight);
            Ok((loss, gradients_of(trained.actor.learning())))
        }
        Stage::Critic(of_critic) => {
            let (samples, _) = start.classified(*of_critic)?;
            let trained = start.new_critic(*of_critic)?;
            let sequences: Vec<&Sequence> = samples.iter().map(|it| &it.sequence).collect();
            let classes: Vec<usize> = samples.iter().map(|it| it.class).collect();
            let critic = &trained.critic;
            let loss = critic.backward(&sequences, &classes, &settings.batch);
            Ok((loss, gradients_of(critic.parameters())))
        }
        Stage::Rl(rl) if rl.online.is_none() => {
            let references = start.sequences(&start.rl_examples(rl)?)?;
            let trainer = start.trainer(rl, resolve)?;
            let loss = trainer.backward_all(&start.samples()?, &references)?;
            Ok((loss, gradients_of(trainer.trained.actor.learning())))
        }
        Stage::Pretrain { .. } | Stage::Rl(_) => Err(Error::request(
            "what pretraining and rounds learn from is drawn; there are no gradients to be had of it",
        )),
    })
}

fn gradients_of(parameters: &Parameters) -> BTreeMap<String, Array> {
    let with_gradients = parameters
        .iter()
        .filter(|(_, tensor)| tensor.grad().defined());
    with_gradients
        .map(|(name, tensor)| (name.to_owned(), array(&tensor.grad())))
        .collect()
}

/// Opens what every stage begins with.
fn prepared<T>(
    settings: &TrainingSettings,
    resolve: Resolve<'_>,
    go: impl FnOnce(Start<'_>) -> Result<T>,
) -> Result<T> {
    let base = Checkpoint::open(&resolve(&settings.model)?)?;
    let tokenizer = Tokenizer::load(&base.tokenizer, &base.config)?;
    let saved = saved(settings)?;
    let current = match &saved {
        Some(saved) => Some(Checkpoint::open(&saved.model)?),
        None => None,
    };
    go(Start {
        settings,
        saved,
        base: &base,
        current: current.as_ref().unwrap_or(&base),
        tokenizer: &tokenizer,
    })
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
        let computing = Computing::of(self.settings)?;
        let saved = self.saved.as_ref();
        let actor = match &self.settings.lora {
            None => Actor::load(self.current, computing)?,
            Some(lora) => {
                // The weights of checkpoints have the updates added to them.
                let mut actor = Actor::load(self.base, computing)?;
                let folder = saved.map(|saved| saved.model.as_path());
                actor.adapt(lora, self.settings.seed, folder)?;
                actor
            }
        };
        TrainedActor::new(actor, self.base, self.settings, saved)
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

    /// Programs to imitate, and those that are validated on.
    fn examples(&self) -> Result<(Vec<Sequence>, Vec<Sequence>)> {
        let files = &self.settings.data;
        let examples: Records<TrainingExample> =
            data::required(self.settings, "examples", files.examples.as_ref())?;
        let validation: Records<TrainingExample> =
            data::optional(self.settings, files.validation.as_ref())?;
        Ok((self.sequences(&examples)?, self.sequences(&validation)?))
    }

    fn samples(&self) -> Result<Records<TrainingSample>> {
        let file = self.settings.data.samples.as_ref();
        data::required(self.settings, "samples", file)
    }

    fn sft(&self, link: &mut HarnessLink<'_>) -> Result<()> {
        let (examples, validation) = self.examples()?;
        let mut trained = self.actor()?;
        let n_parameters = trained.actor.learning().n_elements();
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
        let texts: Records<CorpusText> =
            data::required(self.settings, "examples", files.examples.as_ref())?;
        let texts = pretraining.read(&texts)?;
        if texts.is_empty() {
            return Err(Error::request(
                "no text of the corpus has two tokens, the fewest that something can be learnt of",
            ));
        }
        let validation: Records<CorpusText> =
            data::optional(self.settings, files.validation.as_ref())?;
        let validation = pretraining.fixed(&pretraining.read(&validation)?);
        let mut trained = self.actor()?;
        let n_parameters = trained.actor.learning().n_elements();
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
        let (samples, validation) = self.classified(*critic_settings)?;
        let mut trained = self.new_critic(*critic_settings)?;
        let n_parameters = trained.critic.parameters().n_elements();
        let mut session = self.session(link, self.n_steps(samples.len()), n_parameters)?;
        critic::train(&mut session, &mut trained, &samples, &validation)
    }

    /// Programs with their classes, and those that are validated on.
    fn classified(&self, settings: CriticSettings) -> Result<(Vec<Classified>, Vec<Classified>)> {
        let sequencer = self.sequencer();
        let classified = |samples: &[_]| critic::classified(samples, &sequencer, settings);
        let validation: Records<TrainingSample> =
            data::optional(self.settings, self.settings.data.validation.as_ref())?;
        Ok((classified(&self.samples()?)?, classified(&validation)?))
    }

    fn new_critic(&self, settings: CriticSettings) -> Result<TrainedCritic> {
        if self.settings.lora.is_some() {
            return Err(Error::request(
                "low-rank updates are for actors; a critic learns all its weights, so leave \
                 `lora.rank` at 0",
            ));
        }
        let computing = Computing::of(self.settings)?;
        let critic = Critic::new(self.current, settings, self.settings.seed, computing)?;
        let tokenizer = self.base.tokenizer.clone();
        critic::resume(critic, tokenizer, self.settings, self.saved.as_ref())
    }

    /// Reference programs, where they are learnt from.
    fn rl_examples(&self, rl: &RlSettings) -> Result<Records<TrainingExample>> {
        if rl.online.is_none() && rl.ce_weight == 0.0 {
            return Ok(Records::default());
        }
        let file = self.settings.data.examples.as_ref();
        data::required(self.settings, "examples", file)
    }

    fn trainer(&self, rl: &'a RlSettings, resolve: Resolve<'_>) -> Result<Trainer<'a>> {
        let reference = needs_reference(rl)
            .then(|| Actor::load(self.base, Computing::of(self.settings)?))
            .transpose()?;
        Ok(Trainer {
            trained: self.actor()?,
            critic: self.rl_critic(rl, resolve)?,
            reference,
            tokenizer: self.tokenizer,
            sequencer: self.sequencer(),
            rl,
            batch: &self.settings.batch,
            seed: self.settings.seed,
        })
    }

    fn rl(
        &self,
        rl: &'a RlSettings,
        resolve: Resolve<'_>,
        link: &mut HarnessLink<'_>,
    ) -> Result<()> {
        let examples = self.rl_examples(rl)?;
        let mut trainer = self.trainer(rl, resolve)?;
        let held_out: Records<TrainingExample> =
            data::optional(self.settings, self.settings.data.validation.as_ref())?;
        let n_parameters = trainer.trained.actor.learning().n_elements();
        match &rl.online {
            Some(online) => {
                let n_steps =
                    u64::from(online.rounds) * updates_per_round(online, &self.settings.batch);
                let mut session = self.session(link, n_steps, n_parameters)?;
                trainer.train_online(&mut session, online, &examples, &held_out)
            }
            None => {
                let samples = self.samples()?;
                let references = self.sequences(&examples)?;
                let mut session = self.session(link, self.n_steps(samples.len()), n_parameters)?;
                trainer.train_offline(&mut session, &samples, &references, &held_out)
            }
        }
    }

    fn rl_critic(&self, rl: &RlSettings, resolve: Resolve<'_>) -> Result<Option<TrainedCritic>> {
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
        let path = resolve(path)?;
        let base = Checkpoint::open(&path)?;
        // A critic that learns is kept beside the actor.
        let kept = self.saved.as_ref().map(|saved| saved.model.join("critic"));
        let kept = kept.filter(|path| learns && path.is_dir());
        let kept = kept.map(|path| Checkpoint::open(&path)).transpose()?;
        let checkpoint = kept.as_ref().unwrap_or(&base);
        if checkpoint.config.vocabulary_size() != self.base.config.vocabulary_size() {
            return Err(Error::request(format!(
                "the critic `{}` has {} tokens and the actor {}; they need the same tokenizer",
                path.display(),
                checkpoint.config.vocabulary_size(),
                self.base.config.vocabulary_size(),
            )));
        }
        let critic = Critic::load(checkpoint, Computing::of(self.settings)?)?;
        // As for actors: checkpoints are removed.
        let mut trained = critic::resume(critic, base.tokenizer, self.settings, None)?;
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
