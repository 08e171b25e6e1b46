# The kit's own targets; the repository's Makefile includes this file.
DEPLOY_PYTHON := .venv-deploy/bin/python
PYTHON ?= python3

.PHONY: release test-deploy test-deploy-static

DEPLOY_INSTALLED := .venv-deploy/.installed

$(DEPLOY_INSTALLED): requirements/deploy.txt
	$(PYTHON) -m venv .venv-deploy
	$(DEPLOY_PYTHON) -m pip install --quiet --require-hashes --requirement requirements/deploy.txt
	@touch $@

release: ## Build and sign the archive hosts install from, into dist/ (KEY=~/.ssh/ims-release)
	deploy/build-release $(if $(KEY),--key $(KEY))

test-deploy-static: $(DEPLOY_INSTALLED) ## Lint, argument specs, syntax, documents: no host needed
	$(DEPLOY_PYTHON) -m pytest tests/deploy -q --confcutdir=tests/deploy -p no:cacheprovider -W ignore::pytest.PytestConfigWarning

test-deploy: $(DEPLOY_INSTALLED) ## From an empty host to a rebuilt server, on real hosts; needs root on Linux
	$(DEPLOY_PYTHON) deploy/tests/run.py $(OPTIONS)
