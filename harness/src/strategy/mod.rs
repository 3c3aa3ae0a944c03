//! Strategies of decoding: from a problem to its final candidates in more steps than one.
//!
//! [`critic_sampling()`] is CodeRL's (§3.3.4, Algorithm 1), [`best_of_n()`] and [`plain()`] are what it
//! is compared with; [`guided()`] goes further. Everything here is logic on plain data: models, critics and judges are the
//! traits of `tools`, and whoever implements them does the I/O.
//!
//! **Hidden tests are out of reach**: a strategy knows of tests only what an [`ExampleJudge`]
//! says, and [`examples_only`] makes the problems that such a judge is given, in which there are
//! no hidden tests.
//!
//! Problems go through a strategy side by side, one round of all after the other, so that models
//! are asked for many things at a time. What comes of a problem does not depend on the others.

mod best_of_n;
mod course;
mod critic_sampling;
mod generator;
mod guided;
mod hidden;
mod plain;
mod prefix;
mod record;
mod settings;
mod share;
mod tools;

pub use best_of_n::best_of_n;
pub use critic_sampling::critic_sampling;
pub use generator::StrategyGenerator;
pub use guided::guided;
pub use hidden::examples_only;
pub use plain::plain;
pub use prefix::{Prefix, choose_prefix};
pub use record::{Budget, ProgramRecord, RoundKind, RoundRecord, StrategyPath, StrategyRecord};
pub use settings::{
    BestOfN, CriticSampling, Cut, Draws, Rank, RepairBy, StrategySettings, TokenBudgets,
};
pub use share::shares;
pub use tools::{
    Answers, Attempt, Author, Course, Critic, CriticToken, Criticism, Draft, ExampleJudge, Final,
    Reading, Repairer, Stop, Task, Tools, Written,
};
