"""Faults are done to real processes with stand-in stages; what must hold afterwards is asserted by each test.

``python -m pytest tests/faults``: the short form. ``APEXCAM_LONG=1`` before it: the long one. ``--fault-table F.md``
writes what each fault cost: recovery time and what was lost.
"""

import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from running import Running

SEED = int(os.environ.get("APEXCAM_SEED", "9"))
ROWS: list[tuple[str, str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", metavar="F.md", help="write fault, recovery time, lost as a table")


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--fault-table", None)
    if path and ROWS:
        lines = ["| fault | back after | lost |", "|---|---|---|"]
        lines += [f"| {fault} | {recovery} | {lost} |" for fault, recovery, lost in ROWS]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts programs: ``start("fake:fps=100", plan={...}, settings=[...])``."""
    runs: list[Running] = []

    def starting(source: str, plan: dict[str, Any] | None = None, **asked: Any) -> Running:
        folder = tmp_path / f"run-{len(runs)}"
        folder.mkdir()
        runs.append(Running(folder, source, plan or {}, asked))
        return runs[-1]

    yield starting
    for run in runs:
        run.close()


@pytest.fixture
def told() -> Callable[[str, float | None, str], None]:
    """Enters a row of the table: the fault, seconds until all was well again (None: it ends), what was lost."""

    def tell(fault: str, recovery_s: float | None, lost: str) -> None:
        ROWS.append((fault, "-" if recovery_s is None else f"{recovery_s:.1f} s", lost))

    return tell


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> random.Random:
    """Random moments, the same ones in every run of a test."""
    seed = f"{SEED} {request.node.name}"
    print(f"seed {seed!r}")
    return random.Random(seed)
