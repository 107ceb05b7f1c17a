# Everything a person does here is a verb: `make help` lists them.
# Nothing needs to be installed first but Python 3.11 or newer; .venv is made on the way.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset test check bench chaos mutation fmt migrations docs screenshots lock clean assets setup-test setup-dev

BIN := .venv/bin
LISTS := base test dev
JOBS ?= 2
PYTHON_CODE := src tests scripts bench piccolo_conf.py

help: ## Say what each verb does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.base.stamp ## Make .venv and install what the product needs

demo: setup assets ## Run the whole product on this machine (PORT, SANDBOX_PORT, DATA_DIR)
	@exec $(BIN)/payportal demo

demo-reset: setup ## Forget the demo's data and start it afresh
	@$(BIN)/python scripts/demo_reset.py
	@$(MAKE) --no-print-directory demo

test: setup-test assets ## Run every test, browsers included (ARGS="tests/unit -k money" JOBS=0)
	@echo "Running the tests"
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: setup-dev ## Lint, format, types, imports, templates and the house's own rules
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@echo "ruff format --check" && $(BIN)/ruff format --check --quiet .
	@echo "mypy --strict" && $(BIN)/mypy --no-error-summary
	@echo "import contract" && $(BIN)/lint-imports --no-cache >.venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }
	@echo "templates" && $(BIN)/djlint --quiet --lint templates src/sandbox/templates
	@echo "house rules" && $(BIN)/python scripts/check_tree.py
	@echo "All checks passed"

chaos: setup-test assets ## Kill everything, lose answers, count what is lost or doubled (SEED, PAYMENTS, KILLS)
	@PYTHONPATH=. $(BIN)/python -m scripts.chaos

mutation: setup-dev ## Break the money rooms a little and count what no test notices (ROOM, SAMPLE, SEED, CHILDREN)
	@PYTHONPATH=. $(BIN)/python -m scripts.mutation

bench: setup-test assets ## Measure the figures of docs/benchmarks.md (ARGS=quick, ARGS=scale, ARGS="pay")
	@$(BIN)/python -m bench $(ARGS)

fmt: setup-dev ## Format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

migrations: setup ## Write migrations for changed tables
	@$(BIN)/piccolo migrations new app --auto
	@$(BIN)/piccolo migrations new payportal --auto

docs: setup ## Write the generated pages: settings, states, .env.example
	@$(BIN)/python scripts/build_docs.py

screenshots: setup-test assets ## Take the README's pictures from a running demo
	@$(BIN)/python -m scripts.screenshots

lock: setup-dev ## Pin and hash requirements anew (UPGRADE=1 for newer versions)
	@scripts/lock.sh

clean: ## Remove what was installed and built here; the demo's data stays
	@rm -rf .venv node_modules static/build static/vendor build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

setup-test: .venv/.test.stamp
	@scripts/system_packages.sh

setup-dev: .venv/.dev.stamp

# npm comes from a wheel where the machine has none
assets: setup
	@command -v npm >/dev/null || [ -x $(BIN)/npm ] || { echo "Installing npm, which this machine has not" && $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check --require-hashes -r requirements/node.txt; }
	@PATH="$$PATH:$(CURDIR)/$(BIN)" $(BIN)/python scripts/build_assets.py

$(LISTS:%=.venv/.%.stamp): .venv/.%.stamp: requirements/%.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh $*
