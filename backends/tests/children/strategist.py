#!/usr/bin/env python3
"""Actor, critic and repair model for tests of strategies: `strategist.py serve --model ROLE`.

The last part of ROLE says which it is: `critic`, `repair`, anything else is the actor. Tokens are
bytes. With `--critic DIR` the actor can be guided, and then its programs are right where they can
be. The problem is to add one to the number on standard input: the actor's programs are right or
wrong by seed, and always wrong where the prompt says HARD; the repair model's are right.

CODERL_TOY_STRATEGIST=slow takes its time.
"""

import json
import math
import os
import sys
import time

RIGHT = "print(int(input()) + 1)\n"
WRONG = ["print(0)\n", "print(int(input()) + 2)\n", "print(\n", "print([][1])\n"]
ROLE = sys.argv[sys.argv.index("--model") + 1].rstrip("/").split("/")[-1]
CRITIC = "--critic" in sys.argv
SLOW = os.environ.get("CODERL_TOY_STRATEGIST") == "slow"


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def program(prompt, seed):
    if ROLE == "repair":
        return RIGHT if "RESULT: " in prompt else "print('nothing to repair')\n"
    if "HARD" in prompt or seed % 3:
        return WRONG[seed % len(WRONG)]
    return RIGHT


def generate(request):
    prompt = request["prompt"]["text"]
    forced = request.get("forced_prefix") or {}
    prefix = forced.get("text", bytes(forced.get("token-ids", [])).decode())
    guided = bool((request.get("guidance") or {}).get("strength"))
    for index, seed in enumerate(request["seeds"]):
        if SLOW:
            time.sleep(0.02)
        if prefix and RIGHT.startswith(prefix):
            text = RIGHT if seed % 2 else prefix + "0)\n"
        else:
            text = prefix + program(prompt, 0 if guided else seed)
        n_tokens = len(text) - len(prefix) + 1
        say(type="completion", id=request["id"], index=index, text=text, n_tokens=n_tokens,
            finish="end", log_probs=[-0.1 * (1 + seed % 5)] * n_tokens,
            n_critic_tokens=3 * n_tokens if guided else None)
    say(type="done", id=request["id"], n_prompt_tokens=len(prompt),
        n_critic_prompt_tokens=len(prompt) if guided else None)


def score(request):
    """Likes programs up to their first `)`, and those that read their input more."""
    text = request["completion"]
    best = text.find(")")
    tokens = [[0.0, 2.0 if index == best else 1.0] for index in range(len(text))]
    pooled = [0.0, math.log(3) if "input" in text else -1.0]
    say(type="scores", id=request["id"], n_prompt_tokens=len(request["prompt"]["text"]),
        token_ids=list(text.encode()), token_ends=list(range(1, len(text) + 1)),
        classes=["failed", "passed"], outcome_logits=tokens, pooled_outcome_logits=pooled)


for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "hello":
        can = ["score", "critic"] if ROLE == "critic" else ["generate", "forced-prefix", "log-probs"]
        if CRITIC:
            can.append("guidance")
        say(type="ready", protocol=1, name="strategist 1", model=ROLE, model_sha256="cd" * 32,
            critic_sha256="ef" * 32 if CRITIC else None,
            tokenizer_sha256="by" * 32, capabilities=can, max_in_flight=4)
    elif request["type"] == "generate":
        generate(request)
    elif request["type"] == "score":
        score(request)
