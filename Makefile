# Everything a contributor runs. Needs only make and Python 3.11 or later; the rest is installed into .venv.

VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRITON := $(VENV)/triton
NODE := $(VENV)/node
BENCHES := attach call coldstart compile memory quantize stages
TORCH := torch==2.13.0
WORKERS ?= 2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup drivers node demo test lint lit pytest format docs bench soak zoo constraints clean

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything in it, or bring a stale one up to date

demo: $(STAMP) ## one script, twice: with its checkpoint, and with a pointer and a pool
	$(BIN)/python examples/demo.py

test: lint lit pytest ## everything that must pass: lint, lit, pytest

lint: $(STAMP) ## ruff, pyright and the layers between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache --no-logo

lit: $(STAMP) ## the passes and dialects, as text in and text out
	$(BIN)/lit tests/lit

drivers: ## a Vulkan device in software, for the tests; says why where it cannot be installed
	@./.ci/drivers

pytest: $(STAMP) $(TRITON)/.installed drivers node ## the tests in Python
	INFC_TEST_TRITON=$(TRITON)/bin/python INFC_TEST_NODE=$(NODE) $(BIN)/pytest -n $(WORKERS) --dist worksteal --durations=15

node: ## packages for the tests' clients in TypeScript and JavaScript; says why where they cannot be installed
	@./.ci/node $(NODE)

format: $(STAMP) ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## write the pages that are made from the sources
	$(BIN)/python -m infc.dialects.reference docs/reference/dialects
	$(BIN)/python -m infc.compiler.walkthrough docs/concepts/compiler.md

bench: $(STAMP) ## run every benchmark and write docs/reference/performance.md
	@for name in $(BENCHES); do \
	  $(BIN)/python bench/$$name.py --json bench/results/$$name.json --plot bench/results/$$name.png || exit 1; \
	done
	$(BIN)/python bench/report.py

soak: $(STAMP) ## eight processes call models for a minute, twice, while weights come and go
	$(BIN)/python tests/support/soak.py --backend files
	$(BIN)/python tests/support/soak.py --backend arena

zoo: $(STAMP) ## compile and verify many architectures and write docs/reference/coverage.md
	$(BIN)/python zoo/run.py

# torch comes first and alone: what follows finds it there and fetches no other build of it.
$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -c '' 2>/dev/null || { . ./.ci/python && "$$PYTHON" -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet -c constraints.txt $(TORCH)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

# Triton's client wants an older protobuf than gRPC's own packages: it lives apart, as in an application it would.
$(TRITON)/.installed: $(STAMP)
	@$(TRITON)/bin/python -c '' 2>/dev/null || $(BIN)/python -m venv --clear $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet 'tritonclient[grpc]==2.73.0'
	@touch $@

constraints: ## resolve all versions afresh and write constraints.txt
	@. ./.ci/python && "$$PYTHON" -m venv --clear build/constraints
	build/constraints/bin/python -m pip install --quiet $(TORCH)
	build/constraints/bin/python -m pip install --quiet -e '.[dev]'
	{ echo "# Exact versions of the development environment. Written by: make constraints"; \
	  build/constraints/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt
	rm -rf build/constraints

clean: ## remove what the targets above made, .venv too
	rm -rf $(VENV) build dist demo .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
