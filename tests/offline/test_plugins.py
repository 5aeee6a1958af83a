"""Databases and networks of other packages: shown, used, and harmless where they are broken."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")

ROOT = Path(__file__).parents[2]
ROWS = """
from engines.networks import Network
from engines.networks.recipes import Recipe
from offline.datasets.registry import Dataset

NETWORK = Network("tiny", "One layer", "tiny_plugin.parts:network", Recipe(2, 1e-2, 8, "a test"))
DATASET = Dataset("tinydb", "Tiny DB", "nobody, 2026", "tiny_plugin.parts:read")
LOST = Dataset("lostdb", "Lost DB", "nobody, 2026", "tiny_plugin.parts:no_such_function")
"""
PARTS = """
from torch import nn

from offline.datasets.clips import Clip, VideoDatabase, settled
from offline.datasets.images import images_of


def network(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, classes))


def read(folder, errata):
    clips = []
    for path in sorted(folder.glob("*/*")):
        frames = images_of(path).frames
        emotion = path.name.partition("-")[0]
        clips.append(Clip("tinydb", path.parent.name, path.name, frames, 30.0, 1, 2, 3, emotion))
    if not clips:
        return ()
    placed, faults, notes = settled(clips)
    return (VideoDatabase("tinydb", "as made", "none", placed, faults, notes),)
"""
ENTRY_POINTS = """
[apexcam.networks]
tiny = tiny_plugin:NETWORK
torn = torn_plugin:NETWORK
notanet = tiny_plugin:DATASET

[apexcam.datasets]
tinydb = tiny_plugin:DATASET
lostdb = tiny_plugin:LOST
torndb = torn_plugin:DATASET
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """A folder with an installed package, as pip leaves one."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "tiny_plugin").mkdir()
    (folder / "tiny_plugin" / "__init__.py").write_text(ROWS)
    (folder / "tiny_plugin" / "parts.py").write_text(PARTS)
    (folder / "torn_plugin.py").write_text("raise RuntimeError('not today')\n")
    info = folder / "tiny_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture
def apexbench(plugins, tmp_path):
    def call(*arguments):
        paths = os.pathsep.join((str(plugins), str(ROOT)))
        return subprocess.run(
            [sys.executable, "-m", "offline.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def line(done):
    """The one line that is said, and nothing else."""
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    (said,) = (each for each in done.stderr.splitlines() if each.startswith("apexbench: "))
    return said


def test_the_list_shows_parts_of_other_packages_and_why_one_cannot_be_loaded(apexbench):
    done = apexbench("list", "--json")
    assert done.returncode == 0, done.stderr
    rows = {kind: {row["name"]: row for row in rows} for kind, rows in json.loads(done.stdout).items()}
    assert rows["models"]["tiny"] == {"name": "tiny", "title": "One layer", "source": "a test", "epochs": 2}
    assert rows["datasets"]["tinydb"]["title"] == "Tiny DB" and "casme2" in rows["datasets"]
    assert rows["protocols"]["loso-tinydb"]["title"] == "leave one subject out within Tiny DB"
    assert (
        "the plugin tiny-plugin cannot be loaded: RuntimeError: not today" in rows["models"]["torn"]["error"]
    )
    assert "gives a Dataset, not a Network" in rows["models"]["notanet"]["error"]
    assert "not today" in rows["datasets"]["torndb"]["error"]
    shown = apexbench("list")
    assert shown.returncode == 0
    assert all(words in shown.stdout for words in ("One layer", "Tiny DB", "cannot be loaded"))


def test_a_network_of_another_package_is_trained_and_scored(apexbench, release, tmp_path):
    run = ("run", "--protocol", "kfold", "--flowmaps", release, "--seeds", "0", "--jobs", 2, "--json")
    done = apexbench(*run, "--model", "tiny", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "tiny" and report["epochs"] == 2 and report["n_samples"] == 28
    assert "One layer" in (tmp_path / "run" / "report.html").read_text()
    # A broken one is a line for those who ask for it, and nothing to the others.
    said = line(apexbench(*run, "--model", "torn", "--out", tmp_path / "torn"))
    assert "torn: the plugin tiny-plugin cannot be loaded: RuntimeError: not today" in said
    assert apexbench(*run, "--model", "majority", "--out", tmp_path / "floor").returncode == 0
    said = line(apexbench(*run, "--model", "none", "--out", tmp_path / "x"))
    assert "choose one of" in said and "tiny" in said


def test_a_database_of_another_package_is_read_where_it_is_named(apexbench, tmp_path):
    data = tmp_path / "db"
    seeds = itertools.count()
    for person in ("ann", "bob"):
        for emotion in ("happiness", "surprise", "disgust"):
            clip = data / person / f"{emotion}-1"
            clip.mkdir(parents=True)
            for frame in (1, 2, 3):
                picture = np.random.default_rng(next(seeds)).integers(0, 255, (170, 140, 3), np.uint8)
                # Called so, a crop in which no face is found will do.
                cv2.imwrite(str(clip / f"reg_img{frame}.png"), picture)
    run = ("run", "--protocol", "loso-tinydb", "--model", "linear", "--jobs", 1, "--json", "--no-features")
    run += ("--cache", tmp_path / "cache")
    done = apexbench(*run, "--data", f"tinydb={data}", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["n_samples"] == 6 and set(report["metrics"]) == {"full", "tinydb"}
    said = line(apexbench(*run, "--data", f"lostdb={data}", "--out", tmp_path / "x"))
    assert "lostdb: the plugin's tiny_plugin.parts:no_such_function cannot be imported" in said
    said = line(apexbench(*run, "--data", f"torndb={data}", "--out", tmp_path / "x"))
    assert "torndb: the plugin tiny-plugin cannot be loaded" in said
