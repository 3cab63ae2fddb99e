# make train and make test need python3 (3.10 to 3.13), pip and a package index; nothing else.
PYTHON ?= python3
VENV   ?= .venv
# A CPU-only or a given CUDA build of torch: TORCH_INDEX=URL, as the selector on pytorch.org/get-started/locally shows it.
TORCH_INDEX ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: train test lint slow notebook lock

train: $(VENV)/.installed
	$(BIN)/attn train task=graph

# Tests run WORKERS at a time, each on one thread.
WORKERS ?= 2

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

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

# The tested versions for every Python that pyproject.toml admits; writes constraints.txt.
lock: $(VENV)/bin/python
	$(PIP) install -q uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.10 --all-extras --no-annotate --no-emit-index-url \
		--no-header -o constraints.txt
