"""Sources and sinks of other packages: installed beside, declared as entry points, used by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = '''
import numpy as np
from realtime.live.sinks import SinkKind
from realtime.sources import SourceKind
from realtime.sources.base import PacedSource, Pacer, Shot, SourceInfo


class Grey(PacedSource):
    """Sixty grey frames."""

    def __init__(self, spec, request):
        pace = Pacer(60.0) if request.pace else None
        super().__init__(SourceInfo("grey", spec, "images", 96, 64, 60.0, 60), pace)

    def _shoot(self):
        if self._index >= 60:
            return None
        return Shot(self._index * 16_666_667, np.full((64, 96, 3), 128, np.uint8))

    def _release(self):
        pass


class Lines:
    def __init__(self, where, config):
        self.where = where

    def open(self):
        self.file = open(self.where, "w")

    def event(self, published):
        self.file.write(published.event.event_id + "\\n")

    def close(self):
        self.file.write("closed\\n")
        self.file.close()


class Broken(Lines):
    def event(self, published):
        raise RuntimeError("the other side is gone")


GREY = SourceKind("grey", "sixty grey frames", False, False, Grey)
LINES = SinkKind("lines", "a line an event", Lines)
BROKEN = SinkKind("broken", "fails at the first event", Broken)
NOT_A_ROW = 3
'''
POINTS = """
[apexcam.sources]
grey = apexcam_grey:GREY
missing = apexcam_nowhere:ROW

[apexcam.sinks]
lines = apexcam_grey:LINES
broken = apexcam_grey:BROKEN
odd = apexcam_grey:NOT_A_ROW
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the plugin is installed, from a folder outside the tree."""
    site = tmp_path / "site"
    info = site / "apexcam_grey-1.dist-info"
    info.mkdir(parents=True)
    (site / "apexcam_grey.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: apexcam-grey\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))}


def apexcam(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "realtime.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_source_of_another_package_is_watched(installed: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run = apexcam(
        *(installed, "live", "grey:1", "--no-dashboard", "--report", str(report)),
        *("--set", "bus.endpoint=tcp://127.0.0.1:*", "--sink", f"lines:{tmp_path / 'lines.txt'}"),
    )
    assert (run.returncode, run.stderr) == (0, "")
    frames = json.loads(report.read_text())["frames"]
    assert frames["captured"] == 60
    assert frames["captured"] == frames["processed"] + frames["lost_ring"]
    assert "sink lines: a line an event" in run.stdout
    assert (tmp_path / "lines.txt").read_text() == "closed\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing:1",), "missing: the plugin apexcam-grey cannot be loaded: ModuleNotFoundError"),
        (("demo", "--sink", "odd"), "odd: the plugin apexcam-grey gives a int, not a SinkKind"),
        (
            ("demo", "--sink", "none:1"),
            "there is no sink of this name; known: broken, csv, lines,",
        ),
    ],
)
def test_a_broken_plugin_is_one_line_for_who_asks_for_it(
    installed: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    run = apexcam(
        *(installed, "live", *arguments, "--no-dashboard", "--duration", "1"),
        *("--set", "bus.endpoint=tcp://127.0.0.1:*"),
    )
    assert run.returncode == 2
    assert said in run.stderr
    assert run.stderr.count("\n") == 1
