"""Numeric parity of `coderl-torch` with `transformers`, as a table.

    python backends/torch/parity/parity.py --coderl-torch target/release/coderl-torch

Exit code 1 if anything differs by more than it may. `--golden FILE` and `--golden-training FILE`
write the numbers that the tests of the package compare with where `transformers` is not
installed.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

import files
import new_models
import training
import variants

LIMIT = 1e-4
# Of the real model, whose logits reach 40: thirty layers in float32 leave `transformers` 0.7e-4
# away from float64, so that two ways of summing can be more than 1e-4 apart there.
RELATIVE = 1e-5
N_GREEDY = 200


class Table:
    def __init__(self):
        self.failed = 0

    def row(self, name, what, result, good):
        self.failed += not good
        print(f"{name:<26} {what:<44} {result:<24} {'ok' if good else 'DIFFERS'}", flush=True)

    def close(self, name, what, found, expected, limit=LIMIT, relative=0.0):
        if found.shape != expected.shape:
            self.row(name, what, f"shapes {found.shape} {expected.shape}", False)
            return
        difference = np.abs(found - expected)
        good = bool((difference <= limit + relative * np.abs(expected)).all())
        self.row(name, what, f"max difference {difference.max():.1e}", good)

    def equal(self, name, what, found, expected):
        self.row(name, what, "equal" if found == expected else "not equal", found == expected)


class Ours:
    """Runs the binary."""

    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = folder

    def run(self, *arguments):
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def logits(self, model, rows, vocabulary, *options):
        source, target = self.folder / "rows.json", self.folder / "logits.bin"
        source.write_text(json.dumps({"rows": rows}))
        self.run("logits", model, "--input", source, "--output", target, *options)
        return np.fromfile(target, dtype="<f4").reshape(-1, vocabulary)

    def generate(self, model, tokens, *options):
        listed = ",".join(map(str, tokens))
        out = self.run("generate", model, "--tokens", listed, *options)
        return [json.loads(line) for line in out.splitlines()]


def rows_for(built, seed):
    """Token ids of different lengths, longer than the distance at which positions count."""
    random = np.random.default_rng(seed)
    ids = lambda n: random.integers(3, 260, n).tolist()
    if built.config.is_encoder_decoder:
        return [{"source": ids(n), "target": [0] + ids(m)} for n, m in ((7, 9), (45, 30), (1, 3))]
    return [{"target": ids(n)} for n in (6, 41, 2)]


@torch.no_grad()
def reference(built, row):
    target = torch.tensor([row["target"]])
    if built.config.is_encoder_decoder:
        source = torch.tensor([row["source"]])
        logits = built(input_ids=source, decoder_input_ids=target, use_cache=False).logits
    else:
        logits = built(input_ids=target, use_cache=False).logits
    return logits[0].float().numpy()


def caches_work(built):
    """The caches of `transformers` 5 have as many layers as the encoder."""
    config = built.config
    return not config.is_encoder_decoder or config.num_layers == config.num_decoder_layers


@torch.no_grad()
def reference_generate(built, row, **options):
    tokens = row["source"] if built.config.is_encoder_decoder else row["target"]
    out = built.generate(
        torch.tensor([tokens]), attention_mask=torch.ones(1, len(tokens), dtype=torch.long),
        do_sample=False, use_cache=caches_work(built), **options,
    )
    skipped = 1 if built.config.is_encoder_decoder else len(tokens)
    return [sequence[skipped:].tolist() for sequence in out]


def compare_variant(table, ours, name, built, path):
    rows = rows_for(built, 1)
    expected = np.concatenate([reference(built, row) for row in rows])
    vocabulary = built.config.vocab_size
    found = ours.logits(path, rows, vocabulary)
    table.close(name, "logits, decoder with caches", found, expected)
    for option, what in (
        ("device", "logits, decoder for GPUs, on the processor"),
        ("tensors", "logits, tensors"),
        ("padded-left", "logits, tensors padded on the left"),
        ("padded-right", "logits, tensors padded on the right"),
    ):
        table.close(name, what, ours.logits(path, rows, vocabulary, "--path", option), expected)
    singles = np.concatenate([ours.logits(path, [row], vocabulary) for row in rows])
    table.row(name, "a batch against singles, bit by bit", "", bool((singles == found).all()))
    if not built.config.is_encoder_decoder:
        n = len(rows[1]["target"])
        uncached = ours.logits(path, [rows[1]], vocabulary, "--prompt-tokens", n)
        cached = ours.logits(path, [rows[1]], vocabulary)[-1:]
        table.close(name, "cached against uncached", cached, uncached, 1e-5)
    compare_text(table, ours, name, built, path, rows[1])


def compare_text(table, ours, name, built, path, row):
    tokens = row["source"] if built.config.is_encoder_decoder else row["target"]
    n = N_GREEDY
    greedy = reference_generate(built, row, max_new_tokens=n, min_new_tokens=n)[0]
    found = ours.generate(
        path, tokens, "--temperature", 0, "--max-new-tokens", n, "--min-new-tokens", n
    )
    table.equal(name, f"greedy, {n} tokens", found[0]["tokens"], greedy)
    for penalty in (1.0, 0.3):
        beams = reference_generate(
            built, row, num_beams=4, num_return_sequences=4, length_penalty=penalty,
            max_new_tokens=24, early_stopping=False,
        )
        found = ours.generate(
            path, tokens, "--beams", 4, "-n", 4, "--length-penalty", penalty,
            "--max-new-tokens", 24,
        )
        # Shorter ones are padded there.
        found = [candidate["tokens"] for candidate in found]
        beams = [beam[: len(tokens)] for beam, tokens in zip(beams, found)]
        table.equal(name, f"4 beams, length penalty {penalty}", found, beams)


def compare_smollm2(table, ours):
    name = "SmolLM2-135M-Instruct"
    path = pathlib.Path(ours.run("fetch", "smollm2-135m").strip())
    load = dict(pretrained_model_name_or_path=path.parent, gguf_file=path.name)
    built = transformers.AutoModelForCausalLM.from_pretrained(**load, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(**load)
    texts = [
        "def max3(a, b, c):\n    return ",
        "Write a function to find the n-th Fibonacci number, 1234567 at most.\n\n\tassert",
        "Gravity is",
    ]
    rows = [{"target": tokenizer(text)["input_ids"]} for text in texts]
    for text, row in zip(texts, rows):
        found = json.loads(ours.run("tokenize", path, "--prompt", text))
        table.equal(name, f"token ids of {text[:16]!r}…", found, row["target"])
    vocabulary = built.config.vocab_size
    expected = np.concatenate([reference(built, row) for row in rows])
    found = ours.logits(path, rows, vocabulary)
    table.close(name, "logits, decoder (1e-4 + 1e-5 of the logit)", found, expected, relative=RELATIVE)
    tensors = ours.logits(path, rows, vocabulary, "--path", "tensors")
    table.close(name, "logits, tensors", tensors, expected)
    tensors = ours.logits(path, rows, vocabulary, "--path", "padded-left")
    table.close(name, "logits, tensors padded on the left", tensors, expected, relative=RELATIVE)
    wide = np.concatenate([reference(in_float64(built), row) for row in rows])
    table.close(name, "logits, decoder against float64", found, wide)
    table.close(name, "logits, transformers against float64", expected, wide)
    for row in rows:
        compare_text(table, ours, name, built, path, row)


def in_float64(built):
    """A copy that forgets that its weights were quantised, or it cannot be converted."""
    config = {
        key: value for key, value in built.config.to_dict().items()
        if key not in ("quantization_config", "model_type", "architectures")
    }
    wide = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config))
    wide.load_state_dict(built.state_dict())
    return wide.double().eval()


def golden(path):
    """Numbers of every variant: some columns of logits, and greedy text."""
    columns = list(range(0, variants.VOCABULARY, 29))
    cases = []
    for name in variants.VARIANTS:
        built = variants.model(name)
        rows = rows_for(built, 2)
        logits = [np.round(reference(built, row)[:, columns].astype(float), 5) for row in rows]
        cases.append({
            "name": name,
            "config": {
                key: value
                for key, value in variants.configuration(name, built).items()
                if value is not None and key not in ("transformers_version", "id2label", "label2id")
            },
            "tensors": {key: list(value.shape) for key, value in variants.weights(built).items()},
            "rows": rows,
            "columns": columns,
            "logits": [values.tolist() for values in logits],
            "greedy": reference_generate(built, rows[1], max_new_tokens=60, min_new_tokens=60)[0],
        })
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    text = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(f'{{"written_by": "parity.py --golden, {versions}",\n"cases": [\n{text}\n]}}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coderl-torch", type=pathlib.Path, required=True)
    parser.add_argument("--golden", type=pathlib.Path, help="write numbers for the tests and end")
    parser.add_argument("--golden-training", type=pathlib.Path, help="as --golden, of training")
    parser.add_argument("--without-smollm2", action="store_true")
    parser.add_argument("--only-training", action="store_true")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if options.golden:
        golden(options.golden)
        return
    if options.golden_training:
        with tempfile.TemporaryDirectory() as folder:
            training.golden(options.golden_training, pathlib.Path(folder))
        return
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ours = Ours(options.coderl_torch, folder)
        training.compare(table, ours, folder)
        if options.only_training:
            sys.exit(f"{table.failed} comparisons differ" if table.failed else 0)
        for name in variants.VARIANTS:
            built = variants.model(name)
            path = folder / name.replace(" ", "-").replace("/", "-")
            files.write_directory(path, variants.configuration(name, built))
            save_file(variants.weights(built), path / "model.safetensors")
            compare_variant(table, ours, name, built, path)
        files.compare_formats(table, ours, folder)
        files.compare_tokenizers(table, ours, folder)
        new_models.compare(table, ours, folder)
        if not options.without_smollm2:
            new_models.compare_exported(table, ours, folder, "smollm2-135m")
            compare_smollm2(table, ours)
    if table.failed:
        sys.exit(f"{table.failed} comparisons differ")


if __name__ == "__main__":
    main()
