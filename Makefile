# make demo    set up what is missing and run: camera to advice to a browser, http://127.0.0.1:8080
# make test    set up what is missing and run every test
# make setup   the set-up alone
# make check   format, lint, types, house rules and tests
# make clean   undo all of it
#
# PYTHON=python3.12            another interpreter
# SOURCE=file:clip.mp4         another source (docs/sources.md)
# DEMO_SECONDS=20 HEADLESS=1   for scripts: ends by itself (after 30 s where there is no terminal), opens no browser

SHELL := /bin/bash
.DEFAULT_GOAL := demo
.PHONY: demo test setup check clean

SOURCE ?= phantom:
PORT ?= 8080
DEMO_SECONDS ?= $(shell [ -t 2 ] || echo 30)

# The interpreter: the one asked for, else the one .venv has, else the first of 3.11 and 3.12 that starts.
FIND := for p in .venv/bin/python python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 && { echo $$p; break; }; done
PYTHON ?= $(or $(shell $(FIND)),python3)
BOOTSTRAP = @command -v $(PYTHON) >/dev/null 2>&1 || { echo 'set-up: no Python 3.11 or 3.12 found: install one (Debian 12: apt-get install python3 python3-venv python3-dev)' >&2; exit 1; }; \
	$(PYTHON) scripts/bootstrap.py

setup:
	$(BOOTSTRAP) run

demo:
	$(BOOTSTRAP) run
	@.venv/bin/surgical-guidance run --source '$(SOURCE)' --loop --port $(PORT) --run-dir runs/latest \
		--summary runs/latest/summary.json $(if $(DEMO_SECONDS),--duration $(DEMO_SECONDS)) $(if $(filter-out 0,$(HEADLESS)),--headless)

test:
	$(BOOTSTRAP) test
	@.venv/bin/python -m pytest --numprocesses 2 --dist loadscope $(TESTS)

check:
	$(BOOTSTRAP) test
	@scripts/check

clean:
	rm -rf .venv .venv-training build install log runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
