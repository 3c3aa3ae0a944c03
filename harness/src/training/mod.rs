//! Vocabulary of training: what is learnt from, and how.

mod critic_score;
mod example;
mod feedback;
mod layers;
mod make;
mod resolve;
mod settings;

pub use critic_score::{CriticScore, pool, predicted_class, softmax, token_rewards, token_values};
pub use layers::{Preset, ResolvedTraining, StageName, default_training_toml};
pub use make::{Answer, ExampleMaker, indented_by_tabs, is_held_out};
pub use resolve::{DataSettings, Tabs};

pub use example::{CorpusText, Feedback, Origin, TrainingExample, TrainingSample};
pub use settings::{
    Algorithm, Baseline, BatchSettings, CheckpointSettings, ClassSet, CriticAlignment,
    CriticSettings, DataFiles, Device, LoraSettings, OnlineSettings, OptimizerSettings, Pooling,
    Precision, PretrainObjective, Reduction, RlSettings, RlValidation, Schedule, Stage, StepOrder,
    TokenValue, TrainingSettings,
};
