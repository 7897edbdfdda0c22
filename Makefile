# The commands of the README. Each makes the environment it needs in .venv first.
#   make run [ARGS="--scale paper"]   make test   make test-all   make ui   make clean
#   make docs   make axe   make audit   make drill

PYTHON ?= python3
BIN := .venv/bin
COMPILED := dagster_webserver.app, matplotlib.pyplot, mlflow.server, sklearn.ensemble, torch, \
  dagster_project.cli.main
ARGS ?=

# Modules are compiled when they are first imported; where this is set they would be every time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run ui test test-all lint docs axe audit drill clean

run: .venv/installed
	$(BIN)/personax run $(ARGS)

ui: .venv/installed
	$(BIN)/personax ui $(ARGS)

# a file's tests share what they build, so a file stays in one process; one thread each is enough
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: lint
	$(PYTEST)

test-all: lint
	$(PYTEST) -m "slow or not slow"

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python -m personax_assets.data_model > docs/data-model.md

# The accessibility rules that a test holds the report against; tests fetch nothing themselves.
axe: build/axe/axe.min.js

build/axe/axe.min.js:
	@mkdir -p build/axe
	npm pack --silent --pack-destination build/axe axe-core@4.11.0
	tar -xzf build/axe/axe-core-4.11.0.tgz -C build/axe --strip-components=1 package/axe.min.js

# Known vulnerabilities of what is installed; says so where the advisory service does not answer.
audit: .venv/installed build/audit/bin/pip-audit
	$(BIN)/python -m tests.audit build/audit/bin/pip-audit

build/audit/bin/pip-audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit

# Kills, full disks, dead servers and the like, for as long as it takes; ends with a table.
drill: .venv/installed-test
	$(BIN)/python -m tests.faults.drill $(ARGS)

clean:
	rm -rf .venv build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "PersonaX needs Python 3.11 or newer; name one: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "The venv module is missing: sudo apt-get install python3-venv" >&2; exit 1; }

# Compiling all that is installed takes minutes, and little of it is ever imported; what every
# command imports is compiled here, so that the first one need not.
.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e .
	@$(BIN)/python -c 'import $(COMPILED)'
	@touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
