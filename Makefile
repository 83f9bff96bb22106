# make demo | make test | make lint | make docs | make help
#
# PYTHON    the interpreter that makes .venv           (make demo PYTHON=python3.12)
# PIP_ARGS  extra arguments for pip, an index for one  (make demo PIP_ARGS="--index-url ...")
# JOBS      processes that run the tests; 0 for one; three keep two cores busy, for many tests wait   (make test JOBS=4)

PYTHON   ?= python3
PIP_ARGS ?=
JOBS     ?= 3
BIN      := .venv/bin
PIP      := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt $(PIP_ARGS)
INPUTS   := pyproject.toml constraints.txt constraints-pipecat.txt

# Idle threads that spin make a busy machine 2.5 times slower.
export OMP_WAIT_POLICY = PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo voice test test-live chaos lint docs teaser check browser programs clean

help: ## show what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/.demo voice ## install what is needed and open the live page
	@$(BIN)/python app.py --open yes

test: lint browser programs ## install everything, then lint, type-check and run all tests
	@$(BIN)/python -m pytest -q --numprocesses $(JOBS)

test-live: browser programs ## the tests of the live page alone
	@$(BIN)/python -m pytest -q tests/live tests/planner tests/serving tests/browser tests/attacks

chaos: programs .venv/.test ## a fleet on this machine under load and under blows, in figures; ten minutes
	@$(BIN)/python -m flowact.bench.fleet

lint: .venv/.test ## style, types and the direction of imports
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: .venv/.test ## build the documentation into site/, in strict mode
	@$(BIN)/python docs/build_site.py

teaser: .venv/.demo ## generate the moving picture of the README
	@$(BIN)/python docs/make_teaser.py

check: # the interpreter is new enough and can make environments
	@command -v $(PYTHON) >/dev/null || { \
	  echo "FlowAct needs Python 3.11 or newer; no program named '$(PYTHON)' was found (choose one: make PYTHON=python3.12 ...)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "FlowAct needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1) (choose another: make PYTHON=python3.12 ...)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "FlowAct needs Python's venv module; on Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }

$(BIN)/python: | check
	@echo "Making .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv

.venv/.demo: $(INPUTS) | $(BIN)/python
	@echo "Installing FlowAct into .venv (some minutes the first time) ..."
	@$(PIP) --editable '.[study,heic]'
	@touch $@

.venv/.test: $(INPUTS) | $(BIN)/python
	@echo "Installing FlowAct with its study, metrics, traces, fleet, test, train, tts, voice, listen, docs, heic, judge, livekit and pretrained extras into .venv ..."
	@$(PIP) --editable '.[study,metrics,traces,fleet,test,train,tts,voice,listen,docs,heic,judge,livekit,pretrained]'
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --upgrade $(PIP_ARGS) --target .venv/pipecat --requirement constraints-pipecat.txt
	@touch $@ .venv/.demo

# Without a voice the page still has the microphone, uploads and the sample: say so and go on.
voice:
	@command -v flite >/dev/null || command -v espeak-ng >/dev/null || \
	  echo "No voice for typed text on this machine; on Debian and Ubuntu: apt install flite." >&2

# Debian's Chromium needs no download of its own; elsewhere Playwright brings one.
browser: .venv/.test
	@for name in chromium chromium-browser google-chrome; do \
	  command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null; \
	else $(BIN)/playwright install chromium; fi

# flite and Festival speak the training sentences (of Festival's voices one will do here); PostgreSQL
# holds one of the study's test databases; nginx stands before servers; promtool, which comes with Prometheus, checks
# metrics and alerts; Redis keeps sessions that go from one server to another.
programs:
	@missing=""; command -v flite >/dev/null || missing="flite"; \
	command -v festival >/dev/null || missing="$$missing festival festvox-itapc16k"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	command -v redis-server >/dev/null || command -v valkey-server >/dev/null || missing="$$missing redis-server"; \
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$$missing nginx-light"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	[ -z "$$missing" ] || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing $$missing for the tests ..."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$missing >/dev/null; \
	else echo "The tests need these programs (Debian and Ubuntu: apt install $$missing)." >&2; exit 1; fi; }

clean: ## remove the environment and caches
	@rm -rf .venv .cache build site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
