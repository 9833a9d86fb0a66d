# Each target does the set-up it needs once; the second time it passes it by.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.installed
# one process a core with one thread each: two thread pools on one core wait for each other
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test test-fast lint bench docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

setup: $(SETUP) ## make .venv with everything for use and development

quickstart: $(SETUP) ## collisions to a trained, measured tagger with a page of plots
	$(BIN)/collidium run quickstart

test-fast: $(SETUP) ## the fast tests
	$(PYTEST) -m "not slow"

test: $(SETUP) ## all tests: the fast ones, then the slow ones
	$(PYTEST) -m "not slow"
	$(PYTEST) -m slow

lint: $(SETUP) ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(SETUP) ## every benchmark: ours, the peer's, the ratio
	for script in accuracy generation loading measure optimizers training trajectories trigger; do $(BIN)/python benchmarks/$$script.py || exit 1; done

docs: $(SETUP) ## the documentation, in site/; a warning is an error
	$(BIN)/mkdocs build --strict --quiet

clean: ## remove the environments and caches, keep data/ and runs/
	rm -rf $(VENV) .venv-* site .mypy_cache .ruff_cache .pytest_cache
