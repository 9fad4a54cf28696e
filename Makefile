# make run: set up and make the demo product. make lint: style, types, layers.
# make test: set up and test, seven minutes on two cores. make test-all: also operation, the stack, memory, and what is slow.
# make up: set up and start the whole stack (server, S3, workers), see docs/operate.md. make down: end it, data stays.
# make status: its parts, pools and logs.
# make clients: the JavaScript packages that tests open products with; needs npm.
# make page: build the page that shows products (Node.js); `finescale serve` serves it. make page-test, page-lint: its own.
# make accuracy: docs/accuracy/networks.md from results. make bench: speed beside other methods and a release, an hour.
# make bench-compare: what has become slower since the last kept result, three minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.installed-bench
TORCH ?=  # `make run TORCH=cpu`: torch without the libraries of NVIDIA GPUs, from its makers' index, 4 GB less
CPU_BUILD := $(if $(filter cpu,$(TORCH)),--extra-index-url https://download.pytorch.org/whl/cpu)
RELEASE ?= 1786f65  # what `make bench` compares with
PAGE := tasks/page/web
PAGE_SOURCES := $(wildcard $(PAGE)/src/*) $(addprefix $(PAGE)/,index.html package.json package-lock.json tsconfig.json vite.config.js)
PAGE_BUILT := $(PAGE)/dist/index.html
PAGE_PACKAGES := $(PAGE)/node_modules/.package-lock.json
NODE := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
QUICK := not slow and not integration and not live

.PHONY: run page page-if-npm page-test page-lint clients up down status test test-all lint format accuracy bench bench-compare clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "finescale needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	@echo "set-up: installing pinned packages into $(VENV), a few minutes the first time; 2.3 GB on disk, on Linux with torch's"
	@echo "        libraries for NVIDIA GPUs 6.4 GB: 'make run TORCH=cpu' leaves them out (docs/operate.md#what-it-takes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CPU_BUILD) --constraint constraints.txt --editable '.[s3,server,export,dev]'
	@touch $@

$(BENCH): $(STAMP)
	@echo "benchmarks: installing what the pipeline is measured against"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

run: $(STAMP) page-if-npm
	@$(BIN)/finescale run hubei --source demo
	@if [ -f $(PAGE_BUILT) ]; then echo "page        $(BIN)/finescale serve, then open http://127.0.0.1:8000/"; fi

page: $(PAGE_BUILT)
	@:

$(PAGE_PACKAGES): $(addprefix $(PAGE)/,package.json package-lock.json .npmrc)
	@$(NODE) || { echo "the page needs Node.js 20.19 or newer with npm: https://nodejs.org"; exit 1; }
	@echo "page: installing pinned packages"
	@cd $(PAGE) && npm ci --loglevel=error
	@touch $@

$(PAGE_BUILT): $(PAGE_SOURCES) $(PAGE_PACKAGES)
	@echo "page: building"
	@cd $(PAGE) && npm run --silent build -- --logLevel warn

# its own tests and checks, which need neither Python nor a browser
page-test: $(PAGE_PACKAGES)
	@npm --prefix $(PAGE) run --silent test

page-lint: $(PAGE_PACKAGES)
	@npm --prefix $(PAGE) run --silent typecheck
	@npm --prefix $(PAGE) run --silent lint

# for those who have no Node.js: everything but the page works without
page-if-npm:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page || echo "page: not built; the rest goes on without it"; \
		else echo "page: not built, there is no npm; the rest goes on without it"; fi

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

test: $(STAMP) page-if-npm
	@command -v npm >/dev/null && $(MAKE) --silent clients || echo "no npm: tests with JavaScript are skipped"
	@if $(NODE); then $(MAKE) --no-print-directory page-test; else echo "no Node.js 20.19 with npm: the page's own tests are skipped"; fi
	@$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m '$(QUICK)'

# one after the other: they kill what others would use, and measure
test-all: test
	@$(BIN)/pytest -m '(slow or integration) and not live'

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@if $(NODE); then $(MAKE) --no-print-directory page-lint; else echo "no Node.js 20.19 with npm: the page's TypeScript is not checked"; fi

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

accuracy: $(STAMP)
	@$(BIN)/python -m benchmarks.accuracy.page

bench: $(BENCH)
	@$(BIN)/python -m benchmarks.stages.inference
	@$(BIN)/python -m benchmarks.stages.acquire
	@$(BIN)/python -m benchmarks.runs.pool
	@$(BIN)/python -m benchmarks.stages.verify
	@$(BIN)/python -m benchmarks.stages.limits
	@$(BIN)/python -m benchmarks.stages.suite
	@$(BIN)/python -m benchmarks.stages.bucket $(RELEASE)
	@$(BIN)/python -m benchmarks.runs.whole
	@$(BIN)/python -m benchmarks.runs.releases $(RELEASE)
	@$(BIN)/python -m benchmarks.runs.commands $(RELEASE)
	@$(BIN)/python -m benchmarks.shared.page

bench-compare: $(BENCH)
	@$(BIN)/python -m benchmarks.shared.compare

clean:
	rm -rf $(PAGE)/dist $(PAGE)/node_modules
	rm -rf $(VENV) workspace .pytest_cache .mypy_cache .ruff_cache
