# Two commands do everything on a machine with Python >= 3.11 and make: `make label`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What to label: files, folders or patterns; where to; and any further options of `duck-label run`.
INPUT ?= sample/bars.parquet
OUTPUT ?= labels
ARGS ?=

define QUERY
unpivot (select avg(columns('label_.*')) from read_parquet('$(OUTPUT)/*.parquet'))
on * into name label value win_rate
endef
export QUERY

.DEFAULT_GOAL := help
.PHONY: help label test test-all lint check fix docs build smoke oldest bench budgets clean
# Whatever -j says: two targets would set up at once. `test` has set up before it goes on with two.
ifndef IS_SET_UP
.NOTPARALLEL:
endif

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

label: $(VENV)/installed $(filter sample/bars.parquet,$(INPUT)) ## Set up, then label INPUT (the sample) into OUTPUT (labels)
	$(BIN)/duck-label run $(INPUT) --output $(OUTPUT) $(ARGS)
	@ls $(OUTPUT)/*.parquet > /dev/null 2>&1 || exit 0; \
		printf '\nThe labels are in %s. A first query on them, how often each label is 1:\n\n%s\n' '$(OUTPUT)' "$$QUERY"; \
		$(BIN)/python -c "import duckdb, os; duckdb.sql(os.environ['QUERY']).show()"
	@printf 'For `duck-label` itself in this shell: . $(BIN)/activate\n'

sample/bars.parquet: | $(VENV)/installed
	@mkdir -p sample
	$(BIN)/duck-label sample $@ --days 5

test: ## Set up, then lint Python, types, the wheel, and the quick tests; minutes
test-all: ## The same with the style of SQL, long tests and more examples: what CI runs; a quarter of an hour
test: TESTS := not slow and not long
test: PROFILE := HYPOTHESIS_PROFILE=quick
test: SMOKE := --without-dependencies
test-all: TESTS := not slow
# Whatever is set outside: every program that tests start would compile all modules anew.
test test-all: export PYTHONDONTWRITEBYTECODE :=
test test-all: $(VENV)/developed
	@$(MAKE) --no-print-directory -j2 IS_SET_UP=yes SMOKE='$(SMOKE)' lint smoke
	$(PROFILE) $(BIN)/python -m pytest -m "$(TESTS)" -n 2 --dist worksteal

lint: $(VENV)/developed ## Lint Python, and types; changes nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

check: lint ## Lint (Python and SQL) and types; changes nothing
	$(BIN)/python -m pytest --quiet -n 2 tests/test_sql_style.py

fix: $(VENV)/developed ## Rewrite what the linters can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/developed ## Make the generated pages and the picture anew
	$(BIN)/cog -r docs/commands.md docs/configuration.md docs/explain.md
	$(BIN)/python docs/terminal.py

build: $(VENV)/developed ## Build the wheel and the source distribution into dist/
	rm -rf dist
	$(BIN)/python -m build --quiet .

smoke: build ## Install the wheel alone, elsewhere, and label with it
	$(BIN)/python tests/smoke.py dist $(SMOKE)

oldest: $(VENV)/made ## Test tables with the oldest pandas that is enough, in an environment of its own
	$(BIN)/python -m venv --clear $(VENV)/oldest
	$(VENV)/oldest/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)/oldest/bin/python -m pip install --quiet --editable . --group dev 'pandas==2.2.2'
	$(VENV)/oldest/bin/python -m pytest -q tests/test_frames.py tests/test_types.py

# Pythons that have peers join in as BENCH_PEERS=/path/to/python:/path/to/another; BENCH=--quick is shorter.
bench: $(VENV)/installed ## Measure beside the floor, code by hand and others; into bench/
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python tests/bench/run.py $(BENCH)

budgets: $(VENV)/installed ## Measure whether the memory budget is kept; a quarter of an hour, into bench/
	$(BIN)/python tests/bench/memory.py bench $(BUDGETS)

clean: ## Remove the environment and whatever was built or cached; labels stay
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is Python " + sys.version.split()[0])' || \
		{ echo "duck-label needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/installed: pyproject.toml | $(VENV)/made
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/developed: pyproject.toml | $(VENV)/made
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@ $(VENV)/installed
