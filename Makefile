PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .venv-demo
SOURCES := $(shell find src -type f -not -path '*/__pycache__/*')

.PHONY: setup test test-slow check bench demo example clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

# One process a core; each computes with one thread, or they would take turns on the same cores.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n auto --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(DEMO)/.ready: pyproject.toml $(SOURCES)
	@test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install -q .
	@touch $@

demo: $(DEMO)/.ready
	$(DEMO)/bin/hearfelt analyze examples/call/call.flac --transcript examples/call/call.srt \
		--speakers agent,customer --out demo-report

example: setup
	$(BIN)/python examples/call/make.py

clean:
	rm -rf $(VENV) $(DEMO) demo-report build dist
