"""A run: resumed, repeated, spread out and audited, it gives the same numbers; a leak or a full disk does not pass."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_info

from engines.errors import InputError
from offline.datasets.flowmaps import load_flowmaps
from offline.metrics import score
from offline.protocols import LeakError, open_protocol
from offline.recognisers import RECOGNISERS, Entry, open_recogniser
from offline.runs import kept, run, scoring, workers
from offline.runs.plan import Plan
from offline.tables import load_run
from offline.training.options import Training


def plan(model="ststnet", **changes):
    training = Training(epochs=changes.pop("epochs", 2))
    return replace(Plan(open_protocol("cde"), open_recogniser(model), training=training), **changes)


def without_time(report):
    return {key: value for key, value in report.items() if key != "seconds"}


def plant(monkeypatch, make):
    monkeypatch.setitem(RECOGNISERS, "planted", Entry("planted", "planted", "test", None, make))
    return replace(plan(epochs=None), entry=open_recogniser("planted"))


class Means(ClassifierMixin, BaseEstimator):
    """An honest little recogniser: the nearest class mean."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean(0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        distance = ((X[:, None] - self.means_) ** 2).sum((2, 3, 4))
        nearest = np.exp(-(distance - distance.min(1, keepdims=True)) / 50)
        return nearest / nearest.sum(1, keepdims=True)


def test_a_paper_s_figures_stand_beside_recorded_faces_only(samples, tmp_path):
    recorded = run(samples, plan(epochs=1), tmp_path / "recorded")
    assert recorded["paper"]["difference"]["full"] and "rendered" not in recorded
    drawn = run(replace(samples, rendered={"smic": "seed 7"}), plan(epochs=1), tmp_path / "rendered")
    assert drawn["rendered"] == ["smic"] and "paper" not in drawn
    assert not any("published" in note for note in drawn["notes"])


def test_results_can_be_recomputed_from_the_predictions(samples, tmp_path):
    report = run(samples, plan(seeds=(0, 1)), tmp_path / "run")
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert written == report
    for key in (
        "protocol",
        "model",
        "scoring",
        "seeds",
        "n_samples",
        "n_subjects",
        "seconds",
        "metrics",
        "paper",
    ):
        assert key in report
    with (tmp_path / "run" / "predictions.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == [
        *("seed", "dataset", "subject", "clip", "label", "predicted"),
        *("negative", "positive", "surprise"),
    ]
    assert len(rows) == 2 * len(samples)
    uf1 = [
        f1_score(
            [r["label"] for r in rows if r["seed"] == s],
            [r["predicted"] for r in rows if r["seed"] == s],
            average="macro",
        )
        for s in ("0", "1")
    ]
    assert report["metrics"]["full"]["uf1"] == pytest.approx(np.mean(uf1), abs=1e-4)
    assert report["metrics"]["full"]["uf1_by_seed"] == pytest.approx(uf1, abs=1e-4)
    assert set(report["metrics"]) == {"full", "casme2", "smic", "samm"}
    assert np.sum(report["metrics"]["samm"]["confusion"]) == 2 * 8
    assert report["paper"]["difference"]["full"]["uf1"] == pytest.approx(
        report["metrics"]["full"]["uf1"] - 0.7353, abs=1e-4
    )


def test_one_seed_gives_one_result_on_one_process_or_two(samples, tmp_path):
    reports = [run(samples, plan(jobs=jobs), tmp_path / f"run{i}") for i, jobs in enumerate((1, 1, 2))]
    texts = {(tmp_path / f"run{i}" / "predictions.csv").read_text() for i in range(3)}
    assert len(texts) == 1
    assert without_time(reports[0]) == without_time(reports[1]) == without_time(reports[2])
    other = run(samples, plan(seeds=(5,)), tmp_path / "other")
    assert other["seeds"] == [5] and (tmp_path / "other" / "predictions.csv").read_text() not in texts


def test_a_fold_is_computed_on_one_thread_wherever_it_runs(samples, tmp_path, monkeypatch):
    seen = []

    class Watched(Means):
        def fit(self, X, y):
            seen.extend(pool["num_threads"] for pool in threadpool_info())
            return super().fit(X, y)

    run(samples, plant(monkeypatch, lambda classes, training: Watched()), tmp_path / "run")
    assert seen and set(seen) == {1}, "sums in another order would read as a leak"


def test_dask_gives_what_one_process_gives(samples, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is an extra: install apexcam[cluster]")
    serial = run(samples, plan(), tmp_path / "serial")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        spread = run(samples, plan(dask=cluster.scheduler_address), tmp_path / "spread")
    assert without_time(serial) == without_time(spread)
    assert (tmp_path / "serial" / "predictions.csv").read_text() == (
        tmp_path / "spread" / "predictions.csv"
    ).read_text()


def test_a_killed_run_goes_on_to_the_same_results(release, tmp_path):
    command = [sys.executable, "-m", "offline.cli", "run", "--flowmaps", str(release)]
    command += ["--protocol", "lovo", "--model", "rcn", "--epochs", "3", "--jobs", "1", "--out"]
    out, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while (
        len(list((out / "folds").glob("*.npz"))) < 3
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (out / "folds").glob("*.npz")}
    assert 3 <= len(kept) < 28 and not (out / "results.json").exists()
    again = plan("rcn", epochs=3, protocol=open_protocol("lovo"))
    for folder in (out, whole):
        run(load_flowmaps(release), again, folder)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    a, b = (json.loads((folder / "results.json").read_text()) for folder in (out, whole))
    assert without_time(a) == without_time(b)
    assert (out / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_a_damaged_fold_is_trained_again(samples, tmp_path):
    first = run(samples, plan(), tmp_path / "run")
    victim = next((tmp_path / "run" / "folds").glob("*.npz"))
    victim.write_bytes(victim.read_bytes()[:100])
    assert without_time(run(samples, plan(), tmp_path / "run")) == without_time(first)


def test_a_folder_of_another_run_is_not_mixed_with_this_one(samples, tmp_path):
    run(samples, plan(), tmp_path / "run")
    with pytest.raises(InputError, match=r"holds another run .*epochs 2 instead of 3"):
        run(samples, plan(epochs=3), tmp_path / "run")
    with pytest.raises(InputError, match=r"another run .*data"):
        run(samples.rows(samples.datasets != "samm"), plan(), tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run(samples, plan(), tmp_path / "run")


def test_the_audit_claims_more_and_changes_nothing(samples, tmp_path):
    plain = run(samples, plan(epochs=4), tmp_path / "plain")
    audited = run(samples, plan(epochs=4, audit=True), tmp_path / "audited")
    assert plain["metrics"] == audited["metrics"] and "audit" not in plain
    audit = audited["audit"]
    assert audit["acc_best_epoch"] >= audited["metrics"]["full"]["acc"]
    assert audit["uf1_best_common_epoch"] >= audited["metrics"]["full"]["uf1"] - 1e-4
    assert audit["uf1_inflation"] == pytest.approx(
        audit["uf1_best_epoch"] - audited["metrics"]["full"]["uf1"], abs=1e-4
    )
    later = run(samples, plan(epochs=4, audit=True), tmp_path / "plain")
    assert later["audit"] == audit


def test_the_audit_chooses_by_fold_as_its_name_says(samples):
    splits = {0: open_protocol("cde").splits(samples)}
    watched = np.zeros((1, 2, len(samples)), np.int64)
    watched[0, 0] = np.where(samples.datasets == "smic", samples.labels, (samples.labels + 1) % 3)
    watched[0, 1] = np.where(samples.datasets == "smic", (samples.labels + 1) % 3, samples.labels)
    found = scoring.audit(samples, splits, (0,), watched, {"uf1": 0.5, "uar": 0.5})
    assert found["uf1_best_epoch"] == 1 and found["uf1_inflation"] == 0.5
    assert found["uf1_best_common_epoch"] < 1


def test_the_honest_recogniser_passes(samples, tmp_path, monkeypatch):
    report = run(samples, plant(monkeypatch, lambda classes, training: Means()), tmp_path / "run")
    assert report["metrics"]["full"]["acc"] > 0.8


def test_a_recogniser_that_asks_for_the_scored_side_is_refused(samples, tmp_path, monkeypatch):
    class Peeking(Means):
        def fit(self, X, y, X_test=None, y_test=None):
            return super().fit(X, y)

    with pytest.raises(LeakError, match="takes X_test, y_test"):
        run(samples, plant(monkeypatch, lambda classes, training: Peeking()), tmp_path / "run")


def test_statistics_of_the_scored_clips_are_noticed(samples, tmp_path, monkeypatch):
    class Normalising(Means):
        def predict_proba(self, X):
            return super().predict_proba(X - X.mean(0) + self.means_.mean(0))

    with pytest.raises(LeakError, match="predicts otherwise for a clip alone"):
        run(samples, plant(monkeypatch, lambda classes, training: Normalising()), tmp_path / "run")


def test_statistics_that_cross_folds_are_noticed(samples, tmp_path, monkeypatch):
    seen = []

    class Remembering(Means):
        def fit(self, X, y):
            seen.append((X, y))
            return super().fit(np.concatenate([x for x, _ in seen]), np.concatenate([y for _, y in seen]))

    with pytest.raises(LeakError, match="carries over from fold to fold"):
        run(samples, plant(monkeypatch, lambda classes, training: Remembering()), tmp_path / "run")


def test_labels_of_the_scored_side_never_reach_a_fold(samples, tmp_path, monkeypatch):
    given = []

    def spy(*arguments):
        given.append(arguments)
        return original(*arguments)

    original = workers.run_fold
    monkeypatch.setattr(workers, "run_fold", spy)
    run(samples, plan(), tmp_path / "run")
    assert given
    for _, _, _, train_maps, train_labels, test_maps, *_ in given:
        assert len(train_labels) == len(train_maps) == len(samples) - len(test_maps)


def test_a_full_disk_keeps_the_finished_folds(samples, tmp_path, monkeypatch):
    original, left = kept.write_bytes, [5]

    def filling(path, content):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        original(path, content)

    monkeypatch.setattr(kept, "write_bytes", filling)
    with pytest.raises(InputError, match=r"disk of .* is full; 4 of 7 folds are kept"):
        run(samples, plan(), tmp_path / "run")
    monkeypatch.setattr(kept, "write_bytes", original)
    assert len(list((tmp_path / "run" / "folds").glob("*.npz"))) == 4
    resumed = run(samples, plan(), tmp_path / "run")
    assert without_time(resumed) == without_time(run(samples, plan(), tmp_path / "fresh"))


def test_a_fold_without_a_class_still_has_a_column_for_it(samples, tmp_path):
    kept = samples.rows((samples.labels != 2) | (samples.people == "smic/s01"))
    report = run(kept, plan("linear", epochs=None), tmp_path / "run")
    assert report["n_samples"] == len(kept)


def test_a_subject_dependent_protocol_says_so(samples, tmp_path):
    report = run(samples, plan("majority", protocol=open_protocol("kfold"), epochs=None), tmp_path / "run")
    assert any("no figure for unseen people" in note for note in report["notes"]) and "paper" not in report


def test_trainings_that_score_the_same_clips_are_scored_each_and_their_scores_averaged(samples, tmp_path):
    names = np.where(
        samples.datasets == "samm", "smic-vis", np.where(samples.datasets == "smic", "smic", "casme2")
    )
    source = replace(samples, datasets=names, class_map="cdmer")
    cdmer = plan("linear", protocol=open_protocol("cdmer-1"), epochs=None)
    report = run(source, cdmer, tmp_path / "run")
    assert set(report["metrics"]) == {"full", "smic-vis"} and report["n_samples"] == 8
    assert any("no figure for unseen people" in note for note in report["notes"])
    folds = sorted((tmp_path / "run" / "folds").glob("*.npz"))
    said = np.concatenate([np.load(fold)["probabilities"] for fold in folds])
    with (tmp_path / "run" / "predictions.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    written = [[float(row[word]) for word in samples.classes] for row in rows]
    assert len(folds) == 5 and len(rows) == 5 * 8 and np.allclose(said, written, atol=1e-5)
    assert [row["training"] for row in rows] == [str(k) for k in range(1, 6) for _ in range(8)]
    full, labels = report["metrics"]["full"], source.labels[names == "smic-vis"]
    each = [score(labels, part.argmax(1), 3) for part in said.reshape(5, 8, 3)]
    assert full["uf1"] == pytest.approx(np.mean([s.uf1 for s in each]), abs=1e-4)
    assert full["acc"] == pytest.approx(np.mean([s.acc for s in each]), abs=1e-4)
    together = score(labels, said.reshape(5, 8, 3).mean(0).argmax(1), 3)
    assert report["trainings"] == 5 and "probabilities of the 5 trainings" in report["ensemble"]["what"]
    assert report["ensemble"]["metrics"]["full"]["uf1"] == pytest.approx(together.uf1, abs=1e-4)
    assert "each training is scored by itself" in report["scoring"]
    assert load_run(tmp_path / "run").predicted.shape == (5, 8)
    with pytest.raises(InputError, match="--audit is not for cdmer-1"):
        run(source, replace(cdmer, audit=True), tmp_path / "audit")


def test_what_a_clip_is_may_be_any_array_structured_ones_too(samples, tmp_path, monkeypatch):
    kind = np.dtype([("flow", np.float32, (2,)), ("frames", np.uint8, (3, 4))])
    maps = np.zeros(len(samples), kind)
    maps["flow"] = np.random.default_rng(0).random((len(samples), 2))

    class OfFlow(Means):
        def fit(self, X, y):
            assert X.dtype == kind
            return super().fit(X["flow"].reshape(-1, 2, 1, 1), y)

        def predict_proba(self, X):
            return super().predict_proba(X["flow"].reshape(-1, 2, 1, 1))

    report = run(
        replace(samples, maps=maps), plant(monkeypatch, lambda classes, training: OfFlow()), tmp_path / "run"
    )
    assert report["n_samples"] == len(samples)
