//! Arguments of `coderl datasets micro`.

use std::path::PathBuf;

use clap::Args;
use datasets::micro::Settings;

const DEFAULT: Settings = Settings::DEFAULT;

#[derive(Debug, Args)]
#[command(after_help = "\
Writes FOLDER/apps/train.jsonl, validation.jsonl and test.jsonl (the Hub's form of APPS) and
FOLDER/mbpp/train.jsonl and test.jsonl (MBPP's form). With the defaults these are the datasets `micro-apps` and
`micro-mbpp`, which need no files. docs/micro-suite.md describes them.

Examples:
  coderl datasets micro --out micro --seed 7 --n-train 16000
  coderl run micro/apps --split test --backend reference")]
pub(crate) struct Micro {
    /// Folder to write into; files of the same names are replaced
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// The same seed writes the same bytes
    #[arg(long, value_name = "S", default_value_t = DEFAULT.seed)]
    seed: u64,
    /// Problems to train on, in APPS form
    #[arg(long, value_name = "N", default_value_t = DEFAULT.n_train)]
    n_train: usize,
    /// Problems to validate on, in APPS form
    #[arg(long, value_name = "N", default_value_t = DEFAULT.n_validation)]
    n_validation: usize,
    /// Problems to test on, in APPS form
    #[arg(long, value_name = "N", default_value_t = DEFAULT.n_test)]
    n_test: usize,
    /// Problems to train on, in MBPP form, at most 374
    #[arg(long, value_name = "N", default_value_t = DEFAULT.n_mbpp_train, value_parser = n_mbpp_train)]
    n_mbpp_train: usize,
    /// Problems to test on, in MBPP form, at most 500
    #[arg(long, value_name = "N", default_value_t = DEFAULT.n_mbpp, value_parser = n_mbpp)]
    n_mbpp: usize,
}

impl Micro {
    pub(crate) fn settings(&self) -> Settings {
        let Self {
            out: _,
            seed,
            n_train,
            n_validation,
            n_test,
            n_mbpp_train,
            n_mbpp,
        } = *self;
        Settings {
            seed,
            n_train,
            n_validation,
            n_test,
            n_mbpp_train,
            n_mbpp,
        }
    }
}

fn n_mbpp(text: &str) -> Result<usize, String> {
    at_most(Settings::MAX_MBPP, "test problems 11 to 510", text)
}

fn n_mbpp_train(text: &str) -> Result<usize, String> {
    at_most(
        Settings::MAX_MBPP_TRAIN,
        "training problems 601 to 974",
        text,
    )
}

fn at_most(most: usize, numbered: &str, text: &str) -> Result<usize, String> {
    let n: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    match n <= most {
        true => Ok(n),
        false => Err(format!(
            "MBPP's form numbers its {numbered}, so there are at most {most}"
        )),
    }
}
