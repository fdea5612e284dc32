# ChromaTrace. `make demo` and `make test` run `make setup` first.

PYTHON       ?= python3
BIN          := .venv/bin
BROWNIE      := .venv-brownie/bin
UV           := .setup/uv/bin/uv
SOLC_VERSION := 0.8.37
SHELL        := /bin/bash
# Scripts of other projects that the portal serves; copied from npm packages.
VENDOR       := app/static/vendor
ONLY         ?=
# Options of `uv pip compile` for `make lock`, such as --upgrade.
LOCK_OPTIONS ?=

export UV_PYTHON_DOWNLOADS := never
export SOLCX_BINARY_PATH := $(CURDIR)/.solcx
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

SOURCES := $(shell find contracts -name '*.sol')
# Give a requirements file; set the environment at $(1) to exactly its packages.
sync = (test -x $(1)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(1)) && \
	$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(1)/bin/python $(2)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-contracts test-python lint prose audit api-test access-matrix bench load abi docs lock outdated clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## install everything the other targets need
	@$(MAKE) -s --no-print-directory -j 4 .setup/contracts .setup/package

demo: setup ## run the full demonstration: chain, contracts, plant, inspections, QR codes, portal
	$(BIN)/chromatrace demo

test: setup test-contracts test-python ## run all tests

test-contracts: setup ## run the contract tests (Brownie on Anvil)
	$(BROWNIE)/brownie test tests/contracts -n 2 --dist loadfile

test-python: setup ## run the unit, conformance, integration and browser tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: setup ## check with ruff, mypy, import-linter, solhint and the prose check; check that the ABIs are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'
	$(BIN)/python scripts/export_abi.py --check
	$(BIN)/python scripts/check_prose.py

prose: setup ## check the language of texts against a list of patterns
	$(BIN)/python scripts/check_prose.py

audit: setup ## run Slither on the contracts, in an environment of its own
	@$(call sync,.venv-audit,requirements-audit.txt)
	@# Brownie drops the artifacts of some interfaces when it loads a project. Slither needs them: compile again.
	rm -rf build
	PATH="$(CURDIR)/.venv-audit/bin:$(CURDIR)/$(BROWNIE):$(PATH)" slither . --compile-force-framework brownie

api-test: setup ## send requests generated from the OpenAPI document to a real portal
	CHROMATRACE_API_EXAMPLES=$${CHROMATRACE_API_EXAMPLES:-40} $(BIN)/pytest -s -n 0 tests/integration/portal/test_schema_driven.py

access-matrix: setup ## check every route for every principal and object; the suite checks a sample
	CHROMATRACE_ACCESS_MATRIX=all $(BIN)/pytest -q -n 0 tests/integration/rights/test_access_matrix.py

bench: setup ## measure each figure next to its baseline; ONLY=name selects one
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

load: setup ## measure what visitors notice while the portal is attacked, and EPCIS queries on 200,000 batches
	timeout 900 $(BIN)/python -m bench --only portal_load
	timeout 900 $(BIN)/python -m bench --only epcis_queries

abi: setup ## regenerate chromatrace/ethereum/abi from the compiled contracts
	$(BIN)/python scripts/export_abi.py

docs: setup ## regenerate docs/settings.md
	$(BIN)/chromatrace settings --markdown > docs/settings.md

lock: $(UV) ## resolve each requirements*.in into a pinned and hashed .txt; refresh package-lock.json
	for name in requirements*.in; do \
		$(UV) pip compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
			--universal --python-version 3.11 $(LOCK_OPTIONS) $$name -o $${name%.in}.txt || exit 1; \
	done
	npm install --package-lock-only --no-audit --no-fund --loglevel=error

outdated: $(UV) ## list pinned packages that have newer releases
	@for name in requirements*.in; do \
		cp $${name%.in}.txt .setup/newest.txt; \
		$(UV) pip compile --quiet --upgrade --no-header --universal --python-version 3.11 $$name -o .setup/newest.txt || exit 1; \
		diff <(grep -oE '^[a-z0-9][^ ;]+==[^ ;]+' $${name%.in}.txt) <(grep -oE '^[a-z0-9][^ ;]+==[^ ;]+' .setup/newest.txt) | grep '^[<>]'; \
	done; npm outdated || true

clean: ## remove everything that was generated
	rm -rf .venv .venv-* node_modules bench/eas/node_modules .solcx .setup build reports .chromatrace $(VENDOR)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.setup/prerequisites:
	@bash scripts/prerequisites.sh $(PYTHON)
	@mkdir -p .setup && touch $@

$(UV): requirements-uv.txt | .setup/prerequisites
	@$(PYTHON) -m venv .setup/uv
	@.setup/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

.setup/brownie: requirements-brownie.txt $(UV)
	@echo "Installing Brownie"
	@$(call sync,.venv-brownie,requirements-brownie.txt)
	@touch $@

.setup/node: package-lock.json package.json | .setup/prerequisites
	@echo "Installing the compiler and Anvil from npm"
	@npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p .solcx && ln -sf ../scripts/solc.js .solcx/solc-v$(SOLC_VERSION)
	@mkdir -p $(VENDOR) && cp node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.min.css node_modules/uplot/LICENSE $(VENDOR)
	@touch $@

.setup/contracts: $(SOURCES) brownie-config.yaml .setup/brownie .setup/node
	@echo "Compiling the contracts (about a minute)"
	@$(BROWNIE)/brownie compile $(if $(filter .setup/node brownie-config.yaml,$?),--all) | grep -vE '^$$| - |artifacts' ; test $${PIPESTATUS[0]} -eq 0
	@touch $@

.setup/package: requirements.txt pyproject.toml $(UV)
	@echo "Installing the product and its tests"
	@$(call sync,.venv,requirements.txt)
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@
