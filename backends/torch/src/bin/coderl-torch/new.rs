//! `new`: a model that has learnt nothing yet, as a directory.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use backend_torch::checkpoint::{Checkpoint, Config, Existing, TokenizerSource, write_directory};
use backend_torch::initial::{Architecture, InitialWeights, Preset, Sizes, SpecialIds, Spread};
use backend_torch::tokenizer::{self, Recipe, Tokenizer};
use serde_json::Value;

use crate::arguments::{Family, New, PresetName};
use crate::texts;

pub(crate) fn new(options: &New) -> Result<()> {
    if options.folder.exists() && options.folder.read_dir()?.next().is_some() {
        // Before the work is done, not after it.
        bail!(backend_torch::Error::AlreadyThere {
            path: options.folder.clone()
        });
    }
    let work = tempfile::tempdir()?;
    let folder = match &options.tokenizer {
        Some(folder) => folder.clone(),
        None => {
            train_tokenizer(options, work.path())?;
            work.path().to_owned()
        }
    };
    let source = TokenizerSource::Directory(folder.clone());
    let config = config(options, &folder, &source)?;
    let spread = Spread {
        embedding: options.embedding_std,
    };
    let weights = InitialWeights::new(&config, options.seed, spread);
    write_directory(&options.folder, &config, &weights, &source, Existing::Keep)?;
    // What was written is what will be read.
    let checkpoint = Checkpoint::open(&options.folder)?;
    Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
    writeln!(
        std::io::stdout(),
        "{}: {:.1} M weights, {} tokens",
        options.folder.display(),
        weights.len() as f64 / 1e6,
        config.vocabulary_size()
    )?;
    Ok(())
}

fn train_tokenizer(options: &New, folder: &Path) -> Result<()> {
    let files = &options.tokenizer_from;
    ensure!(
        !files.is_empty(),
        "a model needs a tokenizer: give --tokenizer FOLDER to copy one, or --tokenizer-from \
         FILE.jsonl to learn one"
    );
    let texts = texts::read(files, &options.field)?;
    let n_sentinels = options.sentinels.unwrap_or(match options.architecture {
        Family::T5 => 100,
        Family::Llama => 0,
    });
    let recipe = Recipe {
        n_entries: options.vocabulary,
        n_sentinels,
        adds_end: options.architecture == Family::T5,
    };
    let n_tokens = tokenizer::train(texts.into_iter(), recipe, folder)?;
    let wanted = recipe.n_entries + n_sentinels;
    if n_tokens < wanted {
        writeln!(
            std::io::stderr(),
            "note: the texts gave {n_tokens} tokens and not {wanted}: no two tokens follow one \
             another twice any more"
        )?;
    }
    Ok(())
}

fn config(options: &New, folder: &Path, source: &TokenizerSource) -> Result<Config> {
    let known = KnownTokens::read(folder)?;
    let id = |given: &Option<String>, keys: &[&str]| -> Result<Option<u32>> {
        match given {
            Some(token) => match known.id(token) {
                Some(id) => Ok(Some(id)),
                None => bail!("the tokenizer has no token `{token}`"),
            },
            None => Ok(keys.iter().find_map(|key| known.special(key))),
        }
    };
    let end = id(&options.end_token, &["eos_token", "</s>"])?
        .context("cannot tell at which token a text ends; give --end-token")?;
    let special = SpecialIds {
        pad: id(&options.pad_token, &["pad_token", "<pad>"])?,
        begin: id(&options.begin_token, &["bos_token", "<s>"])?,
        end,
    };
    let (architecture, sizes) = (options.architecture, sizes(options)?);
    let architecture = match architecture {
        Family::T5 => Architecture::T5,
        Family::Llama => Architecture::Llama,
    };
    let n_tokens = known.largest as usize + 1;
    let vocabulary = options.embeddings.unwrap_or(n_tokens);
    ensure!(
        vocabulary >= n_tokens,
        "--embeddings {vocabulary} are too few: the tokenizer has ids up to {}",
        known.largest
    );
    let config = sizes.config(architecture, vocabulary, &special)?;
    Tokenizer::load(source, &config)?;
    Ok(config)
}

fn sizes(options: &New) -> Result<Sizes> {
    let preset = match options.preset {
        PresetName::Tiny => Preset::Tiny,
        PresetName::Codet5Small => Preset::CodeT5Small,
        PresetName::Codet5Base => Preset::CodeT5Base,
        PresetName::Codet5Large => Preset::CodeT5Large,
    };
    if options.architecture == Family::Llama {
        ensure!(
            preset == Preset::Tiny,
            "the presets of CodeT5 are for `--architecture t5`; give a Llama its sizes one by one"
        );
        ensure!(
            options.decoder_layers.is_none() && options.dropout.is_none() && !options.gated,
            "--decoder-layers, --dropout and --gated are for `--architecture t5`"
        );
    }
    let base = preset.sizes();
    let n_heads = options.heads.unwrap_or(base.n_heads);
    let n_layers = options.layers.unwrap_or(base.n_layers);
    Ok(Sizes {
        model_width: options.model_width.unwrap_or(base.model_width),
        feed_forward_width: options
            .feed_forward_width
            .unwrap_or(base.feed_forward_width),
        head_width: options.head_width.unwrap_or(base.head_width),
        n_heads,
        n_kv_heads: options.kv_heads.unwrap_or(n_heads),
        n_layers,
        n_decoder_layers: options.decoder_layers.unwrap_or(n_layers),
        activation: if options.gated {
            backend_torch::checkpoint::Activation::GatedGelu
        } else {
            base.activation
        },
        dropout: options.dropout.unwrap_or(base.dropout),
        tied: !options.untied,
        max_positions: options.max_positions.unwrap_or(base.max_positions),
    })
}

/// The tokens of a tokenizer's files, before there is a model that they could be checked with.
struct KnownTokens {
    ids: std::collections::BTreeMap<String, u32>,
    largest: u32,
    configuration: Value,
}

impl KnownTokens {
    fn read(folder: &Path) -> Result<Self> {
        let ids = tokenizer::vocabulary(&TokenizerSource::Directory(folder.to_owned()))?;
        let file: PathBuf = folder.join("tokenizer_config.json");
        let configuration = match file.is_file() {
            true => serde_json::from_str(&std::fs::read_to_string(&file)?)
                .with_context(|| format!("`{}`", file.display()))?,
            false => Value::Null,
        };
        Ok(Self {
            largest: ids.values().copied().max().unwrap_or(0),
            ids,
            configuration,
        })
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The token that the files name for `key`; or `key` as a token itself.
    fn special(&self, key: &str) -> Option<u32> {
        let value = &self.configuration[key];
        let named = value.as_str().or(value["content"].as_str());
        self.id(named.unwrap_or(key))
    }
}
