"""Training speed and memory of `coderl-torch train` beside plain PyTorch on `transformers`.

    python backends/torch/bench/train.py --coderl-torch target/release/coderl-torch

The same small T5, the same sequences, float32, one thread, dropout 0.1. "PyTorch, equal padding" is a
plain loop whose passes hold the same sequences; "PyTorch" pads as such loops do, similar lengths
together up to a number of tokens; "released" pads every sequence to 600 and 512 tokens and masks
nothing, as CodeRL's training does. Tokens are those of prompts and programs, without padding; loading
and the first update are not measured. Seconds are those of the processor, so that what else the
machine does hardly matters. The ratio is the time of the other to that of `coderl-torch`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

MAX_SOURCE, MAX_TARGET = 600, 512
MAX_TOKENS = 4096
# Padding that is worth a pass less, as `PassLimits` has it.
OVERHEAD = 64
# Tokens of prompts and programs as they are in APPS: `apps_lengths.py`.
LENGTHS = [
    (160, 101), (236, 55), (236, 70), (236, 74), (280, 40), (236, 89), (280, 77), (225, 147),
    (218, 178), (280, 152), (379, 102), (218, 284), (459, 54), (398, 123), (444, 86), (459, 84),
    (487, 64), (449, 110), (487, 84), (390, 196), (525, 70), (525, 78), (459, 159), (487, 161),
    (390, 269), (600, 85), (600, 96), (600, 104), (600, 109), (600, 118), (352, 369), (600, 127),
    (600, 136), (600, 145), (600, 154), (600, 165), (600, 173), (600, 183), (600, 195), (600, 210),
    (600, 215), (600, 224), (600, 235), (600, 245), (600, 273), (600, 318), (600, 367), (600, 512),
]
SIZE = 16
# Of the tokens of which texts are made; a model may have more embeddings.
N_TOKENS = 320
ALPHABET = "abcdefghijklmnopqrstuvwxyz "


def text(n, seed):
    """One token a character."""
    return "".join(ALPHABET[(seed * 31 + at * at) % len(ALPHABET)] for at in range(n))


def records():
    out = []
    for index, (n_source, n_target) in enumerate(LENGTHS):
        n_target -= 1  # and the end-of-text token
        out.append({
            "id": {"problem": f"p/{index}", "index": 0}, "prompt": {"text": text(n_source, index)},
            "program": text(n_target, index + 100), "origin": "sampled",
            "feedback": {"outcome": "failed-tests" if index % 2 else "passed-tests"},
            "baseline": "runtime-error", "token_values": [0.5] * (n_target + 1),
        })
    return out


def write_model(path, width, layers, vocabulary):
    import tokenizers
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    config = transformers.T5Config(
        vocab_size=vocabulary, d_model=width, d_kv=16, d_ff=4 * width, num_layers=layers,
        num_heads=width // 16, decoder_start_token_id=0, pad_token_id=0, eos_token_id=2,
    )
    torch.manual_seed(0)
    transformers.T5ForConditionalGeneration(config).save_pretrained(path)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = {word: at for at, word in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(words, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))


def rl():
    return {
        "name": "rl", "rl-weight": 1.0, "ce-weight": 1.0, "ce-on-samples": False,
        "algorithm": {"name": "code-rl", "baseline": "greedy", "token-value": "critic"},
        "negative-weight": 1.0, "reduction": "token-mean", "order": "joint", "lint-penalty": 0.0,
    }


def write_settings(folder, stage, n_updates, checkpointing):
    folder.mkdir()
    lines = "".join(json.dumps(record) + "\n" for record in records())
    for name in ("examples", "samples"):
        (folder / f"{name}.jsonl").write_text(lines)
    path = folder / "settings.json"
    path.write_text(json.dumps({
        "stage": {"name": "sft"} if stage == "sft" else rl(),
        "model": str(folder.parent / "model"), "out": str(folder),
        "data": {"examples": "examples.jsonl", "samples": "samples.jsonl"},
        "optimizer": {
            "learning-rate": 1e-4, "schedule": {"name": "constant"}, "warmup-steps": 0,
            "weight-decay": 0.05, "beta-1": 0.9, "beta-2": 0.999, "epsilon": 1e-8,
            "max-gradient-norm": 1.0,
        },
        "batch": {
            "size": SIZE, "max-tokens": MAX_TOKENS, "epochs": 1.0, "steps": n_updates + 1,
            "max-source-tokens": MAX_SOURCE, "max-target-tokens": MAX_TARGET,
        },
        "checkpoints": {"every": 100000, "keep-last": 1}, "seed": 0,
        "gradient-checkpointing": checkpointing,
    }))
    return path


# --- Plain PyTorch, run as a process of its own --------------------------------------------------


def passes(batch, padding):
    """Positions of the sequences of each forward pass."""
    if padding == "released":
        # As many padded tokens a pass.
        n = MAX_TOKENS // (MAX_SOURCE + MAX_TARGET)
        return [range(at, min(at + n, len(batch))) for at in range(0, len(batch), n)]
    order = sorted(range(len(batch)), key=lambda at: (sum(map(len, batch[at])), len(batch[at][0])))
    # The least cost of the first so many, and where their last pass begins.
    best = [(0, 0)]
    for end in range(1, len(order) + 1):
        found, widths = [], (0, 0)
        for first in range(end - 1, -1, -1):
            widths = tuple(max(a, len(b)) for a, b in zip(widths, batch[order[first]]))
            n_tokens = (end - first) * sum(widths)
            if n_tokens > MAX_TOKENS and end - first > 1:
                break
            overhead = OVERHEAD if padding == "equal" else MAX_TOKENS
            found.append((best[first][0] + n_tokens + overhead, -first))
        cost, first = min(found)
        best.append((cost, -first))
    out, end = [], len(order)
    while end:
        first = best[end][1]
        out.append(order[first:end])
        end = first
    return out[::-1]


def pytorch(folder, stage, n_updates, padding):
    """Prints a line an update: its tokens and seconds."""
    import tokenizers
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder / "model").train()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "model/tokenizer.json"))
    ids = lambda text: tokenizer.encode(text).ids
    data = [
        (ids(it["prompt"]["text"])[:MAX_SOURCE], (ids(it["program"]) + [2])[:MAX_TARGET])
        for it in records()
    ]
    decays = [it for it in model.parameters() if it.dim() > 1]
    others = [it for it in model.parameters() if it.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=1e-4
    )

    def backward(batch, advantages):
        n_labels = sum(len(target) for _, target in batch)
        released = padding == "released"
        for members in passes(batch, padding):
            chosen = [batch[at] for at in members]
            width = MAX_SOURCE if released else max(len(source) for source, _ in chosen)
            length = MAX_TARGET if released else max(len(target) for _, target in chosen)
            pad = 2 if released else 0
            source = torch.full((len(chosen), width), pad)
            mask = torch.zeros_like(source)
            labels = torch.full((len(chosen), length), -100)
            for row, (tokens, target) in enumerate(chosen):
                source[row, : len(tokens)] = torch.tensor(tokens)
                mask[row, : len(tokens)] = 1
                labels[row, : len(target)] = torch.tensor(target)
            mask = None if released else mask
            # Not `labels=`, with which the model would compute a loss of its own besides.
            inputs = model._shift_right(labels)
            logits = model(input_ids=source, attention_mask=mask, decoder_input_ids=inputs).logits
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="none")
            weights = torch.tensor([advantages[at] for at in members]).repeat_interleave(length)
            ((losses * weights).sum() / n_labels).backward()

    order = torch.Generator().manual_seed(0)
    for _ in range(n_updates + 1):
        start = time.process_time()
        batches = [[data[at] for at in torch.randperm(len(data), generator=order)[:SIZE]]]
        backward(batches[0], [1.0] * SIZE)
        if stage == "rl":
            batches.append([data[at] for at in torch.randperm(len(data), generator=order)[:SIZE]])
            backward(batches[1], [0.8, 0.15] * (SIZE // 2))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        n_tokens = sum(len(part) for batch in batches for pair in batch for part in pair)
        print(n_tokens, time.process_time() - start, flush=True)


# --- Measuring ---------------------------------------------------------------------------------


def measured(command):
    """Standard output of a process, its seconds, and its largest memory in MiB."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        # `Popen` must not wait for it once more.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{command[0]} failed")
        out.seek(0)
        return out.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def ours(binary, folder, stage, n_updates, repeat, checkpointing):
    """Tokens and seconds of all updates but the first, and memory."""
    runs = []
    for n in (0, n_updates):
        out = folder / f"{stage}-{repeat}-{n}-{checkpointing}"
        settings = write_settings(out, stage, n, checkpointing)
        out, seconds, memory = measured([binary, "--threads", 1, "train", settings])
        events = map(json.loads, out.splitlines())
        runs.append((sum(it.get("tokens", 0) for it in events), seconds))
    return *(more - less for less, more in zip(*runs)), memory


def theirs(folder, stage, n_updates, padding):
    command = [sys.executable, __file__, "--pytorch", folder, "--stage", stage]
    command += ["--updates", n_updates, "--padding", padding]
    out, _, memory = measured(command)
    updates = [tuple(map(float, line.split())) for line in out.splitlines()][1:]
    assert len(updates) == n_updates, updates
    return *map(sum, zip(*updates)), memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coderl-torch")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=4096,
                        help="embeddings; 4096 is to a width of 128 about what CodeT5-small has")
    parser.add_argument("--updates", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="the best of so many counts")
    parser.add_argument("--pytorch", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--padding", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pytorch:
        pytorch(options.pytorch, options.stage, options.updates, options.padding)
        return
    n = options.updates
    sums = [sum(lengths) / len(LENGTHS) for lengths in zip(*LENGTHS)]
    print(f"T5 of width {options.width}, {options.layers} + {options.layers} layers, "
          f"{options.vocabulary} embeddings; {SIZE} sequences an update, of {sums[0]:.0f} + "
          f"{sums[1]:.0f} tokens on average; one thread, float32")
    print(f"{'stage':<6} {'engine':<24} {'tokens/s':>9} {'ratio':>7} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_model(folder / "model", options.width, options.layers, options.vocabulary)
        for stage in ("sft", "rl"):
            best = {}
            own = lambda checkpointing: ours(
                options.coderl_torch, folder, stage, n, repeat, checkpointing)
            # In turns, so that what else the machine does is in all of them.
            for repeat in range(options.repeats):
                for name, run in (
                    ("coderl-torch", lambda: own(False)),
                    ("  gradient checkpointing", lambda: own(True)),
                    ("PyTorch, equal padding", lambda: theirs(folder, stage, n, "equal")),
                    ("PyTorch", lambda: theirs(folder, stage, n, "usual")),
                    ("released", lambda: theirs(folder, stage, n, "released")),
                ):
                    n_tokens, seconds, memory = run()
                    rate = n_tokens / seconds
                    before = best.get(name, (0.0, 0.0))
                    best[name] = (max(before[0], rate), max(before[1], memory))
            for name, (rate, memory) in best.items():
                ratio = best["coderl-torch"][0] / rate
                print(f"{stage:<6} {name:<24} {rate:>9.0f} {ratio:>7.2f} {memory:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
