"""The proof of the GPU on a machine without one, and what it makes of a check that fails, crashes or hangs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from apexengine_command import apexengine

from engines import cuda
from engines.proof import prove, running
from engines.proof.check import Check, Goal, Result
from engines.proof.one import outcome
from engines.proof.report import as_data
from engines.proof.table import CHECKS

ROOT = Path(__file__).parents[2]
# A Python that lacks what a bare CUDA machine lacks.
_LACKING = """
import sys
from dataclasses import replace

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mediapipe", "typer", "rich", "platformdirs", "msgspec", "av", "zmq"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Lacking())
"""
_CHECKS = """
import os, time
from engines.proof.check import Skipped, expect

def good(*, quick): return {"quick": quick, "p50_ms": 0.25}
def wrong(*, quick): expect(1 > 2, "1 is not more than 2")
def raises(*, quick): raise ValueError("first\\nsecond")
def crashes(*, quick): os.abort()
def hangs(*, quick): time.sleep(60)
def skips(*, quick): raise Skipped("not on a Sunday")
def lacks(*, quick): import absent_package
def broken(*, quick): from engines import absent_module
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Checks made for this test; a function that gives the row of one."""
    (tmp_path / "made_checks.py").write_text(_CHECKS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(tmp_path)

    def row(name, **more):
        return Check("made", name, f"made_checks:{name}", **more)

    return row


def lacking(tmp_path, *words):
    (tmp_path / "sitecustomize.py").write_text(_LACKING)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not cuda.missing(), reason="there is a GPU here: make gpu is its test")
def test_where_mediapipe_typer_and_rich_are_not_what_needs_no_gpu_is_ok_and_the_rest_skipped(tmp_path):
    done = lacking(
        tmp_path, "-m", "engines.proof", "--quick", "--json", "--out", str(tmp_path / "proof.json")
    )
    found = json.loads(done.stdout)
    failed = [(row["name"], row["reason"]) for row in found["checks"] if row["state"] == "failed"]
    assert done.returncode == 0, failed
    assert found == json.loads((tmp_path / "proof.json").read_text())
    rows = {row["name"]: row for row in found["checks"]}
    assert len(rows) == len(found["checks"]) == len(CHECKS) == found["ok"] + found["skipped"]
    for name in ("CPU engine finds a known motion", "stage by stage on the CPU", "what fails hands over"):
        assert (rows[name]["state"], rows[name]["reason"]) == ("ok", ""), rows[name]
    for check in CHECKS:
        row = rows[check.name]
        if check.gpu:
            assert row["state"] == "skipped"
            assert row["reason"] == cuda.missing() or "is not installed" in row["reason"]
        assert row["figures"] if row["state"] == "ok" else row["reason"]
    assert found["machine"]["gpu"] == ""
    assert found["machine"]["no_gpu"] == cuda.missing()


def test_without_rich_there_is_a_table_of_plain_text(tmp_path, made):
    program = "import sys; from engines.proof import prove; from engines.proof.check import Check\n"
    program += "sys.exit(prove(checks=[Check('made', 'good', 'made_checks:good')]))"
    done = lacking(tmp_path, "-c", program)
    assert done.returncode == 0, done.stderr
    assert "made  good  ok  quick False, p50_ms 0.25" in done.stdout
    assert "1 ok, 0 failed, 0 skipped" in done.stdout


def test_a_check_that_fails_crashes_or_hangs_stops_no_other(made, capsys):
    names = ("wrong", "raises", "crashes", "skips", "lacks", "broken", "good")
    rows = [made("hangs", seconds=1.0), *map(made, names), made("good", needs=("no_such.module",))]
    assert prove(as_json=True, checks=rows) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    states = [(row["state"], row["reason"]) for row in found["checks"]]
    assert states[0] == ("failed", "no answer within 1 s")
    assert states[1] == ("failed", "1 is not more than 2")
    assert states[2] == ("failed", "ValueError: first")
    assert states[3][0] == "failed" and "ended with signal 6" in states[3][1]
    assert states[4:6] == [("skipped", "not on a Sunday"), ("skipped", "absent_package is not installed")]
    assert states[6][0] == "failed" and "absent_module" in states[6][1]
    assert states[7:] == [("ok", ""), ("skipped", "no_such.module is not installed")]
    assert (found["ok"], found["failed"], found["skipped"]) == (1, 5, 3)
    assert said.err.count("\n") == len(rows)


def test_skips_do_not_fail_and_goals_are_only_told(made, capsys):
    goals = (Goal("p50_ms", 0.1), Goal("p50_ms", 0.2, at_least=True), Goal("absent", 1))
    assert prove(as_json=True, checks=[made("skips"), made("good", goals=goals)]) == 0
    (_, row) = json.loads(capsys.readouterr().out)["checks"]
    assert [(goal["goal"], goal["met"]) for goal in row["goals"]] == [("<= 0.1", False), (">= 0.2", True)]


def test_a_file_that_cannot_be_written_is_one_line_before_the_work(monkeypatch, capsys):
    assert apexengine(monkeypatch, "prove", "--out", "/no/such/folder/proof.json") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--out" in said


def test_the_command_ends_with_the_status_of_the_proof(monkeypatch, capsys, made):
    from engines.proof import command

    for name, status in (("good", 0), ("wrong", 1)):
        monkeypatch.setattr(prove, "__kwdefaults__", {**prove.__kwdefaults__, "checks": [made(name)]})
        assert apexengine(monkeypatch, "prove", "--json") == status
        assert json.loads(capsys.readouterr().out)["schema"] == "apexcam.proof/1"
    assert command.WITHIN + running.GRACE <= 300


def test_every_row_names_a_function_that_is_there():
    from importlib import import_module

    for check in CHECKS:
        module, _, name = check.function.partition(":")
        assert callable(getattr(import_module(module), name)), check.name


def test_a_driver_that_does_not_answer_is_a_fault_and_none_is_not(monkeypatch):
    monkeypatch.setattr(cuda, "missing", lambda: "the NVIDIA driver does not answer (broken)")
    monkeypatch.setattr(cuda, "driver_version", lambda: (13, 0))
    found = outcome("engines.proof.gpu:found", [], quick=True)
    assert found["state"] == "failed" and "does not answer" in str(found["reason"])
    monkeypatch.setattr(cuda, "driver_version", lambda: None)
    assert outcome("engines.proof.gpu:found", [], quick=True)["state"] == "skipped"


def test_an_empty_proof_is_a_proof_of_nothing():
    made = as_data([Result(CHECKS[0], "skipped", "no NVIDIA driver")], 0.0, quick=True)
    assert (made["ok"], made["failed"], made["skipped"]) == (0, 0, 1)


@pytest.fixture
def on_the_host(host, monkeypatch):
    """The host in place of the GPU: the checks themselves are run, not what they prove."""
    from engines.flow import cuda as flow_cuda

    monkeypatch.setattr(cuda, "missing", lambda: "")
    monkeypatch.setattr(cuda, "current", lambda: host)
    flow_cuda.machine.cache_clear()
    monkeypatch.setattr(flow_cuda, "machine", lambda: host)
    from engines.flow.registry import BACKENDS

    monkeypatch.setitem(BACKENDS, "cuda", replace(BACKENDS["cuda"], missing=str))


@pytest.mark.parametrize(
    ("function", "given"),
    [
        ("gpu:capture", []),
        ("kernels:maps", []),
        ("kernels:agree", ["precise"]),
        ("paths:staged", ["onnxruntime"]),
    ],
)
def test_the_checks_of_the_gpu_pass_on_the_host_in_its_place(on_the_host, function, given):
    found = outcome(f"engines.proof.{function}", given, quick=True)
    assert (found["state"], found["reason"]) == ("ok", "")
    assert found["figures"]


def test_a_kernel_that_computes_something_else_is_found(on_the_host, host, monkeypatch):
    launch = host.launch
    monkeypatch.setattr(host, "launch", lambda step: None if step.kernel == "median" else launch(step))
    found = outcome("engines.proof.kernels:agree", ["precise"], quick=True)
    assert found["state"] == "failed" and "another flow" in str(found["reason"])
    monkeypatch.setattr(host, "launch", lambda step: None)
    assert outcome("engines.proof.gpu:capture", [], quick=True)["state"] == "failed"


def test_when_the_time_is_over_what_is_left_is_skipped(made, monkeypatch):
    monkeypatch.setattr(running, "GRACE", 0.5)
    rows = [made("hangs"), made("good")]
    results = list(running.run(rows, quick=True, within=0.5))
    assert [(result.state, result.reason) for result in results] == [("skipped", "the time is over")] * 2
