# make demo: see it work.  make test: prove it.  Both set themselves up in .venv.  make gpu: prove the GPU.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint gpu docs pictures clean

setup: .venv/.ready-test

# What pyproject.toml asks for, found out before anything is downloaded.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))

# The demo needs only the base install; the tests add training and checking.
.venv/.ready: pyproject.toml constraints.txt
	@if test -e .venv && ! { $(BIN)/python -c '$(FITS)' && $(BIN)/python -c 'import pip'; } 2>/dev/null; then rm -rf .venv; fi
	@test -e .venv || $(PYTHON) -c '$(FITS)' 2>/dev/null || { \
	  echo "apexcam needs Python 3.11 or 3.12 and $(PYTHON) is $$($(PYTHON) -V 2>&1); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	  exit 2; }
	@test -e .venv || $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/.ready-test: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,test]'
	touch $@

demo: .venv/.ready
	$(BIN)/apexcam live demo $(if $(DURATION),--duration $(DURATION))

test: .venv/.ready-test lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Everything about the GPU, with what pip brings; where it brings nothing, by PYTHON in place, with what that has.
gpu:
	@test -e .venv && had=yes || had=; \
	if PIP_RETRIES=0 PIP_DEFAULT_TIMEOUT=10 $(MAKE) --no-print-directory .venv/.ready-gpu || test -e .venv/.ready; \
	then python=$(BIN)/python; \
	else python=$(PYTHON); test "$$had" || rm -rf .venv; \
	  echo "nothing can be installed here: proving with what $(PYTHON) has" >&2; fi; \
	"$$python" -m engines.proof $(if $(OUT),--out $(OUT))

.venv/.ready-gpu: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[gpu,train]'
	touch $@

# The reference of the packages' names, into build/docs.
docs: .venv/.ready-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python docs/reference.py

# The README's pictures, by the program itself; needs a Chromium.
pictures: .venv/.ready-test
	$(BIN)/python docs/pictures.py

clean:
	rm -rf .venv build dist
