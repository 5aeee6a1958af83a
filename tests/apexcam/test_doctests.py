"""Every example of the package's documentation runs."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import apexcam

MODULES = ["apexcam", *(f"apexcam.{module.name}" for module in pkgutil.iter_modules(apexcam.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if name == "apexcam.datasets":
        pytest.importorskip("torch", reason="the extra train is not installed")
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


def test_the_examples_of_the_guide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "python.md"
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(guide), module_relative=False, encoding="utf-8")
    assert found.attempted > 10
    assert found.failed == 0
