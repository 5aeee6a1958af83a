"""What other packages add: they are installed as a folder outside the tree, and used by their names."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.flow.warped import warped_pair

sys.path.insert(0, str(Path(__file__).parent))
from made_plugin import make_plugin, run_beside

FLOW = """
import numpy as np
from engines.flow import Backend, Solved

def open_still(preset):
    return lambda onsets, apexes: [Solved(np.full_like(onset, 3), np.zeros_like(onset)) for onset in onsets]

def refuse(preset):
    raise RuntimeError("no licence")

still = Backend("still", "everything moves by three pixels", open_still, presets=("precise",))
unlicensed = Backend("unlicensed", "", refuse)
narrow = Backend("narrow", "", lambda preset: lambda onsets, apexes: [(onsets[0][:3], onsets[0][:3])])
elsewhere = Backend("elsewhere", "", open_still, lambda: "needs an abacus")
number = 7
"""
ROWS = "still = still, unlicensed = unlicensed, narrow = narrow, elsewhere = elsewhere, number = number, gone = gone"
ENGINE = ("-c", "from engines.cli import main; main()")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("elsewhere")
    make_plugin(made, "stillflow", FLOW, flow=ROWS)
    make_plugin(made, "brokenflow", "raise ValueError('half\\nwritten')", flow="broken = row")
    for name, image in (("onset", warped_pair(0).onset), ("apex", warped_pair(0).apex)):
        cv2.imwrite(str(made / f"{name}.png"), image)
    return made


def measure(folder, *options):
    command = ("flow", folder / "onset.png", folder / "apex.png", "--out", folder / "flow.npz", *options)
    return run_beside(folder, *ENGINE, *command)


def test_a_backend_of_another_package_measures(folder):
    done = measure(folder, "--backend", "still")
    assert done.returncode == 0 and "still, precise, longest displacement 3.00 px" in done.stdout
    with np.load(folder / "flow.npz") as saved:
        assert (saved["u"] == 3).all()


def test_backends_of_other_packages_are_listed_and_never_taken_unasked(folder):
    listed = json.loads(run_beside(folder, *ENGINE, "list", "--json").stdout)["flow"]
    assert "still" in listed["backends"] and "broken" not in listed["backends"]
    missing = dict(text.rstrip(")").split(" (", 1) for text in listed["missing"])
    assert missing["elsewhere"] == "needs an abacus" and "brokenflow" in missing["broken"]
    done = measure(folder)
    assert done.returncode == 0 and "still" not in done.stdout and not done.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("broken", "broken: the plugin brokenflow cannot be loaded: ValueError: half"),
        ("gone", "gone: the plugin stillflow cannot be loaded: AttributeError"),
        ("number", "number: the plugin stillflow gives a int, not a Backend"),
        ("unlicensed", "flow backend 'unlicensed' does not start (no licence)"),
        ("narrow", "flow backend 'narrow' does not answer each pair with float32 planes of its size"),
        ("elsewhere", "flow backend 'elsewhere' does not work on this machine (needs an abacus)"),
        ("nobody", "flow backend 'nobody' is unknown; choose one of auto, cuda, cpu, opencv"),
    ],
)
def test_a_broken_plugin_is_one_line_for_who_asks_for_it(folder, name, says):
    done = measure(folder, "--backend", name)
    assert done.returncode == 2 and says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_preset_that_a_backend_does_not_know_is_said(folder):
    done = measure(folder, "--backend", "still", "--preset", "opencv")
    assert done.returncode == 2 and "'still' has no preset 'opencv': precise" in done.stderr


def test_the_benchmark_times_what_works_and_passes_over_what_does_not(folder):
    done = run_beside(folder, *ENGINE, "bench", "flow", "--quick", "--json")
    rows = {(row["backend"], row["preset"]) for row in json.loads(done.stdout)}
    assert ("still", "precise") in rows and not {"broken", "unlicensed", "narrow"} & {
        name for name, _ in rows
    }
    assert "no licence" in done.stderr
