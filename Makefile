# Every target is a few lines; what it does lives in scripts/. `make` alone prints the list.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help run demo token test check fix protos engine console chart lock unit bench-call bench-engine bench-signaling clean

PYTHON := .venv/bin/python
ROOM ?= demo
ROLE ?= candidate
NAME ?= $(ROLE)

##@ Use it

help: ## Print this list
	@awk -f scripts/help.awk $(MAKEFILE_LIST)

run: ## Start worker and gateway here and print a candidate's and a proctor's link
	@scripts/setup.sh run && exec $(PYTHON) -m scripts.run --room '$(ROOM)' $(if $(WAITING),--waiting-room)

demo: ## The same with six synthetic candidates, to watch without a camera
	@scripts/setup.sh demo && exec $(PYTHON) -m scripts.demo --room '$(ROOM)'

token: ## Print one more token: make token ROOM=demo ROLE=candidate NAME=Ada
	@$(PYTHON) -m scripts.token --room '$(ROOM)' --role '$(ROLE)' --user '$(NAME)' $(if $(WAITING),--waiting-room)

##@ Prove it

test: ## Install what tests need, then check and run all tests, in browsers too
	@scripts/setup.sh test && $(PYTHON) -m scripts.check && $(PYTHON) -m scripts.test

check: ## Only verify: format, lint, types, imports, protos, pins, chart; count the lines
	@scripts/setup.sh check && $(PYTHON) -m scripts.check

unit: ## Run the tests that need neither browser nor network: seconds, for every save
	@scripts/setup.sh test && $(PYTHON) -m pytest tests/unit

bench-call: ## Measure a call in Chromium; parts of it: make bench-call ONLY="layers loss-uplink"
	@scripts/setup.sh bench && exec $(PYTHON) -m tests.bench.call $(if $(ONLY),--only $(ONLY)) \
		$(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS))

bench-engine: ## Measure the engine: CPU time per packet that leaves, beside the least possible
	@scripts/setup.sh check && $(PYTHON) -m scripts.bench_engine

bench-signaling: ## Measure the gateway: pings and joins a second, idle clients, a flood, coming back
	@scripts/setup.sh test && $(PYTHON) -m tests.bench.signaling

##@ Change it

fix: ## Repair what check can complain of
	@scripts/setup.sh check && $(PYTHON) -m scripts.fix

protos: ## Generate services/pb from protos/, and the JSON Schema in protos/signaling
	@scripts/setup.sh check && $(PYTHON) -m scripts.gen_protos && $(PYTHON) -m scripts.gen_schema

engine: ## Build the packet engine (Rust) and install it into .venv
	@scripts/setup.sh engine

console: ## Build the console's pages (TypeScript)
	@scripts/setup.sh console

chart: ## Print the Kubernetes manifests that the chart's default values give
	@scripts/setup.sh check && $(PYTHON) -m scripts.render_chart

lock: ## Write deploy/requirements from pyproject.toml (UPGRADE=1: newest allowed versions)
	@scripts/setup.sh lock && $(PYTHON) -m scripts.lock $(if $(UPGRADE),--upgrade)

clean: ## Remove everything that was made: environment, builds, caches
	@scripts/clean.sh
