PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROCESSES ?= 2
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench mutants oracle fuzz corpus lock

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(STAMP)  ## start a genuine Kafka and the broker, send a recorded day through the real doors, show every alert
	$(BIN)/cpis demo

# Some hundred processes are started, each of which would otherwise compile all that it imports.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(STAMP)  ## run every test in two processes, on the pure core, the in-memory twin and the genuine Kafka (PROCESSES=n: in as many)
	$(BIN)/python -m pytest -n $(PROCESSES) --cov --cov-report=term --durations=25

check: $(STAMP)  ## lint, types, import contracts, docstrings, stale documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate -q broker tests
	$(BIN)/python -m tests.tools.stale_docs

fix: $(STAMP)  ## mend what the linter and the formatter can mend, and write the generated documents anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.tools.stale_docs --write

bench: $(STAMP)  ## measure throughput and latency beside a bare Kafka client in the same run, and what state costs
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench --engine
	$(BIN)/python -m tests.bench --mllp
	$(BIN)/python -m tests.bench --reload

mutants: $(STAMP)  ## try mistakes with the rules and a sample of mutants of the core, print which rows notice and the score
	$(BIN)/python -m tests.tools.mutants

oracle: $(STAMP)  ## compare the core with the oracle over 200,000 generated sequences of facts (CPIS_SEQUENCES=n: as many)
	$(BIN)/python -m tests.generative.long_run

fuzz: $(STAMP)  ## read a million mutated frames, messages, bundles and files (CPIS_MUTANTS=n: as many)
	$(BIN)/python -m tests.fuzz.long_run

corpus: $(STAMP)  ## load ten thousand generated upload files and compare every code with an independent table (CPIS_UPLOADS=n: as many)
	$(BIN)/python -m tests.fuzz.corpus_run

lock: $(STAMP)  ## pin the dependency lists anew, with hashes
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --universal --python-version 3.11 --upgrade pyproject.toml -o deploy/requirements/run.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --universal --python-version 3.11 --upgrade --extra dev deploy/requirements/build.in pyproject.toml -c deploy/requirements/run.txt -o deploy/requirements/dev.txt
	echo hatchling | $(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --universal --python-version 3.11 -c deploy/requirements/dev.txt - -o deploy/requirements/build.txt

# --no-deps: the list is whole, and pip may not look for what a package asks for with extras (`coverage[toml]`), since
# it takes the newest release for that and then refuses it for want of a hash. `pip check` finds what is missing.
$(STAMP): pyproject.toml deploy/requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r deploy/requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check --disable-pip-version-check
	touch $(STAMP)
