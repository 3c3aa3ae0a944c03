"""Programs that models wrote, from the folder of benchmark files that `make check-real` reads.

`tests/src/bin/check_real/cases.rs` reads the same files; the folder's README describes them.
Here the recorded verdicts do not matter. Programs that are empty are left out.
"""

import gzip
import json

from tasks import Candidate, Problem


def human_eval(data):
    """HumanEval: problems, and candidates of two kinds, completions and whole programs.

    Both are given as whole programs.
    """
    problems = {}
    for row in _rows(data / "humaneval/HumanEval.jsonl.gz"):
        problems[row["task_id"]] = row
    candidates = []
    for path in _files(data, "humaneval_gptneo"):
        for row in _rows(path):
            text = problems[row["task_id"]]["prompt"] + row["completion"]
            candidates.append(Candidate(row["task_id"], text))
    for path in _files(data, "humaneval_mapcoder"):
        for row in _rows(path):
            candidates.append(_typed(row["task_id"], row))
    return [_checked(row["task_id"], row) for row in problems.values()], _sound(candidates)


def mbpp(data):
    """MBPP with the tests of the benchmark, and the programs of seven models."""
    problems = []
    with open(data / "mbpp/mbpp.jsonl", encoding="utf-8") as file:
        for row in map(json.loads, file):
            problems.append(Problem(
                id=f"MBPP/{row['task_id']}",
                asserts=row["test_list"],
                setup=row["test_setup_code"],
            ))
    candidates = [
        Candidate(row["task_id"], row["solution"])
        for path in _files(data, "mbpp_test_seeds")
        for row in _rows(path)
    ]
    return problems, _sound(candidates)


def mbpp_typed(data):
    """MBPP in MultiPL-E's form with types and check functions."""
    problems, candidates = {}, []
    for path in _files(data, "mbpp_typed"):
        for row in _rows(path):
            check = row["test"].split("\ndef test_check")[0]
            problems.setdefault(row["name"], _checked(row["name"], row | {"test": check}))
            candidates.append(_typed(row["name"], row))
    return list(problems.values()), _sound(candidates)


def apps(data):
    """APPS problems that are read from standard input, and programs of several models."""
    problems, candidates = {}, []
    for row in _rows(data / "apps/train_mini_val.jsonl.gz"):
        tests = json.loads(row["input_output"])
        if "fn_name" not in tests:
            name = f"apps/{row['problem_id']}"
            pairs = list(zip(tests["inputs"], tests["outputs"], strict=True))
            problems[name] = Problem(id=name, stdin_tests=pairs)
    for row in _rows(data / "samples/apps_train_gpt_codechain.jsonl.gz"):
        name = f"apps/{row['problem_id']}"
        if name in problems:
            candidates += [Candidate(name, code) for code in row["gpt_codes"]]
    for folder in ("apps_train_stdin_mapcoder", "apps_train_stdin_qwen"):
        for path in _files(data, folder):
            for row in _rows(path):
                if not _is_stdin(row):
                    continue
                # MapCoder's selection of tests is not always the whole of APPS's.
                name = f"mapcoder/{row['name']}"
                pairs = [(test["input"], test["output"][0]) for test in row["test_list"]]
                problems.setdefault(name, Problem(id=name, stdin_tests=pairs))
                candidates.append(Candidate(name, row["source_codes"][-1]))
    return list(problems.values()), _sound(candidates)


def _is_stdin(row):
    """Not one of the call-based problems that MapCoder made into programs."""
    outputs = [output for test in row["test_list"] for output in test["output"]]
    return row["starter_code"] == "" and all(isinstance(output, str) for output in outputs)


def _checked(name, row):
    return Problem(id=name, check=row["test"], entry_point=row["entry_point"])


def _typed(name, row):
    """As the authors of these files judged: with the names of `typing` at hand."""
    code = row["source_codes"][-1] if "source_codes" in row else row["solution"]
    return Candidate(name, f"from typing import *\n{code}" if code.strip() else "")


def _sound(candidates):
    """Without empty programs and duplicates."""
    kept = {(c.problem, c.text): c for c in candidates if c.text.strip()}
    return list(kept.values())


def _files(data, folder):
    return sorted((data / "samples" / folder).iterdir())


def _rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
