# make quickstart runs the main job; make test passes the tests. Both create .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLOOR := 97
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: quickstart test check format coverage wheel docs docs-tests clean
quickstart: $(VENV)/.installed
	$(BIN)/psycopref run quickstart --work work

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/ruff format --check -q src tests benchmarks scripts
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check -q --fix src tests benchmarks scripts
	$(BIN)/ruff format -q src tests benchmarks scripts

# The floor is the figure of the day it was set: raise it when the figure rises.
coverage: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered \
	  --cov-fail-under=$(FLOOR)

wheel: $(VENV)/.installed
	rm -rf build dist
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps -w dist .
	$(BIN)/python scripts/wheel_contents.py dist/*.whl

# The documentation as a site, in site/; no network once Zensical is installed.
docs: $(VENV)/.docs
	$(BIN)/python scripts/build_site.py

$(VENV)/.docs: $(VENV)/.installed
	test -x $(BIN)/zensical || $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

docs-tests: $(VENV)/.installed
	$(BIN)/python -m pytest tests/test_docs.py

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,hub,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist site src/*.egg-info
