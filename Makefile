# ChromaTrace. `make demo` and `make test` do all of their own set-up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOLC_VERSION := 0.8.37
SHELL  := /bin/bash
ONLY   ?=

export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

SOURCES := $(shell find contracts -name '*.sol')

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-contracts test-python lint bench clean lock abi audit api-test

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## everything that the other targets need
	@$(MAKE) --no-print-directory -j 2 .setup/python .setup/node .setup/package .setup/contracts

demo: setup ## the main job: chain, contracts, plant, readings, inspections, QR codes, portal
	$(BIN)/chromatrace demo

test: setup test-contracts test-python ## every test

test-contracts: setup ## contract tests (Brownie on Anvil)
	$(BIN)/brownie test tests/contracts -n 2 --dist loadfile

test-python: setup ## unit, conformance, integration and browser tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: setup ## ruff, mypy, solhint, import rules, stale ABIs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'
	$(BIN)/python scripts/export_abi.py --check

audit: setup ## slither over the contracts, in an environment of its own
	@test -x .venv-audit/bin/slither || ($(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install --quiet --require-hashes -r requirements-audit.txt)
	@# Slither compiles anew: Brownie drops the artifacts of some interfaces when it loads a project, and Slither needs them.
	rm -rf build
	PATH="$(CURDIR)/.venv-audit/bin:$(PATH)" slither . --compile-force-framework brownie

api-test: setup ## requests made up from the OpenAPI document, against a real portal, in an environment of its own
	@test -x .venv-api/bin/schemathesis || ($(PYTHON) -m venv .venv-api && \
		.venv-api/bin/pip install --quiet --require-hashes -r requirements-api.txt)
	$(BIN)/pytest -s tests/integration/portal/schema_driven.py

bench: setup ## figures beside their rivals; `make bench ONLY=name` runs one
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

abi: setup ## regenerate chromatrace/ethereum/abi from the compiled contracts
	$(BIN)/python scripts/export_abi.py

lock: ## pin requirements.in into requirements.txt, with hashes (needs uv)
	uv pip compile -q --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --universal \
		--python-version 3.11 requirements.in -o requirements.txt

clean: ## remove everything that was generated
	rm -rf $(VENV) .venv-audit .venv-api node_modules bench/eas/node_modules .solcx .setup build reports .chromatrace
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.setup/prerequisites:
	@bash scripts/prerequisites.sh $(PYTHON)
	@mkdir -p .setup && touch $@

.setup/python: requirements.txt | .setup/prerequisites
	@echo "[1/4] Python packages (pinned and hashed; about two minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --progress-bar on --no-compile --require-hashes -r requirements.txt
	@# On all cores, which pip does not do; some packages bring files that are no Python of this version.
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $@

.setup/node: package-lock.json package.json | .setup/prerequisites
	@echo "[2/4] Compiler and chains from npm"
	@npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p .solcx && ln -sf ../scripts/solc.js .solcx/solc-v$(SOLC_VERSION)
	@touch $@

.setup/package: pyproject.toml .setup/python
	@echo "[3/4] The chromatrace command"
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.setup/contracts: $(SOURCES) brownie-config.yaml .setup/python .setup/node
	@echo "[4/4] Contracts"
	@$(BIN)/brownie compile | grep -vE '^$$| - |artifacts' ; test $${PIPESTATUS[0]} -eq 0
	@touch $@
