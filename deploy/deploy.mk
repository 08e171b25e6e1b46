# The kit's own targets; the repository's Makefile includes this file.
DEPLOY_PYTHON := .venv-deploy/bin/python

.PHONY: release test-deploy test-deploy-static

$(DEPLOY_PYTHON): requirements/deploy.txt
	python3 -m venv .venv-deploy
	.venv-deploy/bin/python -m pip install --quiet --require-hashes --requirement requirements/deploy.txt
	touch $@

release: ## Build the archive hosts install from, into dist/
	deploy/build-release

test-deploy-static: $(DEPLOY_PYTHON) ## Lint, argument specs, syntax, documents: no host needed
	$(DEPLOY_PYTHON) -m pytest tests/deploy -q --confcutdir=tests/deploy -p no:cacheprovider -W ignore::pytest.PytestConfigWarning

test-deploy: $(DEPLOY_PYTHON) ## From an empty host to a rebuilt server, on real hosts; needs root on Linux
	$(DEPLOY_PYTHON) deploy/tests/run.py
