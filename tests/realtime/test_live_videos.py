"""Real recordings through a live run; they lie beside the checkout where this was made."""

import sys
from pathlib import Path

import pytest

from realtime.config import load
from realtime.live import coordinator
from realtime.live.options import Options

sys.path.insert(0, str(Path(__file__).parent))
import live_fakes

VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "video"


def run(name: str) -> live_fakes.Notes:
    path = VIDEOS / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside this checkout")
    notes = live_fakes.Notes()
    # Four times as fast as it was taken, with a ring that holds all of it: nothing hangs on this machine's speed.
    options = Options(
        sources=(str(path),),
        config=load(None, ["bus.endpoint=tcp://127.0.0.1:*", "ring.seconds=20"]),
        pace=100.0,
        dashboard=False,
    )
    assert coordinator.run(options, notes) == 0
    return notes


@pytest.mark.shared
def test_an_expressive_face_is_watched_frame_by_frame() -> None:
    notes = run("expressive_face_24fps.mp4")
    assert notes.report["frames"] == {"captured": 472, "processed": 472, "lost_driver": 0, "lost_ring": 0}
    assert notes.report["problem"] == "" or "could not keep" in notes.report["problem"]
    assert notes.events


@pytest.mark.shared
def test_a_face_that_leaves_ends_in_a_state_and_not_in_an_error() -> None:
    notes = run("face_leaves_26fps.mov")
    assert notes.report["frames"]["lost_ring"] == 0
    states = [state for view in notes.views for state in view.states if state is not None]
    assert any(face.status == "ok" for state in states for face in state.faces)
    last = states[-1]
    assert all(face.status != "ok" and face.reason for face in last.faces)
