"""Checkpoints in other formats, and tokenizers."""

import json
import pathlib

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer

import variants


def write_directory(path, config):
    """A directory with everything but the weights. Its tokenizer knows single bytes."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2}
    vocabulary.update({character: index + 3 for index, character in enumerate(alphabet)})
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.add_special_tokens(["<pad>", "<s>", "</s>"])
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))


def compare_formats(table, ours, folder):
    rows = [{"source": [5, 6, 7, 8], "target": [0, 9, 10]}]
    name = "t5 relu tied"
    built = variants.model(name)
    config = variants.configuration(name, built)
    vocabulary = variants.VOCABULARY

    def check(what, write, rounded=lambda tensor: tensor):
        path = folder / what.replace(" ", "-")
        write_directory(path, config)
        write(path)
        # The reference with the weights as this format rounds them.
        weights = {key: rounded(value).float() for key, value in variants.weights(built).items()}
        whole = folder / f"{path.name}-reference"
        write_directory(whole, config)
        save_file(weights, whole / "model.safetensors")
        expected = ours.logits(whole, rows, vocabulary)
        table.close(name, f"as {what}", ours.logits(path, rows, vocabulary), expected, 0.0)

    def pytorch(path):
        # As `transformers` wrote it: copies of the embedding share its storage.
        state = dict(built.state_dict())
        state["encoder.embed_tokens.weight"] = state["shared.weight"]
        torch.save(state, path / "pytorch_model.bin")

    def transposed(path):
        state = {
            key: value.T.contiguous().T if value.dim() == 2 else value
            for key, value in variants.weights(built).items()
        }
        torch.save(state, path / "pytorch_model.bin")

    def half(kind):
        def write(path):
            tensors = {key: value.to(kind) for key, value in variants.weights(built).items()}
            save_file(tensors, path / "model.safetensors")

        return write

    def half_pytorch(path):
        tensors = {key: value.bfloat16() for key, value in variants.weights(built).items()}
        torch.save(tensors, path / "pytorch_model.bin")

    def parts(path):
        tensors = list(variants.weights(built).items())
        places = {}
        for index in range(2):
            file = f"model-{index + 1:05}-of-00002.safetensors"
            part = dict(tensors[index::2])
            save_file(part, path / file)
            places.update({key: file for key in part})
        listing = {"metadata": {}, "weight_map": places}
        (path / "model.safetensors.index.json").write_text(json.dumps(listing))

    check("pytorch_model.bin", pytorch)
    check("pytorch_model.bin, transposed", transposed)
    check("pytorch_model.bin, bfloat16", half_pytorch, lambda value: value.bfloat16())
    check("safetensors, bfloat16", half(torch.bfloat16), lambda value: value.bfloat16())
    check("safetensors, float16", half(torch.float16), lambda value: value.half())
    check("safetensors in two parts", parts)
    compare_gguf(table, ours, folder)


QUANTISED = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"]


def compare_gguf(table, ours, folder):
    for kind in QUANTISED:
        for architecture in ("llama", "qwen2"):
            path = folder / f"{architecture}-{kind}.gguf"
            write_gguf(path, kind, architecture)
            built = transformers.AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=path.name, dtype=torch.float32
            ).eval()
            tokens = [5, 250, 17, 33, 4, 99]
            with torch.no_grad():
                expected = built(torch.tensor([tokens])).logits[0].numpy()
            found = ours.logits(path, [{"target": tokens}], 259)
            table.close(f"{architecture} as GGUF", f"{kind}, logits", found, expected)


def write_gguf(path, kind, architecture):
    """A model of the architecture whose matrices are all of one type."""
    width, wide, n_heads, n_kv_heads, n_layers = 256, 512, 4, 2, 2
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(n_layers)
    writer.add_feed_forward_length(wide)
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(n_kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(width // n_heads)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["<pad>", "<s>", "</s>", *alphabet])
    writer.add_token_types([3, 3, 3] + [1] * len(alphabet))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(0)
    writer.add_vocab_size(259)

    def plain(name, shape):
        writer.add_tensor(name, variants.numbers(name, shape))

    def matrix(name, shape):
        raw_type = gguf.GGMLQuantizationType[kind]
        values = variants.numbers(name, shape)
        if kind == "F32":
            writer.add_tensor(name, values)
        elif kind == "F16":
            writer.add_tensor(name, values.astype(np.float16))
        elif kind.endswith("_K"):
            writer.add_tensor(name, random_blocks(name, shape, raw_type), raw_dtype=raw_type)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, raw_type), raw_dtype=raw_type)

    head = width // n_heads
    matrix("token_embd.weight", (259, width))
    plain("output_norm.weight", (width,))
    for layer in range(n_layers):
        part = lambda name: f"blk.{layer}.{name}"
        plain(part("attn_norm.weight"), (width,))
        plain(part("ffn_norm.weight"), (width,))
        for name, n_out in (("q", n_heads), ("k", n_kv_heads), ("v", n_kv_heads)):
            matrix(part(f"attn_{name}.weight"), (n_out * head, width))
            if architecture == "qwen2":
                plain(part(f"attn_{name}.bias"), (n_out * head,))
        matrix(part("attn_output.weight"), (width, width))
        matrix(part("ffn_gate.weight"), (wide, width))
        matrix(part("ffn_up.weight"), (wide, width))
        matrix(part("ffn_down.weight"), (width, wide))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_blocks(name, shape, kind):
    """Blocks of random bytes; PyPI `gguf` reads these types and does not write them."""
    _, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    n_blocks = int(np.prod(shape)) // 256
    random = np.random.default_rng(len(name) + shape[0])
    blocks = random.integers(0, 256, (n_blocks, n_bytes), dtype=np.uint8)
    scale = np.frombuffer(np.float16(2e-4).tobytes(), dtype=np.uint8)
    minimum = np.frombuffer(np.float16(2e-3).tobytes(), dtype=np.uint8)
    if kind == gguf.GGMLQuantizationType.Q4_K:
        blocks[:, 0:2], blocks[:, 2:4] = scale, minimum
    else:
        blocks[:, 208:210] = scale // 1
    return blocks.reshape(shape[0], -1)


def compare_tokenizers(table, ours, folder):
    """A tokenizer like CodeT5's, trained here on the code of this folder."""
    code = sorted(pathlib.Path(__file__).parent.glob("*.py"))
    trainer = ByteLevelBPETokenizer()
    special = ["<pad>", "<s>", "</s>", "<unk>", "<mask>", "<extra_id_0>"]
    trainer.train([str(path) for path in code], vocab_size=900, special_tokens=special)
    name = "t5 relu tied"
    built = variants.model(name)
    config = {**variants.configuration(name, built), "vocab_size": 1000}
    path = folder / "roberta"
    write_directory(path, config)
    (path / "tokenizer.json").unlink()
    trainer.save_model(str(path))
    (path / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "additional_special_tokens": ["<extra_id_0>"],
    }))
    save_file({"shared.weight": torch.zeros(1000, 48)}, path / "model.safetensors")
    reference = transformers.RobertaTokenizer.from_pretrained(
        path, extra_special_tokens=["<extra_id_0>"]
    )
    texts = [path.read_text() for path in code]
    texts += ["", " ", "\n\tif x:\n\t\treturn 'é' + \"\\u4e16\"  # 世界 🙂", "<s>a</s> <extra_id_0>b"]
    same = 0
    for text in texts:
        file = folder / "text.txt"
        file.write_text(text)
        found = json.loads(ours.run("tokenize", path, "--prompt-file", file))
        same += found == reference(text)["input_ids"]
    table.row("RoBERTa BPE", "token ids of vocab.json and merges.txt",
              f"{same} of {len(texts)} texts", same == len(texts))
