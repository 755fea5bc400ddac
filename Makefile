# Every target sets up what it needs; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
PIP := $(BIN)/python -m pip install --disable-pip-version-check

LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --quiet

.DEFAULT_GOAL := help
.PHONY: help install report test bench check lab reference site readme lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install what the commands and notebooks need into .venv

report: $(INSTALLED) ## Execute the notebooks; opens nothing, ends with the address of the report
	$(BIN)/casestudy report

test: $(TOOLS) ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(TOOLS) ## Measure speed and memory (asserts nothing)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -s

check: $(TOOLS) ## Check format, lint, and that notebooks hold no output
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/nbstripout --verify notebooks/*.ipynb

lab: $(INSTALLED) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

reference: $(INSTALLED) ## Make the tracked reference reports again
	rm -rf reports/reference/models
	$(BIN)/casestudy report --run reference

site: $(INSTALLED) ## Turn the reference reports and docs/ into site/, for any static web server
	$(BIN)/casestudy site

readme: $(TOOLS) ## Write README's tables again, from scores and times in this repository
	$(BIN)/cog -r README.md

lock: ## Resolve the exact versions again (needs uv)
	uv pip compile pyproject.toml --extra app $(LOCK) -o requirements.lock
	uv pip compile pyproject.toml --extra app --extra dev --extra onnx --extra openvino -c requirements.lock $(LOCK) \
		-o requirements-dev.lock

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) data/cache

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Python 3.11 to 3.13 is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --quiet --no-deps --editable .
	@touch $@

$(TOOLS): $(INSTALLED) requirements-dev.lock
	$(PIP) --quiet --require-hashes -r requirements-dev.lock
	@touch $@
