"""`apexbench spot-train`: recordings, rehearsals, training and what is exported."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.errors import InputError
from engines.face import FaceSettings, FaceTracker
from engines.spotting import motion_spotter
from engines.spotting.detector import FUTURE, PAST, Apex, Detector, Peaks, open_network
from engines.spotting.face_stage import FaceStage
from engines.spotting.features import FeatureRows
from engines.spotting.regions import NAMES
from engines.synthesis.action_units import pulls
from offline.spotting import real_command
from offline.spotting.learning import command, folds, left_out, scoring
from offline.spotting.learning.fields import AUS, fields_of
from offline.spotting.learning.folds import Recorded, Training, groups
from offline.spotting.learning.network import SEES, Committee, SpottingNetwork, answers, padded
from offline.spotting.learning.recordings import record, with_truth
from offline.spotting.learning.rehearsal import (
    Implant,
    rehearse,
    scoring_implants,
    training_implants,
)
from offline.spotting.learning.rows import rows_of
from offline.spotting.learning.scoring import Scored, logistic, match, recall, threshold
from offline.spotting.learning.sources import read_people, real_sources, rendered_sources, save
from offline.spotting.learning.training import labels
from offline.spotting.rendered import Knobs, RenderedVideo

sys.path.insert(0, str(Path(__file__).parent))
import apexbench_command

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
    course, reached, before = [], np.zeros((len(NAMES), 2)), -1
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


def test_labels_are_one_at_the_apex_half_beside_it_and_unknown_in_the_rest_of_the_movement():
    times = np.arange(60) / 30
    right = labels(times, np.array([[0.9, 1.0, 1.2], [0.1, 0.2, 0.3]]))
    np.testing.assert_array_equal(np.flatnonzero(right.apex == 1), [29, 30, 31])
    np.testing.assert_array_equal(np.flatnonzero(right.apex == 0.5), [28, 32])
    np.testing.assert_array_equal(np.flatnonzero(right.timed), [29, 30, 31])
    # 0.85 to 1.25 s but for the apex, and the first 0.4 s, when noise is not known yet.
    assert set(np.flatnonzero(right.weight == 0)) == {*range(12), 26, 27, 33, 34, 35, 36, 37}
    np.testing.assert_allclose(right.times[29], [0.3, 0.6, 0.2], rtol=1e-5)


def scored(name, alarms, implants=(), detections=(), seconds=60.0):
    return Scored(name, name, seconds, tuple(alarms), tuple(implants), tuple(detections))


def test_threshold_leaves_as_many_alarms_as_asked_over_all_videos():
    two = [scored("a", [3.0, 1.0, -2.0]), scored("b", [2.0, 0.0], implants=(2.5, None, 0.5, 1.5))]
    assert [threshold(two, rate) for rate in (0.2, 0.5, 1.0, 5.0)] == [3.0, 2.0, 1.0, scoring.FLOOR]
    assert recall(two, threshold(two, 1.0)) == 0.5 and recall(two, 9.0) == 0.0
    assert recall(two[:1], 0.0) is None


def test_an_implant_is_found_as_the_surest_that_overlaps_enough_and_none_is_used_twice():
    found = [Apex(1.0, 1.0, 1.1, 1.4), Apex(2.0, 1.05, 1.2, 1.4), Apex(9.0, 1.3, 1.5, 2.3)]
    events = np.array([[1.0, 1.2, 1.4], [1.0, 1.2, 1.4], [1.0, 1.2, 1.4], [5.0, 5.1, 5.3]])
    assert match(found, events) == [1, 0, None, None]


def test_calibration_finds_the_curve_that_hits_were_drawn_from():
    rng = np.random.default_rng(1)
    logits = rng.uniform(-5, 4, 20000)
    hits = rng.random(20000) < 1 / (1 + np.exp(-(0.7 * logits - 1.5)))
    slope, offset = logistic(logits, hits)
    assert slope == pytest.approx(0.7, abs=0.04) and offset == pytest.approx(-1.5, abs=0.06)
    told = tuple(zip(logits[:500].tolist(), hits[:500].tolist(), strict=True))
    odds = scoring.calibrate([scored("a", np.arange(-5.0, 5.0, 0.5).tolist(), detections=told)])
    assert [rate for rate, _ in odds.alarms] == sorted((rate for rate, _ in odds.alarms), reverse=True)
    thresholds = [odds.threshold(rate) for rate in (4.0, 2.0, 1.0, 0.3)]
    assert thresholds == sorted(thresholds)
    with pytest.raises(ValueError, match="nothing to calibrate"):
        scoring.calibrate([scored("a", [])])


@pytest.mark.parametrize("hits", [[True, True], [False, False], [False, True]])
def test_calibration_stays_finite_where_one_answer_is_missing(hits):
    slope, offset = logistic(np.array([-1.0, 1.0]), np.array(hits))
    assert np.isfinite([slope, offset]).all() and abs(slope) < 10


def test_the_network_sees_what_the_detector_shows_and_is_scored_on_the_detectors_apexes(recording):
    assert SEES == PAST + 1 + FUTURE
    torch.set_num_threads(1)
    torch.manual_seed(3)
    network = SpottingNetwork().eval()
    network.answer.weight.data *= 20  # so that something is told at all
    stretch = rows_of(recording)[0]

    class Live:
        def __call__(self, windows):
            return answers_of(network, windows)

    detector = Detector(Live())
    found = [detector.push(t, row) for t, row in zip(stretch.times_s, stretch.rows, strict=True)]
    live = [apex for apex in [*found, *detector.flush()] if apex is not None]
    begun = stretch.times_s[0]
    live = [apex for apex in live if apex.logit > scoring.FLOOR and apex.apex_s >= begun + 0.5]
    ours = scoring.apexes([network], stretch)
    assert len(ours) == len(live) > 0
    for one, other in zip(ours, live, strict=True):
        assert vars(one) == pytest.approx(vars(other), abs=1e-4)


def answers_of(network, windows):
    """As `engines.spotting.detector.Network` asks: the mean over the face and its mirror image."""
    from engines.spotting.features import mirrored

    both = torch.from_numpy(np.concatenate([windows, mirrored(windows)]))
    with torch.no_grad():
        given = Committee([network]).eval()(both).numpy()
    return 0.5 * (given[: len(windows)] + given[len(windows) :])


def test_nobody_left_out_is_trained_on(recording, tmp_path, monkeypatch):
    save(tmp_path / "one.npz", recording)
    people = {"a.mp4": "ann", "b.mp4": "bob", "c.mp4": "ann", "d.mp4": "cyd"}
    recorded = tuple(
        Recorded(name, person, True, tmp_path / "one.npz", name) for name, person in people.items()
    )
    taught, asked = [], []
    monkeypatch.setattr(folds, "train", lambda lessons, *_: taught.append(lessons) or SpottingNetwork())
    monkeypatch.setattr(folds, "lessons_of", lambda subjects: [one.person for one in subjects])
    monkeypatch.setattr(folds, "score", lambda _, one: asked.append(one.name) or scored(one.name, []))
    for group in groups({"ann": 20.0, "bob": 9.0, "cyd": 8.0}, 2):
        folds.run(Training(recorded, group, 1, (0,)))
    assert taught == [["bob", "cyd"], ["ann", "ann"]]
    assert asked == ["a.mp4", "c.mp4", "b.mp4", "d.mp4"]
    assert groups({"ann": 20.0, "bob": 9.0}, 0) == groups({"ann": 1.0, "bob": 9.0}, 9) == [("ann",), ("bob",)]


@pytest.fixture(scope="module")
def videos(seen, tmp_path_factory):
    """Two real videos, as far as the command can tell."""
    folder = tmp_path_factory.mktemp("videos")
    for name, images in (("one.avi", seen[::2]), ("two.avi", seen[1::2])):
        height, width = images[0][2].shape[:2]
        writer = cv2.VideoWriter(
            str(folder / name), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (width, height)
        )
        for _, _, image in images:
            writer.write(image if name == "one.avi" else np.ascontiguousarray(image[:, ::-1]))
        writer.release()
    return folder


def call(monkeypatch, capsys, *arguments):
    return apexbench_command.call(monkeypatch, capsys, "spot-train", *arguments)


def test_the_command_trains_exports_and_goes_on_from_what_it_kept(videos, tmp_path, monkeypatch, capsys):
    out = tmp_path / "mine.onnx"
    arguments = [
        "--real",
        videos,
        "--rendered",
        "",
        "--epochs",
        2,
        "--folds",
        0,
        "--seeds",
        "3,4",
        "--jobs",
        1,
    ]
    arguments += ["--cache", tmp_path / "cache", "--out", out, "--about", "openly licensed"]
    arguments += ["--keep-folds", tmp_path / "folds"]
    code, said, noted = call(monkeypatch, capsys, *arguments)
    assert code == 0, noted
    assert "one.avi" in said and "recall" in said and "seeds 3, 4" in noted

    network = open_network(out)
    assert len(network.odds.alarms) == len(scoring.CURVE)
    recorded = command.record_all(real_sources(videos, None), tmp_path / "cache" / "recordings", 1)
    final = [Training(recorded, (), 2, (seed,)) for seed in (3, 4)]
    made = folds.run_all(final, tmp_path / "cache" / "trained", 1)
    members = [member for kept in made for member in kept.networks()]
    rows = rows_of(recorded[0].subject().recording)[0].rows
    seen_rows = padded(rows)
    windows = np.stack([seen_rows[k : k + SEES] for k in range(0, len(rows), 7)])
    (given,) = network.session.run(None, {"rows": windows})
    with torch.no_grad():
        wanted = Committee(members).eval()(torch.from_numpy(windows)).numpy()
        np.testing.assert_allclose(given, wanted, atol=1e-5)
    np.testing.assert_allclose(network(windows), answers(members, rows)[::7], atol=1e-4)
    assert str(tmp_path).encode() not in out.read_bytes() and b".py" not in out.read_bytes()

    # The kept network of a video is the one that was trained without who is in it.
    without = {video.name: video for video in left_out.read(tmp_path / "folds").values()}
    trainings = [Training(recorded, (name,), 2, (3, 4)) for name in sorted(without)]
    assert set(without) == {"one.avi", "two.avi"}
    for kept in folds.run_all(trainings, tmp_path / "cache" / "trained", 1):
        (given,) = open_network(Path(without[kept.scored[0].name].network)).session.run(
            None, {"rows": windows}
        )
        with torch.no_grad():
            wanted = Committee(kept.networks()).eval()(torch.from_numpy(windows)).numpy()
        np.testing.assert_allclose(given, wanted, atol=1e-5)
    assert_watched_by_who_has_not_seen(videos, tmp_path, monkeypatch, capsys)

    text = out.with_suffix(".md").read_text()
    assert "2 real videos" in text and "2 people, openly licensed" in text
    assert "an alarm may be real" in text and "not a lie detector" in text
    assert "one.avi" not in text and str(tmp_path) not in text

    def never(*_):
        raise AssertionError("done already")

    monkeypatch.setattr(folds, "train", never)
    monkeypatch.setattr("offline.spotting.learning.sources.record", never)
    monkeypatch.setattr(command, "export", lambda *_: 0.0)
    code, said, _ = call(monkeypatch, capsys, *arguments, "--json")
    assert code == 0
    results = json.loads(said)
    assert results["seeds"] == [3, 4] and [row["video"] for row in results["videos"]][-1] == "all"


def assert_watched_by_who_has_not_seen(videos, tmp_path, monkeypatch, capsys):
    asked = {}

    def measured(every, setup, out, jobs, progress, others):
        asked.update({video.name: Path(others[video.name].spotting.model).name for video in every})
        raise InputError("enough is known")

    monkeypatch.setattr(real_command, "measure_all", measured)
    arguments = ["spot", "--left-out", tmp_path / "folds", "--jobs", 1]
    one = ["--out", tmp_path / "run", "--real", videos, "--implant"]
    code, _, noted = apexbench_command.call(monkeypatch, capsys, *arguments, *one)
    assert code == 2 and "enough is known" in noted
    index = json.loads((tmp_path / "folds" / "left_out.json").read_text())
    expected = {video["name"]: video["network"] for video in index["videos"]}
    assert asked == expected | {f"{name}-implanted1": network for name, network in expected.items()}

    stranger = tmp_path / "stranger.avi"
    stranger.write_bytes((videos / "one.avi").read_bytes() + b" ")
    code, _, noted = apexbench_command.call(
        monkeypatch, capsys, *arguments, "--out", tmp_path / "x", "--real", stranger
    )
    assert code == 2 and "no network in" in noted.splitlines()[-1]
    code, _, noted = apexbench_command.call(
        monkeypatch, capsys, "spot", "--left-out", videos, "--out", tmp_path / "x", "--real", videos
    )
    assert code == 2 and "spot-train --keep-folds writes it" in noted.splitlines()[-1]


def test_unusable_input_is_one_line_and_exit_status_2(videos, tmp_path, monkeypatch, capsys):
    out, empty = tmp_path / "mine.onnx", tmp_path / "empty"
    empty.mkdir()
    table = tmp_path / "people.csv"
    table.write_text("file,person\nthree.mkv,ann\n")
    twice = tmp_path / "twice"
    twice.mkdir()
    for name in ("a.avi", "b.avi"):
        (twice / name).write_bytes((videos / "one.avi").read_bytes())
    for arguments, words in (
        (["--real", twice, "--out", out], "a.avi and b.avi are the same video"),
        (["--real", empty, "--out", out], "no video in"),
        (["--real", videos, "--out", tmp_path / "mine.pt"], "written as .onnx"),
        (["--real", videos, "--out", tmp_path / "absent" / "mine.onnx"], "no folder"),
        (["--real", videos, "--out", out, "--rendered", "101"], "what is measured on"),
        (["--real", videos, "--out", out, "--people", table], "line 2: no video 'three.mkv'"),
    ):
        code, said, noted = call(monkeypatch, capsys, *arguments, "--cache", tmp_path / "cache")
        last = noted.strip().splitlines()[-1]
        assert code == 2 and not said and last.startswith("apexbench: ") and words in last
    assert not out.exists()


def test_people_are_read_from_their_table(tmp_path):
    table = tmp_path / "people.csv"
    table.write_text("file,person\na.mp4,ann\nb.mp4,ann\n")
    assert read_people(table, ["a.mp4", "b.mp4", "c.mp4"]) == {"a.mp4": "ann", "b.mp4": "ann"}
    for text, words in (
        ("name;who\n", "columns file,person"),
        ("file,person\na.mp4,\n", "no person"),
        ("file,person\na.mp4,ann\na.mp4,bob\n", "two people"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=words):
            read_people(table, ["a.mp4"])


def test_rendered_faces_are_of_all_rates_and_move_as_nobody_who_may_be_left_out():
    knobs = [source.rendered.knobs for source in rendered_sources(range(1, 25)) if source.rendered]
    assert {k.fps for k in knobs} == {200, 100, 60, 30, 25}
    assert not any(k.lively for k in knobs) and sum(k.neutral for k in knobs) == 8


def test_kept_recordings_come_back_as_they_were_and_damaged_ones_do_not(recording, tmp_path):
    from offline.spotting.learning.sources import load

    save(tmp_path / "one.npz", recording)
    again = load(tmp_path / "one.npz")
    for name, values in vars(recording).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:5000])
    assert load(tmp_path / "one.npz") is None


def test_peaks_are_confirmed_by_what_follows():
    peaks = Peaks()
    course = [-5.0] * 8 + [1.0] + [-5.0] * 8
    told = [peaks.push(k / 30, np.array([v, 0.3, 0.6, 0.0], np.float32)) for k, v in enumerate(course)]
    tops = [(k, apex) for k, apex in enumerate(told) if apex is not None and apex.logit > 0]
    assert [k for k, _ in tops] == [8 + Peaks.AFTER]
    assert tops[0][1].apex_s == pytest.approx(8 / 30) and tops[0][1].onset_s == pytest.approx(8 / 30 - 0.1)
