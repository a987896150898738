# The tasks of this project; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# uv takes the Python that is here and fetches none
export UV_PYTHON_DOWNLOADS := never
# Airflow starts a process for each task: without bytecode each would compile thousands of files anew
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
# uv from the machine, else one of our own below var/
UV := $(shell command -v uv 2>/dev/null || echo var/.uv/bin/uv)
DEMO_VARIABLES := DEMO_FIGURES (the city to make), DEMO_SEED, DEMO_FROM, DEMO_TO, WAREHOUSE_HOME, WAREHOUSE_URL

.PHONY: help install demo up down clean test lint format reference benchmark

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  settings of the demo: $(DEMO_VARIABLES)"

install: $(UV) ## the locked environment in .venv
	@$(UV) sync --frozen --quiet

var/.uv/bin/uv:
	@echo "uv is missing: installing it into var/.uv"
	@python3.11 -m venv var/.uv && var/.uv/bin/pip install --quiet uv

demo: install ## a synthetic city's days, end to end through Airflow
	@$(PYTHON) -m scripts.demo

up: install ## start PostgreSQL and Airflow; tells address, user and password
	@$(PYTHON) -m scripts.services up

down: ## stop Airflow and PostgreSQL
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m scripts.services down; fi

clean: ## stop everything and remove all that this home wrote
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m scripts.services clean; fi

test: install ## all tests, on a real PostgreSQL, dbt, Great Expectations and Airflow
	@$(PYTHON) -m pytest

lint: install ## style of Python and SQL
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m sqlfluff lint dbt_project/models --processes 2 --disable-progress-bar

format: install ## rewrite Python and SQL in the project's style
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

reference: install ## write docs/reference from contracts, models, expectations and commands
	@$(PYTHON) -m scripts.reference

benchmark: install ## load speed as a ratio against psql's copy of the same rows
	@for file in benchmarks/load_*.py; do $(PYTHON) $$file || exit 1; done
