#!/usr/bin/env python3
"""Looks at what `make reproduce-mini` left: whether every stage was there and its numbers make sense.

    python3 tests/check_mini.py target/reproduce-mini

Reads the records of trainings (`training.json`, `metrics.jsonl`, `trained.json`) and runs
(`manifest.json`, `candidates.jsonl`, `verdicts.jsonl`) wherever they lie below the folder.
"""

import json
import math
import sys
from pathlib import Path

STAGES = {"sft", "critic", "rl"}
DATASETS = {"micro-apps", "micro-mbpp"}
OUTCOMES = {"compile-error", "runtime-error", "failed-tests", "passed-tests"}


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"check_mini: {what}")


def check_training(folder: Path) -> str:
    """A training that came to its end; its stage."""
    stage = json.loads((folder / "training.json").read_text())["stage"]
    if not (folder / "settings.json").exists():
        sys.exit(f"check_mini: `{folder}` has no settings")
    if not (folder / "metrics.jsonl").exists():
        return "data"  # made with --data-only
    summary = json.loads((folder / "trained.json").read_text())
    metrics = records(folder / "metrics.jsonl")
    for record in metrics:
        bad = [key for key, value in record.items() if not math.isfinite(value)]
        check(not bad, f"`{folder}`: {bad} is no number at step {record['step']}")
    losses = [it["loss"] for it in metrics if "loss" in it]
    check(len(losses) == summary["steps"], f"`{folder}`: {len(losses)} losses of {summary}")
    check((folder / "model/model.safetensors").stat().st_size > 1_000_000, f"`{folder}`: no model")
    check(any((folder / "tensorboard").iterdir()), f"`{folder}`: nothing for TensorBoard")
    if stage == "sft":
        n = max(1, len(losses) // 5)
        first, last = sum(losses[:n]) / n, sum(losses[-n:]) / n
        check(last < 0.9 * first, f"`{folder}`: the loss went from {first:.2f} to {last:.2f}")
    if stage == "rl":
        entropies = [it["entropy"] for it in metrics if "entropy" in it]
        check(all(0 <= it < 7 for it in entropies), f"`{folder}`: entropies {entropies}")
        shares = [it["share_passed"] for it in metrics if "share_passed" in it]
        check(all(0 <= it <= 1 for it in shares), f"`{folder}`: shares {shares}")
    return stage


def check_run(folder: Path) -> str:
    """A judged run; its dataset."""
    manifest = json.loads((folder / "manifest.json").read_text())
    candidates = {json.dumps(it["id"], sort_keys=True) for it in records(folder / "candidates.jsonl")}
    judged = {}
    for verdict in records(folder / "verdicts.jsonl"):
        outcome = verdict["judgement"].get("outcome")
        check(outcome is None or outcome in OUTCOMES, f"`{folder}`: outcome {outcome}")
        judged[json.dumps(verdict["candidate"], sort_keys=True)] = outcome
    check(candidates and set(judged) == candidates, f"`{folder}`: not every candidate has a verdict")
    check(any(judged.values()), f"`{folder}`: nothing could be judged")
    return manifest["dataset"]["name"]


def check_tables(out: Path) -> None:
    """Tables with a row for the control, and shares in percent that are some."""
    tables = [path for path in out.rglob("*.md") if "pass@1" in path.read_text()]
    check(bool(tables), "there is no table with pass@1")
    rows = [line for path in tables for line in path.read_text().splitlines() if "|" in line]
    check(any("control" in row.lower() for row in rows), "no table has the control")


def main() -> None:
    out = Path(sys.argv[1])
    stages = [check_training(path.parent) for path in sorted(out.rglob("training.json"))]
    check(STAGES <= set(stages), f"stages {set(stages)}, and not {STAGES}")
    n_rl = stages.count("rl")
    check(n_rl >= 8, f"{n_rl} trainings by reinforcement learning, and not 8 variants")
    runs = [check_run(path.parent) for path in sorted(out.rglob("verdicts.jsonl"))]
    check(DATASETS <= set(runs), f"runs of {set(runs)}, and not of {DATASETS}")
    check(len(runs) > n_rl, f"{len(runs)} runs for {n_rl} variants")
    scores = list(out.rglob("critic_scores.jsonl"))
    check(bool(scores) and all(map(records, scores)), "no critic has scored anything")
    check_tables(out)
    print(f"check_mini: {len(stages)} trainings, {len(runs)} runs and their tables are as they should be")


if __name__ == "__main__":
    main()
