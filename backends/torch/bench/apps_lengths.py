"""Numbers of tokens of APPS problems and programs, for `train.py`.

    python apps_lengths.py --data DATA --tokenizer FOLDER

Reads `apps/train_mini_val.jsonl.gz` in DATA, a sample of APPS with as many problems of each level,
and counts the tokens of prompts (the training format of CodeRL) and of programs indented by tabs, by
the tokenizer of a folder as `coderl-torch export` writes it. The sample is longer than APPS: 383
words a question and 28 lines a program, where the paper (section 4.2) has 293.2 and 18.0. So pairs
are drawn with weights: those of the levels in the training split, times an exponential of words and
lines that is chosen so that both averages are the paper's.

Of SmolLM2's tokenizer: it makes 2.09 characters a token of CodeRL's released samples, and their own
token ids (CodeT5's) 2.01.
"""

import argparse
import gzip
import json
import math
import pathlib
import re

import tokenizers

WORDS, LINES = 293.2, 18.0
LEVELS = {"introductory": 2639, "interview": 2000, "competition": 361}
MAX_SOURCE, MAX_TARGET = 600, 512
N = 48


def indented_by_tabs(program):
    """As CodeRL puts its training programs: the first indentation is the unit."""
    found = re.search(r"^[ \t]+(?=\S)", program, re.MULTILINE)
    if not found:
        return program
    unit = found.group()
    out = []
    for line in program.split("\n"):
        n = 0
        while line.startswith(unit, n * len(unit)):
            n += 1
        out.append("\t" * n + line[n * len(unit):])
    return "\n".join(out)


def prompt(row):
    form = "Use Call-Based format" if row["starter_code"] else "Use Standard Input format"
    starter = row["starter_code"] or ""
    return f"\nQUESTION:\n{row['question']}\n{starter}\n{form}\n\nANSWER:\n"


def pairs(path, tokenizer):
    """Problems with a program each: weight, words, lines, tokens of prompt and program."""
    n_tokens = lambda text: len(tokenizer.encode(text).ids)
    for line in gzip.open(path, "rt"):
        row = json.loads(line)
        try:
            programs = [indented_by_tabs(it) for it in json.loads(row["solutions"])]
        except ValueError:
            continue
        words = len(row["question"].split())
        source = min(n_tokens(prompt(row)), MAX_SOURCE)
        for program in programs:
            lines = program.strip("\n").count("\n") + 1
            target = min(n_tokens(program) + 1, MAX_TARGET)
            # Programs of a problem share its weight.
            yield LEVELS[row["difficulty"]] / len(programs), words, lines, source, target


def weights(rows):
    """Tilts the weights until the averages are the paper's (Newton's method in two numbers)."""
    a = b = 0.0
    for _ in range(100):
        w = [it[0] * math.exp(a * (it[1] - WORDS) + b * (it[2] - LINES)) for it in rows]
        total = sum(w)
        mean = lambda f: sum(x * f(it) for x, it in zip(w, rows)) / total
        u, v = mean(lambda it: it[1]) - WORDS, mean(lambda it: it[2]) - LINES
        uu = mean(lambda it: (it[1] - WORDS) ** 2) - u * u
        vv = mean(lambda it: (it[2] - LINES) ** 2) - v * v
        uv = mean(lambda it: (it[1] - WORDS) * (it[2] - LINES)) - u * v
        determinant = uu * vv - uv * uv
        a -= (vv * u - uv * v) / determinant
        b -= (uu * v - uv * u) / determinant
    return [x / total for x in w]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    options = parser.parse_args()
    tokenizer = tokenizers.Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    rows = sorted(pairs(options.data / "apps/train_mini_val.jsonl.gz", tokenizer),
                  key=lambda it: it[3] + it[4])
    w = weights(rows)
    mean = lambda at: sum(x * it[at] for x, it in zip(w, rows))
    print(f"# means: {mean(1):.1f} words, {mean(2):.1f} lines, {mean(3):.0f} + {mean(4):.0f} tokens")
    # Evenly spread over what the weights make of the sorted pairs.
    drawn, passed = [], 0.0
    for x, it in zip(w, rows):
        passed += x
        while len(drawn) < N and passed > (len(drawn) + 0.5) / N:
            drawn.append(it[3:])
    print(drawn)
    print(f"# means of those drawn: {sum(s for s, _ in drawn) / N:.0f} + "
          f"{sum(t for _, t in drawn) / N:.0f} tokens")


if __name__ == "__main__":
    main()
