#!/usr/bin/env python3
"""Checks the built-in problems and their recorded candidates under native CPython.

    python3 check.py [--jobs N] [ID ...]

Every reference solution must pass its tests (challenge tests included), and every recorded candidate must have the
outcome that its record declares, under the strict grader and under that of APPS as of 2021.
Both graders are written here a second time, independently of the harness: README.md beside
this file says what they do. Needs CPython 3.11 or newer on a Unix system and nothing else.
The exit status is 1 if anything differs.
"""

import argparse
import io
import json
import math
import os
import resource
import signal
import sys
import tempfile
import types
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIME_LIMIT_SECONDS = 4.0
MEMORY_LIMIT_BYTES = 512 << 20
N_CANDIDATES = 10
# Modules that the sandbox does not offer: programs that import them are not judged.
UNSUPPORTED = {"numpy"}
# Worst first; a candidate has the outcome of its worst test.
ORDER = ["compile-error", "runtime-error", "failed-tests", "passed-tests"]


# ------------------------------------------------------------------ running

def in_child(action, stdin=""):
    """Runs `action` in a forked process with limits; returns (what it returned, its output).

    `action` returns one of ORDER or "unjudged".
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
        source.write(stdin.encode())
        source.seek(0)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = "runtime-error"
            try:
                os.close(reader)
                os.dup2(source.fileno(), 0)
                os.dup2(sink.fileno(), 1)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
                signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_SECONDS)
                status = action()
                sys.stdout.flush()
            except SystemExit:
                status = "runtime-error"
            except ImportError as error:
                status = "unjudged" if error.name in UNSUPPORTED else "runtime-error"
            except BaseException:
                status = "runtime-error"
            finally:
                os.write(writer, status.encode())
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            status = pipe.read().decode()
        os.waitpid(pid, 0)
        sink.seek(0)
        # Nothing in the pipe: the alarm or a crash ended the child.
        return status or "runtime-error", sink.read().decode(errors="replace")


def load(source, name):
    """Compiles and executes `source`; a SyntaxError leaves as "compile-error"."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, "program.py", "exec"), module.__dict__)
    return module


def compiles(source):
    try:
        compile(source, "program.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


# ------------------------------------------------------------------ strict grader

def strict_lines(text):
    lines = text.splitlines()
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.split() for line in lines]


def is_close(actual, expected):
    return actual == expected or abs(actual - expected) <= 1e-6 + 1e-5 * abs(expected)


def strict_token(expected, actual):
    if expected == actual:
        return True
    try:
        return any(ch in expected for ch in ".eE") and is_close(float(actual), float(expected))
    except ValueError:
        return False


def strict_output(expected, actual):
    expected, actual = strict_lines(expected), strict_lines(actual)
    return len(expected) == len(actual) and all(
        len(e) == len(a) and all(map(strict_token, e, a)) for e, a in zip(expected, actual)
    )


def strict_value(expected, actual):
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        return len(expected) == len(actual) and all(map(strict_value, expected, actual))
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, float) and isinstance(actual, (int, float)):
        return is_close(actual, expected)
    return expected == actual


def strict_result(expected, actual):
    if strict_value(expected, actual):
        return True
    return isinstance(expected, list) and len(expected) == 1 and strict_value(expected[0], actual)


def strict_stdin_test(source, given, expected):
    def action():
        try:
            load(source, "__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        return "passed-tests"

    status, output = in_child(action, given)
    if status == "passed-tests" and not strict_output(expected, output):
        return "failed-tests"
    return status


def function_of(module, source, name):
    return getattr(module.Solution() if "class Solution" in source else module, name)


def strict_call_test(source, name, arguments, expected):
    def action():
        function = function_of(load(source, "__main__"), source, name)
        return "passed-tests" if strict_result(expected, function(*arguments)) else "failed-tests"

    return in_child(action)[0]


def assert_test(source, setup, test):
    def action():
        namespace = load(source, "__main__").__dict__
        exec(setup, namespace)
        try:
            exec(test, namespace)
        except AssertionError:
            return "failed-tests"
        return "passed-tests"

    return in_child(action)[0]


# ------------------------------------------------------------------ the grader of 2021

PRELUDE = """import sys
import time
import itertools
from itertools import accumulate, product, permutations, combinations
import collections
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
import math
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
import fractions
from typing import List, Tuple
import random
import heapq
from heapq import *
"""


def wrapped(source):
    """The program as the body of a function `code`, leading imports apart."""
    lines = source.split("\n")
    n_imports = 0
    while n_imports < len(lines) and lines[n_imports].startswith(("from ", "import ")):
        n_imports += 1
    body = ["\t" + line for line in lines[n_imports:]]
    return PRELUDE + "\n".join(
        lines[:n_imports] + ["stdin = sys.stdin", "stdout = sys.stdout", "def code():"] + body
    )


def numbers(lines):
    try:
        return [float(line) for line in lines]
    except ValueError:
        return None


def rounded_sets(lines):
    try:
        return {frozenset(round(float(token), 3) for token in line.split()) for line in lines}
    except ValueError:
        return None


def apps_2021_output(expected, actual):
    """True, False, or None where that grader fails itself."""
    lines = actual.splitlines()
    if "\n".join(lines).strip() == expected.strip():
        return True
    if "\n".join(line.strip() for line in lines).strip() == expected.strip():
        return True
    wanted = [line.strip() for line in expected.split("\n") if line]
    if lines == wanted:
        return True
    lines = [line for line in lines if line]
    left, right = numbers(lines), numbers(wanted)
    if lines == wanted:
        return None if left is None else True
    if left is not None and right is not None and len(left) == len(right):
        if all(abs(a - b) <= 1e-8 + 1e-5 * abs(b) for a, b in zip(left, right)):
            return True
    lines = [line for line in lines if line.split()]
    if {frozenset(line.split()) for line in lines} == {frozenset(line.split()) for line in wanted}:
        return True
    left, right = rounded_sets(lines), rounded_sets(wanted)
    return left is not None and left == right


def apps_2021_stdin_test(source, given, expected):
    def action():
        try:
            code = load(wrapped(source), "builtins_2021").code
        except ImportError as error:
            if error.name in UNSUPPORTED:
                raise
            return "compile-error"
        except Exception:
            return "compile-error"
        captured = sys.stdout = io.StringIO()
        sys.stdin = io.StringIO(given)
        import builtins

        builtins.open = lambda *_, **__: io.StringIO(given)
        try:
            code()
        except SystemExit:
            pass
        accepted = apps_2021_output(expected, captured.getvalue())
        if accepted is None:
            return "runtime-error"
        return "passed-tests" if accepted else "failed-tests"

    return in_child(action)[0]


def apps_2021_result(expected, actual):
    if isinstance(actual, tuple):
        actual = list(actual)
    if actual == expected:
        return True
    if not isinstance(expected, list) or not expected:
        return False
    if actual == expected[0]:
        return True
    return (
        isinstance(actual, list)
        and bool(actual)
        and isinstance(actual[0], tuple)
        and [list(row) for row in actual] == expected[0]
    )


def apps_2021_call_test(source, name, arguments, expected):
    def action():
        try:
            module = load(PRELUDE + source, "builtins_2021")
        except ImportError as error:
            if error.name in UNSUPPORTED:
                raise
            return "compile-error"
        except Exception:
            return "compile-error"
        result = function_of(module, source, name)(*arguments)
        return "passed-tests" if apps_2021_result(expected, result) else "failed-tests"

    return in_child(action)[0]


# ------------------------------------------------------------------ outcomes

def tests_of(problem, challenge):
    """The tests of a problem as functions (source, grader) -> outcome."""
    if "test_list" in problem:
        setup = problem["test_setup_code"]
        # Challenge tests do not grade unless that is asked for.
        tests = problem["test_list"] + (problem["challenge_test_list"] if challenge else [])
        return [lambda source, _, test=test: assert_test(source, setup, test) for test in tests]
    data = json.loads(problem["input_output"])
    pairs = list(zip(data["inputs"], data["outputs"], strict=True))
    if "fn_name" in data:
        run = {"strict": strict_call_test, "apps-2021": apps_2021_call_test}
        name = data["fn_name"]
        return [
            lambda source, grader, given=given, expected=expected: run[grader](source, name, given, expected)
            for given, expected in pairs
        ]
    run = {"strict": strict_stdin_test, "apps-2021": apps_2021_stdin_test}
    return [
        lambda source, grader, given=given, expected=expected: run[grader](source, given, expected)
        for given, expected in pairs
    ]


def outcome(problem, source, grader, challenge=False):
    """The outcome, and whether it depends on judging all tests or up to the first failure."""
    if not compiles(source):
        return "compile-error", False
    first = None
    worst = "passed-tests"
    for test in tests_of(problem, challenge):
        status = test(source, grader)
        if status == "unjudged":
            return "unjudged", False
        if status != "passed-tests":
            first = first or status
            worst = min(worst, status, key=ORDER.index)
            if worst == "compile-error":
                break
    return worst, first is not None and first != worst


def read_rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_set(name, wanted, pool):
    key = "problem_id" if name == "apps" else "task_id"
    problems = {row[key]: row for row in read_rows(HERE / f"{name}.jsonl")}
    candidates = {}
    for row in read_rows(HERE / "candidates" / f"{name}.jsonl"):
        candidates.setdefault(row[key], []).append(row)
    faults = []
    jobs = []
    for number, problem in problems.items():
        if wanted and f"{name}/{number}" not in wanted:
            continue
        references = json.loads(problem["solutions"]) if name == "apps" else [problem["code"]]
        for i, source in enumerate(references):
            jobs.append((f"{name}/{number} reference {i}", problem, source, "strict", "passed-tests", True))
        rows = candidates.get(number, [])
        if len(rows) != N_CANDIDATES:
            faults.append(f"{name}/{number}: {len(rows)} candidates, not {N_CANDIDATES}")
        for i, row in enumerate(rows):
            label = f"{name}/{number} candidate {i} ({row['note']})"
            strict = row["expected_outcome"]
            jobs.append((label, problem, row["solution"], "strict", strict, False))
            if name == "apps":
                lenient = row.get("expected_apps_2021", strict)
                jobs.append((label, problem, row["solution"], "apps-2021", lenient, False))
    for number in candidates.keys() - problems.keys():
        faults.append(f"{name}/{number}: candidates for no problem")

    for job, (found, ambiguous) in zip(jobs, pool.map(lambda job: outcome(*job[1:4], job[5]), jobs)):
        label, _, _, grader, expected, _ = job
        if found != expected:
            faults.append(f"{label}: {grader} says {found}, not {expected}")
        if ambiguous:
            faults.append(f"{label}: {grader} says {found}, but the first failure is another")

    shares = {}
    for number, problem in problems.items():
        for row in candidates.get(number, []):
            shares.setdefault(problem["difficulty"], Counter())[row["expected_outcome"]] += 1
    for difficulty, counts in shares.items():
        total = sum(counts.values())
        parts = ", ".join(f"{kind} {counts[kind]}" for kind in [*reversed(ORDER), "unjudged"] if counts[kind])
        print(f"{name:5} {difficulty:13} {total:4} candidates: {parts}")
    print(f"{name:5} {len(jobs)} programs judged")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("ids", nargs="*", metavar="ID", help="such as apps/3 or mbpp/11")
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        faults = [fault for name in ("apps", "mbpp") for fault in check_set(name, set(arguments.ids), pool)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
