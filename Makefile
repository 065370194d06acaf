# Every command a person needs; `make help` lists them. Nothing here is needed beyond Python 3.11 and make.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SETTINGS ?= settings.toml

export DAGSTER_HOME := $(CURDIR)
export TIDEMARK_SETTINGS := $(SETTINGS)
export MLFLOW_DISABLE_TELEMETRY := true
ifdef EDGE
export TIDEMARK_SOURCE__SYNTHETIC__EDGE := $(EDGE)
endif
ifdef SEED
export TIDEMARK_SOURCE__SYNTHETIC__SEED := $(SEED)
endif
ifneq ($(EDGE)$(SEED),)
# Another market is another world: its pointers must never meet those of the first.
export TIDEMARK_PATHS__ROOT := worlds/synthetic$(if $(EDGE),-edge$(EDGE))$(if $(SEED),-seed$(SEED))
endif

.PHONY: help run test ui bench certify check lint clean constraints

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

$(READY): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV) (about 2 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.dagster/ready: $(READY)
	@$(BIN)/python -m schedules.setup

run: .dagster/ready ## the whole road on the synthetic market; EDGE=0, SEED=n, SETTINGS=settings.real.toml
	@$(BIN)/python -m schedules.road

test: .dagster/ready ## everything a commit must pass
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/pytest -n 2 --dist worksteal

ui: .dagster/ready ## Dagster with both code locations on http://127.0.0.1:3000
	@$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $${PORT:-3000}

bench: $(READY) ## speed as ratios against peers and limits; writes bench.json
	@test -e .bench/ready || { echo "installing the peers into .bench/venv (some minutes the first time)"; \
		$(PYTHON) -m venv .bench/venv && .bench/venv/bin/python -m pip install --quiet --progress-bar on \
		--disable-pip-version-check -r tests/benchmarks/peers/requirements.txt && touch .bench/ready; } \
		|| echo "the peers cannot be installed: their rows will say blocked"
	@$(BIN)/python -m tests.benchmarks

certify: .dagster/ready ## twenty markets without an edge through the boosted-trees road (half an hour)
	@$(BIN)/python -m schedules.certify

clean: ## remove everything this repository wrote, the environment apart
	rm -rf .dagster worlds bench.json

constraints: ## regenerate constraints.txt as a whole from pyproject.toml
	rm -rf .bench/lock && $(PYTHON) -m venv .bench/lock
	.bench/lock/bin/python -m pip install --quiet torch==2.13.0
	.bench/lock/bin/python -m pip install --quiet -e '.[dev]'
	.bench/lock/bin/python -m pip freeze --exclude-editable | sed 's/^torch==.*/torch==2.13.0/' > constraints.txt
