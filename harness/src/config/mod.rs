//! Options as written, settings as resolved.

mod options;
mod resolve;
mod selection;
mod settings;

pub use options::{Api, BackendChoice, JudgeChoice, Options};
pub use resolve::{Layer, Origin, Resolved, default_toml};
pub use selection::Selection;
pub use settings::{
    JudgingSettings, MetricSettings, ModelSettings, RunningSettings, SamplingSettings, Settings,
    Timeout,
};
