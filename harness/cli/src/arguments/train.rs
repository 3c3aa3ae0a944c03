//! Arguments of training and of what prepares it.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use harness::training::{self, Device};

use super::{
    Backend, DatasetName, Directory, Exclusion, JudgingArguments, RunningArguments,
    SelectionArguments, SettingsArguments,
};

const PIPELINE: &str = "\
A whole training, stage by stage (docs/training.md explains every file and setting):
  coderl train sft apps --split train --model codet5-large --out runs/sft
  coderl sample apps --split train --model runs/sft/model -n 20 --out runs/samples
  coderl score runs/samples
  coderl train critic --samples runs/samples --model codet5-base --out runs/critic
  coderl critic-score runs/samples --critic runs/critic/model
  coderl train rl --samples runs/samples --model runs/sft/model --out runs/rl
  coderl run apps --split test --backend torch --model runs/rl/model -n 200 --k 1,5,100

Rounds of sampling, judging and learning instead of samples made before:
  coderl train rl apps --online --algorithm grpo --model runs/sft/model

The same command goes on where it was interrupted. It is refused with other settings; --fresh
discards what is there.

Exit codes: 0 done; 1 unexpected; 2 wrong arguments or settings; 3 bad data; 130 interrupted.";

/// What to train.
#[derive(Debug, Subcommand)]
#[command(after_help = PIPELINE)]
pub(crate) enum Train {
    /// On texts without a task: masked spans, or the rest of a text (§3.2)
    #[command(after_help = PIPELINE)]
    Pretrain(TrainPretrain),
    /// To write the reference programs of a dataset (Eq. 1)
    #[command(after_help = PIPELINE)]
    Sft(TrainSft),
    /// To tell from a program what becomes of it (Eq. 9)
    #[command(after_help = PIPELINE)]
    Critic(TrainOnSamples),
    /// By what becomes of the programs that the model writes (Eq. 10)
    #[command(after_help = PIPELINE)]
    Rl(TrainRl),
    /// To write a reference program having read a wrong one (Eq. 13)
    #[command(after_help = PIPELINE)]
    Repair(TrainOnSamples),
}

#[derive(Debug, Args)]
pub(crate) struct TrainPretrain {
    /// Texts, one JSON object with `id` and `text` a line (`coderl corpus build` makes them)
    pub(crate) corpus: PathBuf,
    #[command(flatten)]
    pub(crate) common: TrainCommon,
}

#[derive(Debug, Args)]
pub(crate) struct TrainSft {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) common: TrainCommon,
}

#[derive(Debug, Args)]
pub(crate) struct TrainOnSamples {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    /// Directory of a finished run with the programs to learn from
    #[arg(long, value_name = "RUN", help_heading = "Samples")]
    pub(crate) samples: PathBuf,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    pub(crate) common: TrainCommon,
}

#[derive(Debug, Args)]
pub(crate) struct TrainRl {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    /// Directory of a finished run with the programs to learn from; not with --online
    #[arg(long, value_name = "RUN", help_heading = "Samples")]
    pub(crate) samples: Option<PathBuf>,
    /// Directory of a finished run with the greedy program of each problem
    /// [default: `baseline` in the directory of the samples]
    #[arg(long, value_name = "RUN", help_heading = "Samples")]
    pub(crate) baselines: Option<PathBuf>,
    /// Folder of a critic: for samples without scores, and online
    #[arg(long, value_name = "DIR", help_heading = "Learning from samples")]
    pub(crate) critic: Option<String>,
    /// code-rl, ppo, grpo or rltf [default: code-rl]
    #[arg(long, value_name = "ALGORITHM", help_heading = "Learning from samples")]
    pub(crate) algorithm: Option<String>,
    /// What is subtracted from a reward: none, greedy or group [default: greedy]
    #[arg(long, value_name = "BASELINE", help_heading = "Learning from samples")]
    pub(crate) baseline: Option<String>,
    /// How tokens are weighted: none, distance or critic [default: critic]
    #[arg(long, value_name = "VALUE", help_heading = "Learning from samples")]
    pub(crate) token_value: Option<String>,
    /// Sample, judge and learn in rounds
    #[arg(long, help_heading = "Learning from samples")]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    #[command(flatten)]
    judging: JudgingArguments,
    #[command(flatten)]
    running: RunningArguments,
    #[command(flatten)]
    pub(crate) common: TrainCommon,
}

impl TrainRl {
    /// What online rounds are judged by.
    pub(crate) fn judging(&self) -> SettingsArguments {
        SettingsArguments {
            selection: self.selection.clone(),
            judging: self.judging.clone(),
            running: self.running.clone(),
            ..SettingsArguments::default()
        }
    }
}

impl SelectionArguments {
    /// These alone.
    pub(crate) fn settings(&self) -> SettingsArguments {
        SettingsArguments {
            selection: self.clone(),
            ..SettingsArguments::default()
        }
    }
}

/// A set of values with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// The defaults, with the training prompts of the paper
    Paper,
    /// For models of a million weights on two cores
    Small,
}

impl From<Preset> for training::Preset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Paper => Self::Paper,
            Preset::Small => Self::Small,
        }
    }
}

/// A setting's name and what was given for it.
pub(crate) type Given = (&'static str, String);

/// What all stages know.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TrainCommon {
    /// Training directory, resumed where it exists [default: `runs/train-STAGE-DATA`]
    #[arg(long, short, value_name = "DIR", help_heading = "Training directory")]
    pub(crate) out: Option<PathBuf>,
    /// Discard what the training directory holds and start over
    #[arg(long, help_heading = "Training directory")]
    pub(crate) fresh: bool,
    /// Write the settings and the data, and do not train
    #[arg(long)]
    pub(crate) data_only: bool,
    /// Settings file (TOML); `--show-settings` prints the values in force
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
    /// A set of values, below those of a settings file
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    pub(crate) preset: Option<Preset>,
    /// Any setting by its name, such as `optimizer.warmup-steps=100`
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value, help_heading = "Settings")]
    pub(crate) set: Vec<(String, String)>,
    /// Print the settings in force and where each comes from, and do nothing
    #[arg(long, help_heading = "Settings")]
    pub(crate) show_settings: bool,
    /// Checkpoint to begin with: a folder, a GGUF file or the name of a fetched model
    #[arg(long, value_name = "MODEL", help_heading = "Settings")]
    model: Option<String>,
    /// Highest learning rate
    #[arg(long, value_name = "RATE", help_heading = "Settings")]
    learning_rate: Option<f64>,
    /// Examples an update
    #[arg(long, value_name = "N", help_heading = "Settings")]
    batch_size: Option<u32>,
    /// Passes over the data
    #[arg(long, value_name = "N", help_heading = "Settings")]
    epochs: Option<f64>,
    /// Updates, in place of passes
    #[arg(long, value_name = "N", help_heading = "Settings")]
    steps: Option<u32>,
    /// Seed of everything random
    #[arg(long, help_heading = "Settings")]
    seed: Option<u64>,
    /// Where the model runs: cpu or cuda
    #[arg(long, help_heading = "Settings")]
    device: Option<String>,
    /// Rank of low-rank updates, in place of all weights; 0 is all weights
    #[arg(long, value_name = "RANK", help_heading = "Settings")]
    lora_rank: Option<u32>,
    /// How problems are put to the model (see `coderl run --help`)
    #[arg(long, value_name = "TEMPLATE", help_heading = "Settings")]
    template: Option<String>,
    /// Part of the problems that is held out
    #[arg(long, value_name = "SHARE", help_heading = "Settings")]
    validation_share: Option<f64>,
}

impl TrainCommon {
    /// What was given, as values of settings: those written in TOML, and texts.
    pub(crate) fn given(&self) -> (Vec<Given>, Vec<Given>) {
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let count = |value: Option<u32>| value.map(|value| value.to_string());
        let values = [
            ("optimizer.learning-rate", number(self.learning_rate)),
            ("batch.size", count(self.batch_size)),
            ("batch.epochs", number(self.epochs)),
            ("batch.steps", count(self.steps)),
            ("seed", self.seed.map(|seed| seed.to_string())),
            ("lora.rank", count(self.lora_rank)),
            ("data.validation-share", number(self.validation_share)),
        ];
        let texts = [
            ("model", self.model.clone()),
            ("device", self.device.clone()),
            ("data.template", self.template.clone()),
        ];
        let present = |(key, value): (&'static str, Option<String>)| Some((key, value?));
        (
            values.into_iter().filter_map(present).collect(),
            texts.into_iter().filter_map(present).collect(),
        )
    }
}

pub(super) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("`{text}` is not of the form `batch.size=16`")),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Makes two run directories: RUN with the samples, and RUN/baseline with the greedy program of each
problem, which is what CodeRL compares samples with (Eq. 8). Both go on where they were
interrupted. `coderl score RUN` judges both.

Examples:
  coderl sample apps --split train --model runs/sft/model -n 20 --out runs/samples
  coderl score runs/samples
  coderl train rl --samples runs/samples --model runs/sft/model")]
pub(crate) struct Sample {
    #[command(flatten)]
    pub(crate) dataset: DatasetName,
    #[command(flatten)]
    pub(crate) backend: Backend,
    #[command(flatten)]
    pub(crate) directory: Directory,
    #[command(flatten)]
    pub(crate) exclusion: Exclusion,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Leave out the greedy programs
    #[arg(long, help_heading = "Candidates")]
    pub(crate) no_baseline: bool,
}

impl Sample {
    /// Samples of each problem, where nothing else is asked for: CodeRL's "on average 20".
    pub(crate) const DEFAULT_N: NonZeroU32 = NonZeroU32::new(20).expect("20 is not 0");
}

#[derive(Debug, Args)]
#[command(after_help = "\
Writes RUN/critic_scores.jsonl, from which `coderl train rl --samples RUN` takes the value of each
token, and prints how well the critic knows the outcomes, apart for sampled and for reference
programs.

Example:
  coderl critic-score runs/samples --critic runs/critic/model")]
pub(crate) struct CriticScore {
    /// Run directory, judged
    pub(crate) run: PathBuf,
    /// Folder of the critic
    #[arg(long, value_name = "DIR")]
    pub(crate) critic: PathBuf,
    /// Longest prompt in tokens [default: as the critic was trained]
    #[arg(long, value_name = "N")]
    pub(crate) max_source_tokens: Option<u32>,
    /// Longest program in tokens [default: as the critic was trained]
    #[arg(long, value_name = "N")]
    pub(crate) max_target_tokens: Option<u32>,
    /// Where the critic runs: cpu or cuda
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(crate) device: Device,
    /// Score the reference programs too
    #[arg(long)]
    pub(crate) references: bool,
    /// How problems are put to the critic [default: as the run put them]
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) template: Option<String>,
    /// Where the dataset lies now [default: where the run found it]
    #[arg(long, short, value_name = "DATASET")]
    pub(crate) dataset: Option<String>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}
