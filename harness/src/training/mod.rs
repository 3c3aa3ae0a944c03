//! Vocabulary of training: what is learnt from, and how.

mod example;
mod settings;

pub use example::{CorpusText, Feedback, Origin, TrainingExample, TrainingSample};
pub use settings::{
    Algorithm, Baseline, BatchSettings, CheckpointSettings, ClassSet, CriticAlignment,
    CriticSettings, DataFiles, Device, LoraSettings, OnlineSettings, OptimizerSettings, Pooling,
    PretrainObjective, Reduction, RlSettings, Schedule, Stage, StepOrder, TokenValue,
    TrainingSettings,
};
