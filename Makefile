# `make run` opens the dashboard; `make test` runs the tests. Both set everything up.

PYTHON ?= $(firstword $(foreach version,python3 python3.11 python3.12 python3.13,$(shell $(version) -c 'import sys; print("$(version)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-long golden check audit soak format screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

run: $(VENV)/ready ## set up the environment and open the dashboard
	$(BIN)/streamlit run dashboard.py

# The two test processes share two cores: threads that spin for each other would double their time.
test test-long: export OMP_NUM_THREADS = 1
test: $(VENV)/ready-dev ## set up the environment and a browser, and run the tests (5 minutes)
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m "not long"

test-long: $(VENV)/ready-dev ## run the long tests: soak tests, simulated studies in full
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m long

golden: $(VENV)/ready-dev ## rewrite the golden texts in tests/golden/text; review the diff
	S2S_GOLDEN=1 $(BIN)/python -m pytest -m "not browser and not long" -k golden

check: $(VENV)/ready-dev ## check format, lint, types and the import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(VENV)/ready-dev ## check the dependencies for known vulnerabilities (needs the network)
	$(BIN)/python -m pip_audit --strict -r requirements.txt

soak: $(VENV)/ready-dev ## run the soak tests in full (two hours): crashes, load, many runs, fuzzing
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m tools.soak

format: $(VENV)/ready-dev ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/ready-dev ## retake the pictures in docs with the browser tests
	$(BIN)/python tests/browser/chromium.py
	S2S_PICTURES=docs $(BIN)/python -m pytest tests/browser

clean: ## remove the environment; the runs in .s2s stay
	rm -rf $(VENV)

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "s2s needs Python 3.11 or newer. Install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/ready: requirements.txt $(VENV)/created
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
