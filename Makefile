# make train and make test need python3 (3.10 to 3.13), pip and a package index, and nothing else.
PYTHON ?= python3
VENV   ?= .venv
# A CPU build of torch, or a build for another CUDA: TORCH_INDEX=URL, the URL that pytorch.org/get-started/locally shows.
TORCH_INDEX ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: train test lint slow notebook lock

train: $(VENV)/.installed
	$(BIN)/attn train task=graph

# Tests run in WORKERS processes of one thread each.
WORKERS ?= 2

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# All slow tests take hours on two cores. SLOW="--slow-share 2/6 --slow-minutes 20" runs a share of them.
SLOW ?=

slow: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow $(SLOW)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q --upgrade "pip>=24"

$(VENV)/.torch: $(VENV)/bin/python constraints.txt
	$(if $(TORCH_INDEX),$(PIP) install -q -c constraints.txt --index-url $(TORCH_INDEX) torch)
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.torch pyproject.toml
	$(PIP) install -q -c constraints.txt -e ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/.torch pyproject.toml
	$(PIP) install -q -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

# Resolves the dependencies for every Python that pyproject.toml admits and writes constraints.txt.
lock: $(VENV)/bin/python
	$(PIP) install -q uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 --all-extras --no-annotate --no-emit-index-url \
		--no-header -o constraints.txt
