"""Compiled code is kept where that is possible, and made again wherever it is not."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching

from engines import compiled as module
from engines import notices
from engines.compiled import compiled

ROOT = Path(__file__).parents[2]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What is said by a process that keeps what it compiles in a folder of the test."""
    lines: list[str] = []
    monkeypatch.setattr(notices, "_on_notice", lines.append)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "_unkept", "")
    monkeypatch.setattr(module, "_compiles", False)
    monkeypatch.delenv("APEXCAM_SAID_UNKEPT", raising=False)
    yield lines
    os.environ.pop("APEXCAM_SAID_UNKEPT", None)


def fresh() -> tuple[Any, Any]:
    """Two functions as a new process would make them."""

    def double(x: float) -> float:
        return 2 * x

    def treble(x: float) -> float:
        return 3 * x

    return compiled()(double), compiled(fastmath=True)(treble)


def test_what_is_compiled_is_kept_and_found_again(said: list[str], tmp_path: Path) -> None:
    double, treble = fresh()
    assert (double(2.0), treble(2.0)) == (4.0, 6.0)
    assert module.compiles()
    assert len(list(tmp_path.rglob("*.nbc"))) == 2
    module._compiles = False
    double, _ = fresh()
    assert double(2.0) == 4.0
    assert not module.compiles()
    assert sum(double.stats.cache_hits.values()) == 1
    assert said == []
    assert module.unkept() == ""


def test_without_a_folder_it_compiles_in_memory_and_says_so_once(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without a home, and an installation that cannot be written."""
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    double, treble = fresh()
    assert (double(2.0), treble(2.0)) == (4.0, 6.0)
    assert len(said) == 1
    assert "every start is slow; set NUMBA_CACHE_DIR" in said[0]
    assert module.unkept() == said[0]


def test_a_full_disk_is_one_line(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    double, treble = fresh()
    assert (double(2.0), treble(2.0)) == (4.0, 6.0)
    assert len(said) == 1
    assert os.strerror(errno.ENOSPC) in said[0]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 20])
def test_damaged_files_are_compiled_again(said: list[str], tmp_path: Path, kind: str, left: int) -> None:
    """A machine that lost its power while they were written."""
    fresh()[0](2.0)
    for path in tmp_path.rglob(f"*.{kind}"):
        path.write_bytes(path.read_bytes()[:left])
    for hits in (0, 1):
        double, _ = fresh()
        assert double(2.0) == 4.0
        assert sum(double.stats.cache_hits.values()) == hits
    assert said == []


def test_nothing_else_is_compiled_with_a_cache_that_may_fail() -> None:
    for folder in ("engines", "realtime", "offline"):
        for path in (ROOT / folder).rglob("*.py"):
            if path != Path(module.__file__):
                assert "njit" not in path.read_text(encoding="utf-8"), path
