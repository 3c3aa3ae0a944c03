//! Arguments about strategies of decoding.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use harness::strategy::{Cut, Rank};

/// How candidates come of what a model writes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Strategy (docs/critic-sampling.md)")]
pub(crate) struct StrategyArguments {
    /// How candidates come of what the model writes [default: plain]
    #[arg(long, value_enum, value_name = "STRATEGY")]
    pub(crate) strategy: Option<StrategyName>,
    /// Directory of a critic, as `coderl train critic --set critic.classes=binary` leaves it
    #[arg(long, value_name = "DIR")]
    pub(crate) critic: Option<PathBuf>,
    /// Repair model, as `coderl train repair` leaves it
    #[arg(long, value_name = "DIR", conflicts_with = "self_repair")]
    pub(crate) repair_model: Option<PathBuf>,
    /// Let the model correct its own programs, for models that hold conversations
    #[arg(long)]
    pub(crate) self_repair: bool,
    /// M: failing programs that are repaired [default: 1]
    #[arg(long, value_name = "M")]
    pub(crate) repair_top: Option<NonZeroU32>,
    /// Rounds of critic sampling, such as `refine`, `repair` or `repair=2,refine=1` [default:
    /// repair,refine; without a repair model refine]
    #[arg(long, value_name = "ROUNDS")]
    pub(crate) rounds: Option<Rounds>,
    /// Where critic sampling cuts a program that passes the example tests: before the first token at
    /// which failing is likelier than passing (absolute, the paper's), or at which the odds of
    /// passing are less than half of those at the program's first token (relative), or, as a control
    /// of both, anywhere (random) [default: absolute]
    #[arg(long, value_name = "RULE")]
    pub(crate) cut: Option<Cut>,
    /// Let programs that pass the example tests be final candidates beside those that critic
    /// sampling makes of them, as many as fit
    #[arg(long)]
    pub(crate) keep_passing: bool,
    /// What makes the best of n: critic, log-prob or examples
    #[arg(long, value_name = "RANK")]
    pub(crate) rank: Option<Rank>,
    /// Candidates that are kept of the n that were drawn [default: the largest k]
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<NonZeroU32>,
    /// β of guided decoding: tokens are drawn by p(w) · p(passed | … w)^β. 0 is plain sampling, 1 is
    /// Bayes' rule [default: 1]
    #[arg(long, value_name = "β", value_parser = guidance, allow_negative_numbers = true)]
    pub(crate) guidance: Option<f64>,
    /// Tokens that the critic tries for each that is drawn [default: 16]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(2..=1024))]
    pub(crate) guidance_top: Option<u32>,
    /// Draw as many candidates as cost the tokens that this run generated, problem by problem
    /// (plain, best-of-n, guided)
    #[arg(long, value_name = "RUN", conflicts_with = "n_samples")]
    pub(crate) budget_of: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyName {
    /// Candidates as the model writes them
    Plain,
    /// The best of those that the model writes, by --rank
    BestOfN,
    /// Example tests, a critic and a repair model (CodeRL §3.3.4)
    CriticSampling,
    /// A critic has its say in each token
    Guided,
}

fn guidance(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(strength) if (0.0..=1000.0).contains(&strength) => Ok(strength),
        _ => Err("it is a number from 0 to 1000".to_owned()),
    }
}

/// Rounds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rounds {
    pub(crate) repair: u32,
    pub(crate) refine: u32,
}

impl FromStr for Rounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not of the form `repair=1,refine=1`, with up to 100 rounds of each"
            )
        };
        let mut rounds = Self {
            repair: 0,
            refine: 0,
        };
        for part in text.split(',') {
            let (name, n) = match part.split_once('=') {
                Some((name, n)) => (name, n.parse().map_err(|_| wrong())?),
                None => (part, 1),
            };
            match name {
                _ if n > 100 => return Err(wrong()),
                "repair" => rounds.repair = n,
                "refine" => rounds.refine = n,
                _ => return Err(wrong()),
            }
        }
        Ok(rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_read() {
        let check = |text: &str, repair, refine| {
            assert_eq!(text.parse(), Ok(Rounds { repair, refine }));
        };
        check("refine", 0, 1);
        check("repair,refine", 1, 1);
        check("refine=2,repair=0", 0, 2);
        for text in ["", "refine=x", "redo", "refine=1000"] {
            assert!(text.parse::<Rounds>().is_err(), "{text}");
        }
    }
}
