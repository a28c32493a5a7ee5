# `make demo` starts the app, `make test` runs what CI runs; both make the environment first.
PYTHON ?= python3
VENV := .venv
UV := $(shell command -v uv 2>/dev/null)

ifdef UV
NEW_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = $(UV) pip install --quiet --python $(VENV)/bin/python
else
NEW_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: demo test lint audit clean

demo: $(VENV)/.app-installed
	$(VENV)/bin/python app.py $(ARGS)

# Two processes of one thread each: threads of several processes would wait for each other.
test: $(VENV)/.dev-installed lint
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.dev-installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# Weaknesses that are known of the installed packages; strict, as it would else pass over what PyPI does not know.
audit: $(VENV)/.app-installed
	$(INSTALL) pip-audit
	$(VENV)/bin/pip-audit --strict --skip-editable

$(VENV)/.app-installed: requirements.txt
	$(NEW_VENV)
	$(INSTALL) -r requirements.txt
	touch $@

$(VENV)/.dev-installed: requirements-dev.txt requirements.txt requirements-onnx.txt requirements-agents.txt
	$(NEW_VENV)
	$(INSTALL) -r requirements-dev.txt
	touch $@ $(VENV)/.app-installed

clean:
	rm -rf $(VENV)
