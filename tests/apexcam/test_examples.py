"""The scripts of examples/ run as they stand, from an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

import apexcam
from engines.synthesis import demo

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half rendered seconds with one micro-expression."""
    path = tmp_path_factory.mktemp("film") / "demo.mkv"
    rendered = demo(60, 320, 240)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=60)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "bgr0"
        for index in range(150):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rendered.frame(index), format="bgr24")))
        container.mux(stream.encode())
    return path


def example(name: str, *arguments: object, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_recording_in_a_line(film: Path, tmp_path: Path) -> None:
    run = example("summarise.py", film, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"{film}: 1 micro-expressions (")


def test_a_loop_of_ones_own(film: Path, tmp_path: Path) -> None:
    run = example("own_loop.py", film, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("micro ")


def test_watching_prints_early_and_final_events(film: Path, tmp_path: Path) -> None:
    for _ in range(3):  # a machine that is busy loses frames of a live run
        run = example("watch.py", film, folder=tmp_path)
        assert run.returncode == 0, run.stderr
        if run.stdout:
            break
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["provisional", "final"]


def test_stimuli_for_nobody_are_one_line(tmp_path: Path) -> None:
    run = example("stimuli.py", "smile", folder=tmp_path)
    assert run.returncode == 1
    assert "no program publishes there" in run.stderr


def test_the_notebook_runs_cell_by_cell() -> None:
    cells = json.loads((EXAMPLES / "analysis.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert isinstance(names["analysis"], apexcam.Analysis)
    assert [event.stage for event in names["analysis"].early] == ["provisional"]


def test_a_source_that_cannot_be_watched_is_the_commands_own_line(tmp_path: Path) -> None:
    with pytest.raises(apexcam.InputError, match="there is no such file"):
        list(apexcam.live(tmp_path / "nothing.mp4"))


def test_leaving_the_loop_ends_the_run(film: Path) -> None:
    events = apexcam.live(
        "demo", early=True, settings={"source.fps": 60, "source.width": 320, "source.height": 240}
    )
    assert next(events).camera == "demo"
    events.close()
