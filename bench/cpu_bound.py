"""Programs that only compute, by coderl and by the machine's `python3`.

The programs are those of `sandbox/benches/reference_second.py`, from which the reference second
was measured. One worker judges copies of one program, and then as many trivial programs; the
difference is what computing costs, without the start of processes and guests. Programs cannot
time themselves: the clock in the guest is a count of instructions.
"""

import contextlib
import io
import random
from dataclasses import replace
from pathlib import Path

import judges
from rows import Row
from tasks import Candidate, Problem

SOURCE = Path(__file__).parent.parent / "sandbox/benches/reference_second.py"
# Far more than any of them takes.
LIMIT = 30


def names():
    """Of the programs, in the order of the file."""
    scope = _scope()
    return [
        name for name, value in scope.items()
        if getattr(value, "__module__", None) == "reference_second"
    ]


def _functions_source():
    return SOURCE.read_text(encoding="utf-8").split("\nif __name__ ==")[0]


def _scope():
    scope = {"__name__": "reference_second"}
    exec(compile(_functions_source(), SOURCE, "exec"), scope)
    return scope


def rows_of(name, copies):
    """Copies of the program, and as many trivial ones that are compiled from the same text."""
    with contextlib.redirect_stdout(io.StringIO()):
        result = _scope()[name]()
    source = _functions_source()
    salt = random.Random(name).randrange(10**9)
    row = Row(
        problems=[Problem(id=name, stdin_tests=[("", f"{result}\n")])],
        candidates=[
            Candidate(name, f"{source}\nprint({name}())\n# {salt}.{copy}\n")
            for copy in range(copies)
        ],
        limit=LIMIT,
        rivals={},
    )
    trivial = [
        Candidate(name, f"{source}\nprint({str(result)!r})\n# {salt}.{copy}\n")
        for copy in range(copies)
    ]
    return row, replace(row, candidates=trivial)


def seconds(judge, setting, rows, rounds, folder_for):
    """Seconds of one program by `judge` with one worker, the best of `rounds`.

    Also the memory at the highest, and how many verdicts were not that it passes.
    """
    best, peak, wrong = [], 0, 0
    for row in rows:
        measured = [judge(replace(setting, workers=1), row, folder_for()) for _ in range(rounds)]
        best.append(min(one.seconds for one in measured))
        peak = max(peak, *(one.peak for one in measured))
        wrong += sum(verdict is not True for verdict in measured[0].verdicts)
    return (best[0] - best[1]) / len(rows[0].candidates), peak, wrong
