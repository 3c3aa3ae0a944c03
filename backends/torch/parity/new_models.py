"""Directories that `coderl-torch` writes, as `transformers` loads them."""

import json
import pathlib

import numpy as np
import torch
import transformers

TEXTS = [
    "",
    "def f(x):\n\treturn  x\n\n\n\t\tif x:\r\n    pass\n",
    "First, keep only the even numbers. Second, sort the numbers.",
    " é 世界 🙂 don't  ",
    "<s>a</s> <extra_id_0>b<pad>",
]


def compare(table, ours, folder):
    """`new` of both families, in several forms."""
    code = folder / "code.jsonl"
    with code.open("w") as out:
        for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
            out.write(json.dumps({"id": path.name, "text": path.read_text()}) + "\n")
    forms = {
        "T5": (),
        "T5 untied gated": ("--untied", "--gated", "--decoder-layers", 3),
        "Llama": ("--architecture", "llama"),
        "Llama untied grouped": ("--architecture", "llama", "--untied", "--kv-heads", 2),
    }
    for name, options in forms.items():
        path = folder / f"new-{name.replace(' ', '-')}"
        ours.run("new", path, "--tokenizer-from", code, "--seed", 3, *options)
        compare_directory(table, ours, f"new {name}", path)
    spread(table, folder / "new-T5")


def compare_exported(table, ours, folder, model):
    path = folder / "exported"
    ours.run("export", model, path)
    tokenizer = compare_directory(table, ours, f"{model} exported", path)
    source = pathlib.Path(ours.run("fetch", model).strip())
    reference = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    chat = [{"role": "user", "content": "Write a function."}]
    rendered = [it.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
                for it in (tokenizer, reference)]
    table.equal(f"{model} exported", "chat template", rendered[0], rendered[1])


@torch.no_grad()
def compare_directory(table, ours, name, path):
    config = transformers.AutoConfig.from_pretrained(path)
    encodes = config.is_encoder_decoder
    kind = transformers.AutoModelForSeq2SeqLM if encodes else transformers.AutoModelForCausalLM
    built, told = kind.from_pretrained(path, output_loading_info=True)
    built.eval()
    # Nothing was missing, left over, or of another shape.
    troubles = {key: value for key, value in told.items() if value}
    table.row(name, "weights as loaded", str(troubles or ""), not troubles)
    table.row(name, "element type", str(built.dtype), built.dtype == torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    text_file = path.parent / "text.txt"
    same = whole = 0
    for text in TEXTS:
        text_file.write_bytes(text.encode())
        found = json.loads(ours.run("tokenize", path, "--prompt-file", text_file))
        ids = tokenizer(text)["input_ids"]
        same += found == ids
        whole += "<" in text or tokenizer.decode(ids, skip_special_tokens=True) == text
    table.row(name, "token ids", f"{same} of {len(TEXTS)} texts", same == len(TEXTS))
    table.row(name, "texts as before", f"{whole} of {len(TEXTS)}", whole == len(TEXTS))
    ids = tokenizer(TEXTS[1])["input_ids"]
    row = {"source": ids, "target": [0, 5, 6, 7]} if encodes else {"target": ids}
    if encodes:
        target = torch.tensor([row["target"]])
        logits = built(input_ids=torch.tensor([ids]), decoder_input_ids=target).logits
    else:
        logits = built(input_ids=torch.tensor([ids])).logits
    found = ours.logits(path, [row], built.config.vocab_size, "--path", "tensors")
    # Untrained T5 with embeddings of standard deviation 1 has large logits.
    table.close(name, "logits, tensors", found, logits[0].numpy(), relative=1e-5)
    ends = built.generation_config.eos_token_id
    table.row(name, "end of text", f"{ends} {config.eos_token_id}", ends == config.eos_token_id)
    if not name.startswith("new"):
        return tokenizer
    named = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    table.row(name, "<pad>, <s>, </s>", str(named), named == (0, 1, 2))
    return tokenizer


def spread(table, path):
    """Standard deviations beside those that `transformers` draws, by kind of tensor."""
    config = transformers.AutoConfig.from_pretrained(path)
    torch.manual_seed(0)
    theirs = transformers.T5ForConditionalGeneration(config).state_dict()
    ours = transformers.AutoModelForSeq2SeqLM.from_pretrained(path).state_dict()
    worst = 0.0
    for name, tensor in theirs.items():
        if tensor.numel() > 1000:
            ratio = float(ours[name].std() / tensor.std())
            # In units of what chance allows.
            worst = max(worst, abs(np.log(ratio)) * np.sqrt(tensor.numel()))
    table.row("new T5", "spread of weights, in standard errors", f"{worst:.1f}", worst < 5)
