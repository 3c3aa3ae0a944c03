"""Any causal model of `transformers` as a backend of coderl, in some thirty lines.

    coderl run mbpp --backend process --n-samples 10 \
        --command "python3 backends/examples/transformers_child.py HuggingFaceTB/SmolLM2-135M"

Needs `pip install torch transformers`. docs/process-protocol.md explains the protocol.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# Standard output is for the protocol alone; libraries may print to it.
answers, sys.stdout = sys.stdout, sys.stderr


def say(**message):
    print(json.dumps(message), file=answers, flush=True)


def encode(prompt):
    if "messages" in prompt:
        return tokenizer.apply_chat_template(prompt["messages"], add_generation_prompt=True,
                                             return_dict=False)
    return tokenizer(prompt["text"])["input_ids"]


def generate(request):
    ids = encode(request["prompt"])[: request["max_prompt_tokens"]]
    method = request["method"]
    options = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    if method["name"] == "sample":
        options = {"do_sample": True, "temperature": method["temperature"],
                   "top_p": method["top_p"], "top_k": method["top_k"] or 0}
    for index, seed in enumerate(request["seeds"]):
        # One at a time, so that a candidate depends on its own seed alone. Slow but simple.
        torch.manual_seed(seed % 2**63)
        output = model.generate(torch.tensor([ids]), max_new_tokens=request["max_new_tokens"],
                                pad_token_id=tokenizer.eos_token_id, **options)[0, len(ids):]
        text, finish = tokenizer.decode(output, skip_special_tokens=True), "length"
        if output[-1] == tokenizer.eos_token_id:
            finish = "end"
        for stop in request["stop"]:
            if stop in text:
                text, finish = text[: text.index(stop)], "stop"
        say(type="completion", id=request["id"], index=index, text=text, n_tokens=len(output),
            finish=finish)
    say(type="done", id=request["id"], n_prompt_tokens=len(ids))


for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "hello":
        tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
        model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
        chat = ["chat"] if tokenizer.chat_template else []
        say(type="ready", protocol=1, name="transformers", model=sys.argv[1], max_in_flight=1,
            capabilities=["generate", "tokenize", *chat])
    elif request["type"] == "generate":
        generate(request)
    elif request["type"] == "tokenize":
        ids = encode(request["prompt"])
        say(type="tokens", id=request["id"], n_tokens=len(ids), text=tokenizer.decode(ids))
