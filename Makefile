# `make help` lists what there is. ARGS is passed on: make up ARGS='--check --diff'
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Named here, Ansible reads it even in a checkout that others may write to; and Ansible wants a UTF-8 locale.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export LC_ALL := C.UTF-8
ARGS ?=

BIN := .venv/bin
DEV := .venv-dev/bin
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/mlops-platform

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### The platform

.PHONY: up
up: venv ## Make the platform on this machine, or bring it up to date
	@$(BIN)/ansible-playbook site.yml $(ARGS)

.PHONY: down
down: venv ## Remove everything that make up made, but the cache
	@$(BIN)/ansible-playbook playbooks/destroy.yml $(ARGS)
	@rm -f .venv

.PHONY: verify
verify: venv ## Train, register and load a model on the running platform
	@$(BIN)/ansible-playbook playbooks/verify.yml $(ARGS)

.PHONY: venv
venv: ## Prepare the controller's Python environment, and nothing else
	@scripts/bootstrap.sh

.PHONY: clean-cache
clean-cache: ## Empty the cache: images, compilers, Python environments
	@[[ -d "$(CACHE)" ]] || exit 0; \
	sudo=; [[ $$(id -u) == 0 || -z $$(find "$(CACHE)" ! -uid "$$(id -u)" -print -quit) ]] || sudo=sudo; \
	$$sudo chmod -R u+w "$(CACHE)"; $$sudo rm -rf "$(CACHE)"
	@rm -f .venv .venv-dev

##### Tests

.PHONY: test
test: venv-dev ## All tests: lint, unit, integration, molecule
	@$(DEV)/python scripts/test.py $(ARGS)

.PHONY: lint
lint: venv-dev ## Style, types, Ansible's sanity tests, pins, generated documentation
	@$(DEV)/python scripts/test.py lint $(ARGS)

.PHONY: test-unit
test-unit: venv-dev ## Unit tests
	@$(DEV)/python scripts/test.py unit $(ARGS)

.PHONY: test-integration
test-integration: venv-dev ## Modules against real servers
	@$(DEV)/python scripts/test.py integration $(ARGS)

.PHONY: molecule
molecule: venv-dev ## The whole platform on a real cluster of its own: create, converge, idempotence, verify, destroy
	@$(DEV)/python scripts/test.py molecule $(ARGS)

.PHONY: molecule-destroy
molecule-destroy: venv-dev ## Remove what an interrupted molecule run left
	@$(DEV)/python scripts/test.py molecule --destroy

.PHONY: bench
bench: bench-platform bench-modules ## Measure everything: bench-platform, then bench-modules

.PHONY: bench-platform
bench-platform: venv-dev ## Measure start, rerun, idle memory, the login's cost and removal (tests/benchmarks/results/)
	@$(DEV)/python tests/benchmarks/run.py $(ARGS)

.PHONY: bench-modules
bench-modules: venv-dev ## Measure the configuration modules beside community.general and uri loops, on real servers
	@$(DEV)/python tests/benchmarks/modules.py $(ARGS)

.PHONY: venv-dev
venv-dev:
	@scripts/bootstrap.sh --dev

##### Upkeep

.PHONY: docs
docs: venv-dev ## Write docs/roles/ and the roles' README.md from their argument_specs
	@$(DEV)/python scripts/generate_docs.py

.PHONY: lock
lock: venv-dev ## Lock the Python packages again after a change of requirements*.in
	@for name in requirements requirements-dev; do \
	  $(DEV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-markers \
	    --no-emit-index-url --no-emit-find-links --no-annotate --output-file $$name.txt $$name.in; \
	done

.PHONY: build
build: venv ## Build the collection's archive
	@$(BIN)/ansible-galaxy collection build --force
