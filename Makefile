# What a newcomer types. `make` alone lists it. Needs Python 3.11 or later, git and make; nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)

SERVE ?= 1
RESET ?= 0
PORT ?= 8000
TESTS ?= tests
WORKERS ?= 2
SECONDS ?= 60

.PHONY: help
help: ## List what can be made
	@echo "IMS, an income management system for councils"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-26s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(INSTALLED) ## A council's working day from bank file to proof, then the screens (SERVE=0: no screens; RESET=1: afresh; PORT=8000)
	@$(BIN)/ims demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve) $(if $(filter 1,$(RESET)),--reset)

.PHONY: test
test: $(INSTALLED) ## Everything that must hold: style, layers, migrations and the whole test suite
	@$(MAKE) --no-print-directory --keep-going lint migrations-check pytest

.PHONY: lint
lint: $(INSTALLED) ## Style, and the rule that no room knows what stands above it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

.PHONY: migrations-check
migrations-check: $(INSTALLED) ## Refuse a model change that has no migration
	DJANGO_SETTINGS_MODULE=ims.settings.test $(BIN)/ims makemigrations --check --dry-run

.PHONY: pytest
pytest: $(INSTALLED) ## The test suite alone (TESTS=tests/ledger for a part of it)
	$(BIN)/python -m pytest $(TESTS) -n $(WORKERS) --dist loadgroup

.PHONY: audit
audit: $(INSTALLED) ## Libraries against the public lists of known faults, where there is a network; the tests hold a list of their own
	@$(BIN)/python -m pytest -q tests/security/test_dependencies.py
	@if $(BIN)/python -m pip_audit --version >/dev/null 2>&1; then \
		$(BIN)/python -m pip_audit --require-hashes --disable-pip -r requirements/application.txt; \
	else echo "NOT RUN: the public lists were not asked. Install pip-audit into $(VENV) where there is a network, then run this again."; fi

.PHONY: fuzz
fuzz: $(INSTALLED) ## Damage files of every format for a minute each, looking for crashes and hangs (SECONDS=60)
	$(BIN)/python tests/fuzz/formats.py --each --seconds $(SECONDS)

.PHONY: properties
properties: $(INSTALLED) ## Properties of the readers and rules on a thousand examples nobody tried before (the tests use the same ones each time)
	$(BIN)/python -m pytest -q -m hypothesis --hypothesis-profile "new examples" -n $(WORKERS)

.PHONY: install
install: $(INSTALLED) ## Only set up .venv

.PHONY: screenshots
screenshots: $(INSTALLED) ## Take the pictures of docs/tour again, from the demonstration in Chromium
	$(BIN)/python docs/tour/take_screenshots.py

.PHONY: stop
stop: ## Stop the demonstration's database
	@[ ! -x $(BIN)/ims ] || $(BIN)/ims demo --stop

.PHONY: clean
clean: stop ## Remove .venv and everything the demonstration and the tests made
	rm -rf $(VENV) var *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(INSTALLED): requirements/development.txt pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "IMS needs Python 3.11 or later, and none was found. Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about a minute the first time"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "Python could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# The targets of the Ansible kit.
-include deploy/deploy.mk
