# Every command a person needs; `make help` lists them. Nothing here is needed beyond Python 3.11 and make.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
SETTINGS ?= settings.toml

export TIDEMARK_SETTINGS := $(SETTINGS)
export MLFLOW_DISABLE_TELEMETRY := true
ifdef EDGE
export TIDEMARK_SOURCE__SYNTHETIC__EDGE := $(EDGE)
endif
ifdef SEED
export TIDEMARK_SOURCE__SYNTHETIC__SEED := $(SEED)
endif

# Another market is another world with a Dagster home of its own: its pointers, runs and checks must never meet
# those of the first. `make ui EDGE=0` shows that world.
ifneq ($(EDGE)$(SEED),)
WORLD := synthetic$(if $(EDGE),-edge$(EDGE))$(if $(SEED),-seed$(SEED))
export TIDEMARK_PATHS__ROOT := worlds/$(WORLD)
else ifneq ($(SETTINGS),settings.toml)
WORLD := $(basename $(notdir $(SETTINGS)))
endif
export DAGSTER_HOME := $(CURDIR)$(if $(WORLD),/.dagster/homes/$(WORLD))

.PHONY: help run test ui materialize export bench certify scale clean constraints

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

$(READY): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV) (about 2 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(DAGSTER_HOME)/dagster.yaml:
	@mkdir -p $(@D)
	@sed 's#\.dagster/#$(@D)/#' dagster.yaml > $@

$(DAGSTER_HOME)/.dagster/ready: $(READY) $(DAGSTER_HOME)/dagster.yaml
	@$(BIN)/python -m schedules.setup

run: $(DAGSTER_HOME)/.dagster/ready ## the whole road on the synthetic market; EDGE=0, SEED=n, SETTINGS=settings.real.toml
	@$(BIN)/python -m schedules.road

test: $(DAGSTER_HOME)/.dagster/ready ## everything a commit must pass
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/pytest -n 2 --dist worksteal

materialize: $(DAGSTER_HOME)/.dagster/ready ## one partition: ASSET=features PARTITION='BTC-USD|1m'
	@$(BIN)/python -m schedules.materialize '$(ASSET)' '$(PARTITION)'

export: $(DAGSTER_HOME)/.dagster/ready ## all windows as one .pt file: WINDOW=seq300 FOLDER=exports SYMBOLS='BTC-USD ETH-USD'
	@$(BIN)/python -m schedules.export '$(WINDOW)' '$(or $(FOLDER),exports)' $(SYMBOLS)

ui: $(DAGSTER_HOME)/.dagster/ready ## Dagster with both code locations on http://127.0.0.1:3000
	@$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $${PORT:-3000}

bench: $(READY) ## speed as ratios against peers and limits; writes bench.json
	@test -e .bench/ready || { echo "installing the peers into .bench/venv (some minutes the first time)"; \
		$(PYTHON) -m venv .bench/venv && .bench/venv/bin/python -m pip install --quiet --progress-bar on \
		--disable-pip-version-check -r tests/benchmarks/peers/requirements.txt && touch .bench/ready; } \
		|| echo "the peers cannot be installed: their rows will say blocked"
	@$(BIN)/python -W ignore -m tests.benchmarks

certify: $(DAGSTER_HOME)/.dagster/ready ## twenty markets without an edge through the boosted-trees road (half an hour)
	@$(BIN)/python -m schedules.certify

scale: $(READY) ## two years of minutes of SYMBOLS=118 symbols within 4 GB, resumable (40 to 95 minutes, 60 GB of disk)
	@$(BIN)/python -W ignore -m tests.benchmarks.scale --symbols $(or $(SYMBOLS),118)

clean: ## remove everything this repository wrote, the environment apart
	rm -rf .dagster .nux .logs_queue logs worlds bench.json
	rm -rf .hypothesis .mypy_cache .ruff_cache .import_linter_cache .pytest_cache

constraints: ## regenerate constraints.txt as a whole from pyproject.toml
	rm -rf .bench/lock && $(PYTHON) -m venv .bench/lock
	.bench/lock/bin/python -m pip install --quiet torch==2.13.0
	.bench/lock/bin/python -m pip install --quiet -e '.[dev]'
	.bench/lock/bin/python -m pip freeze --exclude-editable | sed 's/^torch==.*/torch==2.13.0/' > constraints.txt
