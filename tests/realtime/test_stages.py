"""The watch and the recognise stage, on rendered frames: candidates, events, states."""

import time

import msgspec
import numpy as np
import pytest

from engines.errors import InputError
from engines.face import FaceSettings
from engines.labels import CLASSES
from engines.spotting import SpottingSettings
from engines.synthesis import Identity, Performance, Renderer, Scene
from realtime.config import Recognise
from realtime.messages import Event
from realtime.ring import Frame
from realtime.stages.candidate import Candidate
from realtime.stages.recogniser import Recogniser
from realtime.stages.watcher import Watcher

FPS = 100
SMILE = Performance("micro", "positive", (6, 12), 1.2, 1.34, 1.54, amplitude_px=1.6)
BLINK = Performance("blink", None, (45,), 2.4, 2.47, 2.6, hold_s=0.02)


@pytest.fixture(scope="module")
def frames():
    scene = Scene(
        identity=Identity.from_seed(21),
        fps=FPS,
        seed=3,
        performances=(SMILE, BLINK),
        sway_px=3,
        sway_deg=0.6,
        noise=2,
    )
    renderer = Renderer(scene)
    return [
        Frame(index=i, t_ns=i * 10**9 // FPS, host_ns=i, gap=0, image=renderer.frame(i)) for i in range(320)
    ]


def _watch(frames, lost_before=None, **faces):
    watcher = Watcher(FaceSettings(**faces), SpottingSettings(), "cam")
    candidates, states = [], []
    for frame in frames:
        if lost_before and frame.index in lost_before:
            watcher.lost(lost_before[frame.index])
        candidates.extend(watcher.step(frame))
        states.append(watcher.state(frame))
    candidates.extend(watcher.flush())
    watcher.close()
    return candidates, states


@pytest.fixture(scope="module")
def watched(frames):
    return _watch(frames)


def test_a_smile_and_a_blink_become_candidates_with_their_crops(watched):
    candidates, _ = watched
    assert [candidate.kind for candidate in candidates] == ["micro", "blink"]
    smile = candidates[0]
    assert abs(smile.apex.frame - 134) <= 3
    assert abs(smile.onset.frame - 120) <= 4
    assert smile.apex.t_ns == smile.apex.frame * 10**9 // FPS
    assert smile.fps == pytest.approx(FPS, rel=0.02)
    assert smile.apex.wall is None
    onset, apex = smile.crops()
    assert onset.shape == apex.shape == (170, 140)
    changed = np.abs(apex.astype(int) - onset.astype(int))
    assert changed[105:140].mean() > 1.3 * changed[60:90].mean()


def test_the_same_frames_give_the_same_candidates(frames, watched):
    again, _ = _watch(frames)
    for first, second in zip(watched[0], again, strict=True):
        assert msgspec.structs.replace(first, spotted_ns=0) == msgspec.structs.replace(second, spotted_ns=0)


def test_losses_inside_a_movement_are_carried_into_its_candidate(frames):
    (smile, blink), _ = _watch(frames, lost_before={130: 2, 50: 7})
    assert (smile.frames_lost, blink.frames_lost) == (2, 0)


def test_state_tells_what_is_seen(watched):
    _, states = watched
    assert states[5].faces[0].status == "settling"
    seen = states[110].faces[0]
    assert (seen.status, seen.phase) == ("ok", "rest")
    assert seen.box[2] > 100
    assert len(seen.regions) > 10
    assert all(region.threshold > 0 for region in seen.regions)
    at_apex = states[136].faces[0]
    mouth = [region for region in at_apex.regions if "mouth corner" in region.name]
    assert all(np.hypot(region.dx, region.dy) > region.threshold for region in mouth)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(states[110]), type=type(states[110])) == states[110]


def test_a_face_that_is_too_small_is_watched_without_a_judgement(frames):
    candidates, states = _watch(frames[:60], min_width_px=500)
    assert candidates == []
    assert states[-1].faces[0].status == "small"
    assert "closer" in states[-1].faces[0].reason


def test_no_face_is_a_state():
    empty = [Frame(i, i * 10**7, 0, 0, np.full((240, 320, 3), 80, np.uint8)) for i in range(40)]
    candidates, states = _watch(empty)
    assert candidates == []
    assert states[-1].faces[0].status == "lost"


def test_the_smile_is_recognised_with_pictures_and_latency(watched):
    recogniser = Recogniser(Recognise())
    now = time.monotonic_ns()
    smile = msgspec.structs.replace(watched[0][0], apex_host_ns=now - 10**8, spotted_ns=now)
    event, pictures = recogniser(smile)
    assert event.label == "positive"
    assert tuple(event.probabilities) == CLASSES
    assert sum(event.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert event.latency_ms["total"] >= 100
    assert event.model.sha256 == recogniser.model.sha256
    assert set(pictures) == {"onset", "apex", "flow", "strain"}
    assert all(data.startswith(b"\x89PNG") for data in pictures.values())
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_a_blink_is_not_named_and_a_doubtful_class_is_withheld(watched):
    smile, blink = watched[0]
    event, pictures = Recogniser(Recognise())(blink)
    assert (event.label, event.probabilities, event.model) == (None, {}, None)
    assert set(pictures) == {"onset", "apex"}
    doubted, _ = Recogniser(Recognise(abstain_below=1.0))(smile)
    assert (doubted.label, doubted.abstained) == (None, True)
    assert "no class reaches 1" in doubted.reason


def test_crops_of_the_wrong_size_are_refused(watched):
    broken = msgspec.structs.replace(watched[0][0], onset_crop=b"123")
    assert isinstance(broken, Candidate)
    with pytest.raises(ValueError, match="reshape"):
        Recogniser(Recognise())(broken)


def test_a_missing_model_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"none\.onnx"):
        Recogniser(Recognise(model=str(tmp_path / "none.onnx")))


def test_candidates_that_wait_together_are_answered_as_if_alone(watched):
    smile, blink = watched[0]
    recogniser = Recogniser(Recognise())
    together = list(recogniser.many([smile, blink, smile]))
    for (event, pictures), candidate in zip(together, (smile, blink, smile), strict=True):
        alone, own = recogniser(candidate)
        assert msgspec.structs.replace(event, latency_ms={}) == msgspec.structs.replace(alone, latency_ms={})
        assert pictures == own
    assert recogniser.backends["classify"].endswith(f"on {recogniser.model.runtime}")


def test_a_gpu_that_dies_is_said_and_every_event_says_what_ran(watched, monkeypatch):
    from engines import inference

    class Dies:
        def __call__(self, maps):
            if maps.any() and maps.shape[0] == 1 and dies:
                raise RuntimeError("CUDA_ERROR_LAUNCH_FAILED")
            return np.tile(np.float32([0, 1, 0]), (len(maps), 1))

    dies = []
    row = inference.Runtime("tensorrt-rtx", "", lambda *model: Dies())
    monkeypatch.setitem(inference.RUNTIMES, row.name, row)
    heard = []
    recogniser = Recogniser(Recognise(), heard.append)
    smile = watched[0][0]
    event, _ = recogniser(smile)
    assert (event.model.runtime, heard, "failed" in recogniser.backends) == ("tensorrt-rtx", [], False)
    dies.append(True)
    event, _ = recogniser(smile)
    assert event.model.runtime == recogniser.model.runtime == inference.runtimes()[-1]
    assert len(heard) == 1 and "tensorrt-rtx failed (CUDA_ERROR_LAUNCH_FAILED)" in heard[0]
    assert "CUDA_ERROR_LAUNCH_FAILED" in recogniser.backends["failed"]
