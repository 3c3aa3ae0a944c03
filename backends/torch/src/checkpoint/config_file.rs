//! A configuration as the files that `transformers` keeps it in, of its versions 4 and 5 alike.

use serde_json::{Map, Value, json};

use super::config::{Activation, Config, LlamaConfig, T5Config};

impl Config {
    /// What `config.json` says of the model.
    pub fn to_json(&self) -> Value {
        match self {
            Self::T5(config) => t5(config),
            Self::Llama(config) => llama(config),
        }
    }

    /// `generation_config.json`: the tokens at which texts begin and end.
    pub fn generation_json(&self) -> Value {
        let mut file = Map::new();
        file.insert("_from_model_config".to_owned(), json!(true));
        add_tokens(&mut file, self);
        Value::Object(file)
    }
}

fn t5(config: &T5Config) -> Value {
    let activation = match config.activation {
        Activation::Relu => "relu",
        Activation::GatedGelu => "gated-gelu",
    };
    let mut file = object(json!({
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": true,
        "vocab_size": config.vocabulary_size,
        "d_model": config.model_width,
        "d_kv": config.head_width,
        "d_ff": config.feed_forward_width,
        "num_heads": config.n_heads,
        "num_layers": config.n_encoder_layers,
        "num_decoder_layers": config.n_decoder_layers,
        "relative_attention_num_buckets": config.n_position_buckets,
        "relative_attention_max_distance": config.max_position_distance,
        "feed_forward_proj": activation,
        "dropout_rate": config.dropout,
        "layer_norm_epsilon": config.norm_epsilon,
        "initializer_factor": 1.0,
        // Version 5 keeps the first key for what it makes of the second.
        "scale_decoder_outputs": config.tied,
        "tie_word_embeddings": config.tied,
        "use_cache": true,
        "dtype": "float32",
    }));
    add_tokens(&mut file, &Config::T5(config.clone()));
    Value::Object(file)
}

fn llama(config: &LlamaConfig) -> Value {
    // What tells the two apart is their bias.
    let (architecture, model_type) = if config.attention_bias {
        ("Qwen2ForCausalLM", "qwen2")
    } else {
        ("LlamaForCausalLM", "llama")
    };
    let mut file = object(json!({
        "architectures": [architecture],
        "model_type": model_type,
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.model_width,
        "head_dim": config.head_width,
        "intermediate_size": config.feed_forward_width,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "num_hidden_layers": config.n_layers,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        // Version 4 reads the first, version 5 the second.
        "rope_theta": config.rope.theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope.theta},
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": config.tied,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": true,
        "dtype": "float32",
    }));
    if config.attention_bias {
        file.insert("use_sliding_window".to_owned(), json!(false));
    } else {
        file.insert("attention_bias".to_owned(), json!(false));
        file.insert("mlp_bias".to_owned(), json!(false));
    }
    add_tokens(&mut file, &Config::Llama(config.clone()));
    Value::Object(file)
}

fn add_tokens(file: &mut Map<String, Value>, config: &Config) {
    let mut add = |key: &str, value: Value| file.insert(key.to_owned(), value);
    add(
        "eos_token_id",
        match config.end_tokens() {
            [] => Value::Null,
            [token] => json!(token),
            tokens => json!(tokens),
        },
    );
    match config {
        Config::T5(config) => {
            add("pad_token_id", json!(config.pad_token));
            add("decoder_start_token_id", json!(config.decoder_start_token));
        }
        // Left out, it would be 1 for `transformers`.
        Config::Llama(config) => {
            add("bos_token_id", json!(config.begin_token));
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => unreachable!("written above as an object"),
    }
}
