"""Tokens per second of `coderl-torch`, `transformers` and CTranslate2 on the same weights.

    python backends/torch/bench/generate.py --coderl-torch target/release/coderl-torch

One prompt; 1, 16 and 200 samples of it at temperature 0.6 and top-p 0.95, every sample with
the same number of tokens, float32, the same number of threads. Loading is not measured, reading
the prompt is. On a GPU (`--device cuda --models t5-770m`) all have decoded something before. The
ratio is how many times as long as `coderl-torch` another takes.

Engines take turns, so that what else the machine does meets all of them. On a machine that is never
quiet, `--clock processor` counts the time that the processors worked for the engine, of all threads
together, in place of the time that passed: use it with `--threads 1`, since threads that wait for
each other may count as working.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

TEMPERATURE, TOP_P = 0.6, 0.95
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
PROMPT = '''You are an expert Python programmer, and here is your task: Write a function to find
the longest run of equal items in a list, and to return where it begins and how long it is. Of
runs of the same length the first one counts. An empty list has a run of length 0 at 0. Your code
should pass these tests:

assert longest_run([1, 1, 2, 2, 2, 3]) == (2, 3)
assert longest_run([]) == (0, 0)
assert longest_run(["a", "b", "b", "a", "a"]) == (1, 2)
[BEGIN]
def longest_run(items):
    best_start, best_length = 0, 0
    start = 0
    for index, item in enumerate(items):
        if item != items[start]:
            start = index
        if index - start + 1 > best_length:
            best_start, best_length = start, index - start + 1
    return best_start, best_length
[DONE]

You are an expert Python programmer, and here is your task: Write a function to count how often
each word of a text occurs, without regard to case. Your code should pass these tests:

assert word_counts("a b A") == {"a": 2, "b": 1}
assert word_counts("") == {}
assert word_counts("To be or not to be") == {"to": 2, "be": 2, "or": 1, "not": 1}
[BEGIN]
'''


def prepare(name, folder, binary):
    """A directory with the model, and the prompt's token ids."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    path = folder / name
    if name == "smollm2-135m":
        fetched = subprocess.run([binary, "fetch", name], capture_output=True, text=True)
        file = pathlib.Path(fetched.stdout.strip())
        load = dict(pretrained_model_name_or_path=file.parent, gguf_file=file.name)
        model = transformers.AutoModelForCausalLM.from_pretrained(**load, dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(**load)
        # A copy that does not remember where its weights came from, or it is not written.
        config = transformers.LlamaConfig(**{
            key: value for key, value in model.config.to_dict().items()
            if key not in ("quantization_config", "model_type", "architectures")
        })
        copy = transformers.LlamaForCausalLM(config)
        copy.load_state_dict(model.state_dict())
        copy.save_pretrained(path)
        tokenizer.save_pretrained(path)
        return path, tokenizer(PROMPT)["input_ids"]
    sizes = {
        # As CodeT5-base and CodeT5-large: weights are random, the work is the same.
        "t5-220m": dict(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12),
        "t5-770m": dict(d_model=1024, d_kv=64, d_ff=4096, num_layers=24, num_heads=16),
    }[name]
    config = transformers.T5Config(
        vocab_size=32100, decoder_start_token_id=0, pad_token_id=0, eos_token_id=2, **sizes
    )
    torch.manual_seed(0)
    transformers.T5ForConditionalGeneration(config).save_pretrained(path)
    write_tokenizer(path, config.vocab_size)
    random = torch.Generator().manual_seed(1)
    return path, torch.randint(3, 32000, (420,), generator=random).tolist()


def write_tokenizer(path, size):
    """Any words: texts are not looked at."""
    import tokenizers
    import transformers

    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    words = ["<pad>", "<s>", "</s>", *alphabet]
    words += [first + second + third for first in alphabet[:26] for second in alphabet for third in alphabet[:26]]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words[:size]))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<pad>",
    )
    fast.save_pretrained(path)


class Ours:
    name = "coderl-torch"

    def __init__(self, path, options):
        self.command = [options.coderl_torch, "generate", path, "--threads", options.threads, "--timing"]
        self.command += ["--device", options.device, "--precision", options.precision]
        self.command += ["--temperature", TEMPERATURE, "--top-p", TOP_P]

    def measure(self, tokens, n_samples, n_new, clock):
        listed = ",".join(map(str, tokens))
        command = [*self.command, "--tokens", listed, "-n", n_samples]
        command += ["--max-new-tokens", n_new, "--min-new-tokens", n_new]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
        timing = json.loads(done.stderr.splitlines()[-1])
        assert timing["new_tokens"] == n_samples * n_new, timing
        return timing["seconds" if clock == "wall" else "processor_seconds"]


class Transformers:
    name = "transformers"

    def __init__(self, path, options):
        import torch
        import transformers

        torch.set_num_threads(options.threads)
        self.device = options.device
        config = transformers.AutoConfig.from_pretrained(path)
        self.is_encoder_decoder = config.is_encoder_decoder
        kind = transformers.AutoModelForSeq2SeqLM if self.is_encoder_decoder else transformers.AutoModelForCausalLM
        dtype = getattr(torch, options.precision)
        self.model = kind.from_pretrained(path, dtype=dtype).to(self.device).eval()

    def measure(self, tokens, n_samples, n_new, clock):
        import torch

        ids = torch.tensor([tokens], device=self.device)
        torch.manual_seed(0)
        start = CLOCKS[clock]()
        out = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=TEMPERATURE,
            top_p=TOP_P, top_k=0, num_return_sequences=n_samples, max_new_tokens=n_new,
            min_new_tokens=n_new,
        ).cpu()
        seconds = CLOCKS[clock]() - start
        before = 1 if self.is_encoder_decoder else len(tokens)
        assert out.shape == (n_samples, before + n_new), out.shape
        return seconds


class CTranslate2:
    name = "ctranslate2"

    def __init__(self, path, options):
        import ctranslate2
        import transformers

        config = transformers.AutoConfig.from_pretrained(path)
        self.is_encoder_decoder = config.is_encoder_decoder
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        converted = path.parent / f"{path.name}-ctranslate2"
        ctranslate2.converters.TransformersConverter(str(path)).convert(str(converted), force=True)
        kind = ctranslate2.Translator if self.is_encoder_decoder else ctranslate2.Generator
        self.model = kind(
            str(converted), device=options.device, intra_threads=options.threads, inter_threads=1,
            compute_type=options.precision,
        )

    def measure(self, tokens, n_samples, n_new, clock):
        words = [self.tokenizer.convert_ids_to_tokens(tokens)]
        options = dict(
            beam_size=1, num_hypotheses=n_samples, sampling_temperature=TEMPERATURE,
            sampling_topk=0, sampling_topp=TOP_P,
        )
        start = CLOCKS[clock]()
        if self.is_encoder_decoder:
            out = self.model.translate_batch(
                words, min_decoding_length=n_new, max_decoding_length=n_new, max_input_length=0,
                **options,
            )
        else:
            out = self.model.generate_batch(
                words, min_length=n_new, max_length=n_new, include_prompt_in_result=False, **options
            )
        seconds = CLOCKS[clock]() - start
        hypotheses = out[0].hypotheses if self.is_encoder_decoder else out[0].sequences
        lengths = [len(hypothesis) for hypothesis in hypotheses]
        assert len(lengths) == n_samples and max(lengths) <= n_new, lengths
        # What ends a text may be counted there; a little is left to the other side.
        assert min(lengths) >= n_new - 1, lengths
        return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coderl-torch", required=True)
    parser.add_argument("--models", nargs="+", default=["smollm2-135m", "t5-220m"])
    parser.add_argument("--samples", nargs="+", type=int, default=[1, 16, 200])
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="bfloat16 for GPUs")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--engines", nargs="+", default=["coderl-torch", "transformers", "ctranslate2"])
    options = parser.parse_args()
    kinds = [kind for kind in (Ours, Transformers, CTranslate2) if kind.name in options.engines]
    print(
        f"{options.new_tokens} new tokens a sample, {options.threads} threads, {options.device}, {options.precision}, "
        f"{options.clock} seconds, best of {options.repeats}"
    )
    print(f"{'model':<14} {'samples':>7} {'engine':<14} {'seconds':>9} {'tokens/s':>9} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            path, tokens = prepare(name, pathlib.Path(folder), options.coderl_torch)
            engines = []
            for kind in kinds:
                try:
                    engines.append(kind(path, options))
                except ImportError as error:
                    print(f"{kind.name} is not installed: {error}", file=sys.stderr)
                except (RuntimeError, ValueError) as error:
                    print(f"{kind.name} cannot do it here: {error}", file=sys.stderr)
            for n_samples in options.samples:
                measured = {engine.name: [] for engine in engines}
                for _ in range(options.repeats):
                    for engine in engines:
                        measured[engine.name].append(
                            engine.measure(tokens, n_samples, options.new_tokens, options.clock)
                        )
                print(f"measured {name}, {n_samples}: {measured}", file=sys.stderr, flush=True)
                best = {engine: min(times) for engine, times in measured.items()}
                for engine, seconds in best.items():
                    rate = n_samples * options.new_tokens / seconds
                    ratio = seconds / best.get(Ours.name, seconds)
                    print(
                        f"{name:<14} {n_samples:>7} {engine:<14} {seconds:>9.2f} {rate:>9.1f} {ratio:>7.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
