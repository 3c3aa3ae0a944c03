#!/usr/bin/env python3
"""Judge the same candidates with coderl and with other judges, and compare speed and verdicts.

All judges get the same candidates, the same number of workers and the same time limit, one judge
after the other, round by round; of each the best round counts. coderl's verdict cache is off, and
so are its tables in files and plots, which the others do not make. The start of each command is
part of its time. `docs/benchmarks.md` describes rows and rivals.

    make bench-judge            or
    bench/judge.py --coderl target/release/coderl --only mbpp --rounds 1 --scale 0.2
"""

import argparse
import itertools
import math
import os
import platform
import sys
import tempfile
from pathlib import Path

import cpu_bound
import judges
import rows

LINE = "{:28} {:11} {:>8} {:>10} {:>8} {:>7} {:>7} {:>9}"

# Differing verdicts of a row that are listed one by one.
MAX_LISTED = 10


def say(text):
    """Progress, for the person who waits."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """Runs rows and prints their lines; gathers ratios for the end."""

    def __init__(self, setting, rounds, folder):
        self.setting = setting
        self.rounds = rounds
        self.ratios = {}
        self._folder = folder
        self._numbers = itertools.count()

    def fresh_folder(self):
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def row(self, name, row):
        judging = {"coderl": judges.coderl, **row.rivals}
        measured = {judge: [] for judge in judging}
        for round_ in range(self.rounds):
            for judge, run in judging.items():
                say(f"{name}: round {round_ + 1} of {self.rounds}, {judge}{_load()}")
                measured[judge].append(run(self.setting, row, self.fresh_folder()))
        ours = measured["coderl"][0].verdicts
        for judge, of_judge in measured.items():
            best = min(one.seconds for one in of_judge)
            changed = sum(one.verdicts != of_judge[0].verdicts for one in of_judge)
            if changed:
                say(f"{name}: {judge} gave other verdicts in {changed} later rounds")
            if judge == "coderl":
                ours_best, ratio, differ = best, "", ""
                unjudged = ours.count(None)
            else:
                ratio = best / ours_best
                self.ratios.setdefault(judge, []).append(ratio)
                ratio = f"{ratio:.1f}x"
                pairs = zip(ours, of_judge[0].verdicts, strict=True)
                differ = sum(a is not None and a != b for a, b in pairs)
                unjudged = ""
            passed = of_judge[0].verdicts.count(True)
            title = f"{name} ({len(row.candidates)})" if judge == "coderl" else ""
            self._print(title, judge, best, f"{len(row.candidates) / best:.1f}", ratio,
                        max(one.peak for one in of_judge), passed, differ)
            if unjudged:
                print(f"{'':28} {unjudged} of them left unjudged by coderl")
        first = {judge: of_judge[0].verdicts for judge, of_judge in measured.items()}
        self._print_differences(row, first)

    def _print_differences(self, row, verdicts):
        """Lists the candidates on which a rival disagrees with coderl, with all verdicts."""
        keys = judges.candidate_keys(row.candidates)
        differing = [
            (key, of_key)
            for key, *of_key in zip(keys, *verdicts.values(), strict=True)
            if of_key[0] is not None and any(verdict != of_key[0] for verdict in of_key)
        ]
        for (problem, index), of_key in differing[:MAX_LISTED]:
            said = (
                f"{judge} {'passed' if verdict else 'failed'}"
                for judge, verdict in zip(verdicts, of_key, strict=True)
            )
            print(f"  differs: {problem}, candidate {index}: {', '.join(said)}")
        if len(differing) > MAX_LISTED:
            print(f"  and {len(differing) - MAX_LISTED} more")

    def cpu_bound(self, copies):
        for name in cpu_bound.names():
            of_name = cpu_bound.rows_of(name, copies)
            values = {}
            for judge, run in {"coderl": judges.coderl, "python3": judges.process}.items():
                say(f"cpu-bound: {name}, {judge}{_load()}")
                values[judge] = cpu_bound.seconds(
                    run, self.setting, of_name, self.rounds, self.fresh_folder
                )
            ratio = values["coderl"][0] / values["python3"][0]
            self.ratios.setdefault("cpu-bound", []).append(ratio)
            for judge, (seconds, peak, wrong) in values.items():
                ours = judge == "coderl"
                self._print(f"cpu: {name}" if ours else "", judge, seconds, "",
                            "" if ours else f"1/{ratio:.2f}", peak, "",
                            f"{wrong} wrong" if wrong else 0)

    def end(self):
        print()
        for judge, ratios in self.ratios.items():
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            of = f"geometric mean of {len(ratios)}"
            if judge == "cpu-bound":
                print(f"computing takes {mean:.2f} times as long as under python3, {of} programs")
            else:
                print(f"coderl is {mean:.1f} times as fast as {judge}, {of} rows")

    def _print(self, title, judge, seconds, rate, ratio, peak, passed, differ):
        print(LINE.format(title, judge, f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}",
                          rate, ratio, f"{peak / 2**20:.0f}", passed, differ), flush=True)


def _load():
    return f" (load {os.getloadavg()[0]:.1f})"


def main():
    names = [*rows.NAMES, "cpu-bound"]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--coderl", type=Path, default=Path("target/release/coderl"))
    parser.add_argument("--data", type=Path, help="folder with benchmark files")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3, help="runs of each judge; the best counts")
    parser.add_argument("--scale", type=float, default=1, help="factor on the number of candidates")
    parser.add_argument("--only", choices=names, action="append", metavar="ROW",
                        help=f"a row, may be given again: {', '.join(names)}")
    arguments = parser.parse_args()

    setting = judges.Setting(arguments.coderl.resolve(), arguments.workers)
    print(f"{arguments.workers} workers on {os.cpu_count()} cores, best of {arguments.rounds} "
          f"rounds, python3 is {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(setting, arguments.rounds, Path(folder))
        say("warming up: coderl compiles its guest once")
        judges.coderl(setting, rows.trivial_stdin(0), bench.fresh_folder())
        print(LINE.format("row (candidates)", "judge", "seconds", "per second", "ratio",
                          "MiB", "passed", "differ"))
        for name in arguments.only or names:
            if name == "cpu-bound":
                bench.cpu_bound(max(1, round(arguments.scale)))
            elif name in rows.ALWAYS:
                bench.row(name, rows.ALWAYS[name](arguments.scale))
            elif arguments.data is None or not (arguments.data / "samples").is_dir():
                print(f"{name:28} skipped: no benchmark files at `{arguments.data}` (--data)")
            else:
                bench.row(name, rows.WITH_DATA[name](arguments.scale, arguments.data))
        bench.end()


if __name__ == "__main__":
    main()
