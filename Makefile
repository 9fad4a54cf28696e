# make run: set up and make the demo product. make test: set up and test. make lint: style, types, layers.
# make up: set up and start the whole stack (server, S3, workers), see docs/operate.md. make down: end it, data stays.
# make status: its parts, pools and logs.
# make accuracy: docs/accuracy.md from results. make bench: speed beside other methods, 25 minutes.
# make bench-compare: what has become slower since the last kept result, three minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.installed-bench

.PHONY: run up down status test lint format accuracy bench bench-compare clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "finescale needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	@echo "set-up: installing pinned packages into $(VENV), a few minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[s3,server,dev]'
	@touch $@

$(BENCH): $(STAMP)
	@echo "benchmarks: installing what the pipeline is measured against"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

run: $(STAMP)
	@$(BIN)/finescale run hubei --source demo

up: $(STAMP)
	@$(BIN)/python -m deployments.stack up

status: $(STAMP)
	@$(BIN)/python -m deployments.stack status

down: $(STAMP)
	@$(BIN)/python -m deployments.stack down

test: $(STAMP)
	@$(BIN)/pytest

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

accuracy: $(STAMP)
	@$(BIN)/python -m benchmarks.accuracy

bench: $(BENCH)
	@$(BIN)/python -m benchmarks.inference
	@$(BIN)/python -m benchmarks.acquire
	@$(BIN)/python -m benchmarks.pool
	@$(BIN)/python -m benchmarks.verify
	@$(BIN)/python -m benchmarks.limits
	@$(BIN)/python -m benchmarks.stages
	@$(BIN)/python -m benchmarks.whole
	@$(BIN)/python -m benchmarks.page

bench-compare: $(BENCH)
	@$(BIN)/python -m benchmarks.compare

clean:
	rm -rf $(VENV) workspace .pytest_cache .mypy_cache .ruff_cache
