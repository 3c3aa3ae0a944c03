"""A child for tests: what it writes depends on the prompt and the seed alone.

`toy.py MODE [ARGUMENT]`; modes other than `well` and `slow` misbehave when a prompt holds
ARGUMENT.
`once-MODE MARK ARGUMENT` misbehaves while there is no file MARK, and makes it.
"""

import hashlib
import json
import os
import sys
import time

MODE = sys.argv[1]
MARK = sys.argv[2] if MODE.startswith("once-") else None
TRIGGER = sys.argv[3] if MARK else (sys.argv[2] if len(sys.argv) > 2 else "")
MODE = MODE.removeprefix("once-")


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def misbehaves(text):
    if MODE in ("well", "slow") or TRIGGER not in text:
        return False
    if MARK:
        if os.path.exists(MARK):
            return False
        open(MARK, "w").close()
    return True


def text_of(prompt):
    if "text" in prompt:
        return prompt["text"]
    return "".join(f"<{m['role']}>{m['content']}" for m in prompt["messages"])


def generate(request):
    prompt = text_of(request["prompt"])
    bad = misbehaves(prompt)
    if bad and MODE == "die":
        print("out of luck", file=sys.stderr)
        os._exit(7)
    if bad and MODE == "hang":
        time.sleep(600)
    if bad and MODE == "rubbish":
        print("Loading checkpoint shards: 100%")
        sys.stdout.flush()
        return
    if bad and MODE in ("refuse", "stumble"):
        return say(type="error", id=request["id"], message="it is too long",
                   try_again=MODE == "stumble")
    if bad and MODE == "unasked":
        return say(type="completion", id=999, index=0, text="", n_tokens=0, finish="end")
    seeds = list(enumerate(request["seeds"]))
    if bad and MODE in ("leave-out", "die-late"):
        seeds = seeds[:-1]
    if bad and MODE == "twice":
        seeds += seeds
    # The last first: the order must not matter.
    for index, seed in reversed(seeds):
        if MODE == "slow":
            time.sleep(0.03)
        digest = hashlib.sha256(f"{prompt} {seed}".encode()).hexdigest()
        say(type="completion", id=request["id"], index=index, text=f"# {digest}\nprint({seed % 3})\n[DONE]",
            n_tokens=3, finish="end")
    if bad and MODE == "die-late":
        sys.exit("not my day")
    say(type="done", id=request["id"], n_prompt_tokens=len(prompt))


for line in sys.stdin:
    request = json.loads(line)
    kind = request["type"]
    if kind == "hello":
        if MODE == "deaf":
            time.sleep(600)
        if MODE == "crash-at-start":
            sys.exit("no such model")
        say(type="ready", protocol=2 if MODE == "newer" else 1, name="toy 1", model="toy",
            model_sha256="ab" * 32, max_in_flight=4,
            capabilities=["generate"] if MODE == "bare" else
            ["generate", "score", "tokenize", "train", "chat"])
    elif kind == "generate":
        generate(request)
    elif kind == "tokenize":
        text = text_of(request["prompt"])
        say(type="alive")
        say(type="tokens", id=request["id"], n_tokens=len(text.split()), text=text)
    elif kind == "score":
        n = len(request["completion"])
        say(type="scores", id=request["id"], n_prompt_tokens=1, token_ids=list(range(n)),
            token_ends=list(range(1, n + 1)), log_probs=[-0.5] * n)
    elif kind == "train":
        for step in range(request["settings"]["steps"]):
            say(type="progress", id=request["id"], values={"step": step})
        say(type="trained", id=request["id"], values={"done": True})
