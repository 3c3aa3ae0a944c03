//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Models on libtorch, for `coderl`.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Threads that compute; all cores unless given
    #[arg(long, global = true)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Describe a checkpoint
    Show(Show),
    /// Fetch a model by name: `smollm2-135m`
    Fetch { name: String },
    /// Continue a prompt, and print candidates as JSON Lines
    Generate(Generate),
    /// Write the logits of given tokens, for comparison with other implementations
    Logits(Logits),
    /// Print the token ids of a prompt as JSON
    Tokenize(Tokenize),
    /// Answer requests on standard input, in the protocol of `coderl`'s process backend
    Serve(Serve),
    /// Train a model, as `coderl train` asks for it: events on standard output, judgement on
    /// standard input
    Train(Train),
    /// Write what a critic says of programs, token by token
    CriticScore(CriticScore),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A directory as `transformers` writes it, a GGUF file, or the name of a fetched model
    pub(crate) model: String,
    /// List every tensor
    #[arg(long)]
    pub(crate) tensors: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// As for `show`
    pub(crate) model: String,
    /// The prompt; or read it with `--prompt-file`
    #[arg(long, conflicts_with_all = ["prompt_file", "tokens"])]
    pub(crate) prompt: Option<String>,
    /// File with the prompt
    #[arg(long, conflicts_with = "tokens")]
    pub(crate) prompt_file: Option<PathBuf>,
    /// The prompt as token ids
    #[arg(long, value_delimiter = ',')]
    pub(crate) tokens: Vec<u32>,
    /// Put the prompt as a user's message into the model's chat template
    #[arg(long)]
    pub(crate) chat: bool,
    /// Candidates
    #[arg(short, long, default_value_t = 1)]
    pub(crate) n: usize,
    /// Seed of the first candidate; the others count on from it
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Divides logits; 0 is greedy
    #[arg(long, default_value_t = 0.6)]
    pub(crate) temperature: f64,
    /// Probability that the tokens to draw from have together
    #[arg(long, default_value_t = 0.95)]
    pub(crate) top_p: f64,
    /// Number of tokens to draw from
    #[arg(long)]
    pub(crate) top_k: Option<u32>,
    /// Beam search with so many beams
    #[arg(long)]
    pub(crate) beams: Option<u32>,
    /// Power of the length by which a beam's log-probability is divided
    #[arg(long, default_value_t = 1.0, requires = "beams")]
    pub(crate) length_penalty: f64,
    #[arg(long, default_value_t = 128)]
    pub(crate) max_new_tokens: u32,
    #[arg(long, default_value_t = 0)]
    pub(crate) min_new_tokens: u32,
    /// Text that ends a candidate; may be given several times
    #[arg(long)]
    pub(crate) stop: Vec<String>,
    /// Tokens that every candidate begins with
    #[arg(long, value_delimiter = ',')]
    pub(crate) forced_tokens: Vec<u32>,
    /// With log-probabilities
    #[arg(long)]
    pub(crate) log_probs: bool,
    /// Print speed to standard error
    #[arg(long)]
    pub(crate) timing: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What decoding may use.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Limits {
    /// Rows that are decoded together
    #[arg(long, default_value_t = 64)]
    pub(crate) max_rows: usize,
    /// Memory for keys and values of what rows generate, in MiB
    #[arg(long, default_value_t = 4096)]
    pub(crate) cache_mib: usize,
}

impl Limits {
    pub(crate) fn resolve(self) -> backend_torch::decode::Limits {
        backend_torch::decode::Limits {
            max_rows: self.max_rows.max(1),
            cache_bytes: self.cache_mib << 20,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Logits {
    /// As for `show`
    pub(crate) model: String,
    /// JSON: `{"rows": [{"source": [ids of an encoder], "target": [ids]}]}`
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Where logits go: for each row, for each token of `target`, little-endian float32
    #[arg(long)]
    pub(crate) output: PathBuf,
    #[arg(long, value_enum, default_value_t = Path::Decoder)]
    pub(crate) path: Path,
    /// Tokens of `target` that the decoder reads as a prompt; their logits but for the last
    /// are not written
    #[arg(long, default_value_t = 1)]
    pub(crate) prompt_tokens: usize,
}

/// Which forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Path {
    /// Token by token with caches, all rows together
    Decoder,
    /// On tensors, each row by itself
    Tensors,
    /// On tensors, all rows in one batch that is padded on the left
    PaddedLeft,
    /// On tensors, all rows in one batch that is padded on the right
    PaddedRight,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// As for `show`
    #[arg(long)]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Args)]
pub(crate) struct Tokenize {
    /// As for `show`
    pub(crate) model: String,
    #[arg(long, conflicts_with = "prompt_file")]
    pub(crate) prompt: Option<String>,
    #[arg(long)]
    pub(crate) prompt_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// `settings.json` of a training directory
    pub(crate) settings: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CriticScore {
    /// Directory of a critic, as `train critic` leaves it
    pub(crate) critic: String,
    /// JSON Lines of samples: `{"id", "prompt", "program", "feedback", "origin"}`
    #[arg(long)]
    pub(crate) samples: PathBuf,
    /// JSON Lines of scores: `{"id", "origin", "token_ids", "logits", "predicted",
    /// "probabilities"}`, in the order of the samples
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Tokens of a prompt that are read at most
    #[arg(long, default_value_t = 600)]
    pub(crate) max_source_tokens: u32,
    /// Tokens of a program that are read at most, the end-of-text token included
    #[arg(long, default_value_t = 512)]
    pub(crate) max_target_tokens: u32,
    /// Pad to these lengths without a mask, as the released code does
    #[arg(long)]
    pub(crate) as_released: bool,
    /// Padded tokens of one forward pass
    #[arg(long, default_value_t = 16384)]
    pub(crate) max_tokens: u32,
}
