"""Spotters on rendered faces: what was performed is found, what was not is not, and the reasons are said."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import engines
from engines.errors import InputError
from engines.face import FaceSettings, FaceStatus, FaceTracker
from engines.spotting import Sample, SpottingSettings, open_spotter
from engines.spotting.face_stage import FaceStage
from engines.synthesis import Identity, Performance, Renderer, Scene

FPS = 100.0
SWAY = {"sway_px": 3.0, "sway_deg": 0.7, "yaw_px": 1.0, "noise": 2.0}


def _performance(kind, label, aus, onset_s, length_s, **more):
    rise = more.pop("rise", 0.4 * length_s)
    return Performance(kind, label, aus, onset_s, onset_s + rise, onset_s + length_s, **more)


class _Recorder:
    """Stands where a spotter would and keeps the samples."""

    def __init__(self):
        self.samples = []

    def push(self, sample):
        self.samples.append(sample)
        return []


@cache
def _take(performances, seconds, seed=21, **more):
    """The samples of a rendered take and what really happened in it."""
    scene = Scene(
        identity=Identity.from_seed(seed), fps=FPS, seed=seed, performances=performances, **(SWAY | more)
    )
    renderer, tracker, recorder = Renderer(scene), FaceTracker(FaceSettings()), _Recorder()
    stage = FaceStage(recorder)
    for index in range(int(seconds * FPS)):
        frame = renderer.frame(index)
        (face,) = tracker.step(frame, index / FPS)
        assert face.status is FaceStatus.OK
        stage.push(face, frame, index, index / FPS)
    samples = recorder.samples
    tracker.close()
    return samples, renderer.truth(len(samples))


def _spots(samples, method="motion"):
    spotter = open_spotter(SpottingSettings(method=method))
    spots = [spot for sample in samples for spot in spotter.push(sample)]
    return spots + spotter.flush()


def _overlap(spot, truth):
    inner = min(spot.offset.index, truth.offset) - max(spot.onset.index, truth.onset)
    outer = max(spot.offset.index, truth.offset) - min(spot.onset.index, truth.onset)
    return max(inner, 0) / outer


PERFORMED = (
    _performance("micro", "positive", (6, 12), 1.2, 0.32, amplitude_px=1.4),
    _performance("micro", "surprise", (1, 2), 2.6, 0.24, amplitude_px=1.2),
    _performance("blink", None, (45,), 3.6, 0.2, rise=0.07, hold_s=0.02),
    _performance("micro", "negative", (15,), 4.8, 0.4, amplitude_px=1.0),
    _performance("macro", "positive", (6, 12), 6.0, 1.6, amplitude_px=5.0, rise=0.5, hold_s=0.5),
)


def test_every_performance_is_found_with_its_kind_and_interval():
    samples, truths = _take(PERFORMED, 8.6)
    spots = _spots(samples)
    assert len(truths) == len(PERFORMED)
    for truth in truths:
        matching = [spot for spot in spots if _overlap(spot, truth) >= 0.5]
        assert [spot.kind for spot in matching] == [truth.kind], truth
        if truth.kind == "micro":
            assert abs(matching[0].apex.index - truth.apex) <= 3
            assert 0.4 * truth.amplitude_px < matching[0].intensity_px < 1.6 * truth.amplitude_px
    assert len(spots) == len(truths)


def test_onset_and_offset_are_where_the_movement_leaves_and_meets_rest():
    samples, truths = _take(PERFORMED, 8.6)
    micros = [spot for spot in _spots(samples) if spot.kind == "micro"]
    for spot, truth in zip(micros, [truth for truth in truths if truth.kind == "micro"], strict=True):
        assert abs(spot.onset.index - truth.onset) <= 5
        assert abs(spot.offset.index - truth.offset) <= 6
        assert spot.onset.t_s == pytest.approx(spot.onset.index / FPS)


def test_a_still_face_that_only_sways_blinks_and_looks_about_has_no_expression():
    quiet = (
        _performance("blink", None, (45,), 1.5, 0.2, rise=0.07, hold_s=0.02),
        _performance("gaze", None, (61,), 2.6, 0.6, rise=0.04, hold_s=0.5, amplitude_px=3.0),
        _performance("blink", None, (45,), 4.1, 0.15, rise=0.05, hold_s=0.02),
    )
    samples, _ = _take(quiet, 6.0, seed=5)
    assert {spot.kind for spot in _spots(samples)} == {"blink"}


def test_changing_light_is_no_movement():
    samples, _ = _take(
        (), 4.0, flicker=0.03, exposure_drift=0.1, exposure_steps=((2.0, 1.15),), light_drift=0.1
    )
    assert _spots(samples) == []


def test_a_macro_expression_is_told_with_its_onset_apex_and_offset():
    samples, truths = _take(PERFORMED, 8.6)
    (macro,) = [spot for spot in _spots(samples) if spot.kind == "macro"]
    truth = truths[-1]
    assert abs(macro.onset.index - truth.onset) <= 0.15 * FPS
    assert (
        truth.apex - 0.15 * FPS <= macro.apex.index <= truth.apex + 0.65 * FPS
    )  # it is held for half a second
    assert abs(macro.offset.index - truth.offset) <= 0.15 * FPS
    assert {"mouth corner left", "mouth corner right"} <= set(macro.regions)


def test_syllables_are_no_expressions():
    talk = Performance("speech", None, (25, 26), 1.5, 1.9, 3.4, hold_s=1.1, amplitude_px=4.0)
    samples, _ = _take((talk,), 5.0, seed=8)
    assert {spot.kind for spot in _spots(samples)} <= {"blink"}


def test_the_smile_says_its_regions_and_the_surprise_its_own():
    samples, _ = _take(PERFORMED, 8.6)
    smile, surprise, *_ = [spot for spot in _spots(samples) if spot.kind == "micro"]
    assert "mouth corner" in " ".join(smile.regions[:4])
    assert all("brow" in name for name in surprise.regions[:3])


def test_streaming_work_does_not_depend_on_how_long_it_has_run():
    samples, _ = _take(PERFORMED, 8.6)
    spotter = open_spotter(SpottingSettings())
    # Twice around with times that go on: nothing is kept that grows.
    spots = []
    for turn in range(2):
        for sample in samples:
            late = turn * (len(samples) / FPS + 1.0)
            moved = Sample(
                sample.index + turn * len(samples),
                sample.t_s + late,
                sample.crop,
                sample.landmarks,
                sample.epoch,
                sample.fresh,
                sample.openness,
                sample.matrix,
            )
            spots.extend(spotter.push(moved))
    kinds = [spot.kind for spot in spots]
    assert kinds.count("micro") == 6
    assert kinds.count("macro") == 2


def test_missing_frames_inside_a_movement_drop_it_and_recognition_goes_on():
    samples, truths = _take(PERFORMED, 8.6)
    first = truths[0]
    kept = [s for s in samples if not first.onset + 5 <= s.index < first.onset + 5 + 0.15 * FPS]
    spots = _spots(kept)
    micros = [spot for spot in spots if spot.kind == "micro"]
    assert not any(_overlap(spot, first) > 0.5 for spot in micros)
    assert len(micros) == 2


def test_interrupting_forgets_and_says_why():
    samples, _ = _take(PERFORMED, 8.6)
    spotter = open_spotter(SpottingSettings())
    for sample in samples[:80]:
        spotter.push(sample)
    assert spotter.view().phase == "rest"
    spotter.interrupt("face lost")
    assert (spotter.view().phase, spotter.view().reason) == ("blind", "face lost")
    assert np.all(spotter.view().motion == 0)


def test_a_blink_just_after_an_interruption_is_no_expression():
    blinks = tuple(
        _performance("blink", None, (45,), at, 0.13, rise=0.05, hold_s=0.01) for at in (1.5, 3.5, 5.5)
    )
    scene = Scene(identity=Identity.from_seed(302), fps=FPS, seed=302, performances=blinks, **SWAY)
    renderer, tracker = Renderer(scene), FaceTracker(FaceSettings())
    stage = FaceStage(open_spotter(SpottingSettings()))
    spots = []
    for index in range(int(6.5 * FPS)):
        frame, t_s = renderer.frame(index), index / FPS
        (face,) = tracker.step(frame, t_s)
        if index in (120, 320, 520):
            stage.spotter.interrupt("the camera was knocked")
        spots += stage.push(face, frame, index, t_s)
        tracker.help_spotter(face.id, stage.spotter.wants_landmarks(), t_s)
    tracker.close()
    assert not [spot for spot in spots if spot.kind != "blink"]


@pytest.mark.parametrize("method", ["interframe", "dcrois"])
def test_the_literature_s_features_find_the_apex_of_a_clear_movement_on_a_still_head(method):
    clear = (_performance("micro", "surprise", (1, 2), 2.0, 0.4, amplitude_px=2.6),)
    samples, (truth,) = _take(clear, 3.6, sway_px=0.0, sway_deg=0.0, yaw_px=0.0)
    spots = _spots(samples, method)
    assert any(truth.onset <= spot.apex.index <= truth.offset for spot in spots)
    assert {spot.kind for spot in spots} <= {"micro"}


def _told(samples, **settings):
    spotter = open_spotter(SpottingSettings(**settings))
    spots = [spot for sample in samples for spot in spotter.push(sample)] + spotter.flush()
    return {(spot.onset.index, spot.offset.index): spot for spot in spots if spot.kind == "micro"}


def test_more_alarms_allowed_tell_as_much_and_more():
    samples, _ = _take(PERFORMED, 8.6)
    none, few, many = (_told(samples, alarms_per_minute=rate) for rate in (1e-9, 0.2, 5.0))
    assert not none and set(few) <= set(many) and few
    assert all(0 < spot.confidence < 1 for spot in many.values())


def test_what_is_not_told_is_counted_with_its_reason():
    samples, _ = _take(PERFORMED, 8.6)
    spotter = open_spotter(SpottingSettings(alarms_per_minute=1e-9))
    for sample in samples:
        spotter.push(sample)
    refused = spotter.view().refused
    assert sum(refused.values()) >= 3
    assert all(reason and "(" not in reason for reason in refused)


def test_a_network_of_one_s_own_is_opened_and_a_wrong_one_is_one_line(tmp_path):
    shipped = Path(engines.__file__).parent / "weights" / "spotter.onnx"
    own = tmp_path / "own.onnx"
    own.write_bytes(shipped.read_bytes())
    samples, _ = _take(PERFORMED, 8.6)
    assert set(_told(samples, model=str(own))) == set(_told(samples))
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not a network")
    with pytest.raises(InputError, match=r"wrong\.onnx"):
        open_spotter(SpottingSettings(model=str(wrong)))
    with pytest.raises(InputError, match=r"absent\.onnx"):
        open_spotter(SpottingSettings(model=str(tmp_path / "absent.onnx")))


def _early(samples):
    """News of movements before they are over, as (index of the frame, news), and the final spots."""
    spotter = open_spotter(SpottingSettings())
    news, spots = [], []
    for sample in samples:
        spots += spotter.push(sample)
        news += [(sample.index, one) for one in spotter.early()]
    spots += spotter.flush()
    return news + [(samples[-1].index, one) for one in spotter.early()], spots


def test_a_movement_is_announced_when_it_turns_back_and_confirmed_under_its_key():
    samples, _ = _take(PERFORMED, 8.5)
    news, spots = _early(samples)
    micros = [spot for spot in spots if spot.kind == "micro"]
    provisional = {one.key: (index, one) for index, one in news if one.stage == "provisional"}
    assert len(micros) == 3
    for spot in micros:
        index, one = provisional[spot.key]
        assert one.spot.kind == "micro" and 0 < one.spot.confidence <= 1
        assert spot.apex.index < index < spot.offset.index + 10
        assert (index - spot.apex.index) / FPS < 0.1
        assert abs(one.spot.apex.t_s - spot.apex.t_s) < 0.03
        assert one.spot.offset.index == index
        assert set(one.spot.regions) & set(spot.regions)
    withdrawn = {one.key for _, one in news if one.stage == "withdrawn"}
    assert withdrawn == provisional.keys() - {spot.key for spot in micros}


def test_what_is_open_when_the_face_is_lost_is_withdrawn_with_the_reason():
    samples, _ = _take(PERFORMED, 8.5)
    spotter = open_spotter(SpottingSettings())
    for sample in samples:
        spotter.push(sample)
        if provisional := [one for one in spotter.early() if one.stage == "provisional"]:
            break
    spotter.interrupt("the face turned away")
    (gone,) = spotter.early()
    assert (gone.stage, gone.key, gone.reason) == ("withdrawn", provisional[0].key, "the face turned away")
    assert not spotter.early()
