"""Writes a tiny causal model of random weights, with a tokenizer of bytes, into a folder."""

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
vocabulary = {symbol: index for index, symbol in enumerate(["<end>", *alphabet])}
tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(sys.argv[1])

torch.manual_seed(0)
config = LlamaConfig(vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64,
                     num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=512,
                     bos_token_id=None, eos_token_id=0)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
