//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use harness::training::{Device, Precision};

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
    /// Make a model with random weights, to be trained from nothing
    New(Box<New>),
    /// Write a checkpoint, such as a GGUF file, as a folder that `transformers` loads
    Export(Export),
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
    /// Loss and gradients of a first update over all the data of a training, to be compared with
    /// those of other programs
    #[command(hide = true)]
    Gradients(Gradients),
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
pub(crate) struct Export {
    /// As for `show`
    pub(crate) model: String,
    /// Folder to make; weights are float32 there
    pub(crate) folder: PathBuf,
}

const AFTER_NEW: &str = "\
The folder is as `transformers` writes it: config.json, generation_config.json, model.safetensors
in float32, tokenizer.json and tokenizer_config.json. The same options give the same files on any
machine.

Examples:
  coderl-torch new models/tiny --tokenizer-from train.jsonl --vocabulary 600
  coderl-torch new models/small --preset codet5-small --tokenizer codet5-base
  coderl-torch new models/llama --architecture llama --layers 4 --tokenizer-from corpus.jsonl \\
      --vocabulary 8000";

#[derive(Debug, Args)]
#[command(after_help = AFTER_NEW)]
pub(crate) struct New {
    /// Folder to make
    pub(crate) folder: PathBuf,
    #[arg(long, value_enum, default_value_t = Family::T5)]
    pub(crate) architecture: Family,
    /// Sizes, which the options below override one by one
    #[arg(long, value_enum, default_value_t = PresetName::Tiny)]
    pub(crate) preset: PresetName,
    /// Seed of the weights
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Copy the tokenizer of this folder
    #[arg(
        long,
        value_name = "FOLDER",
        help_heading = "Tokenizer",
        conflicts_with = "tokenizer_from"
    )]
    pub(crate) tokenizer: Option<PathBuf>,
    /// Learn a byte-level BPE of the texts in these JSON Lines files
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Tokenizer")]
    pub(crate) tokenizer_from: Vec<PathBuf>,
    /// Fields with text, such as `program` or `prompt.text`; may be given several times
    /// [default: prompt, prompt.text, program, text, question, code, solution]
    #[arg(long, value_name = "NAME", help_heading = "Tokenizer")]
    pub(crate) field: Vec<String>,
    /// Entries to learn: 260 are bytes and special tokens; sentinels come on top. CodeT5 has
    /// 32000
    #[arg(
        long,
        value_name = "N",
        default_value_t = 600,
        help_heading = "Tokenizer"
    )]
    pub(crate) vocabulary: usize,
    /// Tokens `<extra_id_0>` and on, for masked spans in pretraining [default: 100; 0 for llama]
    #[arg(long, value_name = "N", help_heading = "Tokenizer")]
    pub(crate) sentinels: Option<usize>,
    /// Token at which texts end [default: as the tokenizer's files say]
    #[arg(long, value_name = "TOKEN", help_heading = "Tokenizer")]
    pub(crate) end_token: Option<String>,
    /// Token with which texts begin [default: as the tokenizer's files say]
    #[arg(long, value_name = "TOKEN", help_heading = "Tokenizer")]
    pub(crate) begin_token: Option<String>,
    /// Padding, with which a T5 decoder starts [default: as the tokenizer's files say]
    #[arg(long, value_name = "TOKEN", help_heading = "Tokenizer")]
    pub(crate) pad_token: Option<String>,

    /// Width of hidden states (d_model)
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) model_width: Option<usize>,
    /// Width within feed-forward layers (d_ff)
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) feed_forward_width: Option<usize>,
    /// Width of an attention head (d_kv)
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) head_width: Option<usize>,
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) heads: Option<usize>,
    /// Heads of keys and values (llama) [default: as many as heads]
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) kv_heads: Option<usize>,
    /// Layers of the encoder, or of a model without one
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) layers: Option<usize>,
    /// Layers of the decoder (t5) [default: as many as of the encoder]
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) decoder_layers: Option<usize>,
    /// Rows of the embeddings, if there are to be more than tokens
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) embeddings: Option<usize>,
    /// Longest text in tokens (llama) [default: 2048]
    #[arg(long, value_name = "N", help_heading = "Sizes")]
    pub(crate) max_positions: Option<usize>,
    /// Probability of dropout while training (t5) [default: 0.1]
    #[arg(long, value_name = "P", help_heading = "Sizes")]
    pub(crate) dropout: Option<f64>,
    /// Gated GELU in place of ReLU (t5)
    #[arg(long, help_heading = "Sizes")]
    pub(crate) gated: bool,
    /// A matrix of its own for the output
    #[arg(long, help_heading = "Sizes")]
    pub(crate) untied: bool,
    /// Standard deviation of the embeddings [default: 1 for t5, 0.02 for llama, as
    /// `transformers` has it]. The output of a tied model is made of them too: with 1, a new T5
    /// expects the token that it has just read, and its loss begins above that of a guess; with 0.1
    /// it begins at that. See docs/torch.md before changing it
    #[arg(long, value_name = "X", help_heading = "Sizes")]
    pub(crate) embedding_std: Option<f64>,
}

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    /// Encoder and decoder, as CodeT5
    T5,
    /// Decoder alone
    Llama,
}

/// Sizes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetName {
    /// Width 128, 4 heads, 2 + 2 layers: the micro suite's
    Tiny,
    /// Width 512, 8 heads, 6 + 6 layers (60 M)
    Codet5Small,
    /// Width 768, 12 heads, 12 + 12 layers (220 M)
    Codet5Base,
    /// Width 1024, 16 heads, 24 + 24 layers (770 M)
    Codet5Large,
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
    /// Directory of a critic that has its say in each token
    #[arg(long, value_name = "DIR")]
    pub(crate) critic: Option<String>,
    /// How much of a say: p'(w) ∝ p(w) · p(passed | … w)^β
    #[arg(long, value_name = "β", default_value_t = 1.0, requires = "critic")]
    pub(crate) guidance: f64,
    /// Tokens that the critic tries for each that is drawn
    #[arg(long, value_name = "M", default_value_t = 16, requires = "critic")]
    pub(crate) guidance_top: u32,
    /// Print speed to standard error
    #[arg(long)]
    pub(crate) timing: bool,
    #[command(flatten)]
    pub(crate) computing: Computing,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Where decoding computes, and in what.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Computing {
    /// Where the model runs: cpu, or cuda, the first GPU
    #[arg(long, default_value_t)]
    pub(crate) device: Device,
    /// In what it decodes on a GPU: float32 or bfloat16
    #[arg(long, default_value_t)]
    pub(crate) precision: Precision,
}

/// What decoding may use.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Limits {
    /// Rows that are decoded together [default: 64, on a GPU 256]
    #[arg(long)]
    pub(crate) max_rows: Option<usize>,
    /// Memory for keys and values of what rows generate, in MiB
    #[arg(long, default_value_t = 4096)]
    pub(crate) cache_mib: usize,
}

impl Limits {
    pub(crate) fn resolve(self, device: Device) -> backend_torch::decode::Limits {
        let default = match device {
            Device::Cpu => 64,
            Device::Cuda => 256,
        };
        backend_torch::decode::Limits {
            max_rows: self.max_rows.unwrap_or(default).max(1),
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
    /// The same by libtorch, as on a GPU
    Device,
    /// On tensors, each row by itself
    Tensors,
    /// On tensors, all rows in one batch that is padded on the left
    PaddedLeft,
    /// On tensors, all rows in one batch that is padded on the right
    PaddedRight,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// As for `show`; or the directory of a critic, which scores programs and writes none
    #[arg(long)]
    pub(crate) model: String,
    /// Directory of a critic that guides decoding where a request asks for it
    #[arg(long, value_name = "DIR")]
    pub(crate) critic: Option<String>,
    /// Tokens of a prompt that a critic reads at most
    #[arg(long, default_value_t = 600)]
    pub(crate) max_source_tokens: u32,
    /// Tokens of a program that a critic reads at most, the end-of-text token included
    #[arg(long, default_value_t = 512)]
    pub(crate) max_target_tokens: u32,
    #[command(flatten)]
    pub(crate) computing: Computing,
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
pub(crate) struct Gradients {
    /// `settings.json` of a training directory
    pub(crate) settings: PathBuf,
    /// Safetensors file to write: the gradients by name, and `loss`
    #[arg(long)]
    pub(crate) out: PathBuf,
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
    /// Where the critic runs: cpu or cuda
    #[arg(long, default_value_t)]
    pub(crate) device: Device,
}
