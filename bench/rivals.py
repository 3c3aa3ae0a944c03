#!/usr/bin/env python3
"""Two other ways to judge programs, as rivals of coderl. Neither isolates what it runs.

    bench/rivals.py fork    TASKS VERDICTS --workers 2 --limit 4
    bench/rivals.py process TASKS VERDICTS --workers 2 --limit 4

`fork` is the method of the APPS benchmark's original grader (Hendrycks et al., 2021): a forked
child for each program, which executes it in its own interpreter with `sys.stdin` and
`sys.stdout` replaced and an alarm for each test. Written anew and leaner than the original,
which starts a manager process beside each child. `process` starts `python3` for each program
and test: the `python3` that runs this file, best one with few packages, since those may make it
start slowly. Both stop at the first failing test.

TASKS holds one JSON object a line: `program` and either `stdin_tests` or `test_source`.
VERDICTS gets `true` or `false` for each, in the same order.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import tempfile
import types
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path


def accepts(expected, actual):
    """Line by line and token by token, with a tolerance for numbers with a decimal point."""
    expected, actual = (
        [line.split() for line in text.strip().splitlines()] for text in (expected, actual)
    )
    return len(expected) == len(actual) and all(
        len(left) == len(right) and all(map(_same_token, left, right))
        for left, right in zip(expected, actual)
    )


def _same_token(expected, actual):
    if expected == actual:
        return True
    try:
        return "." in expected and abs(float(expected) - float(actual)) <= 1e-6 + 1e-5 * abs(
            float(expected)
        )
    except ValueError:
        return False


class OutOfTime(BaseException):
    """Raised by the alarm."""


def fork_verdict(task, limit):
    """The verdict of a forked child. One that does not answer, or hangs, has failed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _child(task, limit, write_end)
    os.close(write_end)
    # The program may catch the alarm and go on: then the parent has the last word.
    grace = limit * max(1, len(task["stdin_tests"])) + 1
    ready, _, _ = select.select([read_end], [], [], grace)
    answer = os.read(read_end, 1) if ready else b""
    os.close(read_end)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return answer == b"1"


def _child(task, limit, write_end):
    """Judges, writes `1` or `0` and never returns."""
    passed = False
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.chdir(tempfile.gettempdir())
        signal.signal(signal.SIGALRM, _alarm)
        passed = _passes(task, limit)
    except BaseException:  # whatever the program raised, it has failed
        passed = False
    finally:
        os.write(write_end, b"1" if passed else b"0")
        os._exit(0)


def _alarm(_signal, _frame):
    raise OutOfTime


def _passes(task, limit):
    if not task["stdin_tests"]:
        _execute(compile(task["program"] + "\n" + task["test_source"], "program", "exec"), limit)
        return True
    code = compile(task["program"], "program", "exec")
    for given, expected in task["stdin_tests"]:
        sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
        output = io.BytesIO()
        sys.stdout = io.TextIOWrapper(output)
        try:
            _execute(code, limit)
        except SystemExit as end:
            if end.code not in (None, 0):
                return False
        sys.stdout.flush()
        if not accepts(expected, output.getvalue().decode()):
            return False
    return True


def _execute(code, limit):
    """Runs `code` as a fresh `__main__` under an alarm of `limit` seconds."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        exec(code, module.__dict__)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def process_verdict(task, limit):
    """The verdict by processes of `python3`, one for each test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.py")
        separator = "\n" if task["test_source"] else ""
        path.write_text(task["program"] + separator + task["test_source"], encoding="utf-8")
        for given, expected in task["stdin_tests"] or [("", None)]:
            try:
                done = subprocess.run(
                    [sys.executable, "-I", path],
                    input=given.encode(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    timeout=limit,
                    cwd=folder,
                )
            except subprocess.TimeoutExpired:
                return False
            output = done.stdout.decode(errors="replace")
            if done.returncode != 0 or not (expected is None or accepts(expected, output)):
                return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("method", choices=["fork", "process"])
    parser.add_argument("tasks", type=Path)
    parser.add_argument("verdicts", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=float, required=True, help="seconds for each test")
    arguments = parser.parse_args()

    with open(arguments.tasks, encoding="utf-8") as file:
        tasks = [json.loads(line) for line in file]
    if arguments.method == "fork":
        judge = partial(fork_verdict, limit=arguments.limit)
        with multiprocessing.get_context("fork").Pool(arguments.workers) as pool:
            verdicts = pool.map(judge, tasks, chunksize=1)
    else:
        judge = partial(process_verdict, limit=arguments.limit)
        with ThreadPoolExecutor(arguments.workers) as pool:
            verdicts = list(pool.map(judge, tasks))
    arguments.verdicts.write_text(json.dumps(verdicts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
