# Every target does its own set-up: Python 3.11 or later, Node 20 or later and the package registries are enough.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
PYTEST := $(BIN)/python -m pytest

# jsii prints a banner on each synth for Node releases that it does not know, or no longer wants to.
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,22
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help dev demo test unit e2e simulate hostile many bench lint format synth schemas security-docs audit stored-items mutate wheel lock clean

help: ## Show this help
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}'

dev: $(VENV)/.installed node_modules/.installed ## Install everything that development needs

$(VENV)/.installed: requirements/dev.txt pyproject.toml package-lock.json
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test "$$($(UV) --version 2>/dev/null | cut -d' ' -f2)" = $(UV_VERSION) || $(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

node_modules/.installed: package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

demo: dev ## Run the example on a local AWS and watch it (RUN=file.json: another run)
	@$(BIN)/python examples/insurance/demo.py $(RUN)

test: dev ## Run every test
	@$(PYTEST) -n 2 --dist loadfile -m "not e2e" --cov --cov-report=term --cov-fail-under=95
	@$(PYTEST) -m e2e

unit: dev ## Run the tests that need no local AWS
	@$(PYTEST) -n 2 --dist loadfile -m "not e2e"

e2e: dev ## Run the tests on a local AWS
	@$(PYTEST) -m e2e

simulate: dev ## Play the core under faults (SCHEDULES=n SEED=s PROCESSES=p; REPLAY=… tells one; EXHAUSTIVE=1: every order)
	@$(BIN)/python -m tests.simulation $(if $(EXHAUSTIVE),--exhaustive) $(if $(SCHEDULES),--schedules $(SCHEDULES)) $(if $(SEED),--seed $(SEED)) $(if $(PROCESSES),--processes $(PROCESSES)) $(if $(REPLAY),--replay $(REPLAY))

hostile: dev ## Feed hostile documents to every handler (INPUTS=n for each, SEED=s)
	@$(BIN)/python -m tests.hostile --inputs $(or $(INPUTS),10000) --seed $(or $(SEED),1)

many: dev ## Start many runs at once on a local AWS, and time them (RUNS=500)
	@ORCHESTRATOR_TEST_RUNS=$(or $(RUNS),500) $(PYTEST) -m e2e --durations=3 tests/e2e/test_many.py

bench: dev ## Count what runs cost on a local AWS, beside the original and the floor (ONLY='W(1,1) W(3,5)', RUNS=n)
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only '$(ONLY)') $(if $(RUNS),--runs $(RUNS))

mutate: dev ## See that tests notice small changes of the core's code (ONLY=path)
	@nice -n 19 $(BIN)/python -m tests.mutation.mutate $(ONLY)

lint: dev ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy runtime/orchestrator_runtime tests/unit tests/cost tests/rules tests/hostile tests/mutation tests/simulation
	@$(BIN)/mypy orchestrator_cli tests/cli tests/docs tests/e2e examples/insurance/demo.py
	@$(BIN)/mypy orchestrator_constructs app.py benchmarks tests/benchmarks tests/constructs tests/examples tests/security

format: dev ## Bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

synth: dev ## Write the templates of the core app and of each example app
	@node_modules/.bin/cdk synth --quiet
	@for app in platform underwriting documents; do (cd examples/insurance/$$app && cdk synth --quiet) || exit 1; done

stored-items: dev ## Keep the items that the stores write today (VERSION=v2: beside those of before)
	@$(BIN)/python -m tests.unit.stored_items.kept $(VERSION)

schemas: dev ## Write the JSON Schemas of the two documents
	@$(BIN)/python -m orchestrator_runtime.contract_schemas docs/contract/v1

security-docs: dev ## Write the tables of docs/security.md
	@$(BIN)/python -m tests.security.page

audit: dev ## Look pinned packages up among known vulnerabilities (asks pypi.org)
	@$(UV) pip install --quiet --require-hashes --target $(VENV)/audit -r requirements/audit.txt
	@failed=0; for name in dev layer emulator audit; do PYTHONPATH=$(VENV)/audit $(BIN)/python -m pip_audit --strict \
		--require-hashes --disable-pip --progress-spinner off -r requirements/$$name.txt || failed=1; done; exit $$failed

wheel: dev ## Build the wheel into dist/
	@rm -rf dist
	@$(UV) build --quiet --wheel --out-dir dist

lock: dev ## Resolve the dependencies anew
	@$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@for name in layer emulator audit; do $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt; done
	@npm install --silent --package-lock-only

clean: ## Remove what was installed and built
	@rm -rf $(VENV) .mutation node_modules dist cdk.out examples/insurance/*/cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
