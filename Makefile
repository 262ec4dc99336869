# Two commands do everything on a fresh machine: `make sandbox` and `make test`. Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
POOLER ?= $(shell PATH="$$PATH:/usr/sbin"; command -v pgbouncer)
WORKERS ?= 6
AT_ONCE := -n $(WORKERS) --dist worksteal# so that no core idles while another has the long tests
OF_ONE := test_database_away test_privacy# what one process says while it is alone, and what leaves it
CRASH_SEED := $(or $(CRASH_SEED),$(shell date +%s))

# Seven programs read the tests one after the other: what the first has compiled, the others need not.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup sandbox test test-browser test-crash test-guards test-pooler test-replicas check format lint types bench docs lock

help: ## print the chores
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

setup: $(READY) ## make .venv from the lock file

sandbox: $(READY) ## the whole product on this machine, in the browser
	$(BIN)/dragonfly sandbox $(ARGS)

test: $(READY) ## the whole suite
	$(BIN)/python -m pytest -q $(AT_ONCE) -m "not browser and not crash and not guards$(if $(POOLER),, and not pooler)" $(ARGS)
ifeq ($(POOLER),)
	@echo "left out: scenario 48, because no PgBouncer was found (Debian: apt-get install pgbouncer)"
endif
ifeq ($(CHROMIUM),)
	@echo "left out: the browser suite, because no Chromium was found (Debian: apt-get install chromium)"
else
	$(MAKE) --no-print-directory test-browser
endif

test-browser: $(READY) ## the page, pressed by a real Chromium, as one story in its order
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest -q -p no:randomly -m browser $(ARGS)

test-crash: $(READY) ## processes killed at every named point, and at random in a storm: what a second one makes of it
	@echo "the storm's seed: CRASH_SEED=$(CRASH_SEED)"
	CRASH_SEED=$(CRASH_SEED) $(BIN)/python -m pytest -q -n 2 -m crash $(ARGS)

test-guards: $(READY) ## the product without one guard after the other: the scenario of each must fail
	$(BIN)/python -m pytest -q -n 2 -m guards $(ARGS)

test-pooler: $(READY) ## every test that opens the product's connections, through a transaction-mode PgBouncer
	DRAGONFLY_TEST_POOLER=1 $(BIN)/python -m pytest -q $(AT_ONCE) -m "not browser and not crash and not guards" $(ARGS)

test-replicas: $(READY) ## the scenarios with two bots on each database
	DRAGONFLY_TEST_REPLICAS=2 $(BIN)/python -m pytest -q $(AT_ONCE) -m "not crash and not guards and not pooler" tests/scenarios $(foreach it,$(OF_ONE),--ignore=tests/scenarios/$(it).py) $(ARGS)

format: $(READY) ## format the code
	$(BIN)/ruff format .

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy bot handlers runbooks tests bench docs

check: lint types test test-crash test-guards ## format, lint, types, tests: what CI runs

bench: $(READY) ## speed, as ratios against a floor measured in the same run; writes bench/out/latest.json
	$(BIN)/python -m bench $(ARGS)

docs: $(READY) ## write docs/reference from the code
	$(BIN)/python -m docs.generate

lock: $(READY) ## renew requirements.lock: hashes, no index host
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock
