"""`apexbench spot-train`: recordings, rehearsals, training and what is exported."""

import numpy as np
import pytest

from engines.face import FaceSettings, FaceTracker
from engines.spotting import motion_spotter
from engines.spotting.face_stage import FaceStage
from engines.spotting.features import FeatureRows
from engines.synthesis.action_units import pulls
from offline.spotting.learning.fields import AUS, fields_of
from offline.spotting.learning.recordings import record
from offline.spotting.learning.rehearsal import Implant, rehearse, scoring_implants, training_implants
from offline.spotting.learning.rows import rows_of
from offline.spotting.learning.sources import with_truth
from offline.spotting.rendered import Knobs, RenderedVideo

# A head that moves, so that references change; a rate that is no multiple of thirty; a gap in the middle.
VIDEO = RenderedVideo(3, Knobs(fps=50, seconds=5, lively=True, face_px=(160, 160)))
GAP = range(120, 132)


def frames_of(video):
    return [(i, video.time_s(i), image) for i, image in video.frames() if i not in GAP]


@pytest.fixture(scope="module")
def seen():
    return frames_of(VIDEO)


@pytest.fixture(scope="module")
def recording(seen):
    numbered = ((k, t_s, image) for k, (_, t_s, image) in enumerate(seen))
    return record(numbered)


def live_rows(seen, monkeypatch):
    """The rows that the live spotter makes of the same frames."""
    kept = []

    class Kept(FeatureRows):
        def clear(self):
            super().clear()
            kept.append([])

        def push(self, *frame):
            rows = super().push(*frame)
            kept[-1].extend(rows)
            return rows

    monkeypatch.setattr(motion_spotter, "FeatureRows", Kept)
    tracker, stage = FaceTracker(FaceSettings()), FaceStage(motion_spotter.MotionSpotter())
    for k, (_, t_s, image) in enumerate(seen):
        face = tracker.step(image, t_s)[0]
        stage.push(face, image, k, t_s)
        tracker.help_spotter(face.id, stage.spotter.wants_landmarks(), t_s)
    tracker.close()
    return [rows for rows in kept if rows]


def test_rows_of_a_recording_are_those_of_the_live_spotter(seen, recording, monkeypatch):
    live, ours = live_rows(seen, monkeypatch), rows_of(recording)
    assert len(recording.centres) > 5, "references must change for this to show anything"
    assert len(live) == len(ours) == 2
    for stream, stretch in zip(live, ours, strict=True):
        np.testing.assert_allclose(stretch.times_s, [t for t, _ in stream])
        np.testing.assert_allclose(stretch.rows, np.array([row for _, row in stream]), atol=2e-5)


@pytest.fixture(scope="module")
def fields(recording):
    return fields_of(recording.landmarks, np.median(recording.centres, axis=0), 3, np.random.default_rng(0))


def test_an_implanted_field_has_the_asked_size(recording, fields):
    first = recording.stretches()[0]
    onset_s = float(recording.times_s[first.start]) + 0.8
    shift = fields.shift(0, (6, 12), 2.0, 0.1)
    implant = Implant(shift, onset_s, onset_s + 0.2, onset_s + 0.2, onset_s + 0.4, minimum_jerk=False)
    added = rehearse(recording, [implant]) - recording.shift
    # Summed over references, what was added is the implant's course.
    course, reached, before = [], np.zeros((18, 2)), -1
    for k in range(first.start, first.stop):
        if recording.reference[k] != before and k > first.start:
            reached = course[-1]
        before = recording.reference[k]
        course.append(reached + added[k])
    expected = implant.course(recording.times_s[first])[:, None, None] * shift
    np.testing.assert_allclose(course, expected, atol=1e-9)
    assert np.abs(expected).max() > 0.5

    # And the landmark that goes farthest goes two pixels of a face 200 px wide.
    marks = recording.landmarks.astype(np.float32)
    parts = pulls(marks, marks[:468, 0], marks[:468, 1])
    left, right = (sum(parts[au][side] for au in (6, 12)) for side in (0, 1))
    whole = 1.1 * left + 0.9 * right
    mouth = 13  # the window around landmark 61
    ratio = shift[mouth] / (whole * 2.0 * fields.unit_px / np.hypot(*whole.T).max())[61]
    assert np.all((ratio > 0.7) & (ratio < 1.1)), "a window's shift is a mean over it"


def test_variants_of_a_field_differ_and_are_as_large(fields):
    smile = [fields.shift(variant, (12,), 1.5, 0.0) for variant in range(3)]
    assert not np.allclose(smile[0], smile[1]) and not np.allclose(smile[1], smile[2])
    for variant in range(3):
        marks = fields.landmarks[variant, AUS.index(12)].sum(axis=0)
        assert np.hypot(*smile[variant].T).max() < 1.5 * fields.unit_px * 1.0001
        assert np.hypot(*marks.T).max() > 0


def test_implants_keep_clear_of_ends_and_of_what_the_face_does(recording, fields):
    told = with_truth(recording, VIDEO.performed())
    for seed in range(20):
        rng = np.random.default_rng(seed)
        implants, events = training_implants(told, fields, rng, pause_s=0.3)
        again, _ = training_implants(told, fields, np.random.default_rng(seed), pause_s=0.3)
        assert [i.onset_s for i in implants] == [i.onset_s for i in again]
        own = {tuple(row) for row in told.micro_s}
        assert own <= {tuple(row) for row in events}
        for onset, apex, offset in events:
            if (onset, apex, offset) in own:
                continue
            assert onset < apex < offset <= onset + 0.5001
            assert not any(begin < offset and end > onset for begin, end in told.busy_s)
            assert any(
                told.times_s[s.start] + 0.6 <= onset and offset < told.times_s[s.stop - 1]
                for s in told.stretches()
            )
        scored, _ = scoring_implants(told, fields, np.random.default_rng(seed))
        assert all(0.26 <= i.offset_s - i.onset_s <= 0.48 for i in scored)
