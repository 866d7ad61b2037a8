# Two commands are enough on a fresh machine: make demo, make test. Everything else is for who works on homegrown.
SHELL := /bin/bash
PY := .venv/bin/python
export HOMEGROWN_DATA ?= $(firstword $(wildcard ../shared/data))
# One thread per process in tests: two cores that several processes share go faster that way. Bytecode is kept, even
# where the environment says otherwise: the tests start some hundred processes, and each would compile the package.
TEST_ENV := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE= TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
# Processes that share the tests, a file to each at a time and in order, so that what a file sets up is set up once.
WORKERS ?= 2

.PHONY: demo test test-slow check format benchmark clean setup studio
setup: .stamp-python .stamp-studio

.stamp-python: requirements.lock constraints.txt pyproject.toml
	scripts/setup
	touch $@

.stamp-studio: .stamp-python scripts/studio $(shell find frontend -type f -not -path "*/node_modules/*")
	scripts/studio
	touch $@

studio: .stamp-studio

demo: setup
	$(PY) -m homegrown demo

test: setup
	scripts/system
	$(TEST_ENV) $(PY) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-slow: setup
	scripts/system
	$(TEST_ENV) $(PY) -m pytest -q -m slow

check: setup
	scripts/check

format: setup
	.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

benchmark: setup
	$(PY) -m benchmarks

clean:
	rm -rf .venv .stamp-python .stamp-studio src/homegrown/studio/static frontend/node_modules
