# make demo: see it work.  make test: prove it.  Both set themselves up in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint pictures clean

setup: .venv/.ready-test

# The demo needs only the base install; the tests add training and checking.
.venv/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
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

# The README's pictures, by the program itself; needs a Chromium.
pictures: .venv/.ready-test
	$(BIN)/python docs/pictures.py

clean:
	rm -rf .venv build dist
