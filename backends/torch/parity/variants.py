"""Small models of every variant, with weights that are a formula of name and position.

The formula uses integers, so that other languages get the same weights bit by bit:
`tests/formula.rs` does, for comparison with numbers that `parity.py --golden` wrote.
"""

import zlib

import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

VOCABULARY = 320

T5 = dict(
    vocab_size=VOCABULARY, d_model=48, d_kv=8, d_ff=72, num_layers=2, num_decoder_layers=3,
    num_heads=5, relative_attention_num_buckets=8, relative_attention_max_distance=20,
    decoder_start_token_id=0, pad_token_id=0, eos_token_id=2,
)
LLAMA = dict(
    vocab_size=VOCABULARY, hidden_size=48, intermediate_size=80, num_hidden_layers=3,
    num_attention_heads=6, max_position_embeddings=512, bos_token_id=1, eos_token_id=2,
    pad_token_id=0,
)


def t5(**options):
    return T5Config(**{**T5, **options})


def llama(**options):
    return LlamaConfig(**{**LLAMA, **options})


def qwen2(**options):
    return Qwen2Config(**{**LLAMA, "num_key_value_heads": 2, **options})


VARIANTS = {
    "t5 relu tied": lambda: t5(feed_forward_proj="relu"),
    "t5 relu untied": lambda: t5(feed_forward_proj="relu", tie_word_embeddings=False),
    "t5 gated-gelu tied": lambda: t5(feed_forward_proj="gated-gelu"),
    "t5 gated-gelu untied": lambda: t5(
        feed_forward_proj="gated-gelu", tie_word_embeddings=False
    ),
    "t5 64 wide, 32 buckets": lambda: t5(
        d_model=96, d_kv=64, num_heads=2, relative_attention_num_buckets=32,
        relative_attention_max_distance=128,
    ),
    "llama 6/2 heads tied": lambda: llama(num_key_value_heads=2, tie_word_embeddings=True),
    "llama 6/2 heads untied": lambda: llama(num_key_value_heads=2, tie_word_embeddings=False),
    "llama 6/6 heads": lambda: llama(num_key_value_heads=6, tie_word_embeddings=False),
    "llama wide heads": lambda: llama(
        num_key_value_heads=3, head_dim=40, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    ),
    "qwen2 untied": lambda: qwen2(tie_word_embeddings=False),
    "qwen2 tied": lambda: qwen2(tie_word_embeddings=True),
}


def is_untied(name):
    return name.endswith("untied")


def numbers(name, shape):
    """The elements of a tensor, in [-0.5, 0.5) times a factor; norms are about 1."""
    n = int(np.prod(shape))
    state = (np.arange(n, dtype=np.uint64) + 1) * np.uint64(2654435761)
    state = (state + np.uint64(zlib.crc32(name.encode()))) & np.uint64(0xFFFFFFFF)
    state = (state ^ (state >> np.uint64(15))) * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    state = (state ^ (state >> np.uint64(13))) * np.uint64(3266489917) & np.uint64(0xFFFFFFFF)
    state ^= state >> np.uint64(16)
    unit = state.astype(np.float64) / 2.0**32 - 0.5
    if "norm" in name:
        values = 1.0 + 0.5 * unit
    else:
        values = unit * (4.0 / np.sqrt(np.float64(shape[-1])))
    return values.astype(np.float32).reshape(shape)


def model(name):
    """The model of a variant."""
    config = VARIANTS[name]()
    kind = {"t5": T5ForConditionalGeneration, "llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM}
    built = kind[config.model_type](config).eval()
    if is_untied(name):
        # `transformers` 5 ties T5's embeddings whatever the configuration says, and lets the
        # configuration decide on the scaling alone.
        built.lm_head.weight = torch.nn.Parameter(built.lm_head.weight.detach().clone())
    with torch.no_grad():
        for key, parameter in built.named_parameters():
            parameter.copy_(torch.from_numpy(numbers(key, tuple(parameter.shape))))
    return built


def weights(built):
    """Name to tensor, each once."""
    return {key: value.detach().contiguous() for key, value in built.named_parameters()}


def configuration(name, built):
    """`config.json` as older and newer versions of `transformers` write it."""
    config = built.config.to_dict()
    if config["model_type"] == "t5":
        config["tie_word_embeddings"] = not is_untied(name)
        config["scale_decoder_outputs"] = not is_untied(name)
    return config
