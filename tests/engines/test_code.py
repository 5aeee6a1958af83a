"""The key of what is kept holds all code that decides."""

import subprocess
import sys
from pathlib import Path

import pytest

import engines
from engines.code import code_digest, code_files

ROOT = Path(engines.__path__[0])


def package(folder, **modules):
    (folder / "deciding").mkdir()
    for name, text in {"__init__": "", **modules}.items():
        (folder / "deciding" / f"{name}.py").write_text(text)
    return folder / "deciding"


@pytest.fixture
def deciding(tmp_path, monkeypatch):
    """A package outside the tree: `rule` imports `threshold` within a function, and nobody imports `picture`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = package(
        tmp_path,
        rule="def decide():\n    from deciding import threshold\n    from engines.errors import InputError\n",
        threshold="LEVEL = 1\n",
        picture="import deciding.rule\n",
    )
    code_digest.cache_clear()
    return folder


def test_all_that_is_imported_counts_and_nothing_else(deciding):
    assert set(code_files("deciding.rule")) == {
        "deciding",
        "deciding.rule",
        "deciding.threshold",
        "engines",
        "engines.errors",
    }
    with pytest.raises(ModuleNotFoundError):
        code_files("deciding.nothing")


@pytest.mark.parametrize(
    ("file", "content", "changes"),
    [
        ("threshold.py", "LEVEL = 2\n", True),
        ("threshold.py", '"""Said."""\n\nLEVEL = 1  # so much\n', False),
        ("table.npz", "2", True),
        ("picture.py", "", False),
        ("notes.txt", "2", False),
    ],
)
def test_the_digest_changes_with_what_decides(deciding, file, content, changes):
    before = code_digest("deciding.rule")
    (deciding / file).write_text(content)
    code_digest.cache_clear()
    assert (code_digest("deciding.rule") != before) == changes


def test_the_pipeline_depends_on_every_module_that_it_loads():
    """What a process has loaded after a real frame and a real crop is what the key must hold."""
    run = """
import sys, numpy as np
from engines.pipeline import Pipeline
from engines.face import FaceSettings
from engines.spotting import SpottingSettings
for method in ("motion", "interframe", "dcrois"):
    with Pipeline(FaceSettings(), SpottingSettings(method=method)) as pipeline:
        pipeline.warm_up()
        pipeline.push(np.zeros((120, 160, 3), np.uint8), 0, 0.0)
        pipeline.flush()
print(*(name for name in sys.modules if name.partition(".")[0] == "engines"))
"""
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    files = code_files("engines.pipeline")
    assert not set(done.stdout.split()) - set(files)
    assert {"engines.spotting.blink", "engines.spotting.detector", "engines.face.tracker"} <= set(files)
    assert "engines.command" not in files


def test_the_shipped_networks_count_with_their_package():
    files = code_files("engines.weights").values()
    assert {ROOT / "weights" / "spotter.onnx", ROOT / "weights" / "ststnet.onnx"} <= set(files)
