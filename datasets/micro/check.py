#!/usr/bin/env python3
"""Checks programs of the generated suite under native CPython.

    python3 check.py FOLDER [--limit N]

FOLDER is what `coderl datasets micro --out FOLDER` wrote. Of each file, N problems spread over it
are taken. Their reference programs must pass all tests. Those of problems with a guard ("0 if the
list is empty"), with the guard taken out, must pass the tests that are shown and fail another.
All runs in this one process: the programs are the suite's own. The exit status is 1 if anything
differs.
"""

import argparse
import builtins
import io
import json
import re
import sys
from pathlib import Path

GUARDS = re.compile(r", default=0| or \[0\]| if \w+ else 0")


def run_stdin(program, given):
    lines = iter(given.splitlines())
    printed = io.StringIO()
    namespace = {
        "__name__": "__main__",
        "input": lambda: next(lines),
        "print": lambda *values: builtins.print(*values, file=printed),
    }
    exec(program, namespace)
    return printed.getvalue()


def load(program):
    namespace = {"__name__": "__main__"}
    exec(program, namespace)
    return namespace


def passes_assert(program, test):
    exec(test, load(program))
    return True


def tests_of(row):
    """Tests as functions of a program, the shown ones first, and how many are shown."""
    if "test_list" in row:
        tests = row["test_list"] + row["hidden_test_list"]
        return [lambda program, test=test: passes_assert(program, test) for test in tests], len(row["test_list"])
    data = json.loads(row["input_output"])
    pairs = list(zip(data["inputs"], data["outputs"], strict=True))
    n_shown = 2
    if "fn_name" in data:
        name = data["fn_name"]
        return [
            lambda program, given=given, expected=expected: load(program)[name](*given) == expected
            for given, expected in pairs
        ], n_shown
    return [
        lambda program, given=given, expected=expected: run_stdin(program, given) == expected
        for given, expected in pairs
    ], n_shown


def passed(program, tests):
    """Which tests a program passes."""

    def passes(test):
        try:
            return test(program)
        except Exception:
            return False

    return [passes(test) for test in tests]


def check_file(path, limit):
    """Prints counts and returns faults."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    sample = rows[:: max(1, len(rows) // limit)][:limit]
    faults, n_programs, n_fragile = [], 0, 0
    for row in sample:
        label = f"{path}: problem {row.get('problem_id', row.get('task_id'))}"
        tests, n_shown = tests_of(row)
        is_guarded = "(0 if the list is empty)" in row.get("question", row.get("text"))
        for program in json.loads(row["solutions"]) if "solutions" in row else [row["code"]]:
            n_programs += 1
            if not all(passed(program, tests)):
                faults.append(f"{label}: a reference program fails:\n{program}")
            fragile = GUARDS.sub("", program)
            if is_guarded != (fragile != program):
                faults.append(f"{label}: the statement and a program differ on the guard:\n{program}")
            elif is_guarded:
                n_fragile += 1
                results = passed(fragile, tests)
                if not all(results[:n_shown]) or all(results):
                    faults.append(f"{label}: a program without guard passes {results}:\n{fragile}")
    print(f"{path}: {len(sample)} of {len(rows)} problems, {n_programs} programs, {n_fragile} without guard")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=300, help="problems of each file")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*/*.jsonl"))
    faults = [fault for path in files for fault in check_file(path, arguments.limit)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 0 if files and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
