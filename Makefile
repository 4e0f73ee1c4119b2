# gwasbone: `make demo` and `make test` are all a newcomer needs.

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow cases lint bench clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/gwasbone demo demo

# a worker for each of two to four cores; one thread of linear algebra each
test: $(READY)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# two at a time: each takes threads or a JVM of its own
test-slow: $(READY)
	$(BIN)/python -m pytest -m slow --numprocesses auto --maxprocesses 2 --dist loadfile

# every case of ../shared/data/cases: what is right there, and the outcome of its tests
cases: $(READY)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/real/case_list.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --follow-imports silent --ignore-missing-imports --no-warn-unused-ignores \
		--allow-untyped-defs --disable-error-code union-attr --disable-error-code arg-type --disable-error-code index \
		--disable-error-code call-overload --disable-error-code operator \
		--disable-error-code str-bytes-safe benchmarks

bench: $(READY)
	$(BIN)/python -m pytest benchmarks --benchmark-only

clean:
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .ruff_cache .mypy_cache
