# make run: set up and make the demo product. make test: set up and test. make lint: style, types, layers.
# make up: set up and start the whole stack (server, S3, workers), see docs/operate.md. make down: end it, data stays.
# make status: its parts, pools and logs.
# make clients: the JavaScript packages that tests open products with; needs npm.
# make accuracy: docs/accuracy.md from results. make bench: speed beside other methods, a quarter of an hour.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run up down status test clients lint format accuracy bench clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "finescale needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	@echo "set-up: installing pinned packages into $(VENV), a few minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[s3,server,export,dev]'
	@touch $@

run: $(STAMP)
	@$(BIN)/finescale run hubei --source demo

up: $(STAMP)
	@$(BIN)/python -m deployments.stack up

status: $(STAMP)
	@$(BIN)/python -m deployments.stack status

down: $(STAMP)
	@$(BIN)/python -m deployments.stack down

# the JavaScript that tests open products with
clients: tests/clients/node/node_modules/.package-lock.json

tests/clients/node/node_modules/.package-lock.json: tests/clients/node/package-lock.json
	@npm ci --silent --no-audit --no-fund --prefix tests/clients/node
	@touch $@

test: $(STAMP)
	@command -v npm >/dev/null && $(MAKE) --silent clients || echo "no npm: tests with JavaScript are skipped"
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

bench: $(STAMP)
	@$(BIN)/python -m benchmarks.inference
	@$(BIN)/python -m benchmarks.acquire
	@$(BIN)/python -m benchmarks.pool
	@$(BIN)/python -m benchmarks.verify
	@$(BIN)/python -m benchmarks.page

clean:
	rm -rf $(VENV) workspace .pytest_cache .mypy_cache .ruff_cache
