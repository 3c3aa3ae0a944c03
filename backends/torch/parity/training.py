"""Losses, gradients, updates and exported models of `coderl-torch train`, beside plain PyTorch.

The reference is written from the equations, one sequence at a time and without padding, on the
models of `transformers` and with `torch.optim.AdamW`; it shares nothing with the trainer.
"""

import json

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import files
import variants

LIMIT = 1e-4
# Updates divide gradients by their size, so that small ones are as loud as large ones.
UPDATED_LIMIT = 1e-3
# Two tokens of these samples are within rounding of the maximum of one channel of the states (their
# values differ by 2e-7), and which of them is taken moves the gradient of that channel.
TIED, TIED_LIMIT = 1e-6, 2e-2
FAMILIES = {"t5": "t5 gated-gelu tied", "llama": "llama 6/2 heads tied"}
MAX_SOURCE, MAX_TARGET = 60, 24
REWARDS = {"compile-error": -1.0, "runtime-error": -0.6, "failed-tests": -0.3, "passed-tests": 1.0}
OUTCOMES = list(REWARDS)
N = 6


# --- Data, the same each time ------------------------------------------------------------------


def prompt(index):
    return {"text": "add " * (1 + index % 4) + str(index)}


def program(index):
    return f"a={index}\n" + "a+=1\n" * (index % 3) + "print(a)"


def examples():
    return [
        {"id": {"problem": f"p/{index % 3}", "index": index // 3}, "prompt": prompt(index % 3),
         "program": program(index)}
        for index in range(N)
    ]


def samples():
    random = np.random.default_rng(7)
    out = []
    for index in range(N):
        text = program(index + 1)[:-1]
        values = np.round(random.uniform(0.05, 0.95, len(text) + 1), 3)
        out.append({
            "id": {"problem": f"p/{index % 3}", "index": index // 3}, "prompt": prompt(index % 3),
            "program": text, "origin": "sampled", "baseline": OUTCOMES[(index % 3 + 1) % 4],
            "feedback": {
                "outcome": OUTCOMES[(index * 3 + index // 2) % 4], "n_passed": index % 4,
                "n_tests": 4, "error_line": 1 + index % 2, "n_lint_findings": index % 2,
            },
            "token_values": values.tolist(),
        })
    return out


def rl(algorithm, **changes):
    return {
        "name": "rl", "algorithm": algorithm, "rl-weight": 1.3, "ce-weight": 0.7,
        "ce-on-samples": False, "negative-weight": 0.5, "reduction": "sum", "order": "joint",
        "lint-penalty": 0.1, **changes,
    }


def critic(pooling, alignment, classes="outcomes"):
    return {"name": "critic", "classes": classes, "pooling": pooling, "alignment": alignment}


CODE_RL = {"name": "code-rl", "baseline": "greedy", "token-value": "critic"}
PPO = {
    "name": "ppo", "baseline": "group", "token-value": "distance", "clip": 0.1, "kl-weight": 0.2
}
GRPO = {"name": "grpo", "clip": 0.1, "kl-weight": 0.05}
RLTF = {"name": "rltf", "fine-weight": 0.4, "adaptive-weight": 0.6}

# Name, family, stage, and updates before the gradients are looked at: at the beginning a clipped
# loss has no ratios to clip.
CASES = [
    ("SFT", "t5", {"name": "sft"}, 0),
    ("SFT", "llama", {"name": "sft"}, 0),
    *(
        (f"critic, {pooling}, {alignment}", "t5", critic(pooling, alignment), 0)
        for pooling in ("logits", "states", "logits-with-padding")
        for alignment in ("after-token", "before-token")
    ),
    ("critic, binary", "t5", critic("logits", "after-token", "binary"), 0),
    ("critic, logits, after-token", "llama", critic("logits", "after-token"), 0),
    ("RL, CodeRL, sum", "t5", rl(CODE_RL), 0),
    ("RL, CodeRL, token mean", "t5", rl(CODE_RL, reduction="token-mean"), 0),
    ("RL, CodeRL, L_ce on samples too", "t5", rl(CODE_RL, **{"ce-on-samples": True}), 0),
    ("RL, CodeRL, sum", "llama", rl(CODE_RL), 0),
    ("RL, RLTF", "t5", rl(RLTF), 0),
    ("RL, PPO, after 3 updates", "t5", rl(PPO), 3),
    ("RL, PPO, after 3 updates", "llama", rl(PPO, reduction="token-mean"), 3),
    ("RL, GRPO, after 3 updates", "t5", rl(GRPO), 3),
    ("RL, GRPO, after 3 updates", "llama", rl(GRPO), 3),
]
# Of these there are numbers for `tests/training_golden.rs`.
GOLDEN = [
    index for index, (name, _, _, n) in enumerate(CASES)
    if n == 0 and "before" not in name and "binary" not in name
]


# --- Models ------------------------------------------------------------------------------------


def configuration(name, built):
    return {**variants.configuration(name, built), "dropout_rate": 0.0}


def head(width, n_classes):
    shapes = {
        "critic_head.hidden.weight": (128, width), "critic_head.hidden.bias": (128,),
        "critic_head.output.weight": (n_classes, 128), "critic_head.output.bias": (n_classes,),
    }
    return {
        name: torch.from_numpy(variants.numbers(name, shape)) for name, shape in shapes.items()
    }


def n_classes(stage):
    return 4 if stage["classes"] == "outcomes" else 2


def order_bytes(path):
    """Gives the tokens of single bytes the order of the bytes, as `tests/fixture.rs` does."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    description = json.loads(path.read_text())
    vocabulary = description["model"]["vocab"]
    for byte in range(256):
        vocabulary[chr(byte if byte in plain else next(others))] = byte + 3
    path.write_text(json.dumps(description))


def write_base(path, family, stage):
    """A model to begin with; a critic's has a head."""
    name = FAMILIES[family]
    built = variants.model(name)
    files.write_directory(path, configuration(name, built))
    order_bytes(path / "tokenizer.json")
    tensors = variants.weights(built)
    if stage["name"] == "critic":
        tensors = {**tensors, **head(48, n_classes(stage))}
        settings = {key: value for key, value in stage.items() if key != "name"}
        (path / "critic.json").write_text(json.dumps(settings))
    save_file(tensors, path / "model.safetensors")


class Model:
    """A model of `transformers` with the weights in a directory."""

    def __init__(self, path):
        config = transformers.AutoConfig.from_pretrained(path)
        self.encodes = config.is_encoder_decoder
        kind = transformers.AutoModelForSeq2SeqLM if self.encodes else transformers.AutoModelForCausalLM
        self.model = kind.from_pretrained(path, dtype=torch.float32).eval()
        tensors = load_file(path / "model.safetensors")
        self.head = {
            name: tensor.clone().requires_grad_()
            for name, tensor in tensors.items() if name.startswith("critic_head")
        }
        self.scale = config.d_model**-0.5 if self.encodes else 1.0
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))

    def parameters(self):
        return {**dict(self.model.named_parameters()), **self.head}

    def source(self, record):
        return self.tokenizer.encode(record["prompt"]["text"]).ids[:MAX_SOURCE]

    def target(self, record):
        return (self.tokenizer.encode(record["program"]).ids + [2])[:MAX_TARGET]

    def log_probs(self, record):
        """log p of each token of the program."""
        source, target = self.source(record), self.target(record)
        if self.encodes:
            inputs = torch.tensor([[0] + target[:-1]])
            logits = self.model(input_ids=torch.tensor([source]), decoder_input_ids=inputs).logits[0]
        else:
            inputs = torch.tensor([source + target[:-1]])
            logits = self.model(input_ids=inputs).logits[0, len(source) - 1 :]
        return logits.log_softmax(-1)[range(len(target)), target]

    def states(self, record, alignment, pads):
        """States that the tokens of the program are valued by; with padding, those too."""
        source, target = self.source(record), self.target(record)
        after = alignment == "after-token"
        if not self.encodes:
            inputs = torch.tensor([source + (target if after else target[:-1])])
            states = self.model.model(input_ids=inputs).last_hidden_state[0]
            return states[len(source) :] if after else states[len(source) - 1 :]
        inputs = [0] + (target if after or pads else target[:-1])
        if pads:
            width = MAX_TARGET + after
            inputs = (inputs + [0] * width)[:width]
        out = self.model(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([inputs]),
            output_hidden_states=True,
        )
        states = out.decoder_hidden_states[-1][0]
        return states[1:] if after and not pads else states

    def classify(self, states):
        hidden = states * self.scale @ self.head["critic_head.hidden.weight"].T
        hidden = (hidden + self.head["critic_head.hidden.bias"]).relu()
        return hidden @ self.head["critic_head.output.weight"].T + self.head["critic_head.output.bias"]


# --- Losses ------------------------------------------------------------------------------------


def loss_of(stage, model, reference):
    if stage["name"] == "sft":
        # Eq. 1, as a mean over all tokens.
        return -torch.cat([model.log_probs(record) for record in examples()]).mean()
    if stage["name"] == "critic":
        return critic_loss(stage, model)
    return rl_loss(stage, model, reference)


def critic_loss(stage, model):
    """Eq. 9."""
    losses = []
    for sample in samples():
        outcome = sample["feedback"]["outcome"]
        label = OUTCOMES.index(outcome) if n_classes(stage) == 4 else int(outcome == "passed-tests")
        states = model.states(
            sample, stage["alignment"], stage["pooling"] == "logits-with-padding"
        )
        if stage["pooling"] == "states":
            pooled = model.classify(states.max(0).values)
        else:
            pooled = model.classify(states).max(0).values
        losses.append(-pooled.log_softmax(-1)[label])
    return torch.stack(losses).mean()


def has_tie(stage, model):
    """Whether rounding decides which token a maximum over states is of."""
    if stage.get("pooling") != "states":
        return False
    states = (model.states(sample, stage["alignment"], False).detach() for sample in samples())
    tops = (it.topk(2, dim=0).values for it in states if len(it) > 1)
    return any((first - second).min() < TIED for first, second in tops)


def rl_loss(stage, model, reference):
    algorithm = stage["algorithm"]
    records = samples()
    rewards = [
        REWARDS[it["feedback"]["outcome"]] - stage["lint-penalty"] * it["feedback"]["n_lint_findings"]
        for it in records
    ]
    sums, n_tokens = [], 0
    for index, sample in enumerate(records):
        feedback = sample["feedback"]
        group = [
            reward for reward, other in zip(rewards, records)
            if other["id"]["problem"] == sample["id"]["problem"]
        ]
        baseline = REWARDS[sample["baseline"]]
        if algorithm["name"] == "grpo":
            advantage = (rewards[index] - np.mean(group)) / (np.std(group) + 1e-4)
        elif algorithm["name"] == "rltf":
            adaptive = REWARDS[feedback["outcome"]]
            if feedback["outcome"] == "failed-tests":
                adaptive = -0.3 + 1.3 * feedback["n_passed"] / feedback["n_tests"]
            advantage = rewards[index] - baseline + algorithm["adaptive-weight"] * adaptive
        else:
            baselines = {"greedy": baseline, "group": np.mean(group), "none": 0.0}
            advantage = rewards[index] - baselines[algorithm["baseline"]]
        if advantage < 0:
            advantage *= stage["negative-weight"]
        log_probs = model.log_probs(sample)
        n = len(log_probs)
        n_tokens += n
        values = {
            "critic": torch.tensor(sample["token_values"]),
            "distance": torch.tensor([(n - t) / n for t in range(n)]),
            "none": torch.ones(n),
        }[algorithm.get("token-value", "none")]
        advantages = advantage * values
        if algorithm["name"] == "rltf":
            line = 1
            for at, token in enumerate(model.target(sample)):
                if line == feedback["error_line"]:
                    advantages[at] += algorithm["fine-weight"] * REWARDS[feedback["outcome"]]
                line += model.tokenizer.decode([token]).count("\n")
        if "clip" in algorithm:
            with torch.no_grad():
                before = reference.log_probs(sample)
            ratio = (log_probs - before).exp()
            bounded = ratio.clamp(1 - algorithm["clip"], 1 + algorithm["clip"])
            losses = -torch.minimum(ratio * advantages, bounded * advantages)
            delta = before - log_probs
            losses = losses + algorithm["kl-weight"] * (delta.exp() - delta - 1)
        else:
            losses = -advantages * log_probs
        sums.append(losses.sum())
    by_sample = stage["reduction"] == "sum"
    total = sum(sums) * stage["rl-weight"] / (N if by_sample else n_tokens)
    imitated = examples() + (records if stage["ce-on-samples"] else [])
    log_probs = [model.log_probs(it) for it in imitated]
    divisor = len(imitated) if by_sample else sum(map(len, log_probs))
    return total - stage["ce-weight"] * sum(it.sum() for it in log_probs) / divisor


def gradients_of(stage, model, reference):
    for parameter in model.parameters().values():
        parameter.grad = None
    loss = loss_of(stage, model, reference)
    loss.backward()
    gradients = {
        name: parameter.grad for name, parameter in model.parameters().items()
        if parameter.grad is not None
    }
    return loss.item(), gradients


# --- Updates -----------------------------------------------------------------------------------

OPTIMIZER = {
    "learning-rate": 2e-3, "schedule": {"name": "polynomial", "power": 0.5, "end": 5e-4},
    "warmup-steps": 3, "weight-decay": 0.05, "beta-1": 0.9, "beta-2": 0.98, "epsilon": 1e-8,
    "max-gradient-norm": 0.8,
}


def rate(step, n_steps):
    """Of update `step`, from 1."""
    peak, warmup = OPTIMIZER["learning-rate"], OPTIMIZER["warmup-steps"]
    if step < warmup:
        return peak * step / warmup
    schedule = OPTIMIZER["schedule"]
    left = 1 - (step - warmup) / (n_steps - warmup)
    return (peak - schedule["end"]) * left ** schedule["power"] + schedule["end"]


def train_reference(stage, model, reference, n_steps):
    """Losses and gradient norms of the updates."""
    parameters = model.parameters().values()
    groups = [
        {"params": [it for it in parameters if it.dim() > 1], "weight_decay": OPTIMIZER["weight-decay"]},
        {"params": [it for it in parameters if it.dim() == 1], "weight_decay": 0.0},
    ]
    betas = (OPTIMIZER["beta-1"], OPTIMIZER["beta-2"])
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=OPTIMIZER["epsilon"])
    told = []
    for step in range(1, n_steps + 1):
        loss, _ = gradients_of(stage, model, reference)
        norm = torch.nn.utils.clip_grad_norm_(parameters, OPTIMIZER["max-gradient-norm"])
        for group in optimizer.param_groups:
            group["lr"] = rate(step, n_steps)
        optimizer.step()
        told.append((loss, norm.item(), rate(step, n_steps)))
    return np.array(told)


# --- Comparison --------------------------------------------------------------------------------


def settings(folder, stage, n_steps, **more):
    """Writes a training directory; every update is over all the data."""
    folder.mkdir(exist_ok=True)
    for name, records in (("examples", examples()), ("samples", samples())):
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(text)
    path = folder / "settings.json"
    path.write_text(json.dumps({
        "stage": stage, "model": str(folder / "base"), "out": str(folder),
        "data": {"examples": "examples.jsonl", "samples": "samples.jsonl"},
        "optimizer": OPTIMIZER,
        "batch": {
            # Several passes an update.
            "size": N, "max-tokens": 90, "epochs": 1.0, "steps": n_steps,
            "max-source-tokens": MAX_SOURCE, "max-target-tokens": MAX_TARGET,
        },
        "checkpoints": {"every": 1000, "keep-last": 1}, "seed": 0, **more,
    }))
    return path


def worst(found, expected):
    """Largest error of a tensor, as a part of the tensor's norm; its name."""
    if set(found) != set(expected):
        return float("inf"), str(sorted(set(found) ^ set(expected))[:3])
    errors = {
        name: float((found[name].double() - tensor.double()).norm() / max(tensor.double().norm(), 1e-9))
        for name, tensor in expected.items()
    }
    name = max(errors, key=errors.get)
    return errors[name], name


def relative(table, name, what, error, limit=LIMIT):
    table.row(name, what, f"relative error {error:.1e}", bool(error <= limit))


def our_gradients(ours, path, folder):
    out = folder / "gradients.safetensors"
    ours.run("gradients", path, "--out", out)
    gradients = load_file(out)
    return gradients.pop("loss").item(), gradients


def compare(table, ours, folder):
    folder = folder / "training"
    folder.mkdir()
    # On models of this size a second thread costs time.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for index, (name, family, stage, n_before) in enumerate(CASES):
        name = f"{family}: {name}"
        place = folder / str(index)
        place.mkdir()
        write_base(place / "base", family, stage)
        path = settings(place, stage, n_before)
        current = place / "base"
        if n_before:
            ours.run("train", path)
            [current] = (place / "checkpoints").iterdir()
        found_loss, found = our_gradients(ours, path, place)
        loss, gradients = gradients_of(stage, Model(current), Model(place / "base"))
        relative(table, name, "loss", abs(found_loss - loss) / abs(loss))
        error, where = worst(found, gradients)
        limit = TIED_LIMIT if has_tie(stage, Model(place / "base")) else LIMIT
        relative(table, name, f"{len(gradients)} gradients", error, limit)
        if error > limit:
            print(f"  the worst is {where}")
    for name, family, stage, n_steps in (
        ("SFT", "t5", {"name": "sft"}, 8),
        ("SFT", "llama", {"name": "sft"}, 8),
        # Which token has the maximum may be up to rounding: the reference itself, from weights
        # that are disturbed by 1e-7, has norms that differ by 1e-4 after eight updates.
        ("critic", "t5", critic("logits", "after-token"), 5),
        ("RL, CodeRL", "t5", rl(CODE_RL), 8),
        ("RL, PPO", "llama", rl(PPO), 8),
    ):
        compare_updates(table, ours, folder, f"{family}: {name}", family, stage, n_steps)
    compare_adapter(table, ours, folder)
    torch.set_num_threads(n_threads)


def compare_updates(table, ours, folder, name, family, stage, n_steps):
    place = folder / name.replace(" ", "-").replace(":", "")
    place.mkdir()
    write_base(place / "base", family, stage)
    ours.run("train", settings(place, stage, n_steps))
    told = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    found = np.array([[it["loss"], it["gradient_norm"], it["learning_rate"]] for it in told])
    model = Model(place / "base")
    begin = {key: value.detach().clone() for key, value in model.parameters().items()}
    expected = train_reference(stage, model, Model(place / "base"), n_steps)
    errors = (np.abs(found - expected) / np.abs(expected)).max(0)
    measures = (("losses", LIMIT), ("gradient norms", UPDATED_LIMIT), ("learning rates", 1e-12))
    for (what, limit), error in zip(measures, errors):
        relative(table, name, f"{what} of {n_steps} updates", error, limit)
    trained = Model(place / "model")
    changes = lambda it: {key: value.detach() - begin[key] for key, value in it.parameters().items()}
    error, _ = worst(changes(trained), changes(model))
    relative(table, name, f"what {n_steps} updates of AdamW change", error, UPDATED_LIMIT)
    if stage["name"] != "critic":
        compare_exported(table, ours, name, place / "model", trained)


@torch.no_grad()
def compare_exported(table, ours, name, path, model):
    row = {"target": [5, 70, 80, 9]}
    if model.encodes:
        row = {"source": [9, 8, 100, 7], "target": [0, 70, 80]}
        source, target = torch.tensor([row["source"]]), torch.tensor([row["target"]])
        logits = model.model(input_ids=source, decoder_input_ids=target).logits[0]
    else:
        logits = model.model(input_ids=torch.tensor([row["target"]])).logits[0]
    found = ours.logits(path, [row], logits.shape[-1])
    table.close(name, "logits of the trained model, decoder", found, logits.numpy())


def compare_adapter(table, ours, folder):
    name = "llama: SFT, low rank"
    try:
        import peft
    except ImportError:
        table.row(name, "", "peft is not installed", True)
        return
    place = folder / "adapter"
    place.mkdir()
    stage = {"name": "sft"}
    write_base(place / "base", "llama", stage)
    path = settings(place, stage, 4, lora={"rank": 4, "alpha": 6.0})
    ours.run("train", path)
    adapted = Model(place / "base")
    adapted.model = peft.PeftModel.from_pretrained(
        adapted.model, place / "model/adapter", is_trainable=True
    ).eval()
    # PEFT warns of missing keys and goes on.
    stored = load_file(place / "model/adapter/adapter_model.safetensors")
    plain = lambda key: key.replace(".default", "")
    learning = {
        plain(key): value for key, value in adapted.model.named_parameters() if value.requires_grad
    }
    error, _ = worst({key: value.detach() for key, value in learning.items()}, stored)
    relative(table, name, f"{len(stored)} tensors as PEFT loads them", error, 0.0)
    adapted.parameters = lambda: {
        key.removeprefix("base_model.model."): value for key, value in learning.items()
    }
    found_loss, found = our_gradients(ours, path, place)
    loss, gradients = gradients_of(stage, adapted, None)
    relative(table, name, "loss", abs(found_loss - loss) / abs(loss))
    error, _ = worst(found, gradients)
    relative(table, name, f"{len(gradients)} gradients", error)
    adapted.encodes = False
    compare_exported(table, ours, name, place / "model", adapted)


# --- Numbers for the tests ---------------------------------------------------------------------


def golden(path, folder):
    """For each case its loss, and of each gradient the norm and a weighted sum."""
    cases = []
    for index in GOLDEN:
        name, family, stage, _ = CASES[index]
        place = folder / str(index)
        place.mkdir()
        write_base(place / "base", family, stage)
        model = Model(place / "base")
        loss, gradients = gradients_of(stage, model, model)
        summary = {}
        for key, gradient in gradients.items():
            probe = variants.numbers(f"probe.{key}", tuple(gradient.shape)).astype(float)
            total = float((gradient.double().numpy() * probe).sum())
            summary[key] = [float(f"{gradient.double().norm():.6g}"), float(f"{total:.6g}")]
        cases.append({
            "name": name, "model": FAMILIES[family], "stage": stage, "loss": round(loss, 6),
            "gradients": summary,
        })
    text = ",\n".join(json.dumps(case) for case in cases)
    data = "".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(it) for it in records) + "\n],\n"
        for name, records in (("examples", examples()), ("samples", samples()))
    )
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    path.write_text(
        f'{{"written_by": "parity.py --golden-training, {versions}",\n{data}"cases": [\n{text}\n]}}\n'
    )
