#!/usr/bin/env python3
"""The tables of the paper in small: every stage of CodeRL on the generated suite, on two cores.

A T5 of a million weights is trained from nothing on `micro-apps`; then every variant of Tables 2
and 3 and configurations with online rounds go on from it, each with several seeds, and are judged
on problems with other chains of operations (`micro-apps`, test) and, zero-shot, on `micro-mbpp`.
The yardstick is the control: L_ce alone for as many updates.

Every stage is a `coderl` command that can be interrupted; the same call goes on. The results are
OUT/results.json and OUT/README.md. `docs/results/small.md` says what came out, and why.
"""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

OFFLINE = {
    # Table 3: the learning objectives.
    "control: L_ce": ["--set", "rl.rl-weight=0"],
    "L_ce incl. W^s": ["--set", "rl.rl-weight=0", "--set", "rl.ce-on-samples=true"],
    "L_rl": ["--set", "rl.ce-weight=0"],
    # Table 2: the estimates of returns.
    "A: baseline": ["--baseline", "greedy", "--token-value", "none"],
    "B: critic": ["--baseline", "none", "--token-value", "critic"],
    "C: distance": ["--baseline", "greedy", "--token-value", "distance"],
    "D: baseline, critic (CodeRL)": ["--baseline", "greedy", "--token-value", "critic"],
    # What the suite's trial pointed at: the negative part does the damage.
    "D, positive part": [
        "--baseline", "greedy", "--token-value", "critic", "--set", "rl.negative-weight=0",
    ],
}

CODERL_GROUP = ["--algorithm", "code-rl", "--baseline", "group", "--token-value", "critic"]
ONLINE = {
    "online: L_ce": ["--baseline", "group", "--token-value", "none", "--set", "rl.rl-weight=0",
                     "--set", "rl.ce-weight=1"],
    "online: CodeRL": ["--baseline", "greedy", "--token-value", "critic"],
    "online: CodeRL, group baseline": CODERL_GROUP,
    "online: GRPO": ["--algorithm", "grpo", "--set", "rl.algorithm.kl-weight=0.0"],
}

CONTROL = "control: L_ce"


class Sizes:
    """What is large enough to tell, or small enough for a test."""

    def __init__(self, mini: bool):
        self.mini = mini
        self.sft = ["--epochs", "0.2" if mini else "5"]
        self.n_problems = 40 if mini else 800
        self.n_samples = 2 if mini else 16
        self.critic = ["--epochs", "0.5" if mini else "2"]
        self.rl_steps = 2 if mini else 120
        self.rounds = 1 if mini else 30
        self.problems_per_round = 8 if mini else 64
        self.samples_per_problem = 2 if mini else 12
        self.n_test = 20 if mini else 300
        self.n_mbpp = 10 if mini else 200
        self.n_eval = 2 if mini else 20
        self.k = [1, 2] if mini else [1, 5]


class Study:
    def __init__(self, coderl: str, out: Path, sizes: Sizes):
        self.coderl = coderl
        self.out = out
        self.sizes = sizes

    def run(self, *arguments: str) -> None:
        print("$ coderl " + " ".join(arguments), file=sys.stderr, flush=True)
        log = self.out / "commands.log"
        with log.open("a") as output:
            print("$ coderl " + " ".join(arguments), file=output, flush=True)
            ended = subprocess.run([self.coderl, *arguments], stdout=output, stderr=output)
        if ended.returncode != 0:
            tail = log.read_text(errors="replace").splitlines()[-15:]
            sys.exit(f"failed with {ended.returncode}; the end of `{log}`:\n" + "\n".join(tail))

    def path(self, *parts: str) -> str:
        return str(self.out.joinpath(*parts))

    def train(self, stage: str, name: str, *arguments: str) -> str:
        self.run("train", stage, *arguments, "--preset", "small", "--template", "micro",
                 "--out", self.path(name))
        return self.path(name, "model")

    def warm_start(self, seed: int) -> str:
        """The actor before reinforcement learning, from nothing."""
        base = self.out / "base"
        if not base.exists():
            self.run("train", "sft", "micro-apps", "--model", "none", "--preset", "small",
                     "--template", "micro", "--out", self.path("data"), "--data-only")
            self.run("models", "new", str(base), "--preset", "tiny", "--dropout", "0",
                     "--vocabulary", "600", "--seed", str(seed),
                     "--tokenizer-from", self.path("data", "examples.jsonl"))
        return self.train("sft", "sft", "micro-apps", "--model", str(base), *self.sizes.sft,
                          "--batch-size", "64", "--learning-rate", "2e-3", "--seed", str(seed),
                          "--set", "checkpoints.every=200")

    def samples(self, sft: str, seed: int) -> str:
        """Samples, outcomes, critic and its scores."""
        samples = self.path("samples")
        limit = ["--limit", str(self.sizes.n_problems)]
        self.run("sample", "micro-apps", "--split", "train", *limit, "--backend", "torch",
                 "--model", sft, "--template", "micro", "-n", str(self.sizes.n_samples),
                 "--temperature", "1.0", "--top-p", "1.0", "--max-new-tokens", "128",
                 "--seed", str(seed), "--out", samples)
        self.run("score", samples)
        critic = self.train("critic", "critic", "--samples", samples, "--model", sft,
                            *self.sizes.critic, "--batch-size", "64", "--learning-rate", "5e-4",
                            "--set", "checkpoints.every=100", "--set", "checkpoints.patience=3")
        self.run("critic-score", samples, "--critic", critic)
        return samples

    def evaluate(self, name: str, model: str) -> None:
        for dataset, limit in [("micro-apps", self.sizes.n_test), ("micro-mbpp", self.sizes.n_mbpp)]:
            self.run("run", dataset, "--split", "test", "--limit", str(limit),
                     "--backend", "torch", "--model", model, "--template", "micro",
                     "-n", str(self.sizes.n_eval), "--temperature", "0.6", "--top-p", "0.95",
                     "--max-new-tokens", "128", "--seed", "0", "--no-report",
                     "--k", ",".join(map(str, self.sizes.k)),
                     "--out", self.path("test", dataset, name))

    def passed(self, dataset: str, name: str) -> dict[str, list[bool]]:
        """By problem, which candidates passed."""
        found: dict[str, list[bool]] = {}
        with open(self.path("test", dataset, name, "verdicts.jsonl")) as file:
            for line in file:
                verdict = json.loads(line)
                passed = verdict["judgement"].get("outcome") == "passed-tests"
                found.setdefault(verdict["candidate"]["problem"], []).append(passed)
        return found


def slug(name: str, seed: int) -> str:
    text = "".join(c if c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in text.split("-") if part) + f"-{seed}"


def pass_at_k(n: int, c: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k), as Chen et al. 2021 compute it."""
    if n - c < k:
        return 1.0
    missed = 1.0
    for i in range(n - c + 1, n + 1):
        missed *= 1.0 - k / i
    return 1.0 - missed


def interval(values: list[float], n_resamples: int = 10_000) -> tuple[float, float]:
    """95 % of the means of resampled problems."""
    draw = random.Random(0)
    n = len(values)
    means = sorted(sum(draw.choices(values, k=n)) / n for _ in range(n_resamples))
    return means[int(0.025 * n_resamples)], means[int(0.975 * n_resamples)]


def results(study: Study, names: list[str], seeds: dict[str, list[int]]) -> list[dict]:
    rows = []
    for dataset in ["micro-apps", "micro-mbpp"]:
        scores: dict[tuple[str, int], dict[str, float]] = {}
        for name in names:
            # By problem, the mean over seeds: problems are what is resampled.
            for k in study.sizes.k:
                by_problem: dict[str, list[float]] = {}
                for seed in seeds[name]:
                    for problem, passed in study.passed(dataset, slug(name, seed)).items():
                        score = pass_at_k(len(passed), sum(passed), k)
                        by_problem.setdefault(problem, []).append(score)
                scores[name, k] = {p: sum(s) / len(s) for p, s in by_problem.items()}
        for name in names:
            row = {"dataset": dataset, "variant": name, "n_seeds": len(seeds[name])}
            for k in study.sizes.k:
                own, control = scores[name, k], scores[CONTROL, k]
                values = list(own.values())
                row[f"pass@{k}"] = 100 * sum(values) / len(values)
                row[f"pass@{k} interval"] = [100 * x for x in interval(values)]
                differences = [own[p] - control[p] for p in own]
                row[f"pass@{k} gain"] = 100 * sum(differences) / len(differences)
                row[f"pass@{k} gain interval"] = [100 * x for x in interval(differences)]
            rows.append(row)
    return rows


def table(rows: list[dict], dataset: str, k: list[int]) -> str:
    def signed(values: list[float]) -> str:
        return f"[{values[0]:+.1f}, {values[1]:+.1f}]"

    head = ["variant", "seeds"]
    for each in k:
        head += [f"pass@{each}", "over the control"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        if row["dataset"] != dataset:
            continue
        cells = [row["variant"], str(row["n_seeds"])]
        for each in k:
            low, high = row[f"pass@{each} interval"]
            cells.append(f"{row[f'pass@{each}']:.1f} [{low:.1f}, {high:.1f}]")
            gain = row[f"pass@{each} gain"]
            cells.append(f"{gain:+.1f} {signed(row[f'pass@{each} gain interval'])}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coderl", default="coderl", help="the program")
    parser.add_argument("--out", type=Path, default=Path("runs/reproduce-small"))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each variant")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--mini", action="store_true", help="everything once, in minutes")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="this variant, besides the control; may be given several times")
    options = parser.parse_args()
    unknown = set(options.only or []) - set(OFFLINE) - set(ONLINE)
    if unknown:
        parser.error(f"no variant {sorted(unknown)}; there are {[*OFFLINE, *ONLINE]}")
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = Sizes(options.mini)
    study = Study(options.coderl, options.out, sizes)

    def chosen(variants: dict) -> dict:
        wanted = options.only
        return {n: v for n, v in variants.items() if not wanted or n in wanted or n == CONTROL}

    sft = study.warm_start(options.seed)
    samples = study.samples(sft, options.seed)
    seeds = list(range(options.seed, options.seed + options.seeds))
    study.evaluate(slug("sft", options.seed), sft)
    made = {"sft": [options.seed]}
    # Seeds outside: after the first, there is something to look at.
    for seed in seeds:
        for name, arguments in chosen(OFFLINE).items():
            model = study.train(
                "rl", slug(name, seed), "--samples", samples, "--model", sft,
                "--batch-size", "32", "--learning-rate", "3e-4",
                "--steps", str(sizes.rl_steps), "--seed", str(seed), *arguments)
            study.evaluate(slug(name, seed), model)
            made.setdefault(name, []).append(seed)
        for name, arguments in chosen(ONLINE).items():
            critic = ["--critic", study.path("critic", "model")] if "critic" in arguments else []
            model = study.train(
                "rl", slug(name, seed), "micro-apps", "--split", "train", "--online",
                "--model", sft, "--batch-size", "768", "--learning-rate", "5e-4",
                "--set", f"rl.online.rounds={sizes.rounds}",
                "--set", f"rl.online.problems-per-round={sizes.problems_per_round}",
                "--set", f"rl.online.n-samples={sizes.samples_per_problem}",
                "--set", "rl.ce-weight=0.1", "--set", "checkpoints.every=10",
                "--seed", str(seed), *critic, *arguments)
            study.evaluate(slug(name, seed), model)
            made.setdefault(name, []).append(seed)
        rows = results(study, list(made), made)
        (options.out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
        text = "# CodeRL in small\n"
        for dataset in ["micro-apps", "micro-mbpp"]:
            text += f"\n## {dataset}\n\n{table(rows, dataset, sizes.k)}\n"
        (options.out / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
