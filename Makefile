# `make` alone lists the targets. Each makes the environment that it needs; nothing is installed outside the checkout.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
VENV_TFLITE ?= .venv-tflite
VENV_TOOLS  ?= .venv-tools
VENV_OLDEST ?= .venv-oldest
VENV_DOCS   ?= .venv-docs
# Newer ones need NumPy 2, and tflite-runtime needs NumPy 1.
NUMPY_1_PYARROW = pyarrow==17.0.0

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-tflite test-tools test-all-architectures test-oldest test-pi test-pi-all check docs site screenshots bench model wheel release clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 25

# An environment is a folder with a stamp that is younger than pyproject.toml.
define environment
	$(PYTHON) -c 'import sys; sys.exit("mobiclass needs Python 3.10 or newer: make PYTHON=python3.11" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(2)]' $(3)
	@touch $(1)/.installed
endef

$(VENV)/.installed: pyproject.toml
	$(call environment,$(VENV),test$(comma)heif)

$(VENV)/.check-installed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@

$(VENV_TFLITE)/.installed: pyproject.toml
	$(call environment,$(VENV_TFLITE),test$(comma)tflite-runtime,$(NUMPY_1_PYARROW))

# tf_keras loads what Keras 2 saved. It asks for the whole of tensorflow, of which tensorflow-cpu is enough.
$(VENV_TOOLS)/.installed: pyproject.toml constraints/tools.txt
	$(call environment,$(VENV_TOOLS),test$(comma)tools,--constraint constraints/tools.txt)
	$(VENV_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps tf_keras==2.21.0
	@touch $@

$(VENV_OLDEST)/.installed: pyproject.toml constraints/oldest.txt
	$(call environment,$(VENV_OLDEST),test$(comma)tflite-runtime,--constraint constraints/oldest.txt)

comma := ,

demo: $(VENV)/.installed ## Name what is on three real photos
	$(BIN)/mobiclass predict --format table $$($(BIN)/python -c 'import pathlib, skimage; print(*[pathlib.Path(skimage.__file__).parent / "data" / name for name in ("chelsea.png", "coffee.png", "rocket.jpg")])')

test: $(VENV)/.installed ## Run the tests (on LiteRT)
	$(BIN)/python -m pytest $(PYTEST)

test-fast: $(VENV)/.installed ## Run the tests that start no process, under a minute
	$(BIN)/python -m pytest --no-processes --numprocesses 2 -r fE $(PYTEST)

test-tflite: $(VENV_TFLITE)/.installed ## Run the tests on tflite-runtime (Python 3.10 or 3.11)
	MOBICLASS_RUNTIME=tflite $(VENV_TFLITE)/bin/python -m pytest --ignore tests/tools $(PYTEST)

test-tools: $(VENV_TOOLS)/.installed ## Run the workstation's tests (downloads TensorFlow, 1.5 GB)
	$(VENV_TOOLS)/bin/python -m pytest tests/tools $(PYTEST)

test-all-architectures: $(VENV_TOOLS)/.installed $(VENV_TFLITE)/.installed ## Convert every published MobileNet and run it everywhere (an hour)
	MOBICLASS_ALL_ARCHITECTURES=1 MOBICLASS_TFLITE_PYTHON=$(CURDIR)/$(VENV_TFLITE)/bin/python $(VENV_TOOLS)/bin/python -m pytest tests/tools/convert/test_all_architectures.py $(PYTEST)

test-oldest: $(VENV_OLDEST)/.installed ## Run the tests on the oldest dependencies (Python 3.10 or 3.11)
	MOBICLASS_RUNTIME=tflite $(VENV_OLDEST)/bin/python -m pytest --ignore tests/tools $(PYTEST)

test-pi: $(VENV)/.installed ## Install and try the wheel in an emulated Debian 13 for Arm (root; docs/raspberry-pi.md)
	$(BIN)/python -m tools.raspberry_pi $(PI)

test-pi-all: $(VENV)/.installed ## The same in Debian 13 and 12, in 64 and in 32 bits
	$(BIN)/python -m tools.raspberry_pi --all $(PI)

check: $(VENV)/.check-installed ## Check format, lint, types, the generated docs and the files that GitHub reads
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tools.command_reference --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

docs: $(VENV)/.installed ## Write docs/commands.md from --help
	$(BIN)/python -m tools.command_reference

bench: $(VENV)/.installed ## Measure speed and memory (PHOTOS=DIR: accuracy too, on DIR/<wnid>/<image>)
	$(BIN)/python -m tools.benchmarks $(if $(PHOTOS),--photos $(PHOTOS))

model: $(VENV_TOOLS)/.installed ## Build the built-in model again
	$(VENV_TOOLS)/bin/python -m tools.build_builtin_model

$(VENV_DOCS)/.installed: pyproject.toml
	$(call environment,$(VENV_DOCS),docs)

site: $(VENV_DOCS)/.installed ## Build the docs site into build/site; a broken link fails
	$(VENV_DOCS)/bin/mkdocs build --strict

screenshots: $(VENV)/.installed ## Take the pictures of the docs anew (Chromium, tmux)
	$(BIN)/python -m tools.screenshots

wheel: $(VENV)/.check-installed ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m build --outdir dist .

release: $(VENV)/.check-installed ## Check, build and verify a version in an empty environment, and tag it (pushes nothing)
	$(BIN)/python -m tools.release $(RELEASE)

clean: ## Remove environments, caches and what was built
	rm -rf $(VENV) $(VENV_TFLITE) $(VENV_TOOLS) $(VENV_OLDEST) $(VENV_DOCS) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
