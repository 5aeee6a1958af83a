"""The package that people import: quick, the same answers as the commands, the same lines for what is unusable."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import apexcam
from engines.synthesis import demo
from realtime.cli import app

ROOT = Path(__file__).parents[2]
SMALL = {"source.fps": 60, "source.width": 320, "source.height": 240}
FRAMES = 150


@pytest.fixture(scope="module")
def analysis() -> apexcam.Analysis:
    return apexcam.analyze("demo", frames=FRAMES, settings=SMALL)


def test_the_import_loads_nothing_heavy() -> None:
    code = (
        "import sys, apexcam; dir(apexcam); "
        "print([m for m in ('numpy', 'cv2', 'mediapipe', 'torch', 'zmq', 'realtime', 'engines') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_name_is_there_and_no_other() -> None:
    assert dir(apexcam) == apexcam.__all__
    for name in apexcam.__all__:
        assert getattr(apexcam, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'recognize'"):
        _ = apexcam.recognize  # type: ignore[attr-defined]


def test_analyze_gives_the_events_of_the_command(analysis: apexcam.Analysis, tmp_path: Path) -> None:
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    app(
        ["analyze", "demo", "--frames", str(FRAMES), "--out", str(tmp_path / "theirs"), *settings],
        standalone_mode=False,
    )
    written = analysis.write(tmp_path / "ours")
    assert sorted(path.name for path in written) == [
        "events.csv",
        "events.eaf",
        "events.jsonl",
        "report.html",
    ]
    ours, theirs = (
        [json.loads(line) | {"latency_ms": None} for line in (tmp_path / who / "events.jsonl").open()]
        for who in ("ours", "theirs")
    )
    assert ours == theirs
    assert len(ours) == len(analysis.events) > 0


def test_a_spotter_gives_the_events_of_analyze(analysis: apexcam.Analysis) -> None:
    rendered = demo(60, 320, 240)
    with apexcam.Spotter(camera="demo") as spotter:
        events = [event for i in range(FRAMES) for event in spotter.push(rendered.frame(i), i / 60)]
        assert spotter.faces[0].status == "ok"
        events += spotter.flush()
        assert spotter.refused == analysis.refused
    assert [(e.event_id, e.probabilities, e.apex.frame) for e in events] == [
        (e.event_id, e.probabilities, e.apex.frame) for e in analysis.events
    ]


def test_the_curves_cover_the_recording(analysis: apexcam.Analysis) -> None:
    curves = analysis.curves
    assert curves.t_s.dtype == np.float64
    assert np.all(np.diff(curves.t_s) > 0)
    assert len(curves.face) == len(curves.t_s)
    for name, motion in curves.motion.items():
        assert motion.shape == curves.threshold[name].shape == curves.t_s.shape
    (event,) = analysis.events
    peak = max(
        float(np.nanmax(m[(curves.t_s >= event.onset.t_ns / 1e9) & (curves.t_s <= event.offset.t_ns / 1e9)]))
        for m in curves.motion.values()
    )
    assert peak >= 0.8 * event.intensity_px


def test_tables_have_the_columns_of_the_files(analysis: apexcam.Analysis, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    analysis.write(tmp_path)
    table = analysis.to_pandas()
    assert ",".join(table.columns) == (tmp_path / "events.csv").read_text().splitlines()[0]
    assert table.loc[0, "label"] == analysis.events[0].label
    assert table.loc[0, "apex_frame"] == analysis.events[0].apex.frame
    curves = analysis.curves.to_pandas()
    assert list(curves.index) == list(analysis.curves.t_s)
    assert set(analysis.curves.motion) < set(curves.columns)


def test_a_name_that_looks_like_a_number_stays_a_name() -> None:
    pytest.importorskip("pandas")
    from apexcam.analysis import table_of
    from realtime.messages import Event, Moment

    moments = [Moment(frame, frame * 10_000_000) for frame in (1, 2, 3)]
    about = {"abstained": False, "confidence": 0.5, "intensity_px": 1.0, "frames_lost": 0, "fps": 100.0}
    event = Event(
        event_id="007-0-1-blink",
        camera="007",
        face=0,
        kind="blink",
        onset=moments[0],
        apex=moments[1],
        offset=moments[2],
        label=None,
        probabilities={},
        latency_ms={},
        model=None,
        flow=None,
        reason="nan",
        **about,
    )
    (row,) = table_of([event]).to_dict("records")
    assert (row["camera"], row["reason"]) == ("007", "nan")
    assert np.isnan(row["p_negative"])
    assert table_of([]).empty


def test_without_pandas_it_is_one_line(analysis: apexcam.Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for table in (analysis.to_pandas, analysis.curves.to_pandas):
        with pytest.raises(apexcam.InputError, match="pip install pandas"):
            table()


@pytest.mark.parametrize(
    ("path", "options", "arguments"),
    [
        ("gone.mp4", {}, []),
        ("0", {}, []),
        ("rtsp://user:secret@host/live", {}, []),
        ("demo", {}, []),
        ("note.mp4", {}, []),
        ("empty", {}, []),
        (
            "demo",
            {"frames": 5, "settings": {"spotting.speed": 3}},
            ["--frames", "5", "--set", "spotting.speed=3"],
        ),
        (
            "demo",
            {"frames": 5, "settings": {"source.fps": None}},
            ["--frames", "5", "--set", "source.fps=null"],
        ),
        ("demo", {"frames": 5, "config": "gone.yaml"}, ["--frames", "5", "--config", "gone.yaml"]),
        ("note.mp4", {"settings": {"source.fps": 60}}, ["--set", "source.fps=60"]),
    ],
)
def test_what_is_unusable_is_the_line_of_the_command(
    path: str,
    options: dict[str, object],
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.mp4").write_text("no film")
    (tmp_path / "empty").mkdir()
    with pytest.raises(apexcam.InputError) as refused:
        apexcam.analyze(path, **options)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as left:
        app(["analyze", path, "--out", "out", *arguments])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"apexcam: {' '.join(str(refused.value).split())}\n"
    assert "secret" not in str(refused.value)


def test_rates_and_lengths_that_are_none_are_refused() -> None:
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(apexcam.InputError, match="must be a number"):
            apexcam.analyze("demo", frames=1, fps=fps)
    with pytest.raises(apexcam.InputError, match="frames 0"):
        apexcam.analyze("demo", frames=0)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_recording_without_a_face_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    import cv2

    for i in range(30):
        cv2.imwrite(str(tmp_path / f"img{i}.png"), np.full((120, 160, 3), 90, np.uint8))
    with pytest.raises(UserWarning, match="nothing could be seen in 100% of the time"):
        apexcam.analyze(tmp_path, fps=30)


def test_a_frame_that_cannot_be_used_changes_nothing() -> None:
    good = np.zeros((240, 320, 3), np.uint8)
    with apexcam.Spotter() as spotter:
        assert spotter.push(good, -0.5) == []
        for image in (good[:, :, 0], good.astype(np.float32), good[:0]):
            with pytest.raises(apexcam.InputError, match="must be uint8"):
                spotter.push(image, 1.0)
        for t_s in (-0.5, -1.0, float("nan"), float("inf")):
            with pytest.raises(apexcam.InputError, match="above that of the frame before"):
                spotter.push(good, t_s)
        with pytest.raises(apexcam.InputError, match="lost -1"):
            spotter.push(good, 1.0, lost=-1)
        assert spotter.push(good[:120], 1.0) == []


def test_what_a_spotter_is_given_is_checked_at_once() -> None:
    for settings in (
        {"spotting.speed": 1},
        {"recognise.model": "gone.onnx"},
        {"spotting.model": "gone.onnx"},
    ):
        with pytest.raises(apexcam.InputError):
            apexcam.Spotter(settings=settings)


def test_datasets_say_what_is_no_database(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    with pytest.raises(apexcam.InputError, match="none of the known layouts"):
        apexcam.datasets.load(tmp_path)
    with pytest.raises(apexcam.InputError, match="unknown database 'casme'"):
        apexcam.datasets.load(tmp_path, "casme")
    with pytest.raises(apexcam.InputError):
        apexcam.datasets.load_flowmaps(tmp_path)


def test_a_rendered_database_is_loaded(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    from offline.datasets.rendered import Rendering, open_layout, render

    render(Rendering(open_layout("casme2"), subjects=1, clips=1), tmp_path / "casme2")
    (database,) = apexcam.datasets.load(tmp_path / "casme2")
    (clip,) = database.usable
    assert database.rendered
    assert (clip.dataset, clip.fps) == ("casme2", 200)
    assert clip.onset < clip.apex <= clip.offset


def test_without_the_extra_it_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['openpyxl'] = None\n"
        "import apexcam\n"
        "try: apexcam.datasets.load(sys.argv[1])\n"
        "except apexcam.InputError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "openpyxl is not installed: pip install 'apexcam[train]'\n"
