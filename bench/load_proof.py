#!/usr/bin/env python3
"""Judge many programs twice, calmly and on a crowded machine, and count different verdicts.

First `coderl score` with as many workers as there are cores; then `coderl verify`, which judges
every candidate again, with four times as many workers beside a neighbour that never rests.
Nothing comes from a cache. Candidates are programs that models wrote for HumanEval, MBPP and
APPS (a comment at the end makes each a different one) and the hostile programs of
`tests/attacks`, for the problems of `attack_problems.jsonl`. Verdicts must be equal in outcome,
cause, test results and fuel; no attack may pass. Exit code 0 says that both hold.

    make load-proof             or
    bench/load_proof.py --coderl target/release/coderl --data DATA --verdicts 2000
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import judges
import recorded
import tasks
from tasks import Candidate

ATTACKS = Path(__file__).parent.parent / "tests/attacks"
ATTACK_PROBLEMS = Path(__file__).with_name("attack_problems.jsonl")
# Small enough for thousands of attacks on time, memory and output; a few honest programs meet
# them too, which is as good a test as any.
LIMITS = ["--timeout", 0.2, "--memory-mib", 128, "--output-mib", 1]
# Seconds between looks at memory.
LOOK_EVERY = 0.5
LINE = "{:7} {:>8} {:>12} {:>8} {:>9} {:>11} {:>11} {:>11} {:>6}"


def main():
    cores = os.cpu_count()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--coderl", type=Path, default=Path("target/release/coderl"))
    parser.add_argument("--data", type=Path, required=True, help="folder with benchmark files")
    parser.add_argument("--verdicts", type=int, default=100_000, help="of both runs together")
    parser.add_argument("--attack-share", type=float, default=0.1,
                        help="share of attacks among candidates; each attack at least once")
    parser.add_argument("--workers", type=int, default=cores, help="of the first run")
    parser.add_argument("--again-workers", type=int, default=4 * cores, help="of the second run")
    parser.add_argument("--neighbours", type=int, default=1,
                        help="busy processes beside the second run")
    parser.add_argument("--keep", type=Path, help="where to leave the run (a new folder)")
    arguments = parser.parse_args()

    if arguments.keep is None:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(prove(arguments, Path(folder)))
    arguments.keep.mkdir(parents=True)
    sys.exit(prove(arguments, arguments.keep))


def prove(arguments, folder):
    """Both runs and what comes of them; returns the exit code."""
    problems, real = real_candidates(arguments.data)
    attack_problems, attacks = hostile_candidates()
    count = arguments.verdicts // 2
    copies = max(1, round(count * arguments.attack_share / len(attacks)))
    hostile = [candidate for candidate, _ in attacks] * copies
    expectations = [expect for _, expect in attacks] * copies
    n_real = max(0, count - len(hostile))
    random.Random(0).shuffle(real)
    chosen = numbered(hostile) + numbered([real[i % len(real)] for i in range(n_real)])
    wanted = {candidate.problem for candidate in chosen}

    dataset, samples, run = folder / "problems.jsonl", folder / "samples.jsonl", folder / "run"
    rows = [tasks.own_form(problem) for problem in problems if problem.id in wanted]
    tasks.write_lines(dataset, attack_problems + rows)
    tasks.write_lines(samples, [{"task_id": c.problem, "solution": c.text} for c in chosen])
    print(f"{len(chosen)} candidates: {len(attacks)} attacks {copies} times, and {n_real} made of "
          f"{len(real)} programs that models wrote; load {os.getloadavg()[0]:.1f}", flush=True)

    print("MiB are resident in the process tree, in brackets in coderl's main process, "
          "after shares of the time")
    print(LINE.format("", "workers", "busy beside", "seconds", "a second",
                      "10 %", "50 %", "100 %", "peak"))
    score = judges.watched([
        arguments.coderl, "score", samples, "--dataset", dataset, "--out", run, "--k", 1,
        "--workers", arguments.workers, "--no-cache", "--no-report", *LIMITS, "--quiet",
    ], LOOK_EVERY)
    if score.code != 0:
        return f"`coderl score` ended with {score.code}"
    print_line("score", arguments.workers, 0, score, len(chosen))
    with neighbours(arguments.neighbours):
        verify = judges.watched([
            arguments.coderl, "verify", run, "--dataset", dataset, "--json", "--quiet",
            "--workers", arguments.again_workers,
        ], LOOK_EVERY)
    if verify.code not in (0, 1, 4):
        return f"`coderl verify` ended with {verify.code}"
    print_line("verify", arguments.again_workers, arguments.neighbours, verify, len(chosen))
    return conclude(run, json.loads(verify.stdout), chosen, expectations)


def conclude(run, report, chosen, expectations):
    """Prints outcomes, forged passes and differences; returns the exit code."""
    judgements = judges.verdicts_of_run(run)
    outcomes = Counter(one.get("outcome", "unjudged") for one in judgements.values())
    print(", ".join(f"{outcome} {n}" for outcome, n in sorted(outcomes.items())))
    retries = len(tasks.read_lines(run / "events.jsonl"))

    forged, rejected, honest = [], set(), Counter()
    for key, expectation in zip(judges.candidate_keys(chosen), expectations):
        passed = judgements[key].get("outcome") == "passed-tests"
        if expectation == "passed-tests":
            honest[passed] += 1
            if not passed:
                rejected.add(f"{key[0]}: {judgements[key]}")
        elif passed:
            forged.append(key)
    print(f"attacks that passed: {len(forged)} of {len(expectations) - honest.total()}; "
          f"odd but right programs that passed: {honest[True]} of {honest.total()}")
    for text in sorted(rejected):
        print(f"  did not pass: {text}")
    for problem, index in forged[:20]:
        print(f"  passed: candidate {index} of {problem}")

    stage = report["hidden_tests"]
    for difference in stage["differences"][:20]:
        print(f"  {json.dumps(difference)}")
    print(f"{len(judgements) + report['n_judged_again']} verdicts, {stage['n_compared']} pairs "
          f"compared, {stage['n_not_comparable']} not comparable, {retries} events in the first "
          f"run, {stage['n_different']} pairs differ")
    sound = not forged and not stage["n_different"] and not stage["n_not_comparable"]
    return 0 if sound and stage["n_compared"] == len(chosen) else 1


def real_candidates(data):
    """Problems and programs of all benchmarks; ids do not clash."""
    problems, candidates = [], []
    for read in (recorded.human_eval, recorded.mbpp, recorded.mbpp_typed, recorded.apps):
        more_problems, more_candidates = read(data)
        problems += more_problems
        candidates += more_candidates
    return problems, candidates


def hostile_candidates():
    """Rows of the problems under attack, and pairs of an attack and what it is to get."""
    problems = tasks.read_lines(ATTACK_PROBLEMS)
    known = {problem["id"] for problem in problems}
    attacks = []
    for path in sorted(ATTACKS.glob("*.toml")):
        for attack in tomllib.loads(path.read_text(encoding="utf-8"))["attack"]:
            if attack["problem"] not in known:
                sys.exit(f"`{path.name}` attacks `{attack['problem']}`, which "
                         f"`{ATTACK_PROBLEMS.name}` lacks; write it there as in `problems.rs`")
            attacks.append((Candidate(attack["problem"], attack["program"]), attack["expect"]))
    return problems, attacks


def numbered(candidates):
    """Each made a different program by a comment at its end."""
    return [Candidate(c.problem, f"{c.text}\n# {i}\n") for i, c in enumerate(candidates)]


def print_line(name, workers, beside, done, n_verdicts):
    mib = [
        f"{whole / 2**20:.0f} ({own / 2**20:.0f})"
        for whole, own in map(done.watch.around, (0.1, 0.5, 1))
    ]
    print(LINE.format(name, workers, beside, f"{done.seconds:.1f}",
                      f"{n_verdicts / done.seconds:.0f}", *mib,
                      f"{done.watch.peak() / 2**20:.0f}"))
    tenths = [f"{done.watch.around(n / 10)[0] / 2**20:.0f}" for n in range(1, 11)]
    print(f"{'':7} MiB at each tenth of the time: {' '.join(tenths)}", flush=True)


@contextlib.contextmanager
def neighbours(count):
    """Processes that do nothing but keep a core busy, for as long as the block takes."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
