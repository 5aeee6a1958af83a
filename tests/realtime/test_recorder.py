import json
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest

from engines.errors import InputError
from realtime import ring
from realtime.config import Bus, Config, Record
from realtime.live.coordinator import run
from realtime.live.options import Options
from realtime.messages import Event, Moment
from realtime.processes import wire
from realtime.recording.recorder import Recorder
from realtime.recording.session import Session
from realtime.sources import open_source

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some
import live_fakes


def record(
    folder: Path, source: str, settings: Record, notes: live_fakes.Notes | None = None
) -> live_fakes.Notes:
    notes = notes or live_fakes.Notes()
    options = Options(
        sources=(source,),
        config=Config(bus=Bus(endpoint="tcp://127.0.0.1:*"), record=settings),
        dashboard=False,
        record=folder,
        stages=live_fakes.STAGES,
    )
    assert run(options, notes) == 0
    return notes


def test_each_event_gets_its_frames_lossless_with_their_times(tmp_path: Path) -> None:
    settings = Record(before_s=0.1, after_s=0.05, kinds=["micro"], keep_free_mb=0)
    notes = record(tmp_path / "kept", "fake:frames=200,fps=100", settings)
    folders = sorted((tmp_path / "kept").iterdir())
    assert len(folders) == 8 == sum(event.kind == "micro" for event in notes.events)
    for folder, event in zip(folders, notes.events, strict=False):
        source = open_source(str(folder))
        assert source.info.fps == pytest.approx(100)
        first = None
        count = 0
        while (frame := source.read()) is not None:
            index = round(frame.t_ns / 1e7)
            first = index if first is None else first
            assert (frame.image == index % 256).all()
            count += 1
        assert first == max(0, event.onset.frame - 10)
        # The last event ends with the source: nothing comes after it.
        assert count == min(199, event.offset.frame + 5) - first + 1
        about = json.loads((folder / "event.json").read_text())
        assert about["event"]["event_id"] == event.event_id
        assert about["crop_to_frame"] == [1, 0, 0, 0, 1, 0]
        assert about["settings"]["source"]["fps"] == 200
        assert about["frames_missing"] == 0
        assert (folder / "pictures" / "onset.png").read_bytes() == b"png"
    assert not list((tmp_path / "kept").glob(".*"))


def test_a_vanished_folder_stops_recording_with_one_line_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    notes = live_fakes.Notes()

    def on_event(event: Event) -> None:
        if event.offset.frame == 49:
            folder.rename(tmp_path / "elsewhere")

    notes.on_event = on_event
    record(folder, "fake:frames=300,fps=100", Record(keep_free_mb=0), notes)
    said = [line for line in notes.lines if "recording stopped" in line]
    assert len(said) == 1
    assert "recognition goes on" in said[0]
    assert sum(event.kind == "micro" for event in notes.events) == 12
    assert notes.report["frames"]["processed"] == 300


def test_a_nearly_full_disk_stops_recording(tmp_path: Path) -> None:
    notes = record(tmp_path / "kept", "fake:frames=100,fps=100", Record(keep_free_mb=1e12))
    assert sum("less than 1e+12 MB left" in line for line in notes.lines) == 1
    assert list((tmp_path / "kept").iterdir()) == []
    assert len(notes.events) == 5


@pytest.fixture
def small_ring() -> Any:
    writer = ring.RingWriter(ring.ring_name("recorder-test"), 16, 48, 64)
    yield writer
    writer.close()


def test_frames_that_left_the_ring_are_counted_as_missing(
    tmp_path: Path, small_ring: ring.RingWriter
) -> None:
    recorder = Recorder(tmp_path, Config(record=Record(before_s=0.1, after_s=0.0, keep_free_mb=0)))
    image = live_fakes.open_source("fake:fps=100").read().image  # type: ignore[union-attr]
    for index in range(60):
        small_ring.write(ring.Frame(index, index * 10**7, 0, 0, image))
    recorder.attach("desk", small_ring.name)
    event = some.event()
    moments = {name: Moment(frame, frame * 10**7) for name, frame in (("onset", 45), ("offset", 55))}
    event = msgspec.structs.replace(event, fps=100.0, apex=moments["onset"], **moments)
    assert recorder.keep(wire.Record(event)) is None
    while recorder.busy:
        recorder.work()
    (folder,) = tmp_path.iterdir()
    about = json.loads((folder / "event.json").read_text())
    rows = (folder / "frames.csv").read_text().splitlines()[1:]
    # 35 to 55 were wanted, 45 to 59 were still there (one slot is about to be written).
    assert about["frames_missing"] == 21 - len(rows)
    assert [int(row.split(",")[0]) for row in rows] == list(range(55 - len(rows) + 1, 56))
    assert len(rows) >= 11
    assert cv2.imread(str(folder / rows[0].split(",")[2])) is not None
    recorder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("room", [16, 5])
def test_a_dead_ring_is_let_go_and_what_it_held_recorded_or_counted(
    tmp_path: Path, small_ring: ring.RingWriter, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr("realtime.recording.recorder._MEMORY_BYTES", room * 48 * 64 * 3)
    held_up = threading.Event()
    monkeypatch.setattr(Session, "_describe", lambda self: held_up.wait(10))
    settings = Record(before_s=0.0, after_s=0.0, keep_free_mb=0, session=True)
    recorder = Recorder(tmp_path, Config(record=settings))
    image = live_fakes.open_source("fake:fps=100").read().image  # type: ignore[union-attr]
    recorder.attach("desk", small_ring.name)
    for index in range(12):
        small_ring.write(ring.Frame(index, index * 10**7, 0, 0, image))
    small_ring.close()
    recorder.detach("desk")
    held_up.set()
    moments = {name: Moment(frame, frame * 10**7) for name, frame in (("onset", 2), ("offset", 11))}
    event = msgspec.structs.replace(some.event(), fps=100.0, apex=moments["onset"], **moments)
    while recorder.busy:
        recorder.work()
    assert small_ring.name not in Path("/proc/self/maps").read_text()
    assert recorder.keep(wire.Record(event)) is None
    while recorder.busy:
        recorder.work()
    recorder.count_sessions()
    kept = min(room, 10)
    assert recorder.counts.frames == kept
    assert recorder.counts.frames_missing == 10 - kept
    assert recorder.counts.session_frames == min(room, 12)
    assert recorder.counts.session_missing == 12 - min(room, 12)
    recorder.close()


def test_without_memory_an_event_is_skipped_and_said(
    tmp_path: Path, small_ring: ring.RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.recording.recorder._MEMORY_BYTES", 1000)
    recorder = Recorder(tmp_path, Config(record=Record(keep_free_mb=0)))
    recorder.attach("desk", small_ring.name)
    said = recorder.keep(wire.Record(some.event()))
    assert said is not None
    assert "behind" in said
    assert not recorder.busy
    recorder.close()


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".20260101T000000Z-desk.partial"
    left.mkdir()
    Recorder(tmp_path, Config()).close()
    assert not left.exists()


def test_a_ring_that_is_gone_already_is_waited_for_by_the_next_one(
    tmp_path: Path, small_ring: ring.RingWriter
) -> None:
    recorder = Recorder(tmp_path, Config(record=Record(keep_free_mb=0)))
    said = recorder.attach("desk", "apexcam-gone-1")
    assert said is not None and "desk is not recorded until it captures again" in said
    assert "desk had no frames to read yet" in (recorder.keep(wire.Record(some.event())) or "")
    assert recorder.counts.skipped == 1
    assert recorder.attach("desk", small_ring.name) is None
    assert recorder.keep(wire.Record(some.event())) is None
    recorder.close()


def test_a_missing_root_is_one_line(tmp_path: Path, small_ring: ring.RingWriter) -> None:
    recorder = Recorder(tmp_path / "gone", Config())
    recorder.attach("desk", small_ring.name)
    with pytest.raises(InputError, match="recording stopped"):
        recorder.keep(wire.Record(some.event()))
    recorder.close()


def test_a_spent_quota_stops_recording_and_nothing_else(tmp_path: Path) -> None:
    settings = Record(keep_free_mb=0, session=True, session_codec="bmp", max_gb=0.0003)
    notes = record(tmp_path / "kept", "fake:frames=200,fps=200", settings)
    said = [line for line in notes.lines if "recording stopped" in line]
    assert said == [
        f"recording stopped: 0.0003 GB are written to {tmp_path / 'kept'} (record.max_gb); recognition goes on"
    ]
    assert len(notes.events) == 9
    assert notes.report["frames"]["processed"] == 200
    assert sum(file.stat().st_size for file in (tmp_path / "kept").rglob("*.bmp")) <= 300_000
    (session,) = (tmp_path / "kept").glob("session-*")
    about = json.loads((session / "session.json").read_text())
    rows = (session / "frames.csv").read_text().splitlines()[1:]
    assert about["frames"] == len(rows) == len(list(session.glob("*.bmp"))) > 0


def test_a_session_whose_folder_vanishes_stops_with_one_line(tmp_path: Path) -> None:
    folder, notes = tmp_path / "kept", live_fakes.Notes()

    def on_event(event: Event) -> None:
        if event.offset.frame == 49:
            folder.rename(tmp_path / "elsewhere")

    notes.on_event = on_event
    record(folder, "fake:frames=200,fps=100", Record(keep_free_mb=0, session=True, kinds=[]), notes)
    assert sum("recording stopped" in line for line in notes.lines) == 1
    assert notes.report["frames"]["processed"] == 200


def test_frames_a_session_had_no_time_for_are_counted_and_said(
    tmp_path: Path, small_ring: ring.RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()
    monkeypatch.setattr(Session, "_describe", lambda self: started.wait(10))
    recorder = Recorder(tmp_path, Config(record=Record(keep_free_mb=0, session=True)))
    image = live_fakes.open_source("fake:fps=100").read().image  # type: ignore[union-attr]
    small_ring.write(ring.Frame(0, 0, 0, 0, image))
    recorder.attach("desk", small_ring.name)
    for index in range(1, 60):
        small_ring.write(ring.Frame(index, index * 10**7, 0, 0, image))
    small_ring.end()
    started.set()
    while recorder.busy:
        recorder.work()
    said = recorder.count_sessions()
    assert said is not None
    assert "frames not kept" in said
    assert recorder.count_sessions() is None
    counts = recorder.counts
    assert counts.session_missing > 40
    assert counts.session_frames + counts.session_missing in (59, 60)
    recorder.close()
