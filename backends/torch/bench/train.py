"""Training speed and memory of `coderl-torch train` beside plain PyTorch on `transformers`.

    python backends/torch/bench/train.py --coderl-torch target/release/coderl-torch

The same small T5, the same sequences, float32, one thread, dropout 0.1. "PyTorch" pads as
`coderl-torch` does: similar lengths together, to the longest of a pass. "Released" pads every
sequence to 600 and 512 tokens and masks nothing, as CodeRL's training does. Tokens are those of
prompts and programs, without padding; loading and the first update are not measured. Seconds are
those of the processor, so that what else the machine does hardly matters. The ratio is the time of
the other to that of `coderl-torch`.
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
# Tokens of prompts and programs: problems of APPS with two of their solutions each, from the
# numbers of characters, 3.3 to a token of a prompt and 2.7 to one of a program.
LENGTHS = [
    (396, 49), (495, 77), (516, 118), (600, 239), (600, 112), (280, 95), (523, 227), (600, 512),
    (564, 132), (419, 39), (600, 512), (600, 183), (335, 404), (600, 139), (354, 225), (600, 365),
    (524, 228), (600, 191), (430, 88), (500, 512), (495, 84), (600, 162), (600, 189), (204, 260),
    (600, 512), (335, 340), (600, 340), (600, 95), (145, 91), (324, 512), (600, 119), (489, 431),
    (354, 154), (600, 173), (600, 167), (600, 178), (592, 401), (600, 109), (600, 390), (600, 149),
    (323, 113), (600, 190), (391, 512), (459, 49), (600, 441), (600, 267), (600, 416), (600, 147),
]
SIZE = 16
VOCABULARY = 320
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


def write_model(path, width, layers):
    import tokenizers
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=width, d_kv=16, d_ff=4 * width, num_layers=layers,
        num_heads=width // 16, decoder_start_token_id=0, pad_token_id=0, eos_token_id=2,
    )
    torch.manual_seed(0)
    transformers.T5ForConditionalGeneration(config).save_pretrained(path)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: at for at, word in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))


def rl():
    return {
        "name": "rl", "rl-weight": 1.0, "ce-weight": 1.0, "ce-on-samples": False,
        "algorithm": {"name": "code-rl", "baseline": "greedy", "token-value": "critic"},
        "negative-weight": 1.0, "reduction": "token-mean", "order": "joint", "lint-penalty": 0.0,
    }


def write_settings(folder, stage, n_updates):
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
    }))
    return path


# --- Plain PyTorch, run as a process of its own --------------------------------------------------


def passes(batch, released):
    """Positions of the sequences of each forward pass."""
    if released:
        # As many padded tokens a pass.
        n = MAX_TOKENS // (MAX_SOURCE + MAX_TARGET)
        return [range(at, min(at + n, len(batch))) for at in range(0, len(batch), n)]
    order = sorted(range(len(batch)), key=lambda at: sum(map(len, batch[at])))
    out, widest = [], (0, 0)
    for at in order:
        widths = tuple(max(a, len(b)) for a, b in zip(widest, batch[at]))
        if out and (len(out[-1]) + 1) * sum(widths) <= MAX_TOKENS:
            out[-1].append(at)
            widest = widths
        else:
            out.append([at])
            widest = tuple(map(len, batch[at]))
    return out


def pytorch(folder, stage, n_updates, released):
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
        for members in passes(batch, released):
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
            out = model(input_ids=source, attention_mask=None if released else mask, labels=labels)
            kept = labels != -100
            log_probs = out.logits.log_softmax(-1)
            log_probs = log_probs.gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
            weights = torch.tensor([advantages[at] for at in members]).unsqueeze(1)
            (-(log_probs * weights)[kept].sum() / n_labels).backward()

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


def ours(binary, folder, stage, n_updates, repeat):
    """Tokens and seconds of all updates but the first, and memory."""
    runs = []
    for n in (0, n_updates):
        settings = write_settings(folder / f"{stage}-{repeat}-{n}", stage, n)
        out, seconds, memory = measured([binary, "--threads", 1, "train", settings])
        events = map(json.loads, out.splitlines())
        runs.append((sum(it.get("tokens", 0) for it in events), seconds))
    return *(more - less for less, more in zip(*runs)), memory


def theirs(folder, stage, n_updates, released):
    command = [sys.executable, __file__, "--pytorch", folder, "--stage", stage]
    command += ["--updates", n_updates] + ["--released"] * released
    out, _, memory = measured(command)
    updates = [tuple(map(float, line.split())) for line in out.splitlines()][1:]
    assert len(updates) == n_updates, updates
    return *map(sum, zip(*updates)), memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coderl-torch")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--updates", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="the best of so many counts")
    parser.add_argument("--pytorch", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--released", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pytorch:
        pytorch(options.pytorch, options.stage, options.updates, options.released)
        return
    n = options.updates
    sums = [sum(lengths) / len(LENGTHS) for lengths in zip(*LENGTHS)]
    print(f"T5 of width {options.width}, {options.layers} + {options.layers} layers; {SIZE} sequences "
          f"an update, of {sums[0]:.0f} + {sums[1]:.0f} tokens on average; one thread, float32")
    print(f"{'stage':<6} {'engine':<14} {'tokens/s':>9} {'ratio':>7} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_model(folder / "model", options.width, options.layers)
        for stage in ("sft", "rl"):
            best = {}
            # In turns, so that what else the machine does is in all of them.
            for repeat in range(options.repeats):
                for name, run in (
                    ("coderl-torch", lambda: ours(options.coderl_torch, folder, stage, n, repeat)),
                    ("PyTorch", lambda: theirs(folder, stage, n, False)),
                    ("released", lambda: theirs(folder, stage, n, True)),
                ):
                    n_tokens, seconds, memory = run()
                    rate = n_tokens / seconds
                    before = best.get(name, (0.0, 0.0))
                    best[name] = (max(before[0], rate), max(before[1], memory))
            for name, (rate, memory) in best.items():
                ratio = best["coderl-torch"][0] / rate
                print(f"{stage:<6} {name:<14} {rate:>9.0f} {ratio:>7.2f} {memory:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
