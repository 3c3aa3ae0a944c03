#!/usr/bin/env python3
"""A trainer that learns nothing and says what a trainer says.

    trainer.py train SETTINGS
    trainer.py critic-score CRITIC --samples FILE --out FILE [OPTION N …]

CODERL_TOY_TRAINER chooses how: `well`, `slow` (half a second an update), `fail` (after two
updates, with exit code 3), `rubbish`. An update is a line of `metrics.jsonl`, from which the next
process goes on. In reinforcement learning it has two programs of each problem judged, a reference and
a wrong one, and writes the answer to `judged.json`: online of those to learn from, else of those that
are held out.
"""

import json
import os
import pathlib
import sys
import time

MODE = os.environ.get("CODERL_TOY_TRAINER", "well")


def say(**message):
    print(json.dumps(message), flush=True)


def records(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def train(path):
    settings = json.load(open(path, encoding="utf-8"))
    out = pathlib.Path(settings["out"])
    files = {key: out / name for key, name in settings["data"].items() if name}
    data = {key: records(name) for key, name in files.items()}
    n_steps = settings["batch"].get("steps") or 4
    metrics = out / "metrics.jsonl"
    done = len(records(metrics)) if metrics.exists() else 0
    say(type="started", n_steps=n_steps, resumed_at=done, n_parameters=123)
    say(type="note", text="learning from " + ", ".join(f"{len(d)} {k}" for k, d in data.items()))
    online = settings["stage"].get("online")
    for step in range(done + 1, n_steps + 1):
        if MODE == "slow":
            time.sleep(0.5)
        if MODE == "fail" and step == 3:
            print("the moon is in the wrong phase", file=sys.stderr)
            sys.exit(3)
        if MODE == "rubbish":
            print("Epoch 1 of 3")
        if step == 1 and settings["stage"]["name"] == "rl":
            tried = data["examples"] if online else data.get("validation", [])
            if tried:
                judge(tried, out)
        values = {"step": step, "loss": 1 / step, "learning_rate": 0.1, "tokens_per_second": 1e3}
        with open(metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        say(type="progress", **values)
    model = out / "model"
    model.mkdir(exist_ok=True)
    say(type="done", model=str(model), summary={"loss": 1 / n_steps})


def judge(examples, out):
    programs = []
    for example in examples:
        problem = example["id"]["problem"]
        programs.append({"problem": problem, "index": 0, "text": example["program"]})
        programs.append({"problem": problem, "index": 1, "text": "x = 1\nprint(nope)\n"})
    programs.append({"problem": "no/such", "index": 0, "text": ""})
    say(type="judge", id=7, programs=programs)
    answer = json.loads(sys.stdin.readline())
    assert answer["type"] == "judged" and answer["id"] == 7, answer
    assert len(answer["feedback"]) == len(programs)
    pairs = [[p, f] for p, f in zip(programs, answer["feedback"])]
    (out / "judged.json").write_text(json.dumps(pairs), encoding="utf-8")


def critic_score(critic, options):
    """Odds of three to one for passing, whatever the program."""
    classes = ["compile-error", "runtime-error", "failed-tests", "passed-tests"]
    with open(options["--out"], "w", encoding="utf-8") as out:
        for sample in records(options["--samples"]):
            assert sample["feedback"]["outcome"] in classes
            logits = [[0.0, -100.0, -100.0, 1.0986122886681098]] * 3
            score = {"id": sample["id"], "origin": sample["origin"], "token_ids": [5, 6, 2]}
            probabilities = [0.25, 0.0, 0.0, 0.75]
            score |= {"logits": logits, "predicted": 3, "probabilities": probabilities}
            out.write(json.dumps(score) + "\n")


if __name__ == "__main__":
    command, first, *rest = sys.argv[1:]
    if command == "train":
        train(first)
    else:
        critic_score(first, dict(zip(rest[::2], rest[1::2])))
