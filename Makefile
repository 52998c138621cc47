# The verbs of this project, and only these. Arguments go in ARGS, e.g. make test ARGS="tests/core -q".
# Needs python3 (3.11 or newer) and, for the first run, a package index. Nothing else: no Node, no Docker, no AWS account.

# Where it is set, no compiled module is kept and every process compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

FIND := for python in python3 python3.13 python3.12 python3.11; do \
          "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo "$$python" && break; \
        done 2>/dev/null
PYTHON := $(shell $(FIND))
INSTALL = $(or $(PYTHON),$(error python3 is missing or older than 3.11: install Python 3.11 or newer)) -I \
          layers/email_router/python/email_router/cli/embedded/install.py

.PHONY: setup demo test check bench layers synth deploy

setup:
	@$(INSTALL) demo >&2

demo: setup
	@.venv/bin/email-router demo $(ARGS)

test:
	@$(INSTALL) dev >&2
	@# Else each of the four would compile every test for itself.
	@[ -d tests/__pycache__ ] || .venv/bin/python -m pytest --collect-only --quiet --quiet $(ARGS) >/dev/null || true
	@.venv/bin/python -m pytest -m "not alone and not long" --numprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)
	@# Those that compare CPU times, each with its own, so two go side by side; 5: ARGS chose none of them.
	@.venv/bin/python -m pytest -m alone --numprocesses 2 --dist loadfile $(ARGS) || [ $$? -eq 5 ]

check:
	@$(INSTALL) dev >&2
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench:
	@$(INSTALL) dev >&2
	@.venv/bin/python -m benchmarks $(ARGS)

layers:
	@$(INSTALL) layers >&2

synth:
	@$(INSTALL) dev >&2
	@.venv/bin/python -m infra_cdk.synth $(ARGS)

deploy: layers
	@.venv/bin/python -m infra_cdk.cdk deploy $(ARGS)
